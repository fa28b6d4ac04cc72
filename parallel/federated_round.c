/* One round: the cohort's clients are trained wherever a rank is free, their contributions are
 * summed exactly, and every rank makes the server's step on its shard. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/linalg/lattice.h"
#include "parallel/federated_internal.h"

/* What this rank's clients came to; summed over ranks. */
enum {
  COUNT_CONTRIBUTIONS,
  COUNT_EXCLUDED,
  COUNT_GRADIENTS,
  COUNT_STEPS,
  COUNTS
};
/* Entries of the scalar tally; losses, which have no bound, take several. */
enum {
  SCALAR_WEIGHT,
  SCALAR_ROWS,
  SCALAR_METHOD,
  SCALAR_LOSS = SCALAR_METHOD + MST_METHOD_SUMS
};

/* The two are chosen apart and equal today, which makes a checker think that they are one. */
_Static_assert((int64_t)MST_CONTRIBUTION_BOUND <= /* NOLINT(misc-redundant-expression) */
                   (int64_t)MST_TALLY_BOUND,
               "what a client may send must fit the tally");
_Static_assert(SCALAR_LOSS + MST_TALLY_SCALES == MST_FEDERATED_SCALARS, "the loss is the last");

static double round_lr(const mst_federated *f) {
  return f->options.optimizer.lr *
         mst_schedule_factor(&f->options.schedule, f->totals.rounds, f->options.rounds);
}

/* The momentum of a round, for schedules that turn it. */
static double round_momentum(const mst_federated *f) {
  const mst_federated_options *o = &f->options;
  return mst_schedule_momentum(&o->schedule, mst_optim_base_momentum(&o->optimizer),
                               f->totals.rounds, o->rounds);
}

mst_local_spec mst_federated_local_spec(const mst_federated *f) {
  const mst_federated_options *o = &f->options;
  const mst_schedule_ops *schedule = mst_schedule_find(o->schedule.name);
  return (mst_local_spec){.epochs = o->local_epochs,
                          .steps = o->local_steps,
                          .batch = o->optimizer.batch,
                          .lr = round_lr(f),
                          .turned = schedule->momentum != NULL,
                          .momentum = round_momentum(f),
                          .clip = o->optimizer.clip,
                          .weight_decay = o->optimizer.weight_decay,
                          .seed = o->seed,
                          .frozen = f->common};
}

/* At most 1, so that a weighted contribution keeps to the tally's bound. */
double mst_federated_row_share(const mst_federated *f, int64_t client) {
  return (double)mst_clients_rows(f->clients, client) / (double)f->most_rows;
}

mst_status mst_federated_stages(mst_federated *f, int64_t client) {
  const int64_t all = f->model->parameters * f->ops->uplink;
  MST_TRY(mst_pipeline_contribute(&f->pipeline, client, f->totals.rounds, all, f->vector));
  if (!(mst_lattice_magnitude(f->vector, all) <= MST_TALLY_BOUND))
    return mst_fail(MST_ERR_NONFINITE, "client %lld: an entry is beyond %g", (long long)client,
                    MST_TALLY_BOUND);
  return MST_OK;
}

/* Through the stages, then into the tally. MST_ERR_NONFINITE: not to be used, and not added. */
static mst_status add_staged(mst_federated *f, int64_t client, double weight) {
  int64_t n = f->model->parameters, all = n * f->ops->uplink;
  for (int v = 0; v < f->ops->uplink; v++)
    for (int64_t i = 0; i < n; i++) f->vector[v * n + i] = (double)f->up[v][i];
  MST_TRY(mst_federated_stages(f, client));
  for (int64_t i = 0; i < all; i++) f->vector[i] *= weight;
  mst_tally_add(&f->tally, 0, all, f->vector);
  return MST_OK;
}

/* What the sums need of a client, beside its vectors: its weight, numbers, rows and loss. */
static void add_numbers(mst_federated *f, int64_t client, double weight, const double *scalar,
                        const mst_local_result *result) {
  double share = mst_federated_row_share(f, client);
  double loss = result->rows > 0 ? result->loss / (double)result->rows : 0.0;
  bool usable = mst_tally_add_scaled(&f->scalars, SCALAR_LOSS, share * loss);
  double entry[SCALAR_LOSS] = {weight, usable ? share : 0.0};
  for (int s = 0; s < f->ops->scalars; s++) entry[SCALAR_METHOD + s] = weight * scalar[s];
  mst_tally_add(&f->scalars, 0, SCALAR_LOSS, entry);
}

/* The client of that ticket sends what it has; the server knows of attackers no more than that. */
static mst_status contribute(mst_federated *f, int64_t ticket, int64_t client, const double *scalar,
                             const mst_local_result *result) {
  double weight = f->options.method.weighted ? mst_federated_row_share(f, client) : 1.0;
  int64_t n = f->model->parameters;
  for (int s = 0; s < f->ops->scalars; s++)
    if (!(fabs(scalar[s]) <= MST_TALLY_BOUND))
      return mst_fail(MST_ERR_NONFINITE, "client %lld: its number %d is %g, beyond %g",
                      (long long)client, s, scalar[s], MST_TALLY_BOUND);
  if (f->secure != NULL) {
    add_numbers(f, client, weight, scalar, result);
    return mst_federated_secure_send(f, client, weight, result->steps);
  }
  if (f->robust != NULL)
    MST_TRY(mst_federated_send(f, ticket, client, scalar));
  else if (f->staged)
    MST_TRY(add_staged(f, client, weight));
  else
    for (int v = 0; v < f->ops->uplink; v++)
      mst_tally_add_f32(&f->tally, v * n, n, f->up[v], weight);
  if (!mst_federated_attacks(f, client)) add_numbers(f, client, weight, scalar, result);
  return MST_OK;
}

/* Counts are of honest clients, save that of gradients. */
static void count_client(const mst_federated *f, int64_t client, bool used,
                         const mst_local_result *result, int64_t *count) {
  count[COUNT_GRADIENTS] += result->gradients;
  if (mst_federated_attacks(f, client)) return;
  count[used ? COUNT_CONTRIBUTIONS : COUNT_EXCLUDED]++;
  if (used) count[COUNT_STEPS] += result->steps;
}

static mst_status train(mst_federated *f, int64_t ticket, int64_t client, int64_t *count) {
  const float *shared[MST_METHOD_VECTORS] = {NULL};
  float *own[MST_METHOD_VECTORS] = {NULL};
  double scalar[4] = {0};
  mst_local_result result = {0};
  int64_t n = f->model->parameters;
  for (int v = 0; v < f->ops->shared; v++) shared[v] = mst_share_at(f->shared[v]);
  for (int v = 0; v < f->ops->own; v++)
    own[v] = mst_clients_kept(f->clients, f->own, f->ops->own * n, client) + v * n;
  mst_local_spec spec = mst_federated_local_spec(f);
  spec.personal = mst_federated_kept(f, client);
  mst_batch rows = mst_federated_rows(f, client);
  mst_status st = mst_client_train(f->trainer, &spec, client, f->totals.rounds, &rows,
                                   mst_share_at(f->w), shared, own, f->up, scalar, &result);
  if (st != MST_OK) return mst_fail_within(st, "client %lld: ", (long long)client);
  if (f->privacy != NULL) return mst_federated_private_send(f, client, result.finite);
  if (result.finite) st = contribute(f, ticket, client, scalar, &result);
  if (st == MST_ERR_NONFINITE) mst_client_forget(f->trainer, &spec, own);
  const bool used = result.finite && st != MST_ERR_NONFINITE;
  count_client(f, client, used, &result, count);
  if (used) return st;
  mst_status_clear();
  if (f->robust != NULL) mst_federated_send_nothing(f, ticket);
  return MST_OK;
}

/* The client of a ticket, unless it attacks with what it need not train for. */
static mst_status ask_client(mst_federated *f, int64_t ticket, int64_t *count) {
  const int64_t client = f->cohort.list[ticket];
  if (mst_federated_is_gone(f, client)) return MST_OK;
  if (f->privacy != NULL && mst_clients_rows(f->clients, client) == 0)
    return mst_federated_private_send(f, client, false);
  if (mst_federated_trains(f, client)) return train(f, ticket, client, count);
  mst_federated_send_nothing(f, ticket);
  return MST_OK;
}

/* Take clients from the node's list until it is empty. Local. */
static mst_status train_some(mst_federated *f, int64_t *count) {
  double start = mst_clock_seconds();
  mst_status st = mst_federated_robust_begin(f);
  for (;;) {
    int64_t ticket = mst_share_ticket(f->w);
    if (ticket >= f->cohort.local) break;
    if (st == MST_OK) st = ask_client(f, ticket, count);
  }
  f->seconds_training += mst_clock_seconds() - start;
  return st;
}

/* The method's sums over the whole vector, block by block. Collective. */
static mst_status measure(mst_federated *f, const mst_round_facts *facts, const float *w,
                          float *const *shared, double *sum) {
  int64_t blocks = mst_ceil_div(f->mine, MST_OPTIM_BLOCK);
  int64_t all = mst_ceil_div(f->model->parameters, MST_OPTIM_BLOCK);
  int sums = f->ops->sums;
  for (int64_t t = 0; t < sums * f->terms; t++) f->term[t] = 0;
  for (int64_t b = 0; b < blocks; b++) {
    int64_t first = b * MST_OPTIM_BLOCK, m = mst_least(f->mine - first, MST_OPTIM_BLOCK);
    double part[MST_METHOD_SUMS] = {0}, *mean[MST_METHOD_VECTORS] = {NULL};
    float *there[MST_METHOD_VECTORS] = {NULL}, *server[MST_METHOD_VECTORS] = {NULL};
    for (int v = 0; v < f->ops->uplink; v++) mean[v] = f->mean[v] + first;
    for (int v = 0; v < f->ops->shared; v++) there[v] = shared[v] + first;
    for (int v = 0; v < f->ops->server; v++) server[v] = f->server[v] + first;
    f->ops->measure(&f->options.method, facts, m, w + first, mean, there, server, part);
    for (int s = 0; s < sums; s++) f->term[s * f->terms + b] = part[s];
  }
  for (int s = 0; s < sums; s++)
    MST_TRY(mst_tally_terms(f->team, f->term + s * f->terms, blocks, all, &sum[s]));
  return MST_OK;
}

/* The server's step on this rank's shard, given the means. Collective. */
static mst_status step_server(mst_federated *f, const mst_round_facts *facts) {
  float *w = (float *)mst_share_at(f->w) + f->first, *shared[MST_METHOD_VECTORS] = {NULL};
  double sum[MST_METHOD_SUMS] = {0};
  for (int v = 0; v < f->ops->shared; v++)
    shared[v] = (float *)mst_share_at(f->shared[v]) + f->first;
  if (f->ops->measure != NULL) MST_TRY(measure(f, facts, w, shared, sum));
  f->ops->step(&f->options.method, facts, f->mine, w, f->mean, shared, f->server, sum);
  MST_TRY(mst_share_gather(f->w, f->bytes));
  for (int v = 0; v < f->ops->shared; v++) MST_TRY(mst_share_gather(f->shared[v], f->bytes));
  return MST_OK;
}

/* The sums of the round as means on shards. Collective. */
static mst_status divide_sums(mst_federated *f, const double *scalar, double *scalar_mean) {
  const int64_t n = f->model->parameters;
  for (int s = 0; s < f->ops->scalars; s++)
    scalar_mean[s] = scalar[SCALAR_METHOD + s] / scalar[SCALAR_WEIGHT];
  for (int v = 0; v < f->ops->uplink; v++) {
    MST_TRY(f->secure != NULL
                ? mst_federated_secure_scatter(f, v, f->mean[v])
                : mst_tally_scatter(f->team, &f->tally, v * n, f->count, f->hi, f->lo, f->mean[v]));
    for (int64_t i = 0; i < f->mine; i++) f->mean[v][i] /= scalar[SCALAR_WEIGHT];
  }
  return MST_OK;
}

/* The same of a private round, of which nothing but its noisy sum is looked at. Collective. */
static mst_status aggregate_privately(mst_federated *f) {
  mst_round_facts facts = {.round = f->totals.rounds, .lr = round_lr(f)};
  MST_TRY(mst_federated_private_finish(f, &facts));
  return step_server(f, &facts);
}

/* Contributions become means on shards, and the server steps. Collective. */
static mst_status aggregate(mst_federated *f, int64_t *count) {
  double scalar[MST_FEDERATED_SCALARS];
  mst_federated_facts *r = &f->facts;
  MST_TRY(mst_sum_i64(f->team, count, COUNTS));
  if (f->secure != NULL) MST_TRY(mst_federated_secure_close(f, &count[COUNT_STEPS]));
  MST_TRY(mst_tally_total(f->team, &f->scalars, scalar));
  const int64_t honest = count[COUNT_CONTRIBUTIONS];
  r->contributions = r->aborted ? 0 : honest;
  r->sent = honest;
  r->excluded = count[COUNT_EXCLUDED];
  r->gradients = count[COUNT_GRADIENTS];
  r->steps = count[COUNT_STEPS];
  r->train_loss = scalar[SCALAR_ROWS] > 0
                      ? mst_tally_scaled(scalar + SCALAR_LOSS) / scalar[SCALAR_ROWS]
                      : (double)NAN;
  if (honest == 0 && r->excluded > 0)
    return mst_fail(
        MST_ERR_NONFINITE,
        "round %lld: the updates of all %lld clients of the cohort are not finite; use a "
        "smaller optimizer.lr, or set optimizer.clip",
        (long long)f->totals.rounds + 1, (long long)r->excluded);
  if (r->contributions == 0 && f->robust == NULL) return MST_OK;
  mst_round_facts facts = {.round = f->totals.rounds,
                           .clients = f->cohort.candidates,
                           .lr = round_lr(f),
                           .steps = (double)r->steps / (double)mst_most(honest, 1)};
  MST_TRY(f->robust != NULL ? mst_federated_robust_finish(f, facts.scalar_mean)
                            : divide_sums(f, scalar, facts.scalar_mean));
  facts.cohort = r->contributions;
  const mst_stage *rule = f->pipeline.slot[MST_SLOT_AGGREGATE];
  for (int v = 0; v < f->ops->uplink && rule->apply != NULL; v++)
    MST_TRY(mst_team_agree(f->team, rule->apply(rule, -1, f->totals.rounds, f->mine, f->mean[v])));
  return step_server(f, &facts);
}

/* What a deployment would send: parameters and shared vectors to each client of the cohort, what is
 * aggregated back. A client whose update is not finite sends nothing, or what a rule leaves out. */
static void meter(mst_federated *f) {
  mst_federated_facts *r = &f->facts;
  int64_t uplink = 0, downlink = 0;
  mst_federated_traffic(f->model, &f->options, &uplink, &downlink);
  const mst_secure_bytes protocol = mst_federated_secure_traffic(f);
  if (f->privacy == NULL) r->asked = f->cohort.n;
  r->downlink_bytes = r->asked * downlink + protocol.down;
  r->uplink_bytes = r->sent * uplink + protocol.up;
  f->totals.contributions += r->contributions;
  f->totals.excluded += r->excluded;
  f->totals.gradients += r->gradients;
  f->totals.uplink_bytes += r->uplink_bytes;
  f->totals.downlink_bytes += r->downlink_bytes;
}

mst_status mst_federated_round(mst_federated *f) {
  const mst_federated_options *o = &f->options;
  int64_t count[COUNTS] = {0};
  f->facts = (mst_federated_facts){.train_loss = NAN};
  if (f->privacy != NULL)
    MST_TRY(mst_federated_private_begin(f));
  else
    mst_cohort_draw(&f->cohort, f->clients, o->seed, f->totals.rounds, o->bernoulli, o->cohort,
                    o->participation);
  mst_tally_clear(&f->tally);
  mst_tally_clear(&f->scalars);
  if (mst_team_domain_rank(f->team) == 0) mst_share_rewind(f->w);
  MST_TRY(mst_share_sync(f->w));
  MST_TRY(mst_federated_secure_begin(f));
  MST_TRY(mst_team_agree(f->team, train_some(f, count)));
  MST_TRY(f->privacy != NULL ? aggregate_privately(f) : aggregate(f, count));
  meter(f);
  return MST_OK;
}
