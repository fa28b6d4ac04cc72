/* One run: the run file and the watch around the job, earlier results and checkpoints taken over,
 * and what is printed of it. */
#include "jobs/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/text.h"
#include "jobs/output.h"
#include "jobs/resume.h"
#include "jobs/say.h"

/* What --set makes meaningless in the file is not an error, but is said. */
static mst_status say_passed_over(const mst_run *r) {
  const mst_schema *s = &r->schema.schema;
  mst_text keys = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  if (r->quiet || r->in_grid || s->n_passed_over == 0) return MST_OK;
  for (int i = 0; i < s->n_passed_over && st == MST_OK; i++)
    st = mst_text_add(&keys, "%s%s", i > 0 ? ", " : "", s->passed_over[i]);
  if (st == MST_OK)
    mst_say(r->team, "%s: passed over, because --set chose another member: %s", r->file, keys.at);
  mst_text_free(&keys);
  return st;
}

static mst_status read_experiment(mst_run *r) {
  MST_TRY(mst_job_experiment(r->text, r->file, r->override, r->n_override, &r->job, &r->schema,
                             &r->experiment));
  MST_TRY(say_passed_over(r));
  MST_TRY(mst_job_run_path(r->experiment, r->file, &r->run_path));
  r->context = (mst_job_context){.team = r->team,
                                 .experiment = r->experiment,
                                 .resume = r->resume,
                                 .dry_run = r->dry_run,
                                 .ranks = r->for_ranks,
                                 .nodes = r->for_nodes,
                                 .result = json_object(),
                                 .estimate = json_object()};
  if (r->context.result == NULL || r->context.estimate == NULL)
    return mst_fail(MST_ERR_MEMORY, "no memory for the result");
  MST_TRY(mst_watch_create(r->team, r->quiet, &r->watch));
  r->context.observer = mst_watch_observer(r->watch);
  return MST_OK;
}

mst_status mst_run_open(mst_run *r) {
  return mst_team_agree(r->team, read_experiment(r));
}

/* The result of a run that was finished earlier is that of its file. */
static mst_status take_outcome(mst_run *r) {
  mst_outcome o;
  MST_TRY(mst_resume_complete(r->team, r->run_path, r->experiment, &o));
  r->context.rounds = o.rounds;
  r->ranks = (int)o.ranks;
  r->seconds = o.seconds;
  memcpy(r->digest, o.digest, sizeof r->digest);
  mst_status st = mst_team_agree(r->team, mst_resume_result(&o, r->context.result));
  mst_outcome_clear(&o);
  r->complete = st == MST_OK;
  return st;
}

mst_status mst_run_check(mst_run *r, const char *stands_in) {
  MST_TRY(mst_job_check_paths(r->team, r->file, &r->schema.schema, r->experiment,
                              stands_in != NULL ? stands_in : r->run_path));
  MST_TRY(mst_job_check_replaceable(r->team, "output.run", r->run_path, &r->exists));
  if (!r->exists || (r->again && !r->resume)) return MST_OK;
  mst_status st = take_outcome(r);
  if (st != MST_ERR_INPUT || r->resume) return st;
  mst_status_clear();
  if (r->dry_run)
    mst_say(r->team, "%s is of another experiment, and will be replaced", r->run_path);
  return MST_OK;
}

mst_status mst_run_estimate(mst_run *r) {
  return mst_team_agree(r->team, r->job->run(&r->context));
}

/* Headline figures become attributes of the run file: whole numbers as such, truth as 0 or 1, what
 * has no value as NaN. */
static mst_status record_results(mst_run *r) {
  const char *name;
  json_t *value;
  json_object_foreach(r->context.result, name, value) {
    if (json_is_boolean(value) || json_is_integer(value))
      MST_TRY(mst_runfile_result_int(
          r->context.runfile, name,
          json_is_boolean(value) ? json_is_true(value) : json_integer_value(value)));
    else if (json_is_real(value) || json_is_null(value))
      MST_TRY(mst_runfile_result(r->context.runfile, name,
                                 json_is_real(value) ? json_real_value(value) : (double)NAN));
  }
  return MST_OK;
}

/* The job between the opening and the commit of its run file. */
static mst_status perform_caught(mst_run *r) {
  mst_runfile *file = NULL;
  MST_TRY(mst_runfile_create(r->team, r->run_path, r->job->name, mst_experiment_text(r->experiment),
                             mst_job_seed(r->experiment), &file));
  r->context.runfile = file;
  r->context.run_path = r->run_path;
  mst_watch_runfile(r->watch, file);
  mst_status st = mst_team_agree(r->team, r->job->run(&r->context));
  mst_runfile_rounds(file, r->context.rounds);
  if (st == MST_OK) st = record_results(r);
  if (st == MST_OK) st = mst_watch_record(r->watch);
  mst_watch_runfile(r->watch, NULL);
  r->context.runfile = NULL;
  if (st != MST_OK) {
    mst_runfile_abandon(file);
    return st;
  }
  MST_TRY(mst_runfile_commit(file, r->digest));
  if (!r->in_grid) mst_say_kept(r->run_path);
  mst_checkpoints_remove(r->checkpoints, mst_experiment_text(r->experiment));
  return MST_OK;
}

mst_status mst_run_perform(mst_run *r) {
  MST_TRY(mst_resume_begin(r->team, r->run_path, mst_experiment_text(r->experiment), r->resume,
                           r->quiet, &r->checkpoints));
  mst_watch_checkpoints(r->watch, r->checkpoints);
  mst_status st = perform_caught(r);
  mst_watch_checkpoints(r->watch, NULL);
  r->ranks = mst_team_size(r->team);
  r->seconds = mst_watch_seconds(r->watch);
  return st;
}

mst_status mst_run_tidy(mst_run *r) {
  if (!r->quiet) mst_say(r->team, "%s is complete: nothing is left to do", r->run_path);
  return mst_resume_tidy(r->team, r->run_path, mst_experiment_text(r->experiment));
}

mst_status mst_run_print_estimate(const mst_run *r) {
  MST_TRY(mst_print(r->team, "%s", mst_experiment_text(r->experiment)));
  MST_TRY(mst_print(r->team, "# needs, on %d rank%s:\n", mst_team_size(r->team),
                    mst_team_size(r->team) == 1 ? "" : "s"));
  MST_TRY(mst_print_figures(r->team, r->context.estimate, "#   "));
  return mst_print_json(
      r->team, json_pack("{s:s, s:b, s:i, s:O}", "job", r->job->name, "dry_run", 1, "ranks",
                         mst_team_size(r->team), "estimate", r->context.estimate));
}

mst_status mst_run_print_result(const mst_run *r) {
  MST_TRY(mst_print_figures(r->team, r->context.result, ""));
  MST_TRY(mst_print(r->team, "%-20s %s\n", "run", r->run_path));
  return mst_print_json(
      r->team,
      json_pack("{s:s, s:s, s:I, s:i, s:f, s:s, s:O}", "job", r->job->name, "run", r->run_path,
                "rounds", (json_int_t)r->context.rounds, "ranks", r->ranks, "seconds",
                floor(1e3 * r->seconds) / 1e3, "digest", r->digest, "result", r->context.result));
}

void mst_run_clear(mst_run *r) {
  mst_checkpoints_close(r->checkpoints);
  mst_watch_destroy(r->watch);
  json_decref(r->context.result);
  json_decref(r->context.estimate);
  mst_experiment_free(r->experiment);
  mst_job_schema_clear(&r->schema);
  mst_free(r->run_path);
}
