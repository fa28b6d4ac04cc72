/* Section `update` of the analytic job: which clients and rows leave a run's statistics and which
 * join them, checked against the run that has kept them, done, and recorded.
 * doc/methods/unlearning.md. */
#include "jobs/unlearn.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/dataset_digest.h"
#include "jobs/figures.h"

#define WINDOW_BYTES ((int64_t)64 << 20) /* of a read of rows that join */

#define IDS(KEY, HELP)                                                                    \
  {                                                                                       \
    .key = (KEY), .type = MST_KEY_INTS, .min = 0, .max = 2147483647.0, .unit = "clients", \
    .help = (HELP)                                                                        \
  }

const mst_key_spec mst_keys_keep[] = {
    {.key = "analytic.keep_statistics",
     .type = MST_KEY_BOOL,
     .fallback = "false",
     .unit = "",
     .help = "keep the exact sums in the run file, so that clients can leave or join later"},
    {.key = "analytic.room",
     .type = MST_KEY_REAL,
     .fallback = "256",
     .min = 1,
     .max = 1048576,
     .unit = "",
     .help = "how many times the squares of a feature may grow by rows that join kept statistics"},
    IDS("clients.without", "whose rows take no part"),
    {.key = NULL}};

const mst_key_spec mst_keys_update[] = {
    {.key = "update.from",
     .type = MST_KEY_PATH,
     .fallback = MST_KEY_REQUIRED,
     .unit = "",
     .help = "run file with kept statistics, which this run begins from"},
    IDS("update.remove", "clients whose rows are taken out"),
    IDS("update.restore", "clients whose rows are put in: removed ones, or left out so far"),
    {.key = "update.join",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "dataset whose rows join; it may have new classes"},
    {.key = "update.leave",
     .type = MST_KEY_PATH,
     .unit = "",
     .help = "dataset whose rows had joined, and leave again"},
    {.key = NULL}};

static mst_status read_list(const mst_experiment *e, const char *key, mst_job_list *list) {
  list->n = mst_experiment_is_set(e, key) ? mst_experiment_count(e, key) : 0;
  MST_TRY(mst_alloc(&list->client, list->n, sizeof *list->client, "named clients"));
  for (int64_t i = 0; i < list->n; i++) list->client[i] = mst_experiment_int_at(e, key, (int)i);
  return MST_OK;
}

mst_status mst_job_unlearn_read(mst_job_unlearn *u, mst_job_context *context, bool plain) {
  const mst_experiment *e = context->experiment;
  u->context = context;
  u->on = mst_experiment_knows(e, "update.from");
  u->keep = u->on || mst_experiment_bool(e, "analytic.keep_statistics");
  MST_TRY(read_list(e, "clients.without", &u->without));
  if (u->without.n > 0 && mst_experiment_knows(e, "privacy.unit"))
    return mst_experiment_refuse(e, "clients.without",
                                 "beside private statistics it would tell who is left out");
  if (u->keep && !plain)
    return mst_experiment_refuse(
        e, u->on ? "update.from" : "analytic.keep_statistics",
        "kept statistics are exact sums in the open: leave out reduce: fast, "
        "and the sections secure, privacy, aggregate and attack");
  if (!u->on) return MST_OK;
  if (u->without.n > 0)
    return mst_experiment_refuse(e, "clients.without",
                                 "who takes part follows from update.from: use update.remove");
  MST_TRY(read_list(e, "update.remove", &u->remove));
  MST_TRY(read_list(e, "update.restore", &u->restore));
  u->joins = mst_experiment_is_set(e, "update.join");
  u->has_set = u->joins || mst_experiment_is_set(e, "update.leave");
  if (u->joins && mst_experiment_is_set(e, "update.leave"))
    return mst_experiment_refuse(e, "update.leave", "give one of update.join and update.leave");
  if (u->remove.n + u->restore.n == 0 && !u->has_set)
    return mst_experiment_refuse(e, "update.from",
                                 "nothing is to be changed: give update.remove, update.restore, "
                                 "update.join or update.leave");
  return MST_OK;
}

int64_t mst_job_unlearn_bytes(const mst_job_unlearn *u, int64_t order) {
  const int ranks = mst_job_ranks(u->context);
  return u->keep ? (1 + u->on) * mst_gram_sums_bytes(order, ranks) : 0;
}

/* A new event of the record, with the clients of a list. set: the digest of the dataset that the
 * rows are of, or NULL: that of the first event. */
static mst_status add_event(mst_job_unlearn *u, mst_audit_action action, int64_t rows,
                            int64_t classes, const char *set, const mst_job_list *list) {
  mst_audit longer, *a = &u->audit;
  int64_t i = a->events, now = (int64_t)time(NULL), pair = mst_most(a->pairs, 1);
  const int64_t named = list != NULL ? list->n : 0;
  mst_status st = mst_audit_room(&longer, i + 1, pair + named);
  if (st == MST_OK) mst_audit_copy(a, &longer);
  mst_audit old = st == MST_OK ? *a : longer;
  if (st == MST_OK) *a = longer;
  mst_audit_free(&old);
  MST_TRY(mst_team_agree(u->context->team, st));
  MST_TRY(mst_team_bcast(u->context->team, &now, sizeof now, 0));
  a->action[i] = action;
  a->time[i] = now;
  a->rows[i] = rows;
  a->classes[i] = classes;
  memcpy(a->set + i * MST_DIGEST_HEX, set != NULL ? set : (const char *)a->set, MST_DIGEST_HEX);
  if (u->on) memcpy(a->digest + i * MST_DIGEST_HEX, u->before.digest, MST_DIGEST_HEX);
  if (i == 0) a->pair[1] = -1;
  for (int64_t k = 0; k < named; k++) {
    a->pair[2 * (pair + k)] = i;
    a->pair[2 * (pair + k) + 1] = list->client[k];
  }
  return MST_OK;
}

/* Digest of the training rows, as they were read. Collective. */
static mst_status train_digest(const mst_job_unlearn *u, const mst_job_data *data,
                               char hex[MST_DIGEST_HEX]) {
  return mst_dataset_digest_end(u->context->team, data->train.info, &data->train.digest, hex);
}

int mst_job_room_bits(const mst_experiment *e) {
  int bits = 0;
  while (ldexp(1.0, 2 * bits) < mst_experiment_real(e, "analytic.room")) bits++;
  return bits;
}

mst_status mst_job_unlearn_begin(mst_job_unlearn *u, const mst_job_data *data,
                                 mst_gram_sums **sums) {
  char hex[MST_DIGEST_HEX];
  *sums = NULL;
  if (!u->keep || u->on) return MST_OK;
  u->clients = data->clients;
  mst_status st = mst_alloc(&u->member, u->clients, 1, "marks of clients");
  MST_TRY(mst_team_agree(u->context->team, st));
  memset(u->member, 1, (size_t)u->clients);
  for (int64_t i = 0; i < u->without.n; i++) u->member[u->without.client[i]] = 0;
  MST_TRY(mst_gram_sums_create(u->context->team, data->features->width, data->outputs, &u->sums));
  u->sums.room = mst_job_room_bits(data->experiment);
  *sums = &u->sums;
  MST_TRY(train_digest(u, data, hex));
  return add_event(u, MST_AUDIT_TRAINED, data->train.roster->rows, data->train.info->n_classes, hex,
                   NULL);
}

static mst_job_choice choose(const char *key, const mst_job_list *list, bool only) {
  return (mst_job_choice){.key = key, .client = list->client, .n = list->n, .only = only};
}

/* A change of the sums in the making. */
typedef struct change {
  mst_job_unlearn *u;
  mst_job_data *data;
  const mst_analytic_options *options;
} change;

/* The rows that are dealt now join or leave. Collective. */
static mst_status apply(const change *c, const mst_job_set *set, bool joins) {
  mst_job_data *d = c->data;
  const bool classes = set->info->target == MST_TARGET_CLASSES;
  const mst_analytic_data data = {.rows = set->rows,
                                  .roster = set->roster,
                                  .label = set->label,
                                  .outputs = classes ? set->info->n_classes : set->info->outputs,
                                  .weight = set->weight};
  const mst_pipeline pipeline = mst_pipeline_sum();
  mst_analytic_plan plan;
  const int64_t held =
      d->base_bytes + mst_job_unlearn_bytes(c->u, d->features->width + d->outputs + 1);
  MST_TRY(mst_analytic_arrange(mst_team_size(d->team), set->info->rows, set->info->row_elements,
                               set->roster->clients, d->features, data.outputs, &pipeline,
                               d->memory, held, &plan));
  mst_rows_assign(set->rows, set->roster, plan.groups);
  return mst_analytic_change(d->team, &data, d->features, &plan, c->options, joins,
                             d->context->observer, &c->u->sums, &c->u->gram);
}

/* Clients of the training rows. Collective. */
static mst_status change_clients(const change *c, const char *key, const mst_job_list *list,
                                 bool joins, int64_t *rows) {
  mst_job_unlearn *u = c->u;
  mst_job_data *d = c->data;
  if (list->n == 0) return MST_OK;
  d->choice = choose(key, list, true);
  MST_TRY(mst_job_data_deal(d, true));
  if (d->clients != u->clients)
    return mst_fail(MST_ERR_FORMAT,
                    "update.from: the run's statistics are of %lld clients, not %lld",
                    (long long)u->clients, (long long)d->clients);
  *rows = d->train.roster->rows;
  MST_TRY(apply(c, &d->train, joins));
  return add_event(u, joins ? MST_AUDIT_RESTORED : MST_AUDIT_REMOVED, *rows,
                   d->train.info->n_classes, NULL, list);
}

static mst_status change_set(const change *c) {
  mst_job_unlearn *u = c->u;
  const char *key = u->joins ? "update.join" : "update.leave";
  const bool drop =
      strcmp(mst_experiment_word(c->data->experiment, "data.on_nonfinite"), "drop") == 0;
  int64_t first = 0;
  if (!u->has_set) return MST_OK;
  MST_TRY(mst_job_set_read(&u->set, WINDOW_BYTES));
  if (mst_rows_nonfinite(u->set.rows, &first) > 0 && !drop)
    return mst_experiment_refuse(c->data->experiment, key, "row %lld holds NaN or infinity",
                                 (long long)first);
  MST_TRY(mst_runfile_input(u->context->runfile, key, u->set_hex));
  MST_TRY(mst_job_set_place(&u->set, 1));
  u->set_rows = u->set.roster->rows;
  MST_TRY(apply(c, &u->set, u->joins));
  return add_event(u, u->joins ? MST_AUDIT_JOINED : MST_AUDIT_LEFT, u->set_rows,
                   u->set.info->n_classes, u->set_hex, NULL);
}

/* The training rows are those of the run that is changed. Collective. */
static mst_status check_rows(const mst_job_unlearn *u, const mst_job_data *data) {
  char hex[MST_DIGEST_HEX];
  MST_TRY(train_digest(u, data, hex));
  if (strncmp((const char *)u->audit.set, hex, MST_DIGEST_HEX) != 0)
    return mst_experiment_refuse(
        data->experiment, "data.train",
        "its rows are not those that the run of update.from was trained on");
  if (data->features->width == u->features) return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "update.from: the run's statistics are of %lld features, not %lld",
                  (long long)u->features, (long long)data->features->width);
}

/* Deal the rows of those that take part now. */
static mst_status deal_members(mst_job_unlearn *u, mst_job_data *data) {
  mst_status st = mst_alloc(&u->out.client, u->clients, sizeof(int64_t), "clients without a part");
  MST_TRY(mst_team_agree(u->context->team, st));
  for (int64_t k = 0; k < u->clients; k++)
    if (u->member[k] == 0) u->out.client[u->out.n++] = k;
  data->choice = choose("update.from", &u->out, false);
  return mst_job_data_deal(data, true);
}

mst_status mst_job_unlearn_train(mst_job_unlearn *u, mst_job_data *data,
                                 const mst_analytic_options *options, mst_analytic_model *model,
                                 mst_gram_result *gram) {
  const change c = {.u = u, .data = data, .options = options};
  MST_TRY(check_rows(u, data));
  MST_TRY(mst_statistics_load(u->context->team, u,
                              mst_experiment_path(data->experiment, "update.from")));
  u->sums.room = mst_job_room_bits(data->experiment);
  MST_TRY(change_clients(&c, "update.remove", &u->remove, false, &u->removed_rows));
  MST_TRY(change_clients(&c, "update.restore", &u->restore, true, &u->restored_rows));
  MST_TRY(change_set(&c));
  MST_TRY(mst_gram_sums_resize(&u->sums, data->outputs));
  MST_TRY(deal_members(u, data));
  *gram = u->gram;
  return mst_analytic_refit(u->context->team, &u->sums, options, data->context->observer, model);
}

/* Rows that are in the sums, of clients and of datasets that joined, or what they weigh.
 * Collective. */
static mst_status count_rows(const mst_gram_sums *s, double *rows) {
  double *filled = NULL;
  mst_status st = mst_alloc(&filled, s->n, sizeof *filled, "diagonal of kept sums");
  MST_TRY(mst_team_agree(s->team, st));
  st = mst_gram_sums_diagonal(s, filled);
  *rows = filled[s->n - 1] / s->scale[s->n - 1] / s->scale[s->n - 1];
  mst_free(filled);
  return st;
}

mst_status mst_job_unlearn_record(mst_job_unlearn *u, const mst_job_data *data) {
  const bool weighted = data->train.weighs || u->set.weighs;
  double rows = 0;
  if (!u->keep) return MST_OK;
  MST_TRY(count_rows(&u->sums, &rows));
  const mst_job_count figure[] = {{"removed_clients", u->remove.n},
                                  {"removed_rows", u->removed_rows},
                                  {"restored_clients", u->restore.n},
                                  {"restored_rows", u->restored_rows},
                                  {"joined_rows", u->joins ? u->set_rows : 0},
                                  {"left_rows", u->joins ? 0 : u->set_rows},
                                  {"outputs", data->outputs},
                                  {NULL, 0}};
  MST_TRY(mst_statistics_write(u->context->team, u));
  mst_status st = u->on ? mst_job_results(u->context, figure) : MST_OK;
  if (st == MST_OK && u->on)
    st = mst_job_result(u->context, weighted ? "summed_weight" : "summed_rows", rows, !weighted);
  return mst_team_agree(u->context->team, st);
}

void mst_job_unlearn_close(mst_job_unlearn *u) {
  mst_free(u->without.client);
  mst_free(u->remove.client);
  mst_free(u->restore.client);
  mst_free(u->out.client);
  mst_free(u->changed.client);
  mst_free(u->member);
  mst_audit_free(&u->audit);
  mst_gram_sums_free(&u->sums);
  mst_job_set_clear(&u->set);
  mst_outcome_clear(&u->before);
}
