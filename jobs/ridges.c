/* A ridge from a list. The clients' statistics are summed once: those of clients that train, then
 * those of clients that are held out; models of the first are scored on the second, and the sum of
 * both is solved at the ridge with the least loss. doc/methods/analytic.md, "A ridge from a list".
 */
#include "jobs/ridges.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "jobs/figures.h"
#include "jobs/options.h"
#include "jobs/record.h"
#include "jobs/say.h"
#include "jobs/unlearn.h"
#include "parallel/analytic_ridges.h"
#include "parallel/analytic_update.h"

#define HOLDOUT 0.1 /* share of clients, where none is given */

const mst_key_spec mst_keys_ridges[] = {
    {.key = "analytic.ridges",
     .type = MST_KEY_REALS,
     .min = 0,
     .max = 1e300,
     .unit = "",
     .help = "ridges of which, instead of analytic.ridge, the best on held-out clients is taken"},
    {.key = "analytic.holdout",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 0.9,
     .open_min = true,
     .unit = "",
     .help = "share of the clients with rows that analytic.ridges are compared on; 0.1"},
    {.key = NULL}};

mst_status mst_job_ridges_read(mst_job_ridges *r, const mst_experiment *e, bool plain) {
  r->on = mst_experiment_is_set(e, "analytic.ridges");
  r->n = r->on ? mst_experiment_count(e, "analytic.ridges") : 0;
  const bool share = mst_experiment_is_set(e, "analytic.holdout");
  r->holdout = share ? mst_experiment_real(e, "analytic.holdout") : HOLDOUT;
  if (!r->on && share)
    return mst_experiment_refuse(e, "analytic.holdout", "means nothing without analytic.ridges");
  if (!r->on) return MST_OK;
  if (r->n == 0) return mst_experiment_refuse(e, "analytic.ridges", "name at least one");
  if (!plain)
    return mst_experiment_refuse(e, "analytic.ridges",
                                 "needs exact sums in the open: leave out reduce: fast, and the "
                                 "sections secure, privacy, aggregate, attack and update");
  MST_TRY(mst_alloc(&r->ridge, r->n, sizeof *r->ridge, "ridges"));
  MST_TRY(mst_alloc(&r->loss, r->n, sizeof *r->loss, "losses of ridges"));
  for (int i = 0; i < r->n; i++) r->ridge[i] = mst_experiment_real_at(e, "analytic.ridges", i);
  return MST_OK;
}

/* Clients that are held out, and all that do not train: these, those left out, those without rows.
 */
typedef struct split {
  int64_t *held, n_held;
  int64_t *idle, n_idle;
} split;

static mst_status draw(const mst_job_ridges *r, const mst_job_data *d, split *s) {
  const mst_roster *roster = d->train.roster;
  int64_t *with = NULL, n = 0;
  MST_TRY(mst_alloc(&s->held, d->clients, sizeof *s->held, "clients held out"));
  MST_TRY(mst_alloc(&s->idle, d->clients, sizeof *s->idle, "clients that do not train"));
  MST_TRY(mst_alloc(&with, d->clients, sizeof *with, "clients with rows"));
  for (int64_t k = 0; k < d->clients; k++)
    if (roster->client_first[k] < roster->client_first[k + 1])
      with[n++] = k;
    else
      s->idle[s->n_idle++] = k;
  s->n_held = mst_least(mst_most((int64_t)rint(r->holdout * (double)n), 1), n - 1);
  if (n >= 2) {
    mst_stream stream =
        mst_stream_of(mst_key_make(mst_job_seed(d->experiment), MST_PURPOSE_SPLIT, 0, 1));
    mst_stream_subset(&stream, n, s->n_held, s->held);
    for (int64_t i = 0; i < s->n_held; i++) s->idle[s->n_idle++] = s->held[i] = with[s->held[i]];
  }
  mst_free(with);
  if (n < 2)
    return mst_experiment_refuse(d->experiment, "analytic.ridges",
                                 "of %lld clients with rows none can be held out", (long long)n);
  return MST_OK;
}

/* Deal the rows of these, or of all but these, and sum them. Collective. */
static mst_status sum_clients(mst_job_data *d, const int64_t *client, int64_t n, bool only,
                              const mst_analytic_options *options, const mst_analytic_plan *plan,
                              mst_gram_sums *sums, mst_gram_result *gram) {
  d->choice = (mst_job_choice){.key = "analytic.ridges", .client = client, .n = n, .only = only};
  MST_TRY(mst_job_data_deal(d, true));
  mst_rows_assign(d->train.rows, d->train.roster, plan->groups);
  const mst_analytic_data data = {.rows = d->train.rows,
                                  .roster = d->train.roster,
                                  .label = d->train.label,
                                  .outputs = d->outputs,
                                  .weight = d->train.weight};
  return mst_analytic_sum(d->team, &data, d->features, plan, options, d->context->observer, sums,
                          gram);
}

/* A model of `train` at each ridge, scored on `held`. Collective. */
static mst_status compare(mst_job_ridges *r, const mst_job_data *d,
                          const mst_analytic_options *options, const mst_gram_sums *train,
                          const mst_gram_sums *held) {
  mst_analytic_options o = *options;
  r->best = -1;
  for (int i = 0; i < r->n; i++) {
    mst_analytic_model m;
    o.ridge = r->ridge[i];
    mst_status st = mst_analytic_refit(d->team, train, &o, d->context->observer, &m);
    r->loss[i] = NAN;
    if (st == MST_ERR_SINGULAR) { /* another ridge may do */
      mst_status_clear();
      continue;
    }
    MST_TRY(st);
    st = mst_analytic_held_loss(d->team, held, &m, &r->loss[i]);
    mst_analytic_model_free(&m);
    MST_TRY(st);
    MST_TRY(mst_job_check_stop(d->context));
    if (isfinite(r->loss[i]) && (r->best < 0 || r->loss[i] < r->loss[r->best])) r->best = i;
  }
  if (r->best >= 0) return MST_OK;
  return mst_experiment_refuse(d->experiment, "analytic.ridges",
                               "the statistics are singular at all of them: name a larger one");
}

static mst_status choose(mst_job_ridges *r, mst_job_data *d, const split *s,
                         const mst_analytic_options *options, const mst_analytic_plan *plan,
                         mst_gram_sums *sums, mst_gram_result *gram) {
  mst_gram_sums held = {0};
  mst_gram_result more = {0};
  MST_TRY(sum_clients(d, s->idle, s->n_idle, false, options, plan, sums, gram));
  mst_status st = mst_gram_sums_part(sums, d->outputs, true, &held);
  if (st == MST_OK) st = sum_clients(d, s->held, s->n_held, true, options, plan, &held, &more);
  r->clients = s->n_held;
  r->rows = d->train.roster->rows;
  gram->seconds_products += more.seconds_products;
  gram->seconds_sums += more.seconds_sums;
  gram->flops += more.flops;
  if (st == MST_OK) st = compare(r, d, options, sums, &held);
  if (st == MST_OK) st = mst_gram_sums_merge(sums, &held, true);
  mst_gram_sums_free(&held);
  return st;
}

mst_status mst_job_ridges_train(mst_job_ridges *r, mst_job_data *d,
                                const mst_analytic_options *options, const mst_analytic_plan *plan,
                                mst_analytic_model *model, mst_gram_result *gram) {
  const mst_job_choice before = d->choice;
  const bool single = d->single;
  mst_gram_sums own = {0}, *sums = options->sums != NULL ? options->sums : &own;
  mst_analytic_options o = *options;
  split s = {0};
  d->keep_level = true;
  mst_status st = mst_team_agree(d->team, draw(r, d, &s));
  if (st == MST_OK && sums == &own)
    st = mst_gram_sums_create(d->team, d->features->width, d->outputs, &own);
  if (sums == &own) own.room = mst_job_room_bits(d->experiment);
  o.sums = NULL;
  if (st == MST_OK) st = choose(r, d, &s, &o, plan, sums, gram);
  if (st == MST_OK) {
    o.ridge = r->ridge[r->best];
    st = mst_analytic_refit(d->team, sums, &o, d->context->observer, model);
  }
  d->choice = before;
  d->keep_level = false;
  if (st == MST_OK) st = mst_job_data_deal(d, single);
  if (st == MST_OK) mst_rows_assign(d->train.rows, d->train.roster, plan->groups);
  mst_gram_sums_free(&own);
  mst_free(s.held);
  mst_free(s.idle);
  return st;
}

mst_status mst_job_ridges_record(const mst_job_ridges *r, mst_job_context *context) {
  const mst_job_count held[] = {
      {"holdout_clients", r->clients}, {"holdout_rows", r->rows}, {NULL, 0}};
  const int64_t n = r->n;
  mst_state state;
  if (!r->on) return MST_OK;
  for (int i = 0; i < r->n; i++)
    mst_say(context->team, "ridge %g: loss %.6g on held-out clients%s", r->ridge[i], r->loss[i],
            i == r->best ? ", the least" : "");
  mst_state_init(&state);
  mst_status st = mst_job_result(context, "ridge", r->ridge[r->best], false);
  if (st == MST_OK) st = mst_job_result(context, "holdout_loss", r->loss[r->best], false);
  if (st == MST_OK) st = mst_job_results(context, held);
  if (st == MST_OK) st = mst_state_add(&state, "ridge", MST_F64, 1, &n, r->ridge);
  if (st == MST_OK) st = mst_state_add(&state, "loss", MST_F64, 1, &n, r->loss);
  return mst_record_group(context->team, context->runfile, st, "ridges", &state);
}

void mst_job_ridges_close(mst_job_ridges *r) {
  mst_free(r->ridge);
  mst_free(r->loss);
}
