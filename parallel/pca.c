/* Principal components: the columns' moments, the decomposition by either method, and what it
 * leaves of the rows, which is measured on them and not taken from the eigenvalues. Equations:
 * doc/methods/pca.md. */
#include "parallel/pca.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/lattice.h"
#include "parallel/columns.h"
#include "parallel/feature_source.h"
#include "parallel/pca_internal.h"
#include "parallel/tiles.h"

int64_t mst_pca_width(int64_t d, const mst_pca_options *options) {
  return mst_least(d, options->components + options->oversample);
}

mst_status mst_pca_check(int64_t rows, int64_t d, const mst_pca_options *options) {
  const int64_t k = options->components;
  if (k < 1 || k > d)
    return mst_fail(MST_ERR_INPUT,
                    "pca.components is %lld, but a row has %lld features: choose 1 to %lld",
                    (long long)k, (long long)d, (long long)d);
  const int64_t most = rows - options->centre;
  if (k > most)
    return mst_fail(MST_ERR_INPUT,
                    "pca.components is %lld, but %lld rows%s have at most %lld: lower it",
                    (long long)k, (long long)rows, options->centre ? " less their mean" : "",
                    (long long)mst_most(most, 0));
  return MST_OK;
}

mst_status mst_pca_arrange(int ranks, int64_t rows, int64_t elements, const mst_features *features,
                           const mst_pca_options *options, int64_t memory, int64_t held,
                           mst_row_plan *plan) {
  const int64_t d = features->width, width = mst_pca_width(d, options);
  int64_t job = held + mst_features_memory(features) + 8 * MST_BLOCK_ROWS * (2 * d + width) +
                16 * options->components * d;
  if (options->randomised) {
    job += 8 * d * width * 6 + 32 * width * width;
  } else {
    const int64_t matrix = 8 * mst_ceil_div(d + 1 + MST_TILE, ranks) * (d + 1 + MST_TILE);
    mst_gram_plan gram;
    mst_row_plan_gram(d, ranks, &gram);
    job += mst_most(mst_gram_plan_peak(&gram, ranks, matrix),
                    3 * matrix + (options->fast ? 2 * matrix : 24 * d * d));
  }
  return mst_row_plan_make("pca", ranks, rows, elements, d, job, memory, plan);
}

/* Sums and sums of squares of each column of (x - shift) * scale. */
typedef struct moments {
  int64_t d;
  const double *scale; /* (d)                                */
  mst_block_sums sums; /* (2 d): the sums, then the squares  */
} moments;

static void add_moments(void *context, int64_t place, int64_t rows, const double *x) {
  (void)place;
  moments *m = context;
  double *sum = m->sums.block, *square = m->sums.block + m->d;
  memset(sum, 0, (size_t)(2 * m->d) * sizeof *sum);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < m->d; j++) {
      const double z = x[i * m->d + j] * m->scale[j];
      sum[j] += z;
      square[j] += z * z;
    }
  mst_block_sums_add(&m->sums);
}

/* A column whose norm is at most 1 has a sum of at most sqrt(rows). */
static mst_status find_moments(const mst_row_walk *w, const double *scale, moments *m) {
  *m = (moments){.d = w->d, .scale = scale};
  mst_status st = mst_block_sums_create(2 * w->d, sqrt((double)w->roster->rows) + 1, &m->sums);
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) st = mst_row_walk_on(w, "moments", add_moments, m);
  if (st == MST_OK) st = mst_block_sums_end(w->team, &m->sums);
  return st;
}

/* What is left of rows: |x - c|^2 and |(x - c) - (x - c) V V'|^2 over all of them. */
typedef struct remainder_sums {
  int64_t d, k;
  const double *components; /* (k, d)                       */
  double *y;                /* (MST_BLOCK_ROWS, k)          */
  double *rest;             /* (MST_BLOCK_ROWS, d)          */
  mst_block_sums sums;      /* (2)                          */
} remainder_sums;

static double squares(int64_t n, const double *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sum;
}

static void add_remainder(void *context, int64_t place, int64_t rows, const double *x) {
  (void)place;
  remainder_sums *r = context;
  const int64_t d = r->d, k = r->k;
  mst_gemm(false, true, rows, k, d, 1.0, x, d, r->components, d, 0.0, r->y, k);
  memcpy(r->rest, x, (size_t)(rows * d) * sizeof *x);
  mst_gemm(false, false, rows, d, k, -1.0, r->y, k, r->components, d, 1.0, r->rest, d);
  r->sums.block[0] = squares(rows * d, x);
  r->sums.block[1] = squares(rows * d, r->rest);
  mst_block_sums_add(&r->sums);
}

/* Collective. */
static mst_status measure(const mst_row_walk *w, const mst_pca *p, double bound, double *residual) {
  remainder_sums r = {.d = p->d, .k = p->k, .components = p->components};
  mst_status st = mst_block_sums_create(2, bound, &r.sums);
  if (st == MST_OK) st = mst_alloc(&r.y, MST_BLOCK_ROWS * p->k, sizeof *r.y, "projected rows");
  if (st == MST_OK)
    st = mst_alloc(&r.rest, MST_BLOCK_ROWS * p->d, sizeof *r.rest, "rows less their projection");
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) st = mst_row_walk_on(w, "residual", add_remainder, &r);
  if (st == MST_OK) st = mst_block_sums_end(w->team, &r.sums);
  if (st == MST_OK)
    *residual = r.sums.block[0] > 0 ? sqrt(fmax(r.sums.block[1], 0) / r.sums.block[0]) : 0;
  mst_free(r.rest);
  mst_free(r.y);
  mst_block_sums_free(&r.sums);
  return st;
}

/* G <- G - s s' / n, where s is the row below it. Equation (2). */
static void centre_gram(mst_tiles *t, const double *sum, double rows) {
  const int rank = mst_team_rank(t->grid->team);
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      double *tile = mst_tiles_at(t, i, j);
      for (int64_t q = 0; q < mst_tiles_extent(t, j); q++)
        for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(t, i); r++)
          tile[q * t->lld + r] -= sum[i * MST_TILE + r] * sum[j * MST_TILE + q] / rows;
    }
}

typedef struct decomposition {
  const mst_row_walk *walk;
  const mst_pca_options *options;
  mst_pca *out;
} decomposition;

/* The Gram matrix of the rows, centred where asked. Collective. */
static mst_status make_gram(const decomposition *x, mst_grid *grid, mst_tiles *out) {
  const mst_row_walk *w = x->walk;
  const int64_t d = w->d;
  const mst_pipeline pipeline = mst_pipeline_sum();
  const mst_gram_options options = {
      .fast = x->options->fast, .shift = x->options->centre, .save_seconds = -1};
  mst_gram_plan plan;
  mst_gram_result result;
  mst_tiles whole = {0};
  double *shift = NULL, *sum = NULL;
  mst_row_plan_gram(d, mst_team_size(w->team), &plan);
  mst_status st = mst_alloc(&shift, d + 1, sizeof *shift, "column shifts");
  if (st == MST_OK) st = mst_alloc(&sum, d + 1, sizeof *sum, "sums of columns");
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) st = mst_tiles_create(grid, d + 1, &whole);
  if (st == MST_OK)
    st = mst_gram(w->team, w->roster, &w->source, &plan, &pipeline, &options, w->observer, &whole,
                  shift, &result);
  if (st == MST_OK) st = mst_tiles_part(&whole, true, d, 1, 0, d + 1, sum);
  if (st == MST_OK) st = mst_tiles_create(grid, d, out);
  if (st == MST_OK) mst_tiles_copy(&whole, d, out);
  if (st == MST_OK && x->options->centre) centre_gram(out, sum, sum[d]);
  mst_tiles_free(&whole);
  mst_free(sum);
  mst_free(shift);
  return st;
}

/* Equation (3). */
static mst_status decompose_gram(const decomposition *x, mst_grid *grid) {
  mst_pca *p = x->out;
  const int64_t d = p->d, k = p->k;
  mst_tiles gram = {0}, vectors = {0};
  double *values = NULL, *columns = NULL;
  mst_status st = mst_alloc(&values, d, sizeof *values, "eigenvalues");
  if (st == MST_OK) st = mst_alloc(&columns, d * k, sizeof *columns, "eigenvectors");
  st = mst_team_agree(x->walk->team, st);
  if (st == MST_OK) st = make_gram(x, grid, &gram);
  if (st == MST_OK) mst_observer_phase(x->walk->observer, "eigenvectors", 0, "");
  if (st == MST_OK) st = mst_tiles_eigen(&gram, x->options->fast, values, &vectors);
  mst_tiles_free(&gram);
  if (st == MST_OK) st = mst_tiles_part(&vectors, false, 0, d, d - k, k, columns);
  for (int64_t c = 0; st == MST_OK && c < k; c++) {
    p->singular[c] = sqrt(fmax(values[d - 1 - c], 0));
    for (int64_t j = 0; j < d; j++) p->components[c * d + j] = columns[j * k + k - 1 - c];
  }
  mst_tiles_free(&vectors);
  mst_free(columns);
  mst_free(values);
  return st;
}

/* The largest entry of a component is positive, the first such on a tie. */
static void fix_sign(int64_t d, double *row) {
  int64_t largest = 0;
  for (int64_t j = 1; j < d; j++)
    if (fabs(row[j]) > fabs(row[largest])) largest = j;
  if (row[largest] >= 0) return;
  for (int64_t j = 0; j < d; j++) row[j] = -row[j];
}

static mst_status decompose_random(const decomposition *x, double bound) {
  mst_pca *p = x->out;
  const int64_t d = p->d, l = mst_pca_width(d, x->options);
  double *v = NULL, *singular = NULL;
  mst_status st = mst_alloc(&v, d * l, sizeof *v, "columns of the subspace");
  if (st == MST_OK) st = mst_alloc(&singular, l, sizeof *singular, "singular values");
  st = mst_team_agree(x->walk->team, st);
  if (st == MST_OK) st = mst_pca_iterate(x->walk, x->options, bound, l, v, singular);
  for (int64_t c = 0; st == MST_OK && c < p->k; c++) {
    p->singular[c] = singular[c];
    for (int64_t j = 0; j < d; j++) p->components[c * d + j] = v[j * l + c];
    fix_sign(d, p->components + c * d);
  }
  mst_free(singular);
  mst_free(v);
  return st;
}

static double orthogonality(const mst_pca *p) {
  double most = 0;
  for (int64_t a = 0; a < p->k; a++)
    for (int64_t b = 0; b <= a; b++) {
      double product = a == b ? -1 : 0;
      for (int64_t j = 0; j < p->d; j++)
        product += p->components[a * p->d + j] * p->components[b * p->d + j];
      most = fmax(most, fabs(product));
    }
  return most;
}

/* Means of the columns, and the sum of all squares about them. Equation (1). Collective. */
static mst_status centre_rows(mst_row_walk *w, bool centre, double *total, double *bound) {
  mst_columns c = {0};
  moments m = {0};
  double seconds = 0;
  const double n = (double)w->roster->rows;
  MST_TRY(mst_columns_find(w->team, w->roster, &w->source, centre, w->observer, &seconds, &c));
  memcpy(w->centre, c.shift, (size_t)w->d * sizeof *w->centre);
  mst_status st = find_moments(w, c.scale, &m);
  *total = *bound = 0;
  for (int64_t j = 0; st == MST_OK && j < w->d; j++) {
    const double sum = m.sums.block[j] / c.scale[j];
    const double square = m.sums.block[w->d + j] / c.scale[j] / c.scale[j];
    *bound += square;
    *total += centre ? fmax(square - sum * sum / n, 0) : square;
    if (centre) w->centre[j] += sum / n;
  }
  if (st == MST_OK && !(*total > 0x1p-44 * *bound))
    st = mst_fail(MST_ERR_INPUT, "all rows are %s: there is nothing to decompose",
                  centre ? "alike" : "0");
  mst_block_sums_free(&m.sums);
  mst_columns_free(&c);
  return st;
}

static mst_status create(mst_pca *p) {
  mst_status st = mst_alloc(&p->components, p->k * p->d, sizeof *p->components, "components");
  if (st == MST_OK) st = mst_alloc(&p->mean, p->d, sizeof *p->mean, "means of columns");
  if (st == MST_OK) st = mst_alloc(&p->singular, p->k, sizeof *p->singular, "singular values");
  if (st == MST_OK) st = mst_alloc(&p->variance, p->k, sizeof *p->variance, "variances");
  return st;
}

static void describe(mst_pca *p, bool centre, double total) {
  double explained = 0;
  for (int64_t c = 0; c < p->k; c++) {
    const double square = p->singular[c] * p->singular[c];
    p->variance[c] = square / (double)(p->rows - centre);
    explained += square;
  }
  p->explained = fmin(explained / total, 1);
  p->orthogonality = orthogonality(p);
}

mst_status mst_pca_train(mst_team *team, const mst_analytic_data *data, mst_features *features,
                         const mst_row_plan *plan, const mst_pca_options *options,
                         const mst_observer *observer, mst_pca *out) {
  *out = (mst_pca){.d = features->width, .k = options->components, .rows = data->roster->rows};
  MST_TRY(mst_pca_check(out->rows, out->d, options));
  const mst_analytic_data plain = {.rows = data->rows, .roster = data->roster};
  mst_feature_source source;
  mst_row_walk w = {0};
  mst_grid *grid = NULL;
  double total = 0, bound = 0;
  mst_status st = mst_feature_source_create(&plain, features, plan->resident, &source);
  if (st == MST_OK)
    st = mst_row_walk_create(team, plain.roster, mst_feature_source_blocks(&source, plan->groups),
                             observer, &w);
  if (st == MST_OK) st = create(out);
  st = mst_team_agree(team, st);
  if (st == MST_OK) mst_observer_phase(observer, "features", out->rows, "rows");
  if (st == MST_OK) st = centre_rows(&w, options->centre, &total, &bound);
  const decomposition x = {.walk = &w, .options = options, .out = out};
  if (st == MST_OK && options->randomised) {
    st = decompose_random(&x, bound);
  } else if (st == MST_OK) {
    st = mst_grid_create(team, 0, &grid);
    if (st == MST_OK) st = decompose_gram(&x, grid);
    mst_grid_destroy(grid);
  }
  if (st == MST_OK) {
    memcpy(out->mean, w.centre, (size_t)out->d * sizeof *out->mean);
    describe(out, options->centre, total);
    st = measure(&w, out, bound, &out->residual);
  }
  mst_row_walk_free(&w);
  mst_feature_source_free(&source);
  if (st != MST_OK) mst_pca_free(out);
  return st;
}

void mst_pca_free(mst_pca *p) {
  mst_free(p->components);
  mst_free(p->mean);
  mst_free(p->singular);
  mst_free(p->variance);
  p->components = p->mean = p->singular = p->variance = NULL;
}

/* The scale of a column about another point than that it was found for. */
static double shifted_scale(double scale, double shift, double rows) {
  return ldexp(1.0, -mst_lattice_exponent((1 / scale + fabs(shift) * sqrt(rows)) * (1 + 0x1p-40)));
}

/* Scales of columns about the mean, and the sum of squares that bounds all that follows. */
static mst_status bound_rows(mst_row_walk *w, double *bound) {
  mst_columns c = {0};
  moments m = {0};
  double seconds = 0;
  const double n = (double)w->roster->rows;
  MST_TRY(mst_columns_find(w->team, w->roster, &w->source, false, w->observer, &seconds, &c));
  for (int64_t j = 0; j < w->d; j++) c.scale[j] = shifted_scale(c.scale[j], w->centre[j], n);
  mst_status st = find_moments(w, c.scale, &m);
  *bound = 0;
  for (int64_t j = 0; st == MST_OK && j < w->d; j++)
    *bound += m.sums.block[w->d + j] / c.scale[j] / c.scale[j];
  mst_block_sums_free(&m.sums);
  mst_columns_free(&c);
  return st;
}

mst_status mst_pca_residual(mst_team *team, const mst_analytic_data *data, mst_features *features,
                            const mst_row_plan *plan, const mst_pca *p,
                            const mst_observer *observer, double *residual) {
  const mst_analytic_data plain = {.rows = data->rows, .roster = data->roster};
  mst_feature_source source;
  mst_row_walk w = {0};
  double bound = 0;
  *residual = 0;
  if (data->roster->rows == 0) return mst_fail(MST_ERR_INPUT, "there is no row to project");
  mst_status st = mst_feature_source_create(&plain, features, plan->resident, &source);
  if (st == MST_OK)
    st = mst_row_walk_create(team, plain.roster, mst_feature_source_blocks(&source, plan->groups),
                             observer, &w);
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    memcpy(w.centre, p->mean, (size_t)p->d * sizeof *p->mean);
    st = bound_rows(&w, &bound);
  }
  if (st == MST_OK && bound > 0) st = measure(&w, p, bound, residual);
  mst_row_walk_free(&w);
  mst_feature_source_free(&source);
  return st;
}
