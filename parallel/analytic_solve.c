/* From summed statistics to a model: centring and scaling, the ridge solution, how near to singular
 * the system was, the training loss. doc/methods/analytic.md, equations (10) to (16). */
#include <float.h>
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/analytic_internal.h"

/* A training loss that cancels further is not reported. */
#define RESIDUAL_DIGITS    0x1p-26
#define SINGULAR_CONDITION 0x1p50 /* 1 / (4 eps): the solution has no right digit beyond this   */

typedef struct scaling {
  int64_t d, n; /* features; order of the statistics, whose last row is the sums */
  double rows;
  const double *shift; /* (n) that the statistics' columns were reduced by           */
  double *sum;         /* (n) of each column, reduced                                    */
  double *inverse;     /* (n) 1 / standard deviation of features; 1 for targets          */
} scaling;

/* Means and standard deviations from the statistics. Equations (10), (11). */
static mst_status find_scaling(const mst_tiles *t, const mst_analytic_options *options,
                               scaling *s) {
  double *diagonal = NULL;
  mst_status st = mst_alloc(&s->sum, s->n, sizeof *s->sum, "sums of columns");
  if (st == MST_OK) st = mst_alloc(&s->inverse, s->n, sizeof *s->inverse, "scales of columns");
  if (st == MST_OK) st = mst_alloc(&diagonal, s->n, sizeof *diagonal, "diagonal");
  st = mst_team_agree(t->grid->team, st);
  if (st == MST_OK) st = mst_tiles_part(t, true, s->n - 1, 1, 0, s->n, s->sum);
  if (st == MST_OK) st = mst_tiles_diagonal(t, diagonal);
  if (st == MST_OK) {
    s->rows = s->sum[s->n - 1];
    if (!options->bias) memset(s->sum, 0, (size_t)(s->n - 1) * sizeof *s->sum);
    for (int64_t j = 0; j < s->n; j++) {
      double square = diagonal[j] - s->sum[j] * s->sum[j] / s->rows;
      /* A constant feature leaves only rounding: it carries nothing, its weight shall be 0. */
      bool constant = square <= 0x1p-44 * diagonal[j];
      s->inverse[j] = 1;
      if (j < s->d && constant)
        s->inverse[j] = 0;
      else if (j < s->d && options->standardize)
        s->inverse[j] = 1 / sqrt(square / s->rows);
    }
  }
  mst_free(diagonal);
  return st;
}

/* G <- D (G - s s' / rows) D + ridge I on the features. Equations (12), (13). Local. */
static void centre_and_scale(mst_tiles *t, const scaling *s, double ridge) {
  int rank = mst_team_rank(t->grid->team);
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      double *tile = mst_tiles_at(t, i, j);
      for (int64_t q = 0; q < mst_tiles_extent(t, j); q++)
        for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(t, i); r++) {
          int64_t e = j * MST_TILE + q, h = i * MST_TILE + r;
          double *g = &tile[q * t->lld + r];
          *g = (*g - s->sum[e] * s->sum[h] / s->rows) * s->inverse[e] * s->inverse[h];
          if (e == h && e < s->d) *g += ridge;
        }
    }
}

/* How near to singular G is. A random probe v rides along where the row of ones was, which centring
 * has emptied; the solve then gives u = G^-1 v, and |u| / |v| estimates the norm of the inverse.
 * All in units that give G a diagonal near 1, so that badly scaled features alone do not look
 * singular. */
static double unit_of(double diagonal) {
  int exponent = 0;
  if (!(diagonal > 0)) return 1;
  frexp(diagonal, &exponent);
  return ldexp(1.0, exponent / 2);
}

static double probe_entry(int64_t i) {
  mst_stream s = mst_stream_of(mst_key_make(0, MST_PURPOSE_PROBE, 0, (uint64_t)i));
  return mst_stream_normal(&s);
}

static void plant_probe(mst_tiles *t, const scaling *s, const double *diagonal) {
  int rank = mst_team_rank(t->grid->team);
  int64_t i = (s->n - 1) / MST_TILE, r = (s->n - 1) % MST_TILE;
  for (int64_t j = 0; j < t->tiles; j++) {
    if (mst_tiles_owner(t->grid, i, j) != rank) continue;
    for (int64_t q = 0; q < mst_tiles_extent(t, j) && j * MST_TILE + q < s->d; q++) {
      int64_t e = j * MST_TILE + q;
      mst_tiles_at(t, i, j)[q * t->lld + r] = probe_entry(e) * unit_of(diagonal[e]);
    }
  }
}

/* Largest absolute row sum of G in unit scale. Entries are at most 2 there, so steps of 2^-36 leave
 * room for 2^25 of them; integers, so the sum does not know the grid. Collective. */
static mst_status unit_norm(const mst_tiles *t, const scaling *s, const double *diagonal,
                            double *norm) {
  int rank = mst_team_rank(t->grid->team);
  int64_t *sum = NULL, largest = 0;
  mst_status st = mst_alloc(&sum, s->d, sizeof *sum, "row sums");
  MST_TRY(mst_team_agree(t->grid->team, st));
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      const double *tile = mst_tiles_at(t, i, j);
      for (int64_t q = 0; q < mst_tiles_extent(t, j); q++)
        for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(t, i); r++) {
          int64_t e = j * MST_TILE + q, h = i * MST_TILE + r;
          if (h >= s->d || e >= s->d) continue;
          double g = fabs(tile[q * t->lld + r]) / unit_of(diagonal[e]) / unit_of(diagonal[h]);
          int64_t steps = (int64_t)rint(fmin(g, 4) * 0x1p36);
          sum[e] += steps;
          if (h != e) sum[h] += steps;
        }
    }
  st = mst_sum_i64(t->grid->team, sum, s->d);
  for (int64_t i = 0; st == MST_OK && i < s->d; i++) largest = mst_most(largest, sum[i]);
  *norm = (double)largest * 0x1p-36;
  mst_free(sum);
  return st;
}

/* Norm of G times the estimate of the inverse's norm. */
static double probe_condition(const scaling *s, const double *diagonal, const double *x,
                              int64_t columns, double norm) {
  double u = 0, v = 0;
  for (int64_t i = 0; i < s->d; i++) {
    double y = x[i * columns + columns - 1] * unit_of(diagonal[i]), p = probe_entry(i);
    u += y * y;
    v += p * p;
  }
  return norm * sqrt(u / v);
}

/* A ridge that would make the system regular in double precision. */
static double advised_ridge(const double *diagonal, int64_t d, double ridge) {
  double largest = 0;
  for (int64_t i = 0; i < d; i++) largest = fmax(largest, diagonal[i]);
  return fmax(10 * ridge, fmax(1e-8, 64 * (double)d * DBL_EPSILON) * (largest > 0 ? largest : 1));
}

/* Read the model off the solved system. Equation (14). */
static mst_status read_model(const mst_tiles *t, const scaling *s, const double *x, double ridge,
                             mst_analytic_model *model) {
  int64_t d = model->d, c = model->c, columns = s->n - d;
  double *diagonal = NULL, penalty = 0, residual = 0;
  mst_status st = mst_alloc(&diagonal, s->n, sizeof *diagonal, "diagonal");
  st = mst_team_agree(t->grid->team, st);
  if (st == MST_OK) st = mst_tiles_diagonal(t, diagonal);
  if (st == MST_OK) {
    for (int64_t k = 0; k < c; k++) model->intercept[k] = s->shift[d + k] + s->sum[d + k] / s->rows;
    for (int64_t i = 0; i < d; i++) {
      for (int64_t k = 0; k < c; k++) {
        double scaled = x[i * columns + k], w = scaled * s->inverse[i];
        penalty += scaled * scaled;
        model->weights[i * c + k] = w;
        model->intercept[k] -= (s->shift[i] + s->sum[i] / s->rows) * w;
      }
    }
    /* The Schur complement of the targets is their residual plus ridge |W|^2. */
    for (int64_t k = 0; k < c; k++) residual += diagonal[d + k];
    double loss = residual - ridge * penalty;
    model->train_loss = loss > RESIDUAL_DIGITS * residual ? loss / s->rows / (double)c : NAN;
  }
  mst_free(diagonal);
  return st;
}

mst_status mst_analytic_solve(mst_tiles *t, const double *shift,
                              const mst_analytic_options *options, mst_analytic_model *model) {
  scaling s = {.d = model->d, .n = t->n, .shift = shift};
  double *x = NULL, *diagonal = NULL, norm = 0;
  mst_status st = find_scaling(t, options, &s);
  if (st == MST_OK && !(s.rows > 0))
    st = mst_fail(MST_ERR_INPUT, "no row with a weight is left to learn from");
  if (st == MST_OK) {
    centre_and_scale(t, &s, options->ridge);
    st = mst_alloc(&x, model->d * (t->n - model->d), sizeof *x, "solution");
    if (st == MST_OK) st = mst_alloc(&diagonal, t->n, sizeof *diagonal, "diagonal");
    st = mst_team_agree(t->grid->team, st);
  }
  if (st == MST_OK && options->statistics != NULL)
    st = mst_analytic_keep_statistics(t, options, model->d, s.rows, shift, s.sum, s.inverse);
  if (st == MST_OK) st = mst_tiles_diagonal(t, diagonal);
  if (st == MST_OK) st = unit_norm(t, &s, diagonal, &norm);
  if (st == MST_OK) plant_probe(t, &s, diagonal);
  if (st == MST_OK) {
    if (options->fast)
      st = mst_tiles_solve_fast(t, model->d, x);
    else {
      st = mst_tiles_cholesky(t, model->d);
      if (st == MST_OK) st = mst_tiles_back_solve(t, model->d, x);
    }
    if (st == MST_OK) {
      model->condition = probe_condition(&s, diagonal, x, t->n - model->d, norm);
      if (!(model->condition * sqrt((double)s.d) < SINGULAR_CONDITION))
        st = mst_fail(MST_ERR_SINGULAR, "the condition number is about %.1e or more",
                      model->condition);
    }
    if (st == MST_ERR_SINGULAR)
      st = mst_fail_within(st,
                           "the statistics are singular at ridge %g: give analytic.ridge, for "
                           "example %g: ",
                           options->ridge, advised_ridge(diagonal, s.d, options->ridge));
  }
  if (st == MST_OK) st = read_model(t, &s, x, options->ridge, model);
  mst_free(x);
  mst_free(diagonal);
  mst_free(s.sum);
  mst_free(s.inverse);
  return st;
}

mst_status mst_analytic_standardise(mst_tiles *t, int64_t d, const double *shift, double *mean,
                                    double *inverse) {
  const mst_analytic_options whole = {.standardize = true, .bias = true};
  scaling s = {.d = d, .n = t->n, .shift = shift};
  mst_status st = find_scaling(t, &whole, &s);
  if (st == MST_OK && !(s.rows > 0)) st = mst_fail(MST_ERR_INPUT, "no row is left to learn from");
  if (st == MST_OK) {
    for (int64_t j = 0; j < s.n; j++) mean[j] = shift[j] + s.sum[j] / s.rows;
    memcpy(inverse, s.inverse, (size_t)s.n * sizeof *inverse);
    centre_and_scale(t, &s, 0);
  }
  mst_free(s.sum);
  mst_free(s.inverse);
  return st;
}

/* Entries of targets and ones become 0: they add no eigenvalue below 0. Local. */
static void drop_targets(mst_tiles *t, int64_t d) {
  int rank = mst_team_rank(t->grid->team);
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      double *tile = mst_tiles_at(t, i, j);
      for (int64_t q = 0; q < mst_tiles_extent(t, j); q++)
        for (int64_t r = 0; r < mst_tiles_extent(t, i); r++)
          if (i * MST_TILE + r >= d || j * MST_TILE + q >= d) tile[q * t->lld + r] = 0;
    }
}

mst_status mst_analytic_least_eigenvalue(mst_tiles *t, int64_t d,
                                         const mst_analytic_options *options, double *least) {
  scaling s = {.d = d, .n = t->n};
  double *value = NULL;
  mst_status st = find_scaling(t, options, &s);
  if (st == MST_OK)
    st = mst_team_agree(t->grid->team, mst_alloc(&value, t->n, sizeof *value, "eigenvalues"));
  if (st == MST_OK) {
    centre_and_scale(t, &s, 0);
    drop_targets(t, d);
    st = mst_tiles_eigen(t, false, value, NULL);
  }
  if (st == MST_OK) *least = value[0];
  mst_free(value);
  mst_free(s.sum);
  mst_free(s.inverse);
  return st;
}
