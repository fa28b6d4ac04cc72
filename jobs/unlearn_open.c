/* What can be said of a change of kept statistics before it is made: the run that it begins from
 * has the same rows, dealt in the same way; who leaves takes part so far, and who comes does not.
 * doc/methods/unlearning.md. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/changes.h"
#include "jobs/unlearn.h"
#include "jobs/weights.h"

/* Does this key decide what a client's rows add to the sums? */
static bool is_deciding(const char *key) {
  if (strncmp(key, "features.save_", 14) == 0 || strcmp(key, "clients.without") == 0) return false;
  return strcmp(key, "seed") == 0 || strncmp(key, "clients.", 8) == 0 ||
         strncmp(key, "features.", 9) == 0 || strcmp(key, "data.on_nonfinite") == 0 ||
         strcmp(key, "analytic.bias") == 0 || strcmp(key, "analytic.weights") == 0;
}

/* Every deciding key of `text` has the same value in `other`. */
static mst_status check_keys(const mst_job_unlearn *u, const char *text, const char *other) {
  mst_setting s = {.at = text}, t;
  while (mst_setting_next(&s)) {
    if (!is_deciding(s.key)) continue;
    const bool found = mst_setting_find(other, s.key, &t);
    if (found && s.length == t.length && strncmp(s.value, t.value, (size_t)s.length) == 0) continue;
    if (!found && strcmp(s.key, "analytic.weights") == 0) continue; /* the rows' digest tells */
    return mst_experiment_refuse(u->context->experiment, "update.from",
                                 "%s is not as that run had it: whose rows are whose, and what is "
                                 "summed of them, would be others",
                                 s.key);
  }
  return MST_OK;
}

/* The dataset that joins or leaves. Collective. */
static mst_status open_set(mst_job_unlearn *u) {
  const mst_experiment *e = u->context->experiment;
  const char *key = u->joins ? "update.join" : "update.leave", *path = mst_experiment_path(e, key);
  u->set.team = u->context->team;
  MST_TRY(mst_dataset_open(u->set.team, path, &u->set.file));
  u->set.info = mst_dataset_about(u->set.file);
  const bool weights = mst_job_weights_count(e, key);
  u->set.weighs = u->set.digest.weights = weights && u->set.info->has_weight;
  MST_TRY(mst_dataset_digest_file(u->set.team, path, weights, u->set_hex));
  const int64_t held = mst_audit_holds(&u->audit, u->set_hex);
  if (u->joins && strncmp((const char *)u->audit.set, u->set_hex, MST_DIGEST_HEX) == 0)
    return mst_experiment_refuse(
        e, key,
        "its rows are those of data.train, and would stay when a client of "
        "theirs is taken out: clients come back by update.restore");
  if (u->joins && held > 0)
    return mst_experiment_refuse(e, key, "its rows are in the statistics already");
  if (!u->joins && held < 1)
    return mst_experiment_refuse(e, key,
                                 "its rows are not in the statistics: they never joined, have "
                                 "left already, or have changed");
  return MST_OK;
}

/* Of the datasets whose rows will be in the statistics. */
static int64_t most_classes(const mst_job_unlearn *u) {
  const mst_audit *a = &u->audit;
  int64_t most = u->joins ? u->set.info->n_classes : 0;
  for (int64_t i = 0; i < a->events; i++) {
    const char *hex = (const char *)a->set + i * MST_DIGEST_HEX;
    const bool leaves = u->has_set && !u->joins && strncmp(hex, u->set_hex, MST_DIGEST_HEX) == 0;
    if (a->action[i] == MST_AUDIT_TRAINED ||
        (a->action[i] == MST_AUDIT_JOINED && !leaves && mst_audit_holds(a, hex) > 0))
      most = mst_most(most, a->classes[i]);
  }
  return most;
}

#define NAMED 2 /* beside 0 and 1 for those without and with a part */

/* Clients that leave take part so far, those that come do not; afterwards it is the other way. */
static mst_status turn_members(const mst_job_unlearn *u, const char *key, const mst_job_list *list,
                               bool joins) {
  const mst_experiment *e = u->context->experiment;
  for (int64_t i = 0; i < list->n; i++) {
    const int64_t k = list->client[i];
    if (k >= u->clients)
      return mst_experiment_refuse(e, key, "there is no client %lld: they are 0 to %lld",
                                   (long long)k, (long long)u->clients - 1);
    if (u->member[k] >= NAMED)
      return mst_experiment_refuse(e, key, "client %lld is named twice", (long long)k);
    if ((u->member[k] == 1) == joins)
      return mst_experiment_refuse(e, key, "the rows of client %lld are %s the statistics",
                                   (long long)k, joins ? "in" : "not in");
    u->member[k] = (uint8_t)(NAMED + joins);
  }
  return MST_OK;
}

static mst_status turn_all(const mst_job_unlearn *u) {
  MST_TRY(turn_members(u, "update.remove", &u->remove, false));
  MST_TRY(turn_members(u, "update.restore", &u->restore, true));
  for (int64_t k = 0; k < u->clients; k++) u->member[k] %= NAMED;
  return MST_OK;
}

mst_status mst_job_unlearn_open(mst_job_unlearn *u, int64_t *classes) {
  const mst_experiment *e = u->context->experiment;
  mst_team *team = u->context->team;
  *classes = 0;
  if (!u->on) return MST_OK;
  const char *path = mst_experiment_path(e, "update.from");
  MST_TRY(mst_runfile_outcome(team, path, &u->before));
  if (strcmp(u->before.job, "analytic") != 0)
    return mst_experiment_refuse(e, "update.from", "that run is of job '%s', not analytic",
                                 u->before.job);
  MST_TRY(mst_statistics_look(team, u, path));
  MST_TRY(mst_team_agree(team, check_keys(u, mst_experiment_text(e), u->before.experiment)));
  MST_TRY(mst_team_agree(team, check_keys(u, u->before.experiment, mst_experiment_text(e))));
  MST_TRY(turn_all(u));
  if (u->has_set) MST_TRY(open_set(u));
  *classes = most_classes(u);
  return MST_OK;
}

static mst_status check_set(const mst_job_unlearn *u, const mst_job_data *data) {
  const mst_dataset_info *a = data->train.info, *b = u->set.info;
  bool same = a->row_dims == b->row_dims && a->target == b->target;
  for (int k = 0; same && k < a->row_dims; k++) same = a->row_size[k] == b->row_size[k];
  if (same && (a->target == MST_TARGET_CLASSES || a->outputs == b->outputs)) return MST_OK;
  return mst_experiment_refuse(u->context->experiment, u->joins ? "update.join" : "update.leave",
                               "its rows or targets do not have the shape of data.train's");
}

/* A map that looked at rows of all clients keeps a trace of those who leave. */
static mst_status check_features(const mst_job_unlearn *u, const mst_job_data *data) {
  if (mst_features_sample_rows(data->features) == 0 || u->without.n + u->remove.n == 0)
    return MST_OK;
  return mst_experiment_refuse(
      u->context->experiment, "features.kind",
      "this map is fitted on rows of all clients, of which it would keep a "
      "trace: take one that is drawn from the seed, as relu, or fixed");
}

mst_status mst_job_unlearn_choose(mst_job_unlearn *u, mst_job_data *data) {
  mst_status st = check_features(u, data);
  if (st == MST_OK && u->has_set) st = check_set(u, data);
  if (u->without.n > 0)
    data->choice =
        (mst_job_choice){.key = "clients.without", .client = u->without.client, .n = u->without.n};
  if (st == MST_OK && u->on) {
    u->changed.n = u->remove.n + u->restore.n;
    st = mst_alloc(&u->changed.client, u->changed.n, sizeof(int64_t), "named clients");
    for (int64_t i = 0; st == MST_OK && i < u->changed.n; i++)
      u->changed.client[i] =
          i < u->remove.n ? u->remove.client[i] : u->restore.client[i - u->remove.n];
    data->choice = (mst_job_choice){
        .key = "update.from", .client = u->changed.client, .n = u->changed.n, .only = true};
  }
  return mst_team_agree(u->context->team, st);
}
