/* Heads of clients' own. Rows that clients hold out are no client's while the statistics are
 * summed; afterwards all rows are dealt again, to a store that tells both kinds apart by the same
 * draw. doc/methods/personal_heads.md. */
#include "jobs/analytic_personal.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "jobs/figures.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "jobs/say.h"

/* Buffers of MPI and HDF5, and pieces of rows on their way. */
#define LIBRARY_BYTES (((int64_t)40 << 20) + 4 * MST_ROWS_PIECE_BYTES)

const mst_key_spec mst_keys_analytic_personal[] = {
    {.key = "personal.share",
     .type = MST_KEY_REAL,
     .fallback = MST_KEY_REQUIRED,
     .min = 0,
     .max = 1,
     .unit = "",
     .help = "of a client's own loss in that of its head: 0 the head of all, 1 its rows alone"},
    {.key = "personal.heads",
     .type = MST_KEY_BOOL,
     .fallback = "false",
     .unit = "",
     .help = "also write all heads into the run file, as /personal/heads"},
    {.key = "clients.holdout",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = 0,
     .max = 0.9,
     .unit = "",
     .help = "share of each client's rows that it is tested on, and does not train on"},
    {.key = NULL}};

static const char *reason_against(const mst_job_weights_use *use) {
  if (use->privacy)
    return "clients' scores on their own rows would tell of these: no noise is in them";
  if (use->masks)
    return "rows in masked sums are shortened to secure.bound, and a client's own are not";
  if (use->robust)
    return "what a rule makes of the clients' statistics is no sum that a client could share in";
  if (use->kept)
    return "rows that are held out are in no kept statistics, and could not leave with their "
           "client";
  return NULL;
}

mst_status mst_job_personal_read(mst_job_personal *p, const mst_experiment *e,
                                 const mst_job_weights_use *use) {
  p->on = mst_experiment_knows(e, "personal.share");
  if (!p->on) return MST_OK;
  if (reason_against(use) != NULL)
    return mst_experiment_refuse(e, "personal.share", "%s", reason_against(use));
  p->options = (mst_personal_options){.share = mst_experiment_real(e, "personal.share"),
                                      .keep = mst_experiment_bool(e, "personal.heads"),
                                      .seed = mst_job_seed(e),
                                      .holdout = mst_experiment_real(e, "clients.holdout")};
  return MST_OK;
}

void mst_job_personal_open(const mst_job_personal *p, mst_job_data *data) {
  if (p->on) data->holdout = p->options.holdout;
}

/* Local; the rows of a client in the order of the dataset, which is that of a roster. */
mst_status mst_job_personal_hold_out(const mst_job_data *data, int64_t rows, int32_t *client) {
  const int64_t clients = data->clients;
  int64_t *first = NULL, *row = NULL, *order = NULL, most = 0;
  if (!(data->holdout > 0)) return MST_OK;
  mst_status st = mst_alloc(&first, clients + 2, sizeof *first, "rows of clients");
  if (st == MST_OK) st = mst_alloc(&row, rows, sizeof *row, "rows of clients");
  for (int64_t i = 0; st == MST_OK && i < rows; i++)
    if (client[i] != MST_NO_CLIENT) first[client[i] + 2]++;
  for (int64_t k = 0; st == MST_OK && k < clients; k++) {
    most = mst_most(most, first[k + 2]);
    first[k + 2] += first[k + 1];
  }
  for (int64_t i = 0; st == MST_OK && i < rows; i++)
    if (client[i] != MST_NO_CLIENT) row[first[client[i] + 1]++] = i;
  if (st == MST_OK) st = mst_alloc(&order, most, sizeof *order, "order of a client's rows");
  for (int64_t k = 0; st == MST_OK && k < clients; k++) {
    const int64_t n = first[k + 1] - first[k], held = mst_clients_held_rows(data->holdout, n);
    mst_clients_order(mst_job_seed(data->experiment), k, n, held, order);
    for (int64_t i = n - held; i < n; i++) client[row[first[k] + order[i]]] = MST_NO_CLIENT;
  }
  mst_free(order);
  mst_free(row);
  mst_free(first);
  return st;
}

/* A client has the statistics: the triangle of features, moments, means and scales, and n. */
static int64_t client_bytes(int64_t d, int64_t c) {
  return 8 * (d * (d + 1) / 2 + d * c + 2 * d + c + 1);
}

mst_status mst_job_personal_plan(const mst_job_personal *p, const mst_job_data *data,
                                 mst_analytic_plan *plan) {
  const mst_roster *r = data->train.roster;
  const int64_t d = data->features->width, c = data->outputs, ranks = mst_job_ranks(data->context);
  const int64_t all = data->train.info->rows, columns = d + (data->train.label != NULL ? 1 : c);
  int64_t most = 0;
  if (!p->on) return MST_OK;
  for (int64_t k = 0; k < r->clients; k++)
    most = mst_most(most, r->client_first[k + 1] - r->client_first[k]);
  most = (int64_t)ceil((double)(most + 1) / (1 - p->options.holdout)); /* those held out again */
  const int64_t rows = mst_least(mst_ceil_div(all, ranks) + most, all);
  const int64_t kept = p->options.keep ? mst_ceil_div(r->clients, ranks) + 1 : 0;
  const int64_t statistics = mst_head_statistics_bytes(d, c);
  const int64_t heads = statistics + 4 * columns * rows + plan->row_bytes + plan->window_bytes +
                        mst_analytic_personal_bytes(d, c, most, r->clients, kept);
  plan->rank_bytes =
      mst_most(plan->rank_bytes + statistics, data->base_bytes + LIBRARY_BYTES + heads + 16 * all);
  plan->downlink_bytes += client_bytes(d, c) * plan->uplink_messages;
  return mst_job_fits(data->experiment, plan->rank_bytes);
}

/* All rows to a store that knows which are held out. Collective. */
static mst_status make_heads(mst_job_personal *p, mst_job_data *d, const mst_analytic_plan *plan,
                             const mst_analytic_model *model) {
  mst_clients *store = NULL;
  p->options.weight = d->train.weight;
  p->options.classes = d->train.label != NULL;
  mst_rows_assign(d->train.rows, d->train.roster, plan->groups);
  mst_status st =
      mst_clients_create(d->team, d->train.rows, d->train.roster, d->train.label, d->features,
                         p->options.holdout, p->options.seed, NULL, &store);
  if (st == MST_OK) mst_rows_release(d->train.rows);
  if (st == MST_OK)
    st = mst_analytic_personal(d->team, store, d->train.roster, &p->statistics, model, &p->options,
                               d->context->observer, &p->result);
  mst_clients_destroy(store);
  p->options.weight = NULL;
  return st;
}

mst_status mst_job_personal_run(mst_job_personal *p, mst_job_data *d, const mst_analytic_plan *plan,
                                const mst_analytic_model *model) {
  const bool single = d->single;
  if (!p->on) return MST_OK;
  if (p->statistics.d != d->features->width)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "heads of clients are of the statistics of the features, and the model is of "
                    "others: leave out section personal");
  if (!(p->options.holdout > 0))
    mst_say(d->team, "clients are scored on the rows that they learn from: set clients.holdout");
  p->clients = d->clients;
  d->holdout = 0;
  mst_status st = mst_job_data_deal(d, true);
  if (st == MST_OK) st = make_heads(p, d, plan, model);
  d->holdout = p->options.holdout;
  if (st == MST_OK) st = mst_job_data_deal(d, single);
  if (st == MST_OK) mst_rows_assign(d->train.rows, d->train.roster, plan->groups);
  return st;
}

static void add(const char *const name[4], const mst_personal_score *s, mst_metric *metric,
                int *n) {
  const double value[4] = {s->clients.mean, s->clients.worst, s->clients.spread, s->rows};
  for (int i = 0; i < 4; i++)
    if (!isnan(value[i])) metric[(*n)++] = (mst_metric){name[i], value[i]};
}

void mst_job_personal_metrics(const mst_job_personal *p, mst_metric *metric, int *n) {
  static const char *const name[2][2][4] = {
      {{"client_accuracy_mean", "client_accuracy_worst", "client_accuracy_spread",
        "client_accuracy_rows"},
       {"client_accuracy_personal_mean", "client_accuracy_personal_worst",
        "client_accuracy_personal_spread", "client_accuracy_personal_rows"}},
      {{"client_loss_mean", "client_loss_worst", "client_loss_spread", "client_loss_rows"},
       {"client_loss_personal_mean", "client_loss_personal_worst", "client_loss_personal_spread",
        "client_loss_personal_rows"}}};
  if (!p->on) return;
  add(name[!p->options.classes][0], &p->result.global, metric, n);
  add(name[!p->options.classes][1], &p->result.own, metric, n);
}

mst_status mst_job_personal_record(const mst_job_personal *p, mst_job_context *context) {
  const mst_personal_result *r = &p->result;
  if (!p->on) return MST_OK;
  if (p->options.classes) MST_TRY(mst_record_accuracy(context, p->clients, r->own.each));
  const char *global = p->options.classes ? "accuracy" : "loss";
  const char *own = p->options.classes ? "accuracy_own" : "loss_own";
  const mst_job_count figure[] = {
      {"clients_scored", r->scored}, {"client_rows_scored", r->rows}, {NULL, 0}};
  mst_state state;
  mst_state_init(&state);
  mst_status st = mst_job_results(context, figure);
  if (st == MST_OK) st = mst_state_add(&state, global, MST_F64, 1, &p->clients, r->global.each);
  if (st == MST_OK) st = mst_state_add(&state, own, MST_F64, 1, &p->clients, r->own.each);
  const int64_t shape[3] = {p->clients, p->statistics.d + 1, p->statistics.c};
  if (st == MST_OK && p->options.keep)
    st = mst_state_add_shard(&state, "heads", MST_F64, 3, shape, r->first, r->count, r->heads);
  return mst_record_group(context->team, context->runfile, st, "personal", &state);
}

void mst_job_personal_close(mst_job_personal *p) {
  mst_personal_result_free(&p->result);
  mst_head_statistics_free(&p->statistics);
}
