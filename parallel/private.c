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
#include "core/privacy/discrete.h"
#include "core/privacy/whole.h"
#include "parallel/train_internal.h"

#define SLACK   (1 - 0x1p-16) /* of the clip: float32 norms and products are this close */
#define PIECE   2048          /* entries converted at a time, in cache                  */
#define ROWS    2             /* there may be in the store for one of the population    */
#define LARGEST 0x1p120F      /* entry of a sum of clipped gradients that is a number   */

struct mst_train_private {
  const mst_private_options *options;
  int64_t pieces, *piece; /* (pieces) this rank's own                       */
  int64_t span, *row;     /* (span) rows of a piece, and those that take part */
  float *x, *value;       /* (block, inputs), (block, outputs)              */
  int32_t *label;         /* (block)                                        */
  float *room;            /* for clipping a block                           */
  double *norm;           /* (block)                                        */
  double *noise;          /* (mine)                                         */
  double *wide;           /* (P) hardened: a row's gradient                 */
  int64_t *whole;         /* (P) hardened: on the grid; (mine) noise        */
  mst_discrete *law;      /* hardened                                       */
  int shift;
};

mst_status mst_private_grid(double clip, int64_t population, int *shift, int64_t *bound) {
  MST_TRY(mst_whole_shift(clip, MST_PRIVATE_SIGMA, ROWS * population, shift));
  *bound = mst_whole_bound(clip, *shift);
  return MST_OK;
}

int64_t mst_private_deal(int64_t rows, double q, int64_t block, int32_t *piece) {
  double fitting = 0.8 * (double)block / (q * MST_BLOCK_ROWS);
  int64_t span = MST_BLOCK_ROWS * (fitting < 1        ? 1
                                   : fitting < 0x1p30 ? (int64_t)fitting
                                                      : (int64_t)1 << 30);
  for (int64_t i = 0; i < rows; i++) piece[i] = (int32_t)(i / span);
  return mst_ceil_div(rows, span);
}

static mst_status check(const mst_train *t) {
  const mst_private_options *o = t->options.privacy;
  if (!(o->clip > 0) || !isfinite(o->clip) || !(o->sigma >= 0) || !isfinite(o->sigma))
    return mst_fail(MST_ERR_INPUT, "private steps need a clip above 0 and noise of 0 or more");
  if (o->hardened && o->sigma > MST_PRIVATE_SIGMA)
    return mst_fail(MST_ERR_INPUT, "privacy.sigma is %g; hardened noise has room for %g", o->sigma,
                    MST_PRIVATE_SIGMA);
  if (t->options.steps < 1)
    return mst_fail(MST_ERR_INPUT, "private training needs its number of steps");
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
static mst_status choose_grid(const mst_train *t, mst_train_private *p) {
  const mst_private_options *o = p->options;
  int64_t bound = 0, population = o->sampler->spec.population, rows = ROWS * population;
  if (t->rows.rows > rows)
    return mst_fail(MST_ERR_INPUT,
                    "privacy.population: there are more than twice the %lld rows that it says",
                    (long long)population);
  if (!o->hardened) {
    p->shift =
        mst_lattice_shift(mst_lattice_exponent(o->clip) + mst_lattice_exponent((double)rows));
    return MST_OK;
  }
  MST_TRY(mst_private_grid(o->clip, population, &p->shift, &bound));
  MST_TRY(mst_alloc(&p->law, 1, sizeof *p->law, "law of the noise"));
  MST_TRY(mst_alloc(&p->wide, t->model->parameters, sizeof *p->wide, "gradient of a row"));
  MST_TRY(mst_alloc(&p->whole, t->model->parameters, sizeof *p->whole, "gradient of a row"));
  return mst_discrete_gaussian(o->sigma * (double)bound, p->law);
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
  MST_TRY(choose_grid(t, p));
  p->span = mst_clients_rows(store, 0);
  MST_TRY(mst_alloc(&p->row, p->span, sizeof *p->row, "rows of a sample"));
  MST_TRY(mst_alloc(&p->x, block * t->model->inputs, sizeof *p->x, "block of rows"));
  MST_TRY(mst_alloc(&p->value, block * t->model->outputs, sizeof *p->value, "block of rows"));
  MST_TRY(mst_alloc(&p->label, block, sizeof *p->label, "block of rows"));
  MST_TRY(mst_alloc(&p->room, mst_model_clipped_room(t->model, block), sizeof *p->room,
                    "clipping of a block"));
  MST_TRY(mst_alloc(&p->norm, block, sizeof *p->norm, "norms of rows"));
  return mst_alloc(&p->noise, t->mine, sizeof *p->noise, "noise");
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
  mst_free(p->noise);
  mst_free(p->wide);
  mst_free(p->whole);
  mst_free(p->law);
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

/* Row by row; rows whose gradient is not finite are passed over. */
static void add_singly(mst_train *t, const mst_batch *b) {
  mst_train_private *p = t->privacy;
  for (int64_t i = 0; i < b->n; i++) {
    mst_batch row = one_row(t, b, i);
    if (mst_model_clipped_gradient(t->model, mst_share_at(t->w), &row, SLACK * p->options->clip,
                                   t->work, p->room, p->norm, t->g))
      (void)add_gradient(t);
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
    MST_TRY(
        mst_whole_clip(p->wide, n, MST_WHOLE_L2, p->options->clip, p->shift, p->whole, &finite));
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
  int64_t n = mst_sampler_take(p->options->sampler, base, piece->n, p->row);
  for (int64_t from = 0; from < n; from += t->options.block) {
    mst_batch b = gather_block(t, piece, base, from, mst_least(t->options.block, n - from));
    if (p->options->hardened)
      MST_TRY(add_whole(t, &b));
    else if (!mst_model_clipped_gradient(t->model, mst_share_at(t->w), &b, SLACK * p->options->clip,
                                         t->work, p->room, p->norm, t->g) ||
             !add_gradient(t))
      add_singly(t, &b);
  }
  return MST_OK;
}

/* This shard's entries of the step's one vector of noise. */
static void add_noise(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  const mst_private_options *o = p->options;
  mst_noise noise = mst_noise_of(&o->secret, MST_NOISE_SUM, 0, (uint64_t)step);
  if (o->hardened) {
    mst_noise_discrete(p->law, &noise, t->first, t->mine, p->whole);
    for (int64_t i = 0; i < t->mine; i++) t->total[i] += p->whole[i];
    mst_lattice_to(t->wide, t->total, t->mine, t->shift);
  } else {
    mst_lattice_to(t->wide, t->total, t->mine, t->shift);
    mst_noise_gaussian(&noise, t->first, t->mine, o->sigma * o->clip, p->noise);
    for (int64_t i = 0; i < t->mine; i++) t->wide[i] += p->noise[i];
  }
  mst_noise_wipe(&noise);
}

static mst_status take_sample(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  t->shift = p->shift;
  if (t->model->parameters > 0) memset(t->sum, 0, (size_t)t->model->parameters * sizeof *t->sum);
  mst_sampler_begin(p->options->sampler, &p->options->secret, step);
  for (int64_t i = 0; i < p->pieces; i++) MST_TRY(add_piece(t, p->piece[i]));
  return MST_OK;
}

mst_status mst_train_private_step(mst_train *t, const mst_observer *o, bool *asked) {
  mst_train_private *p = t->privacy;
  int64_t step = t->totals.steps;
  double start = mst_clock_seconds();
  MST_TRY(p->options->charge(p->options->context, step));
  double charged = mst_clock_seconds();
  MST_TRY(mst_team_agree(t->team, take_sample(t, step)));
  double taken = mst_clock_seconds();
  MST_TRY(mst_sum_scatter_i64(t->team, t->sum, t->count, t->total));
  add_noise(t, step);
  t->times.wait += charged - start;
  t->times.gradients += taken - charged;
  t->times.sums += mst_clock_seconds() - taken;
  t->taken = mst_team_rank(t->team) == 0 ? t->rows.batch : 0;
  return mst_team_any(t->team, mst_observer_stop(o), asked);
}
