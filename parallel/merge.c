/* Merging of networks over ranks. Activations are looked at twice: for the mean and the size of
 * each unit, then for the products of units that are scaled to mean 0 and norm 1 over all rows. No
 * entry of such a sum is larger than 1, so it lies on the tally's grid whatever the networks are.
 */
#include "parallel/merge.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/merge/path.h"
#include "parallel/tally.h"

enum {
  PIECE = 256,                   /* positions in one product                */
  MOMENTS = 2 * MST_TALLY_SCALES /* entries of a unit: its sum, its squares */
};

/* A unit whose variance is below this part of its mean square is the same on all rows. */
static const double least_variance = 1e-12;

typedef struct looks {
  const mst_model *model;
  const mst_symmetry *s;
  const float *w[2];
  mst_model_work *work[2];
  float *scores;        /* (MST_BLOCK_ROWS, outputs), not wanted                      */
  int64_t *positions;   /* (sets) of a row                                            */
  mst_tally moments;    /* (2, units, MOMENTS)                                        */
  double *sum, *square; /* (largest set)                                              */
  double *mean, *scale; /* (2, units)                                                 */
  double *piece[2];     /* (PIECE, largest set)                                       */
  double *value;        /* (largest set squared)                                      */
  mst_tally *product;   /* (sets)                                                     */
  double **likeness;    /* (sets)                                                     */
} looks;

static int64_t largest_set(const mst_symmetry *s) {
  int64_t most = 0;
  for (int i = 0; i < s->sets; i++) most = mst_most(most, s->set[i].count);
  return most;
}

static mst_status allocate(looks *l) {
  const mst_symmetry *s = l->s;
  int64_t most = largest_set(s);
  for (int k = 0; k < 2; k++) {
    MST_TRY(mst_model_work_create(l->model, MST_BLOCK_ROWS, &l->work[k]));
    MST_TRY(mst_alloc(&l->piece[k], PIECE * most, sizeof *l->piece[k], "activations of units"));
  }
  MST_TRY(mst_alloc(&l->scores, MST_BLOCK_ROWS * l->model->outputs, sizeof *l->scores, "scores"));
  MST_TRY(mst_alloc(&l->positions, s->sets, sizeof *l->positions, "sets of units"));
  MST_TRY(mst_tally_create(2 * s->units * MOMENTS, "moments of units", &l->moments));
  MST_TRY(mst_alloc(&l->sum, most, sizeof *l->sum, "sums of units"));
  MST_TRY(mst_alloc(&l->square, most, sizeof *l->square, "sums of units"));
  MST_TRY(mst_alloc(&l->mean, 2 * s->units, sizeof *l->mean, "means of units"));
  MST_TRY(mst_alloc(&l->scale, 2 * s->units, sizeof *l->scale, "sizes of units"));
  MST_TRY(mst_alloc(&l->value, most * most, sizeof *l->value, "products of units"));
  MST_TRY(mst_alloc(&l->product, s->sets, sizeof *l->product, "sets of units"));
  MST_TRY(mst_alloc(&l->likeness, s->sets, sizeof *l->likeness, "sets of units"));
  for (int i = 0; i < s->sets; i++) {
    int64_t pairs = s->set[i].count * s->set[i].count;
    MST_TRY(mst_tally_create(pairs, "correlations of units", &l->product[i]));
    MST_TRY(mst_alloc(&l->likeness[i], pairs, sizeof *l->likeness[i], "correlations of units"));
  }
  return MST_OK;
}

static void release(looks *l) {
  for (int i = 0; i < l->s->sets; i++) {
    if (l->product != NULL) mst_tally_free(&l->product[i]);
    if (l->likeness != NULL) mst_free(l->likeness[i]);
  }
  mst_free(l->likeness);
  mst_free(l->product);
  mst_free(l->value);
  mst_free(l->scale);
  mst_free(l->mean);
  mst_free(l->square);
  mst_free(l->sum);
  mst_tally_free(&l->moments);
  mst_free(l->positions);
  mst_free(l->scores);
  for (int k = 0; k < 2; k++) {
    mst_free(l->piece[k]);
    mst_model_work_destroy(l->work[k]);
  }
}

/* Both networks over the batch. */
static void pass(looks *l, const mst_batch *batch) {
  for (int k = 0; k < 2; k++)
    mst_model_scores(l->model, l->w[k], batch->n, batch->x, l->work[k], l->scores);
}

/* (*n, count): what the set's units of network k came to in the last pass. */
static const float *activations(const looks *l, int k, const mst_units *u, const mst_batch *batch,
                                int64_t *n) {
  int64_t width = 0;
  const float *x = mst_model_given(l->model, l->work[k], batch->n, batch->x, u->reader, &width);
  *n = batch->n * (width / u->count);
  return x;
}

static mst_status add_moments(looks *l, int k, const mst_units *u, const mst_batch *batch) {
  int64_t n = 0, c = u->count;
  const float *x = activations(l, k, u, batch, &n);
  memset(l->sum, 0, (size_t)c * sizeof *l->sum);
  memset(l->square, 0, (size_t)c * sizeof *l->square);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < c; j++) {
      double y = (double)x[i * c + j];
      l->sum[j] += y;
      l->square[j] += y * y;
    }
  for (int64_t j = 0; j < c; j++) {
    int64_t at = (k * l->s->units + u->first + j) * MOMENTS;
    if (!mst_tally_add_scaled(&l->moments, at, l->sum[j]) ||
        !mst_tally_add_scaled(&l->moments, at + MST_TALLY_SCALES, l->square[j]))
      return mst_fail(MST_ERR_NONFINITE, "%s: what unit %lld comes to on the rows is not finite",
                      u->name, (long long)j);
  }
  l->positions[u - l->s->set] = n / batch->n;
  return MST_OK;
}

static mst_status visit_moments(void *context, const mst_batch *batch) {
  looks *l = context;
  pass(l, batch);
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < l->s->sets; i++) MST_TRY(add_moments(l, k, &l->s->set[i], batch));
  return MST_OK;
}

/* Means and sizes over all rows, from total(2, units, MOMENTS). */
static void set_moments(looks *l, int64_t rows, const double *total) {
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < l->s->sets; i++) {
      const mst_units *u = &l->s->set[i];
      double n = (double)(rows * l->positions[i]);
      for (int64_t j = 0; j < u->count; j++) {
        int64_t at = k * l->s->units + u->first + j;
        double sum = mst_tally_scaled(total + at * MOMENTS);
        double square = mst_tally_scaled(total + at * MOMENTS + MST_TALLY_SCALES);
        double around = square - sum * (sum / n);
        l->mean[at] = sum / n;
        l->scale[at] = around > least_variance * square ? 1.0 / sqrt(around) : 0.0;
      }
    }
}

static mst_status find_moments(mst_team *team, looks *l, int64_t rows) {
  double *total = NULL;
  mst_status st =
      mst_team_agree(team, mst_alloc(&total, l->moments.n, sizeof *total, "moments of units"));
  if (st == MST_OK) st = mst_tally_total(team, &l->moments, total);
  if (st == MST_OK) st = mst_max_i64(team, l->positions, l->s->sets);
  if (st == MST_OK) set_moments(l, rows, total);
  mst_free(total);
  return st;
}

static void scale_piece(const looks *l, int k, const mst_units *u, int64_t n, const float *x) {
  const double *mean = l->mean + k * l->s->units + u->first;
  const double *scale = l->scale + k * l->s->units + u->first;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < u->count; j++)
      l->piece[k][i * u->count + j] = ((double)x[i * u->count + j] - mean[j]) * scale[j];
}

static mst_status visit_products(void *context, const mst_batch *batch) {
  looks *l = context;
  pass(l, batch);
  for (int s = 0; s < l->s->sets; s++) {
    const mst_units *u = &l->s->set[s];
    int64_t n = 0, c = u->count;
    const float *a = activations(l, 0, u, batch, &n), *b = activations(l, 1, u, batch, &n);
    memset(l->value, 0, (size_t)(c * c) * sizeof *l->value);
    for (int64_t at = 0; at < n; at += PIECE) {
      int64_t m = mst_least(n - at, PIECE);
      scale_piece(l, 0, u, m, a + at * c);
      scale_piece(l, 1, u, m, b + at * c);
      mst_gemm(true, false, c, c, m, 1.0, l->piece[0], c, l->piece[1], c, 1.0, l->value, c);
    }
    mst_tally_add(&l->product[s], 0, c * c, l->value);
  }
  return MST_OK;
}

/* The correlations of all pairs of units, of each set. Collective. */
static mst_status look(mst_team *team, looks *l, const mst_test_rows *rows) {
  MST_TRY(mst_score_walk(team, allocate(l), rows, l, visit_moments));
  MST_TRY(find_moments(team, l, rows->roster->rows));
  MST_TRY(mst_score_walk(team, MST_OK, rows, l, visit_products));
  for (int i = 0; i < l->s->sets; i++)
    MST_TRY(mst_tally_total(team, &l->product[i], l->likeness[i]));
  return MST_OK;
}

mst_status mst_merge_match(mst_team *team, const mst_model *model, const mst_matching_ops *ops,
                           const mst_match_pair *pair, const mst_test_rows *rows, int64_t *unit) {
  mst_match_pair p = *pair;
  looks l = {.model = model, .s = pair->symmetry, .w = {pair->a, pair->b}};
  mst_status st = ops->looks ? look(team, &l, rows) : MST_OK;
  p.likeness = (const double *const *)l.likeness;
  if (st == MST_OK && mst_team_rank(team) == 0) st = mst_matching_match(ops, &p, unit);
  st = mst_team_agree(team, st);
  release(&l);
  MST_TRY(st);
  return mst_team_bcast(team, unit, p.symmetry->units * (int64_t)sizeof *unit, 0);
}

mst_status mst_merge_path(mst_team *team, const mst_model *model, const float *a, const float *b,
                          int points, const mst_test_rows *rows, mst_score *score) {
  float *w = NULL;
  mst_model_work *work = NULL;
  mst_status st = mst_alloc(&w, model->parameters, sizeof *w, "a network on the path");
  if (st == MST_OK) st = mst_model_work_create(model, MST_BLOCK_ROWS, &work);
  st = mst_team_agree(team, st);
  for (int i = 0; i < points && st == MST_OK; i++) {
    mst_merge_point(model->parameters, a, b, mst_merge_place(points, i), w);
    st = mst_score_test(team, model, w, rows, work, &score[i]);
  }
  mst_model_work_destroy(work);
  mst_free(w);
  return st;
}
