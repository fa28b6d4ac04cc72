/* The round loop: what is held, when it is scored and saved. A round is in federated_round.c,
 * scores in federated_score.c, the state list in federated_state.c. */
#include "parallel/federated_internal.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "parallel/shards.h"

mst_status mst_federated_check(const mst_federated_options *o, const mst_pipeline *pipeline) {
  MST_TRY(mst_method_check(&o->method));
  MST_TRY(mst_optim_check(&o->optimizer));
  MST_TRY(mst_schedule_check(&o->schedule));
  MST_TRY(mst_federated_robust_check(o));
  const mst_stage rule = mst_federated_rule_stage(o);
  mst_pipeline with = *pipeline;
  MST_TRY(mst_federated_rule_put(o, &rule, &with));
  MST_TRY(mst_federated_secure_check(o, &with));
  MST_TRY(mst_federated_private_check(o));
  MST_TRY(mst_pipeline_check(&with));
  MST_TRY(mst_compression_check(&o->compress, &with));
  const mst_method_ops *ops = mst_method_find(o->method.name);
  if (mst_compression_is_on(&o->compress) && o->compress.majority &&
      (ops->uplink > 1 || ops->scalars > 0))
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "compress.majority leaves of a contribution its signs, but %s needs the sizes of "
        "what clients send; choose a method that sends the change alone, such as fedavg",
        ops->name);
  return MST_OK;
}

mst_status mst_federated_check_model(const mst_model *m) {
  return mst_model_refuse_shared(m, "rounds of clients",
                                 "clients' local steps keep no running statistics, and a rule over "
                                 "clients has none to combine");
}

static mst_status check(const mst_federated *f) {
  const mst_federated_options *o = &f->options;
  MST_TRY(mst_federated_check_model(f->model));
  MST_TRY(mst_federated_check(o, &f->pipeline));
  if (f->ops->sums > MST_METHOD_SUMS)
    return mst_fail(MST_ERR_INTERNAL, "%s needs %d sums, more than %d", f->ops->name, f->ops->sums,
                    MST_METHOD_SUMS);
  if (f->cohort.candidates == 0) return mst_fail(MST_ERR_INPUT, "no client has rows to train on");
  int64_t most = o->bernoulli ? f->cohort.candidates : o->cohort;
  if (most > MST_SUM_TERMS && most <= f->cohort.candidates)
    return mst_fail(MST_ERR_INPUT,
                    "a round of %lld clients: sums hold at most %lld contributions; use a smaller "
                    "method.cohort",
                    (long long)most, (long long)MST_SUM_TERMS);
  if (!o->bernoulli && (o->cohort < 1 || o->cohort > f->cohort.candidates))
    return mst_fail(
        MST_ERR_INPUT,
        "a cohort of %lld clients cannot be drawn: %lld of %lld clients have rows; use a "
        "smaller method.cohort or method.participation",
        (long long)o->cohort, (long long)f->cohort.candidates,
        (long long)mst_clients_count(f->clients));
  return MST_OK;
}

/* Whether a client is ever scored with parameters that are not the server's. */
static bool needs_point(const mst_federated_options *o) {
  return o->keep > 0 || o->fine_tune_epochs > 0;
}

/* Entries that are added up over clients: contributions, or a gradient. */
static int64_t summed(const mst_federated_options *o, const mst_model *model) {
  if (!mst_federated_robust_is_on(o) && !mst_federated_secure_is_on(o) && o->privacy == NULL)
    return model->parameters * mst_method_find(o->method.name)->uplink;
  return o->evaluate_gradient ? model->parameters : 0;
}

/* What a rank holds for itself. Local. */
static mst_status allocate(mst_federated *f) {
  int p = mst_team_size(f->team);
  int64_t n = f->model->parameters;
  MST_TRY(mst_cohort_create(f->clients, &f->cohort));
  MST_TRY(check(f));
  MST_TRY(mst_federated_common(f->model, f->options.keep, &f->common));
  for (int64_t k = 0; k < mst_clients_count(f->clients); k++)
    f->most_rows = mst_most(f->most_rows, mst_clients_rows(f->clients, k));
  MST_TRY(mst_alloc(&f->count, p, sizeof *f->count, "shards"));
  MST_TRY(mst_alloc(&f->bytes, p, sizeof *f->bytes, "shards"));
  f->first = mst_shards_cut(f->team, n, f->count, f->bytes);
  f->mine = f->count[mst_team_rank(f->team)];
  for (int v = 0; v < f->ops->server; v++)
    MST_TRY(mst_alloc(&f->server[v], f->mine, sizeof(float), "state of the server"));
  for (int v = 0; v < f->ops->uplink; v++) {
    MST_TRY(mst_alloc(&f->mean[v], f->mine, sizeof(double), "means of the contributions"));
    MST_TRY(mst_alloc(&f->up[v], n, sizeof(float), "a client's contribution"));
  }
  f->terms = mst_ceil_div(f->mine, MST_OPTIM_BLOCK);
  MST_TRY(mst_alloc(&f->term, f->terms * mst_most(f->ops->sums, 1), sizeof *f->term,
                    "sums over blocks"));
  MST_TRY(mst_alloc(&f->hi, f->mine, sizeof *f->hi, "sums of the contributions"));
  MST_TRY(mst_alloc(&f->lo, f->mine, sizeof *f->lo, "sums of the contributions"));
  MST_TRY(mst_tally_create(summed(&f->options, f->model), "sums of the contributions", &f->tally));
  MST_TRY(mst_tally_create(MST_FEDERATED_SCALARS, "sums of the contributions", &f->scalars));
  if (f->staged)
    MST_TRY(mst_alloc(&f->vector, n * f->ops->uplink, sizeof *f->vector, "a contribution"));
  MST_TRY(mst_alloc(&f->accuracy, mst_clients_count(f->clients), sizeof *f->accuracy,
                    "accuracies of clients"));
  MST_TRY(mst_client_trainer_create(f->model, &f->options.method, &f->options.optimizer,
                                    f->options.optimizer.batch, &f->trainer));
  const mst_method_spec plain = {.name = "fedavg", .server_lr = 1};
  if (f->options.fine_tune_epochs > 0)
    MST_TRY(mst_client_trainer_create(f->model, &plain, &f->options.optimizer,
                                      f->options.optimizer.batch, &f->tuner));
  if (needs_point(&f->options))
    MST_TRY(mst_alloc(&f->point, n, sizeof *f->point, "a client's model"));
  return mst_model_work_create(f->model, MST_BLOCK_ROWS, &f->work);
}

/* What a node holds together. Collective. */
static mst_status allocate_shared(mst_federated *f) {
  int64_t bytes = f->model->parameters * (int64_t)sizeof(float);
  MST_TRY(mst_share_create(f->team, bytes, "parameters", &f->w));
  for (int v = 0; v < f->ops->shared; v++)
    MST_TRY(mst_share_create(f->team, bytes, "vectors of the method", &f->shared[v]));
  if (f->ops->own > 0)
    MST_TRY(mst_clients_keep(f->clients, f->ops->own * f->model->parameters,
                             "vectors of the clients", &f->own));
  if (f->options.keep > 0)
    MST_TRY(mst_clients_keep(f->clients, f->model->parameters - f->common,
                             "parameters of the clients", &f->personal));
  MST_TRY(mst_federated_robust_create(f));
  MST_TRY(mst_federated_secure_create(f));
  MST_TRY(mst_federated_private_create(f));
  if (!mst_compression_is_on(&f->options.compress)) return MST_OK;
  MST_TRY(mst_compression_create(f->team, f->clients, &f->options.compress, f->options.seed,
                                 f->common, f->model->parameters, f->ops->uplink, &f->compression));
  return mst_compression_put(f->compression, &f->pipeline);
}

float *mst_federated_kept(const mst_federated *f, int64_t client) {
  return f->personal != NULL
             ? mst_clients_kept(f->clients, f->personal, f->model->parameters - f->common, client)
             : NULL;
}

/* Draw the parameters; every client's own ones begin as them. Collective. */
static mst_status begin(mst_federated *f) {
  float *w = mst_share_at(f->w);
  if (mst_team_domain_rank(f->team) == 0) mst_model_init(f->model, f->options.seed, 0, w);
  MST_TRY(
      mst_share_gather(f->w, f->bytes)); /* nodes of other processors may draw other last bits */
  if (f->personal == NULL) return MST_OK;
  size_t bytes = (size_t)(f->model->parameters - f->common) * sizeof *w;
  int64_t turn = 0;
  for (int64_t k = 0; k < mst_clients_count(f->clients); k++)
    if (mst_clients_here(f->clients, k) &&
        turn++ % mst_team_domain_size(f->team) == mst_team_domain_rank(f->team))
      memcpy(mst_federated_kept(f, k), w + f->common, bytes);
  return mst_share_sync(f->personal);
}

static bool has_stages(const mst_pipeline *p) {
  for (int slot = 0; slot < MST_SLOT_AGGREGATE; slot++)
    if (p->slot[slot] != NULL) return true;
  return false;
}

mst_status mst_federated_create(mst_team *team, const mst_model *model, mst_clients *clients,
                                const mst_pipeline *pipeline, const mst_federated_options *options,
                                mst_federated **out) {
  mst_federated *f = NULL;
  *out = NULL;
  mst_status st = mst_alloc(&f, 1, sizeof *f, "round loop");
  if (st == MST_OK) {
    f->team = team;
    f->model = model;
    f->clients = clients;
    f->pipeline = *pipeline;
    f->options = *options;
    f->staged = has_stages(pipeline) || mst_compression_is_on(&options->compress) ||
                (mst_federated_secure_is_on(options) && options->privacy == NULL);
    f->totals = (mst_federated_totals){.accuracy = NAN,
                                       .loss = NAN,
                                       .train_loss = NAN,
                                       .client_mean = NAN,
                                       .client_worst = NAN,
                                       .client_spread = NAN,
                                       .gradient_norm = NAN,
                                       .tuned_mean = NAN,
                                       .tuned_worst = NAN,
                                       .tuned_spread = NAN};
    f->ops = mst_method_find(options->method.name);
    st = mst_method_check(&options->method);
  }
  if (st == MST_OK) st = allocate(f);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = allocate_shared(f);
  if (st == MST_OK) st = begin(f);
  if (st != MST_OK) {
    mst_federated_destroy(f);
    return st;
  }
  *out = f;
  return MST_OK;
}

void mst_federated_destroy(mst_federated *f) {
  if (f == NULL) return;
  mst_compression_destroy(f->compression);
  mst_federated_robust_destroy(f);
  mst_federated_secure_destroy(f);
  mst_federated_private_destroy(f);
  mst_share_destroy(f->personal);
  mst_share_destroy(f->own);
  for (int v = MST_METHOD_VECTORS - 1; v >= 0; v--) mst_share_destroy(f->shared[v]);
  mst_share_destroy(f->w);
  mst_model_work_destroy(f->work);
  mst_client_trainer_destroy(f->tuner);
  mst_client_trainer_destroy(f->trainer);
  for (int v = 0; v < MST_METHOD_VECTORS; v++) {
    mst_free(f->server[v]);
    mst_free(f->mean[v]);
    mst_free(f->up[v]);
  }
  mst_tally_free(&f->tally);
  mst_tally_free(&f->scalars);
  mst_cohort_free(&f->cohort);
  mst_free(f->count);
  mst_free(f->bytes);
  mst_free(f->term);
  mst_free(f->hi);
  mst_free(f->lo);
  mst_free(f->vector);
  mst_free(f->accuracy);
  mst_free(f->point);
  mst_free(f);
}

/* The layer that a tensor belongs to: its name up to the first '/'. */
static bool is_same_layer(const mst_tensor *a, const mst_tensor *b) {
  size_t length = strcspn(a->name, "/");
  return length == strcspn(b->name, "/") && strncmp(a->name, b->name, length) == 0;
}

mst_status mst_federated_common(const mst_model *model, int64_t keep, int64_t *n) {
  int64_t layers = 0;
  *n = model->parameters;
  for (int t = model->tensors - 1; t >= 0; t--) {
    if (t > 0 && is_same_layer(&model->tensor[t], &model->tensor[t - 1])) continue;
    if (++layers == keep) *n = model->tensor[t].offset;
  }
  if (keep == 0 || keep < layers) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "personal.keep is %lld, but %s has %lld layers with parameters, and at least one must "
      "be shared",
      (long long)keep, model->spec.kind, (long long)layers);
}

void mst_federated_traffic(const mst_model *model, const mst_federated_options *options,
                           int64_t *uplink, int64_t *downlink) {
  const mst_method_ops *ops = mst_method_find(options->method.name);
  int64_t n = model->parameters;
  if (mst_federated_common(model, options->keep, &n) != MST_OK) mst_status_clear();
  const int64_t words = options->privacy != NULL ? 0 : mst_federated_secure_words();
  *uplink = mst_federated_secure_is_on(options)
                ? 8 * (ops->uplink * n + words)
                : mst_compression_bytes(&options->compress, n, ops->uplink) + 8 * ops->scalars;
  *downlink = (1 + ops->shared) * 4 * n;
}

mst_status mst_federated_personal(const mst_federated *f, const char *name, mst_state *state) {
  if (f->personal == NULL) return MST_OK;
  return mst_clients_state(f->clients, f->personal, f->model->parameters - f->common, name, state);
}

const float *mst_federated_parameters(const mst_federated *f) {
  return mst_share_at(f->w);
}

mst_federated_totals mst_federated_figures(const mst_federated *f) {
  return f->totals;
}

void mst_federated_seconds(const mst_federated *f, double *training, double *all) {
  *training = f->seconds_training;
  *all = f->seconds;
}

void mst_federated_plan(int ranks, int domains, const mst_model *model, int64_t clients,
                        const mst_federated_options *options, const mst_clients_spill *spill,
                        int64_t *rank_bytes, int64_t *node_bytes, int64_t *file_bytes) {
  const mst_method_ops *ops = mst_method_find(options->method.name);
  int64_t n = model->parameters, shard = mst_ceil_div(n, ranks);
  *rank_bytes = 16 * summed(options, model) + n * ops->uplink * 4 +
                shard * (ops->server * 4 + ops->uplink * 8 + 16) +
                mst_model_work_bytes(model, MST_BLOCK_ROWS) +
                mst_client_trainer_bytes(model, &options->method, &options->optimizer,
                                         options->optimizer.batch);
  int64_t common = n, compress_bytes = 0, client_bytes = 0;
  int64_t robust_rank = 0, robust_node = 0, robust_client = 0;
  if (mst_federated_common(model, options->keep, &common) != MST_OK) mst_status_clear();
  mst_compression_plan(&options->compress, common, ops->uplink, &compress_bytes, &client_bytes);
  if (mst_compression_is_on(&options->compress)) compress_bytes += 8 * n * ops->uplink;
  *rank_bytes += compress_bytes + (needs_point(options) ? 4 * n : 0);
  if (options->fine_tune_epochs > 0)
    *rank_bytes += mst_client_trainer_bytes(model, &(mst_method_spec){.name = "fedavg"},
                                            &options->optimizer, options->optimizer.batch);
  mst_federated_robust_plan(ranks, domains, model, clients, options, &robust_rank, &robust_node,
                            &robust_client);
  *rank_bytes += robust_rank + mst_federated_secure_bytes(model, options, clients) +
                 mst_federated_private_bytes(model, options, clients);
  client_bytes += 4 * (ops->own * n + n - common) + robust_client;
  *node_bytes = n * 4 * (1 + ops->shared) + robust_node;
  *file_bytes = spill->kept != NULL ? clients * client_bytes : 0;
  if (spill->kept == NULL) *node_bytes += mst_ceil_div(clients, domains) * client_bytes;
}

/* What a rule and attackers came to. */
static void list_robust(const mst_federated *f, mst_metric *metric, int *n) {
  const mst_federated_facts *r = &f->facts;
  const bool attacked = f->options.attack.name != NULL, weighed = r->weighed;
  if (attacked) metric[(*n)++] = (mst_metric){"attackers", (double)r->attackers};
  if (weighed) metric[(*n)++] = (mst_metric){"chosen", (double)r->chosen};
  if (attacked && weighed) metric[(*n)++] = (mst_metric){"attackers_weight", r->attackers_weight};
}

/* What is said of the clients of a round, where it may be. */
static void list_training(const mst_federated_facts *r, mst_metric *metric, int *n) {
  metric[(*n)++] = (mst_metric){"train_loss", r->train_loss};
  metric[(*n)++] = (mst_metric){"contributions", (double)r->contributions};
  metric[(*n)++] = (mst_metric){"excluded", (double)r->excluded};
  metric[(*n)++] = (mst_metric){"gradients", (double)r->gradients};
}

/* Report a round; set *end when it was the last. Collective. */
static mst_status close_round(mst_federated *f, const mst_test_rows *test, const mst_observer *o,
                              bool *end) {
  const mst_federated_facts *r = &f->facts;
  mst_metric metric[24];
  int n = 0;
  f->totals.rounds++;
  f->totals.train_loss = r->train_loss;
  if (f->privacy == NULL) list_training(r, metric, &n);
  if (f->robust != NULL) list_robust(f, metric, &n);
  if (f->secure != NULL) {
    metric[n++] = (mst_metric){"dropped", (double)r->dropped};
    metric[n++] = (mst_metric){"aborted", r->aborted};
  }
  if (mst_loop_due(f->totals.rounds, f->options.rounds, f->options.evaluate_every))
    MST_TRY(mst_federated_score(f, test, metric, &n));
  f->totals.stopped = mst_stop_reached(&f->options.stop, n, metric);
  *end = f->totals.stopped || f->totals.rounds == f->options.rounds;
  if (*end && f->tuner != NULL) MST_TRY(mst_federated_tune(f, metric, &n));
  if (o == NULL) return MST_OK;
  int64_t round = f->totals.rounds;
  if (o->on_round) MST_TRY(o->on_round(o->context, round, n, metric));
  if (o->on_bytes) {
    MST_TRY(o->on_bytes(o->context, round, "uplink", r->uplink_bytes, r->sent));
    MST_TRY(o->on_bytes(o->context, round, "downlink", r->downlink_bytes, r->asked));
  }
  return MST_OK;
}

mst_status mst_federated_run(mst_federated *f, const mst_test_rows *test,
                             const mst_observer *observer) {
  double start = mst_clock_seconds();
  const mst_loop loop = mst_federated_loop(f);
  MST_TRY(mst_federated_restore(f, &loop, observer));
  MST_TRY(mst_federated_private_restored(f));
  bool end = f->totals.rounds >= f->options.rounds;
  mst_status st = MST_OK;
  mst_observer_phase(observer, "rounds",
                     (f->options.rounds - f->totals.rounds) * mst_team_size(f->team),
                     "rank-rounds");
  while (st == MST_OK && !end) {
    st = mst_federated_round(f);
    if (st == MST_OK) st = close_round(f, test, observer, &end);
    if (st == MST_OK) st = mst_loop_look_around(&loop, observer, f->totals.rounds, end);
    mst_observer_step(observer, 1);
  }
  if (st == MST_OK && f->totals.aborted > 0 && f->totals.aborted == f->totals.rounds)
    st = mst_fail_within(mst_federated_secure_refuse(f), "no round could be used: ");
  f->seconds = mst_clock_seconds() - start;
  return st;
}
