/* A private step of data-parallel training; what it shares with other steps is in train_step.c.
 *
 * Rows whose gradient is not finite contribute nothing: they are found by their norms, and where
 * one is among a block's rows, the block is taken row by row, so that it changes no other row's
 * part. */
#include "parallel/private.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "core/model/ghost.h"
#include "core/privacy/whole.h"
#include "parallel/private_internal.h"

#define PIECE   2048          /* entries converted at a time, in cache                  */
#define LARGEST 0x1p120F      /* entry of a sum of clipped gradients that is a number   */

mst_status mst_private_grid(double clip, int64_t population, int *shift, int64_t *bound) {
  MST_TRY(mst_whole_shift(clip, MST_PRIVATE_SIGMA, MST_PRIVATE_ROWS * population, shift));
  *bound = mst_whole_bound(clip, *shift);
  return MST_OK;
}

bool mst_private_begins(const mst_private_options *o, int64_t step) {
  if (o->correlation == NULL) return mst_sampler_charged(o->sampler, step);
  return mst_correlation_kept(o->correlation) || mst_correlation_charged(o->correlation, step);
}

int64_t mst_private_deal(int64_t rows, double q, int64_t block, int32_t *piece) {
  double fitting = 0.8 * (double)block / (q * MST_BLOCK_ROWS);
  int64_t span = MST_BLOCK_ROWS * (fitting < 1        ? 1
                                   : fitting < 0x1p30 ? (int64_t)fitting
                                                      : (int64_t)1 << 30);
  for (int64_t i = 0; i < rows; i++) piece[i] = (int32_t)(i / span);
  return mst_ceil_div(rows, span);
}

static mst_status check_noise(const mst_private_options *o, double sigma) {
  if (!o->hardened || sigma <= MST_PRIVATE_SIGMA) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "privacy.sigma is %g; hardened noise has room for %g", sigma,
                  MST_PRIVATE_SIGMA);
}

mst_status mst_private_check_model(const mst_model *m) {
  return mst_model_refuse_shared(m, "private training",
                                 "a row's gradient depends on the other rows of its ghost batch, so "
                                 "a clip does not bound what one row changes");
}

mst_status mst_private_check_noise(const mst_private_options *o) {
  const mst_correlation *c = o->correlation;
  MST_TRY(mst_private_clip_check(o));
  if (c == NULL || c->ops == mst_correlation_find("independent")) return MST_OK;
  if (o->estimator != NULL && o->estimator->slots > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.correlation %s is of sums of gradients, and method.name %s adds up "
                    "differences; choose independent",
                    c->ops->name, o->estimator->ops->name);
  if (o->hardened && !c->ops->whole)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.correlation %s weighs draws by fractions, and hardened noise is of "
                    "whole numbers; choose tree",
                    c->ops->name);
  return MST_OK;
}

static mst_status check(const mst_train *t) {
  const mst_private_options *o = t->options.privacy;
  if (!(o->clip > 0) || !isfinite(o->clip) || !(o->sigma >= 0) || !isfinite(o->sigma))
    return mst_fail(MST_ERR_INPUT, "private steps need a clip above 0 and noise of 0 or more");
  MST_TRY(check_noise(o, o->sigma));
  for (int k = 0; o->estimator != NULL && k < o->estimator->kinds; k++)
    MST_TRY(check_noise(o, o->estimator->noise[k]));
  if (t->options.steps < 1)
    return mst_fail(MST_ERR_INPUT, "private training needs its number of steps");
  MST_TRY(mst_private_check_noise(o));
  if (o->correlation != NULL && o->correlation->steps != t->options.steps)
    return mst_fail(MST_ERR_INPUT, "the noise is for %lld steps, and %lld are taken",
                    (long long)o->correlation->steps, (long long)t->options.steps);
  if (t->options.coding.kind != NULL || t->options.attack.name != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED, "private steps are not coded");
  if (t->options.stop.metric != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED, "private training takes all its steps");
  return MST_OK;
}

static mst_status list_pieces(const mst_train *t, const mst_clients *store, mst_train_private *p) {
  int64_t n = mst_clients_count(store);
  MST_TRY(mst_alloc(&p->piece, n, sizeof *p->piece, "pieces of rows"));
  for (int64_t k = 0; k < n; k++)
    if (mst_clients_here(store, k) && mst_clients_owner(store, k) == mst_team_rank(t->team))
      p->piece[p->pieces++] = k;
  return MST_OK;
}

/* A bound of the sums, of public numbers alone: how many rows there are is none. */
mst_status mst_private_choose_grid(mst_train_private *p) {
  int64_t bound = 0, population = p->options->sampler->spec.population;
  double rows = (double)(MST_PRIVATE_ROWS * population);
  if (p->law == NULL) {
    p->shift = mst_lattice_shift(mst_lattice_exponent(p->clip) + mst_lattice_exponent(rows));
    return MST_OK;
  }
  MST_TRY(mst_private_grid(p->clip, population, &p->shift, &bound));
  return mst_discrete_gaussian(p->sigma * (double)bound, p->law);
}

/* What holds for all steps, unless a method says otherwise of one. */
static mst_status prepare_steps(const mst_train *t, mst_train_private *p) {
  const mst_private_options *o = p->options;
  int64_t population = o->sampler->spec.population;
  p->sampler = o->sampler;
  p->purpose = MST_NOISE_SUM;
  p->clip = o->clip;
  p->sigma = o->sigma;
  if (t->rows.rows > MST_PRIVATE_ROWS * population)
    return mst_fail(MST_ERR_INPUT,
                    "privacy.population: there are more than twice the %lld rows that it says",
                    (long long)population);
  if (o->hardened) {
    MST_TRY(mst_alloc(&p->law, 1, sizeof *p->law, "law of the noise"));
    MST_TRY(mst_alloc(&p->wide, t->model->parameters, sizeof *p->wide, "gradient of a row"));
    MST_TRY(mst_alloc(&p->whole, t->model->parameters, sizeof *p->whole, "gradient of a row"));
  }
  return mst_private_choose_grid(p);
}

/* Draws of a clip that moves are in units of it. */
static mst_status prepare_noise(mst_train *t, mst_train_private *p) {
  const mst_private_options *o = p->options;
  const mst_correlation_spec spec = {.kind = "independent"};
  if (o->correlation == NULL)
    MST_TRY(mst_correlation_create(&spec, o->sampler, t->options.steps, &p->independent));
  p->adaptive = mst_private_clip_begin(o);
  MST_TRY(mst_correlated_create(o->correlation != NULL ? o->correlation : p->independent,
                                &o->secret, o->sigma * (p->adaptive.moves ? 1 : o->clip), t->first,
                                t->mine, &p->correlated));
  return mst_alloc(&p->noise, t->mine, sizeof *p->noise, "noise");
}

mst_status mst_train_private_create(mst_train *t, const mst_clients *store,
                                    mst_train_private **out) {
  int64_t block = t->options.block;
  mst_train_private *p = NULL;
  *out = NULL;
  if (t->options.privacy == NULL) return MST_OK;
  MST_TRY(check(t));
  MST_TRY(mst_alloc(&p, 1, sizeof *p, "private steps"));
  *out = p;
  p->options = t->options.privacy;
  MST_TRY(list_pieces(t, store, p));
  MST_TRY(prepare_steps(t, p));
  p->span = mst_clients_rows(store, 0);
  MST_TRY(mst_alloc(&p->row, p->span, sizeof *p->row, "rows of a sample"));
  MST_TRY(mst_alloc(&p->x, block * t->model->inputs, sizeof *p->x, "block of rows"));
  MST_TRY(mst_alloc(&p->value, block * t->model->outputs, sizeof *p->value, "block of rows"));
  MST_TRY(mst_alloc(&p->label, block, sizeof *p->label, "block of rows"));
  int64_t room = mst_most(mst_model_clipped_room(t->model, block), mst_private_memory_room(t));
  MST_TRY(mst_alloc(&p->room, room, sizeof *p->room, "clipping of a block"));
  MST_TRY(mst_alloc(&p->norm, block, sizeof *p->norm, "norms of rows"));
  MST_TRY(prepare_noise(t, p));
  MST_TRY(mst_private_kept_create(t, &p->kept));
  return mst_private_memory_create(t, &p->memory);
}

void mst_train_private_free(mst_train_private *p) {
  if (p == NULL) return;
  mst_free(p->piece);
  mst_free(p->row);
  mst_free(p->x);
  mst_free(p->value);
  mst_free(p->label);
  mst_free(p->room);
  mst_free(p->norm);
  mst_correlated_destroy(p->correlated);
  mst_correlation_destroy(p->independent);
  mst_free(p->noise);
  mst_free(p->wide);
  mst_free(p->whole);
  mst_free(p->law);
  mst_private_memory_free(p->memory);
  mst_private_kept_free(p->kept);
  mst_free(p);
}

static bool all_finite(int64_t n, const float *g) {
  bool finite = true;
  for (int64_t i = 0; i < n; i++) finite = finite & (fabsf(g[i]) <= LARGEST);
  return finite;
}

/* sum(n) += sign g(n) on the grid. */
static void add_signed(mst_train *t, int64_t first, int64_t n, double sign) {
  double wide[PIECE];
  for (int64_t i = 0; i < n; i++) wide[i] = sign * (double)t->g[first + i];
  mst_lattice_add(t->sum + first, wide, n, t->shift);
}

/* Add the gradient to the sums on the grid; false, and nothing added, when it is not finite. */
static bool add_gradient(mst_train *t) {
  int64_t n = t->model->parameters, done = 0;
  for (int64_t m; done < n; done += m) {
    m = mst_least(n - done, PIECE);
    if (!all_finite(m, t->g + done)) break;
    add_signed(t, done, m, 1);
  }
  for (int64_t back = 0; done < n && back < done; back += PIECE) /* done is whole pieces */
    add_signed(t, back, PIECE, -1);
  return done >= n;
}

static mst_batch one_row(const mst_train *t, const mst_batch *b, int64_t i) {
  return (mst_batch){.n = 1,
                     .x = b->x + i * t->model->inputs,
                     .label = b->label != NULL ? b->label + i : NULL,
                     .value = b->value != NULL ? b->value + i * t->model->outputs : NULL};
}

/* The sum of a block's clipped gradients, or differences, into t->g; false when one is not finite. */
static bool clip_block(mst_train *t, const mst_batch *b) {
  mst_train_private *p = t->privacy;
  if (p->from != NULL) return mst_private_clip_difference(t, b);
  return mst_model_clipped_gradient(t->model, mst_share_at(t->w), b, MST_PRIVATE_SLACK * p->clip,
                                    t->work, p->room, p->norm, t->g);
}

static void count_block(mst_train *t, const mst_batch *b) {
  mst_private_clip_count(&t->privacy->adaptive, b->n, t->privacy->norm);
}

/* Row by row; rows whose gradient is not finite are passed over. */
static void add_singly(mst_train *t, const mst_batch *b) {
  for (int64_t i = 0; i < b->n; i++) {
    mst_batch row = one_row(t, b, i);
    if (clip_block(t, &row) && add_gradient(t)) count_block(t, &row);
  }
}

/* The same, each gradient clipped and rounded in integers. */
static mst_status add_whole(mst_train *t, const mst_batch *b) {
  mst_train_private *p = t->privacy;
  int64_t n = t->model->parameters;
  for (int64_t i = 0; i < b->n; i++) {
    mst_batch row = one_row(t, b, i);
    bool finite = true;
    mst_model_gradient(t->model, mst_share_at(t->w), &row, t->work, t->g, NULL);
    for (int64_t k = 0; k < n; k++) p->wide[k] = (double)t->g[k];
    if (p->from != NULL) {
      mst_private_gradient_from(t, &row);
      for (int64_t k = 0; k < n; k++) p->wide[k] -= (double)t->g[k];
    }
    MST_TRY(mst_whole_clip(p->wide, n, MST_WHOLE_L2, p->clip, p->shift, p->whole, &finite));
    for (int64_t k = 0; k < n; k++) t->sum[k] += p->whole[k];
  }
  return MST_OK;
}

/* Rows row[from .. from + n) of a piece, side by side. */
static mst_batch gather_block(mst_train *t, const mst_batch *piece, int64_t base, int64_t from,
                              int64_t n) {
  mst_train_private *p = t->privacy;
  int64_t inputs = t->model->inputs, outputs = t->model->outputs;
  for (int64_t k = 0; k < n; k++) {
    int64_t at = p->row[from + k] - base;
    memcpy(p->x + k * inputs, piece->x + at * inputs, (size_t)inputs * sizeof *p->x);
    if (t->rows.classes)
      p->label[k] = piece->label[at];
    else
      memcpy(p->value + k * outputs, piece->value + at * outputs,
             (size_t)outputs * sizeof *p->value);
  }
  return (mst_batch){.n = n,
                     .x = p->x,
                     .label = t->rows.classes ? p->label : NULL,
                     .value = t->rows.classes ? NULL : p->value};
}

static mst_status add_piece(mst_train *t, int64_t k) {
  mst_train_private *p = t->privacy;
  const mst_batch *piece = &t->rows.piece[k];
  int64_t base = k * p->span;
  int64_t n = mst_sampler_take(p->sampler, base, piece->n, p->row);
  for (int64_t from = 0; from < n; from += t->options.block) {
    mst_batch b = gather_block(t, piece, base, from, mst_least(t->options.block, n - from));
    if (p->options->hardened)
      MST_TRY(add_whole(t, &b));
    else if (clip_block(t, &b) && add_gradient(t))
      count_block(t, &b);
    else
      add_singly(t, &b);
  }
  return MST_OK;
}

/* This shard's entries of the step's one vector of noise, before a moving clip is their unit. */
static void draw_noise(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  if (p->memory == NULL && p->law != NULL) {
    mst_correlated_whole(p->correlated, p->law, step, p->whole);
  } else if (p->memory == NULL) {
    mst_correlated_noise(p->correlated, step, p->noise);
  } else {
    mst_noise noise = mst_noise_of(&p->options->secret, p->purpose, 0, (uint64_t)step);
    if (p->law != NULL)
      mst_noise_discrete(p->law, &noise, t->first, t->mine, p->whole);
    else
      mst_noise_gaussian(&noise, t->first, t->mine, p->sigma * p->clip, p->noise);
    mst_noise_wipe(&noise);
  }
}

/* They go to the sum. */
static void add_noise(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  if (p->options->hardened) {
    draw_noise(t, step);
    for (int64_t i = 0; i < t->mine; i++) t->total[i] += p->whole[i];
    mst_lattice_to(t->wide, t->total, t->mine, t->shift);
  } else {
    double unit = p->adaptive.moves ? p->clip : 1;
    mst_lattice_to(t->wide, t->total, t->mine, t->shift);
    draw_noise(t, step);
    for (int64_t i = 0; i < t->mine; i++) t->wide[i] += unit * p->noise[i];
  }
}

/* What the step releases, of which sample, on which grid. Collective. */
static mst_status begin_step(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  if (p->memory != NULL)
    MST_TRY(mst_private_memory_begin(t, step));
  else
    mst_sampler_begin(p->sampler, &p->options->secret, step);
  if (p->adaptive.moves) { /* on a grid for the greatest, rounding could exceed a small clip */
    p->clip = p->adaptive.now;
    MST_TRY(mst_private_choose_grid(p));
  }
  t->shift = p->shift;
  if (t->model->parameters > 0) memset(t->sum, 0, (size_t)t->model->parameters * sizeof *t->sum);
  return MST_OK;
}

static mst_status take_sample(mst_train *t) {
  mst_train_private *p = t->privacy;
  for (int64_t i = 0; i < p->pieces; i++) MST_TRY(add_piece(t, p->piece[i]));
  return MST_OK;
}

/* The sum over all ranks, with its noise, into wide(mine). Collective. */
static mst_status release_sum(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  double start = mst_clock_seconds();
  if (p->clip == 0) {
    for (int64_t i = 0; i < t->mine; i++) t->wide[i] = 0;
    return mst_team_barrier(t->team); /* as the sum would be */
  }
  MST_TRY(mst_team_agree(t->team, take_sample(t)));
  double taken = mst_clock_seconds();
  MST_TRY(mst_sum_scatter_i64(t->team, t->sum, t->count, t->total));
  add_noise(t, step);
  t->times.gradients += taken - start;
  t->times.sums += mst_clock_seconds() - taken;
  return MST_OK;
}

mst_status mst_train_private_step(mst_train *t, const mst_observer *o, bool *asked) {
  mst_train_private *p = t->privacy;
  int64_t step = t->totals.steps;
  double start = mst_clock_seconds();
  MST_TRY(p->options->charge(p->options->context, step));
  t->times.wait += mst_clock_seconds() - start;
  mst_private_kept_add(t);
  MST_TRY(begin_step(t, step));
  MST_TRY(release_sum(t, step));
  MST_TRY(mst_private_clip_move(&p->adaptive, t->team, p->options, step));
  if (p->memory != NULL) MST_TRY(mst_private_memory_end(t));
  t->taken = mst_team_rank(t->team) == 0 ? t->rows.batch : 0;
  return mst_team_any(t->team, mst_observer_stop(o), asked);
}

double mst_train_private_scale(const mst_train *t) {
  return t->privacy->memory != NULL ? 1 : 1 / mst_sampler_expected(t->options.privacy->sampler);
}

void mst_train_private_report(const mst_train *t, mst_metric *metric, int *n) {
  const mst_private_clip *c = &t->privacy->adaptive;
  if (c->moves) metric[(*n)++] = (mst_metric){"clip", c->now};
}
