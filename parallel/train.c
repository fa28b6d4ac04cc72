/* Data-parallel training: what is held, how the steps go, when they are scored. A step itself is in
 * train_step.c, a coded one in train_coding.c, the way of the rows in train_rows.c, the state list
 * in train_state.c. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "parallel/shards.h"
#include "parallel/train_internal.h"

int64_t mst_train_deal(int64_t rows, int32_t *piece) {
  for (int64_t i = 0; i < rows; i++) piece[i] = (int32_t)(i / MST_BLOCK_ROWS);
  return mst_ceil_div(rows, MST_BLOCK_ROWS);
}

int64_t mst_train_epoch_steps(int64_t rows, const mst_train_options *o) {
  return mst_ceil_div(rows, mst_least(o->optimizer.batch, rows));
}

int64_t mst_train_steps(int64_t rows, const mst_train_options *o) {
  return o->steps > 0 ? o->steps : o->epochs * mst_train_epoch_steps(rows, o);
}

static mst_status check_optimizer(const mst_train_options *o) {
  const mst_optim_ops *ops = mst_optim_find(o->optimizer.kind);
  MST_TRY(mst_optim_check(&o->optimizer));
  if (ops->needs_model)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "optimizer.kind: %s solves a system of all rows of the batch together, which is "
        "no sum over blocks of them; choose another, or job: federated",
        ops->name);
  if (o->ema > 0 && ops->averages)
    return mst_fail(
        MST_ERR_INPUT,
        "ema.decay: optimizer.kind %s is evaluated at an average of its own; leave it out",
        ops->name);
  return mst_schedule_check(&o->schedule);
}

static mst_status check(const mst_train *t, int64_t rows) {
  const mst_train_options *o = &t->options;
  MST_TRY(check_optimizer(o));
  if (o->optimizer.batch < 1 || o->block < 1 || o->accumulate < 1 ||
      (o->steps < 1 && o->epochs < 1))
    return mst_fail(
        MST_ERR_INPUT,
        "training needs at least 1 step or epoch, 1 row a step and a block, and 1 portion "
        "a step; here are %lld steps, %lld epochs, %lld and %lld rows, %lld portions",
        (long long)o->steps, (long long)o->epochs, (long long)o->optimizer.batch,
        (long long)o->block, (long long)o->accumulate);
  int64_t blocks = mst_ceil_div(mst_least(o->optimizer.batch, rows), o->block);
  if (blocks > MST_SUM_TERMS)
    return mst_fail(
        MST_ERR_INPUT,
        "optimizer.batch: %lld rows in blocks of %lld make more than %lld blocks; choose a "
        "larger train.block",
        (long long)o->optimizer.batch, (long long)o->block, (long long)MST_SUM_TERMS);
  return MST_OK;
}

/* The tensors as the optimizer's layers: first(tensors + 1). */
static mst_status list_layers(const mst_model *m, int64_t **first) {
  MST_TRY(mst_alloc(first, m->tensors + 1, sizeof **first, "layers"));
  for (int i = 0; i < m->tensors; i++) (*first)[i] = m->tensor[i].offset;
  (*first)[m->tensors] = m->parameters;
  return MST_OK;
}

static mst_status create_optimizer(mst_train *t) {
  int64_t *first = NULL;
  mst_status st = list_layers(t->model, &first);
  mst_optim_layers layers = {.n = t->model->tensors, .first = first};
  if (st == MST_OK)
    st = mst_optim_create(&t->options.optimizer, &layers, t->first, t->mine, &t->optim);
  mst_free(first);
  if (st != MST_OK || t->options.ema <= 0) return st;
  double tuned = (double)(t->options.ema_batch > 0 ? t->options.ema_batch : t->rows.batch);
  return mst_ema_create(t->options.ema, (double)t->rows.batch / tuned, t->mine, &t->ema);
}

/* Are sums posted? Coded steps send messages and private ones draw noise: theirs come whole. */
static bool overlaps(int ranks, const mst_train_options *o) {
  return o->overlap && ranks > 1 && o->coding.kind == NULL && o->privacy == NULL;
}

/* Local. */
static mst_status allocate_sums(mst_train *t) {
  MST_TRY(mst_alloc(&t->sum, t->model->parameters, sizeof *t->sum, "sums of gradients"));
  return mst_alloc(&t->total, t->mine, sizeof *t->total, "gradient of a step");
}

/* Where the node's shared memory has no room for terms, each rank holds its own, and sums come when
 * the gradients are done. Collective. */
static mst_status prepare_posting(mst_train *t) {
  mst_status st = mst_posted_sum_create(t->team, t->count, &t->posted);
  if (st == MST_ERR_MEMORY) return mst_team_agree(t->team, allocate_sums(t));
  if (st == MST_OK) t->sum = mst_posted_sum_terms(t->posted);
  return st;
}

/* What a rank holds for itself, beside its rows. Local. */
static mst_status allocate(mst_train *t, const mst_clients *rows) {
  int p = mst_team_size(t->team);
  int64_t n = t->model->parameters;
  MST_TRY(check(t, t->rows.rows));
  if (t->options.privacy != NULL) MST_TRY(mst_private_check_model(t->model));
  t->epoch_steps = mst_train_epoch_steps(t->rows.rows, &t->options);
  t->steps = mst_train_steps(t->rows.rows, &t->options);
  t->blocks = mst_ceil_div(t->rows.batch, t->options.block);
  MST_TRY(mst_alloc(&t->count, p, sizeof *t->count, "shards"));
  MST_TRY(mst_alloc(&t->bytes, p, sizeof *t->bytes, "shards"));
  MST_TRY(mst_alloc(&t->part_bytes, p, sizeof *t->part_bytes, "shards"));
  MST_TRY(mst_alloc(&t->piece_bytes, p, sizeof *t->piece_bytes, "shards"));
  t->first = mst_shards_cut(t->team, n, t->count, t->bytes);
  t->mine = t->count[mst_team_rank(t->team)];
  MST_TRY(create_optimizer(t));
  MST_TRY(mst_alloc(&t->g, n, sizeof *t->g, "gradient of a block"));
  MST_TRY(mst_train_coding_create(t, &t->coding));
  MST_TRY(mst_train_private_create(t, rows, &t->privacy));
  if (t->coding == NULL && !overlaps(p, &t->options)) MST_TRY(allocate_sums(t));
  MST_TRY(mst_alloc(&t->wide, t->mine, sizeof *t->wide, "gradient of a step"));
  MST_TRY(mst_alloc(&t->mean, t->mine, sizeof *t->mean, "gradient of a step"));
  MST_TRY(mst_alloc(&t->fact, MST_TRAIN_FACTS + t->blocks, sizeof *t->fact, "losses of blocks"));
  const mst_optim *o = t->optim;
  int64_t own = mst_most(mst_optim_parts(o), mst_optim_pieces(o, false));
  int64_t whole = mst_most(mst_optim_whole_parts(o), mst_optim_pieces(o, true));
  MST_TRY(mst_alloc(&t->part, own, sizeof *t->part, "parts of norms"));
  MST_TRY(mst_alloc(&t->parts, whole, sizeof *t->parts, "parts of norms"));
  return mst_model_work_create(t->model, mst_most(MST_BLOCK_ROWS, t->options.block), &t->work);
}

/* What a node holds together, and what ranks must know of each other. Collective. */
static mst_status allocate_shared(mst_train *t) {
  int64_t bytes = t->model->parameters * (int64_t)sizeof(float), real = (int64_t)sizeof(double);
  MST_TRY(mst_gather_i64(t->team, mst_optim_parts(t->optim) * real, t->part_bytes));
  MST_TRY(mst_gather_i64(t->team, mst_optim_pieces(t->optim, false) * real, t->piece_bytes));
  MST_TRY(mst_share_create(t->team, bytes, "parameters", &t->w));
  if (t->options.ema > 0 || t->optim->ops->averages || mst_train_private_keeps(t))
    MST_TRY(mst_share_create(t->team, bytes, "average of the parameters", &t->shown));
  if (t->privacy != NULL) MST_TRY(mst_train_private_share(t));
  return overlaps(mst_team_size(t->team), &t->options) ? prepare_posting(t) : MST_OK;
}

static mst_status start(mst_train *t) {
  if (mst_team_domain_rank(t->team) == 0)
    mst_model_init(t->model, t->options.seed, 0, mst_share_at(t->w));
  MST_TRY(
      mst_share_gather(t->w, t->bytes)); /* nodes of other processors may draw other last bits */
  mst_optim_start(t->optim, mst_train_shard(t, t->w));
  if (t->options.ema > 0) mst_ema_start(&t->ema, mst_train_shard(t, t->w));
  return MST_OK;
}

/* Settings that the rows' arrangement already relies on. */
static mst_status check_first(const mst_train_options *o) {
  if (o->optimizer.batch >= 1 && o->block >= 1 && o->accumulate >= 1) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "a step of %lld rows in blocks of %lld and %lld portions: each must be at least 1",
      (long long)o->optimizer.batch, (long long)o->block, (long long)o->accumulate);
}

mst_status mst_train_create(mst_team *team, const mst_model *model, const mst_clients *rows,
                            const mst_train_options *options, mst_train **out) {
  mst_train *t = NULL;
  *out = NULL;
  mst_status st = check_first(options);
  if (st == MST_OK) st = mst_train_check_coding(options);
  if (st == MST_OK) st = mst_alloc(&t, 1, sizeof *t, "training");
  if (t != NULL) {
    t->team = team;
    t->model = model;
    t->options = *options;
    t->totals = (mst_train_totals){.accuracy = NAN, .loss = NAN, .train_loss = NAN};
  }
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_train_rows_create(team, model, rows, options, &t->rows);
  if (st == MST_OK) st = mst_team_agree(team, allocate(t, rows));
  if (st == MST_OK) st = allocate_shared(t);
  if (st == MST_OK) st = start(t);
  if (st != MST_OK) {
    mst_train_destroy(t);
    return st;
  }
  *out = t;
  return MST_OK;
}

void mst_train_destroy(mst_train *t) {
  if (t == NULL) return;
  mst_share_destroy(t->shown);
  mst_share_destroy(t->w);
  mst_train_rows_free(&t->rows);
  mst_train_coding_free(t->coding);
  mst_train_private_free(t->privacy);
  mst_model_work_destroy(t->work);
  mst_optim_destroy(t->optim);
  mst_ema_free(&t->ema);
  mst_free(t->count);
  mst_free(t->bytes);
  mst_free(t->part_bytes);
  mst_free(t->piece_bytes);
  mst_free(t->g);
  if (t->posted == NULL) mst_free(t->sum);
  mst_posted_sum_destroy(t->posted);
  mst_free(t->total);
  mst_free(t->wide);
  mst_free(t->mean);
  mst_free(t->fact);
  mst_free(t->part);
  mst_free(t->parts);
  mst_free(t);
}

const float *mst_train_parameters(const mst_train *t) {
  return mst_share_at(t->shown != NULL ? t->shown : t->w);
}

mst_train_totals mst_train_figures(const mst_train *t) {
  return t->totals;
}

mst_train_times mst_train_seconds(const mst_train *t) {
  return t->times;
}

void mst_train_plan(int ranks, int domains, const mst_model *model, int64_t rows,
                    const mst_train_options *o, int64_t *rank_bytes, int64_t *node_bytes) {
  int64_t n = model->parameters, shard = mst_ceil_div(n, ranks) + MST_OPTIM_BLOCK;
  const mst_optim_ops *ops = mst_optim_find(o->optimizer.kind);
  bool averages = o->ema > 0 || ops->averages;
  int vectors = ops->used != NULL ? ops->used(&o->optimizer) : ops->vectors;
  int64_t parts = mst_ceil_div(n, MST_OPTIM_BLOCK) + model->tensors;
  bool posted = overlaps(ranks, o);
  int64_t in_domain = mst_ceil_div(ranks, domains);
  *rank_bytes = n * (posted ? 4 : 4 + 8) +
                mst_least(shard, n) * ((posted ? 0 : 8) + 8 + 4 + 4 * (vectors + (o->ema > 0))) +
                parts * mst_most(1, ops->layer_sums) * 16 +
                mst_model_work_bytes(model, mst_most(MST_BLOCK_ROWS, o->block)) +
                mst_train_rows_bytes(ranks, domains, model, rows, o) +
                mst_train_coding_bytes(ranks, model, o);
  *node_bytes = n * 4 * (1 + averages) + rows * 8 + (posted ? in_domain * n * 8 : 0);
}

/* Bring what is evaluated up to date. Collective. */
static mst_status show(mst_train *t) {
  if (t->shown == NULL) return MST_OK;
  const float *w = mst_train_shard(t, t->w);
  float *shown = mst_train_shard(t, t->shown);
  if (t->options.ema > 0 && t->mine > 0)
    memcpy(shown, t->ema.mean, (size_t)t->mine * sizeof(float));
  else if (mst_train_private_keeps(t))
    mst_train_private_show(t, shown);
  else if (t->options.ema <= 0)
    mst_optim_average(t->optim, w, shown);
  mst_train_copy_running(t, w, shown); /* averages themselves */
  return mst_share_gather(t->shown, t->bytes);
}

static mst_status score(mst_train *t, const mst_test_rows *test, mst_metric *metric, int *n) {
  mst_score s;
  MST_TRY(show(t));
  if (test == NULL || test->rows == NULL) return MST_OK;
  MST_TRY(mst_score_test(t->team, t->model, mst_train_parameters(t), test, t->work, &s));
  t->totals.accuracy = s.accuracy;
  t->totals.loss = s.loss;
  if (!isnan(s.accuracy)) metric[(*n)++] = (mst_metric){"accuracy", s.accuracy};
  metric[(*n)++] = (mst_metric){"loss", s.loss};
  return MST_OK;
}

mst_status mst_train_confusion(mst_train *t, const mst_test_rows *test, int64_t classes,
                               int64_t *confusion) {
  return mst_score_confusion(t->team, t->model, mst_train_parameters(t), test, t->work, classes,
                             confusion);
}

/* Score and tell, when it is time; *end: that was the last step. Collective. */
static mst_status report(mst_train *t, const mst_test_rows *test, const mst_observer *o,
                         bool *end) {
  mst_metric metric[5];
  int n = 0;
  int64_t every = t->options.evaluate_every;
  const bool ended = mst_train_private_ended(t);
  *end = ended || t->totals.steps == t->steps;
  every = every < 0 ? t->epoch_steps : every;
  if (!ended && !mst_loop_due(t->totals.steps, t->steps, every)) return MST_OK;
  if (t->privacy == NULL) { /* the loss of private rows is not told */
    t->totals.train_loss = t->loss_sum / (double)t->loss_rows;
    t->loss_sum = 0;
    t->loss_rows = 0;
    metric[n++] = (mst_metric){"train_loss", t->totals.train_loss};
  }
  metric[n++] = (mst_metric){"lr", mst_train_lr(t, t->totals.steps - 1)};
  if (t->coding != NULL) metric[n++] = (mst_metric){"hostile", mst_train_coding_report(t)};
  if (t->privacy != NULL) mst_train_private_report(t, metric, &n);
  MST_TRY(score(t, test, metric, &n));
  t->totals.stopped = ended || mst_stop_reached(&t->options.stop, n, metric);
  *end = *end || t->totals.stopped;
  return o != NULL && o->on_round != NULL ? o->on_round(o->context, t->totals.steps, n, metric)
                                          : MST_OK;
}

/* Steps that an earlier start charged and did not keep may have been seen: they count as taken, and
 * are not taken again; nor are those that are left of a cycle whose groups were another start's. A
 * state whose steps were not charged is not gone on from. Collective. */
static mst_status pass_over_charged(mst_train *t) {
  const mst_private_options *o = t->options.privacy;
  if (o == NULL) return MST_OK;
  if (t->totals.steps > o->charged)
    return mst_fail(MST_ERR_INPUT,
                    "the checkpoint has taken %lld steps, and the ledger knows of %lld: it is not "
                    "the one in which this run was charged",
                    (long long)t->totals.steps, (long long)o->charged);
  int64_t charged = mst_least(o->charged, t->steps);
  for (; charged < t->steps && !mst_train_private_begins(t, charged); charged++)
    MST_TRY(o->charge(o->context, charged)); /* though it is not taken: both counts keep pace */
  t->totals.repeated += charged - t->totals.steps;
  t->totals.steps = charged;
  return MST_OK;
}

mst_status mst_train_run(mst_train *t, const mst_test_rows *test, const mst_observer *observer) {
  double begin = mst_clock_seconds();
  const mst_loop loop = mst_train_loop(t);
  MST_TRY(mst_train_restore(t, &loop, observer));
  bool end = t->totals.steps >= t->steps;
  MST_TRY(pass_over_charged(t));
  mst_status st = MST_OK;
  if (!end && t->totals.steps == t->steps) st = report(t, test, observer, &end);
  int64_t epochs = (t->steps - t->totals.steps) / t->epoch_steps;
  int64_t rest = (t->steps - t->totals.steps) % t->epoch_steps;
  mst_observer_phase(observer, "steps", epochs * t->rows.rows + rest * t->rows.batch, "rows");
  while (st == MST_OK && !end) {
    bool asked = false;
    st = mst_train_step(t, observer, &asked);
    if (st == MST_OK) mst_observer_step(observer, t->taken);
    if (st == MST_OK) st = report(t, test, observer, &end);
    if (st == MST_OK && !end) st = mst_loop_pause(&loop, observer, t->totals.steps, asked);
  }
  t->times.all = mst_clock_seconds() - begin;
  return st;
}
