/* Looking for what earlier starts of a run have left. */
#include "jobs/resume.h"

#include <string.h>

#include "core/base/memory.h"
#include "io/changes.h"
#include "io/dataset_digest.h"
#include "jobs/options.h"
#include "jobs/output.h"
#include "jobs/say.h"
#include "jobs/weights.h"

/* The experiment of the run file is read once more, so that options that are new since then take
 * their defaults. What can no longer be read is compared as it stands. Local. */
static mst_status compare(const char *run_path, const mst_outcome *o, const mst_experiment *e,
                          char **changes) {
  mst_job_schema schema = {.n_made = 0};
  const mst_job_ops *job;
  mst_experiment *then = NULL;
  mst_status st = mst_job_experiment(o->experiment, run_path, NULL, 0, &job, &schema, &then);
  if (st == MST_OK || st == MST_ERR_INPUT)
    st = mst_experiment_changes(st == MST_OK ? mst_experiment_text(then) : o->experiment,
                                mst_experiment_text(e), o->inputs, changes);
  mst_experiment_free(then);
  mst_job_schema_clear(&schema);
  return st;
}

/* A complete run reads no dataset; one that goes by another name now is read to see that it is the
 * same. Collective. */
static mst_status check_inputs(mst_team *team, const char *run_path, const mst_outcome *o,
                               const mst_experiment *e) {
  mst_setting then = {.at = o->experiment}, now;
  while (mst_setting_next(&then)) {
    char hex[MST_DIGEST_HEX];
    size_t n = 0;
    const char *digest = mst_input_find(o->inputs, then.key, &n);
    if (digest == NULL || !mst_setting_find(mst_experiment_text(e), then.key, &now)) continue;
    if (then.length == now.length && memcmp(then.value, now.value, (size_t)now.length) == 0)
      continue;
    MST_TRY(mst_dataset_digest_file(team, mst_experiment_path(e, then.key),
                                    mst_job_weights_count(e, then.key), hex));
    if (strlen(hex) == n && memcmp(hex, digest, n) == 0) continue;
    return mst_fail(MST_ERR_INPUT,
                    "%s is complete, and %s: %.*s has other rows, targets or clients than its "
                    "dataset had; choose another output.run, or run it without --resume",
                    run_path, now.key, now.length, now.value);
  }
  return MST_OK;
}

mst_status mst_resume_complete(mst_team *team, const char *run_path,
                               const mst_experiment *experiment, mst_outcome *outcome) {
  char *changes = NULL;
  MST_TRY(mst_runfile_outcome(team, run_path, outcome));
  mst_status st = compare(run_path, outcome, experiment, &changes);
  if (changes != NULL)
    st = mst_fail(MST_ERR_INPUT,
                  "%s is complete and belongs to another experiment, and --resume does not replace "
                  "it; what differs: %s; choose another output.run, or run it without --resume",
                  run_path, changes);
  mst_free(changes);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = check_inputs(team, run_path, outcome, experiment);
  if (st != MST_OK) mst_outcome_clear(outcome);
  return st;
}

mst_status mst_resume_result(const mst_outcome *outcome, json_t *result) {
  for (int i = 0; i < outcome->n; i++) {
    const mst_figure *f = &outcome->figure[i];
    json_t *value = f->whole ? json_integer((json_int_t)f->count) : mst_json_real(f->value);
    if (value == NULL || json_object_set_new(result, f->name, value) != 0)
      return mst_fail(MST_ERR_MEMORY, "no memory for the result");
  }
  return MST_OK;
}

mst_status mst_resume_tidy(mst_team *team, const char *run_path, const char *experiment) {
  mst_checkpoints *left = NULL;
  MST_TRY(mst_checkpoints_open(team, run_path, &left));
  mst_checkpoints_remove(left, experiment);
  mst_checkpoints_close(left);
  return MST_OK;
}

static void say_lines(const mst_team *team, char *lines) {
  for (char *at = lines; at != NULL && *at != '\0';) {
    char *end = strchr(at, '\n');
    *end = '\0';
    mst_say(team, "%s", at);
    at = end + 1;
  }
}

static mst_status choose(mst_team *team, const char *experiment, bool quiet, mst_checkpoints *c) {
  char *remarks = NULL;
  int64_t round = 0;
  MST_TRY(mst_checkpoints_choose(c, experiment, &remarks, &round));
  say_lines(team, remarks);
  mst_free(remarks);
  if (round > 0 && !quiet) mst_say(team, "going on after round %lld", (long long)round);
  return MST_OK;
}

mst_status mst_resume_begin(mst_team *team, const char *run_path, const char *experiment,
                            bool resume, bool quiet, mst_checkpoints **out) {
  mst_checkpoints *c = NULL;
  *out = NULL;
  MST_TRY(mst_checkpoints_open(team, run_path, &c));
  long long n = mst_checkpoints_count(c);
  mst_status st = MST_OK;
  if (resume)
    st = choose(team, experiment, quiet, c);
  else if (n > 0)
    mst_say(
        team,
        "%lld checkpoint%s of an earlier start %s here, the newest %s; --resume would go on from "
        "it; this run begins anew and removes what is old when it writes its own first checkpoint",
        n, n == 1 ? "" : "s", n == 1 ? "is" : "are", mst_checkpoints_newest(c));
  if (st != MST_OK) {
    mst_checkpoints_close(c);
    return st;
  }
  *out = c;
  return MST_OK;
}
