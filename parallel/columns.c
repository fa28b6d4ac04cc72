/* Shifts and scales of columns. The shift is the mean of the first block, rounded to float32 so
 * that subtracting it is exact for values of its size; the scale comes from the largest sum of
 * squares of a block. A mean of one block and a maximum over blocks are the same whatever the rank
 * count, which a rounded sum over ranks would not be. doc/methods/lattice.md, "The Gram matrix". */
#include "parallel/columns.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/clock.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "parallel/clip.h"

#define JOIN_STEPS 0x1p30 /* of a look at the room of sums: what a block adds is rounded up */
#define JOIN_MOST  0x1p8  /* of one block: more than any sums have room for */

typedef struct column_work {
  mst_team *team;
  const mst_roster *roster;
  const mst_block_source *source;
  const mst_observer *observer;
  mst_columns *out;
  double *largest; /* (n) largest sum of squares of a block so far */
  double *block;   /* (n) of the block at hand                     */
  int64_t *count;  /* (n) squares on the scales so far in steps of 1 / JOIN_STEPS, or NULL */
} column_work;

void mst_columns_free(mst_columns *c) {
  mst_free(c->shift);
  mst_free(c->scale);
  *c = (mst_columns){0};
}

/* The rank that owns the first block. */
static int first_owner(const mst_team *team, const mst_roster *r) {
  int rank = 0;
  while (rank + 1 < mst_team_size(team) && r->rank_block[rank + 1] == 0) rank++;
  return rank;
}

static void block_means(const column_work *w, int64_t rows, const float *f, const float *t) {
  int64_t d = w->source->features, c = w->source->targets;
  double *mean = w->out->shift;
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < d; j++) mean[j] += (double)f[i * d + j];
    for (int64_t j = 0; j < c; j++) mean[d + j] += (double)t[i * c + j];
  }
  for (int64_t j = 0; j < d + c; j++) {
    mean[j] = (double)(float)(mean[j] / (double)rows);
    if (!isfinite(mean[j])) mean[j] = 0; /* found and named when the norms are taken */
  }
}

/* Collective. */
static mst_status find_shift(const column_work *w) {
  if (w->roster->blocks == 0) return MST_OK;
  int owner = first_owner(w->team, w->roster);
  bool found = false;
  mst_status st = MST_OK;
  for (int64_t g = 0; st == MST_OK && !found && g < w->source->groups; g++) {
    int64_t first = 0, blocks = 0;
    st = w->source->load(w->source->context, g, &first, &blocks);
    bool mine = st == MST_OK && mst_team_rank(w->team) == owner && first == 0 && blocks > 0;
    if (mine) {
      const float *f = NULL, *t = NULL;
      st = w->source->block(w->source->context, 0, &f, &t);
      if (st == MST_OK) block_means(w, w->roster->block[0].rows, f, t);
    }
    st = mst_team_agree(w->team, st);
    if (st == MST_OK) st = mst_team_any(w->team, mine, &found);
  }
  if (st == MST_OK)
    st = mst_team_bcast(w->team, w->out->shift, w->out->n * (int64_t)sizeof(double), owner);
  return st;
}

/* Of a block whose rows count 1 each, or by weight(rows). */
static void add_squares(const column_work *w, int64_t rows, const double *weight, const float *f,
                        const float *t) {
  int64_t d = w->source->features, c = w->source->targets;
  double all = 0;
  const double *shift = w->out->shift;
  double *square = w->block;
  memset(square, 0, (size_t)w->out->n * sizeof *square);
  for (int64_t i = 0; i < rows; i++) {
    const double each = weight != NULL ? weight[i] : 1;
    for (int64_t j = 0; j < d; j++) {
      double x = (double)f[i * d + j] - shift[j];
      square[j] += each * (x * x);
    }
    for (int64_t j = 0; j < c; j++) {
      double x = (double)t[i * c + j] - shift[d + j];
      square[d + j] += each * (x * x);
    }
    all += each;
  }
  square[d + c] = all;
  for (int64_t j = 0; j < w->out->n; j++)
    if (!(square[j] <= w->largest[j])) w->largest[j] = isfinite(square[j]) ? square[j] : INFINITY;
  for (int64_t j = 0; w->count != NULL && j < w->out->n; j++) {
    const double scaled = square[j] * w->out->scale[j] * w->out->scale[j];
    w->count[j] += (int64_t)ceil((scaled <= JOIN_MOST ? scaled : JOIN_MOST) * JOIN_STEPS);
  }
}

/* Collective. */
static mst_status find_norms(const column_work *w) {
  mst_status st = MST_OK;
  for (int64_t g = 0; st == MST_OK && g < w->source->groups; g++) {
    int64_t first = 0, blocks = 0;
    st = w->source->load(w->source->context, g, &first, &blocks);
    for (int64_t b = first; st == MST_OK && b < first + blocks && !mst_observer_stop(w->observer);
         b++) {
      const float *f = NULL, *t = NULL;
      st = w->source->block(w->source->context, b, &f, &t);
      if (st != MST_OK) break;
      add_squares(w, w->roster->block[b].rows, mst_block_weight(w->source, &w->roster->block[b]), f,
                  t);
      mst_observer_step(w->observer, w->roster->block[b].rows);
    }
    st = mst_team_agree(w->team, st);
  }
  return st == MST_OK ? mst_max_f64(w->team, w->largest, w->out->n) : st;
}

/* norm^2 <= blocks * largest block. The factor covers the rounding of the squares' sums. */
static mst_status set_scales(const column_work *w) {
  for (int64_t j = 0; j < w->out->n; j++) {
    double square = w->largest[j] * (double)w->roster->blocks;
    if (!isfinite(square))
      return mst_fail(MST_ERR_NONFINITE,
                      "column %lld of the features and targets has values that are not finite or "
                      "whose squares overflow; scale the data down",
                      (long long)j);
    w->out->scale[j] =
        square > 0 ? ldexp(1.0, -mst_lattice_exponent(sqrt(square) * (1 + 0x1p-40))) : 1;
  }
  return MST_OK;
}

mst_status mst_columns_find(mst_team *team, const mst_roster *roster,
                            const mst_block_source *source, bool centre,
                            const mst_observer *observer, double *seconds, mst_columns *out) {
  *out = (mst_columns){.n = source->features + source->targets + 1};
  column_work w = {
      .team = team, .roster = roster, .source = source, .observer = observer, .out = out};
  double start = mst_clock_seconds();
  mst_status st = mst_alloc(&out->shift, out->n, sizeof *out->shift, "column shifts");
  if (st == MST_OK) st = mst_alloc(&out->scale, out->n, sizeof *out->scale, "column scales");
  if (st == MST_OK) st = mst_alloc(&w.largest, out->n, sizeof *w.largest, "column norms");
  if (st == MST_OK) st = mst_alloc(&w.block, out->n, sizeof *w.block, "column norms of a block");
  st = mst_team_agree(team, st);
  if (st == MST_OK && centre) st = find_shift(&w);
  if (st == MST_OK) st = find_norms(&w);
  if (st == MST_OK) st = set_scales(&w);
  mst_free(w.largest);
  mst_free(w.block);
  if (st != MST_OK) mst_columns_free(out);
  *seconds += mst_clock_seconds() - start;
  return st;
}

/* Columns that were never used take their new scales; the others must have room. */
static mst_status join_scales(const column_work *w, const double *filled, int room,
                              double *old) {
  mst_columns *c = w->out;
  memcpy(old, c->scale, (size_t)c->n * sizeof *old);
  MST_TRY(set_scales(w));
  for (int64_t j = 0; j < c->n; j++) {
    if (filled[j] < 0) {
      c->scale[j] = ldexp(c->scale[j], -room);
      continue;
    }
    c->scale[j] = old[j];
    if (filled[j] + (double)w->count[j] / JOIN_STEPS > 1)
      return mst_fail(MST_ERR_INPUT,
                      "column %lld of the features and targets: the rows that join have %.3g times "
                      "the squares that the kept sums have room for; train anew on all rows, or from "
                      "the start with a larger analytic.room",
                      (long long)j, (double)w->count[j] / JOIN_STEPS / (1 - filled[j]));
  }
  return MST_OK;
}

mst_status mst_columns_join(mst_team *team, const mst_roster *roster,
                            const mst_block_source *source, const double *filled, int room,
                            const mst_observer *observer, double *seconds, mst_columns *out) {
  column_work w = {
      .team = team, .roster = roster, .source = source, .observer = observer, .out = out};
  double start = mst_clock_seconds(), *old = NULL;
  mst_status st = mst_alloc(&w.largest, out->n, sizeof *w.largest, "column norms");
  if (st == MST_OK) st = mst_alloc(&w.block, out->n, sizeof *w.block, "column norms of a block");
  if (st == MST_OK) st = mst_alloc(&w.count, out->n, sizeof *w.count, "column norms in steps");
  if (st == MST_OK) st = mst_alloc(&old, out->n, sizeof *old, "column scales");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = find_norms(&w);
  if (st == MST_OK) st = mst_sum_i64(team, w.count, out->n);
  if (st == MST_OK) st = join_scales(&w, filled, room, old);
  mst_free(w.largest);
  mst_free(w.block);
  mst_free(w.count);
  mst_free(old);
  *seconds += mst_clock_seconds() - start;
  return st;
}

/* Columns of rows that are at most so long: their norm is at most sqrt(rows) bound. */
static mst_status bound_scale(double bound, double rows, double *scale) {
  const double norm = bound * sqrt(rows) * (1 + 0x1p-40);
  if (!(bound > 0 && norm < 0x1p500 && norm > 0x1p-500))
    return mst_fail(MST_ERR_INPUT,
                    "a bound of %g for the rows: give a positive one that is neither "
                    "huge nor tiny",
                    bound);
  *scale = ldexp(1.0, -mst_lattice_exponent(norm));
  return MST_OK;
}

mst_status mst_columns_public(const mst_block_source *source, double bound, double target_bound,
                              double rows, mst_columns *out) {
  const int64_t d = source->features, n = d + source->targets + 1;
  double features = 0, targets = 0, ones = 0;
  *out = (mst_columns){.n = n, .bound = bound, .target_bound = target_bound};
  MST_TRY(bound_scale(bound, rows, &features));
  MST_TRY(bound_scale(target_bound, rows, &targets));
  MST_TRY(bound_scale(1, rows, &ones));
  mst_status st = mst_alloc(&out->shift, n, sizeof *out->shift, "column shifts");
  if (st == MST_OK) st = mst_alloc(&out->scale, n, sizeof *out->scale, "column scales");
  if (st != MST_OK) {
    mst_columns_free(out);
    return st;
  }
  for (int64_t j = 0; j < n; j++) out->scale[j] = j < d ? features : j < n - 1 ? targets : ones;
  return MST_OK;
}

static mst_status shorten(int64_t n, double bound, double *row) {
  const double factor = mst_clip_factor(n, row, bound);
  if (factor == 0)
    return mst_fail(MST_ERR_NONFINITE,
                    "a row has features or targets that are not finite; scale the data down");
  for (int64_t j = 0; j < n && factor < 1; j++) row[j] *= factor;
  return MST_OK;
}

/* Products of such rows are weighted products. */
static void weigh(int64_t n, const double *weight, mst_matrix *z) {
  for (int64_t i = 0; weight != NULL && i < z->rows; i++) {
    const double root = sqrt(weight[i]);
    double *row = mst_matrix_row(z, i);
    for (int64_t j = 0; j < n; j++) row[j] *= root;
  }
}

static mst_status apply_public(const mst_columns *c, const mst_block_source *source,
                               const float *features, const float *targets, mst_matrix *z) {
  const int64_t d = source->features, t = source->targets;
  for (int64_t i = 0; i < z->rows; i++) {
    double *row = mst_matrix_row(z, i);
    for (int64_t j = 0; j < d; j++) row[j] = (double)features[i * d + j];
    for (int64_t j = 0; j < t; j++) row[d + j] = (double)targets[i * t + j];
    row[d + t] = 1;
    MST_TRY(shorten(d, c->bound, row));
    MST_TRY(shorten(t, c->target_bound, row + d));
    for (int64_t j = 0; j < c->n; j++) row[j] *= c->scale[j];
  }
  return MST_OK;
}

mst_status mst_columns_apply(const mst_columns *c, const mst_block_source *source,
                             const float *features, const float *targets, const double *weight,
                             mst_matrix *z) {
  int64_t d = source->features, t = source->targets;
  if (c->bound > 0) {
    MST_TRY(apply_public(c, source, features, targets, z));
    weigh(c->n, weight, z);
    return MST_OK;
  }
  for (int64_t i = 0; i < z->rows; i++) {
    double *row = mst_matrix_row(z, i);
    for (int64_t j = 0; j < d; j++)
      row[j] = ((double)features[i * d + j] - c->shift[j]) * c->scale[j];
    for (int64_t j = 0; j < t; j++)
      row[d + j] = ((double)targets[i * t + j] - c->shift[d + j]) * c->scale[d + j];
    row[d + t] = c->scale[d + t];
  }
  weigh(c->n, weight, z);
  return MST_OK;
}
