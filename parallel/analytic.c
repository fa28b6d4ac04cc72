/* Analytic training: arrange, fit features, sum the statistics, solve. Follows doc/methods/
 * analytic.md: equations (1) to (9) there are the published law and its sum form, (10) to (14)
 * the centring and scaling of the statistics. */
#include "parallel/analytic.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/feature_source.h"
#include "parallel/gram_internal.h"
#include "parallel/tiles.h"

/* Pieces on their way: packed, sent, received. */
#define EXCHANGE_BYTES (4 * MST_ROWS_PIECE_BYTES)
/* A read, when memory does not ask for less. */
#define WINDOW_BYTES ((int64_t)256 << 20)
/* Buffers of MPI and HDF5 beyond what is held at the start: measured on 1 to 7 ranks. */
#define LIBRARY_BYTES ((int64_t)40 << 20)
/* Panel sums that are always worth their memory. */
#define PANEL_BYTES ((int64_t)256 << 20)
/* Of the statistics: byte counts stay far below 2^63. */
#define ORDER_MAX ((int64_t)8000000)
/* A training loss that cancels further is not reported. */
#define RESIDUAL_DIGITS    0x1p-26
#define SINGULAR_CONDITION 0x1p50 /* 1 / (4 eps): the solution has no right digit beyond this   */

/* The most tiles of one dimension on a process of a P-wide grid, in elements. */
static int64_t grid_share(int64_t n, int processes) {
  return mst_least(n, mst_ceil_div(mst_ceil_div(n, MST_TILE), processes) * MST_TILE);
}

/* Fill in the plan for a number of groups; returns the peak. */
static int64_t arrange_as(mst_analytic_plan *plan, int p, int64_t rows, int64_t row_elements,
                          int64_t width, int64_t held, bool resident, int64_t groups) {
  int64_t share = mst_most(mst_ceil_div(rows, p), 1) + MST_BLOCK_ROWS;
  plan->resident = resident;
  plan->groups = groups;
  int64_t group = groups == 1 ? share : mst_ceil_div(share, groups) + MST_BLOCK_ROWS;
  plan->row_bytes = 4 * row_elements * group;
  plan->window_bytes = mst_most(mst_least(WINDOW_BYTES, plan->row_bytes), 4 * row_elements);
  plan->feature_bytes = 4 * width * (resident ? share : MST_BLOCK_ROWS);
  int64_t reading = plan->row_bytes + plan->window_bytes + EXCHANGE_BYTES;
  int64_t features = plan->row_bytes + plan->feature_bytes;
  int64_t rows_left = resident ? 0 : plan->row_bytes;
  int64_t sums =
      rows_left + plan->feature_bytes + mst_gram_plan_peak(&plan->gram, p, plan->matrix_bytes);
  int64_t solve = rows_left + plan->matrix_bytes + plan->solve_bytes;
  int64_t most = mst_most(mst_most(reading, features), mst_most(sums, solve));
  plan->rank_bytes = held + LIBRARY_BYTES + 16 * rows + most;
  return plan->rank_bytes;
}

mst_status mst_analytic_arrange(int ranks, int64_t rows, int64_t row_elements, int64_t clients,
                                const mst_features *features, int64_t outputs,
                                const mst_pipeline *pipeline, int64_t memory, int64_t held,
                                mst_analytic_plan *plan) {
  *plan = (mst_analytic_plan){0};
  int p = ranks, grid_rows, grid_cols;
  int64_t d = features->width, n = d + outputs + 1;
  if (n > ORDER_MAX)
    return mst_fail(
        MST_ERR_INPUT,
        "%lld features and %lld outputs: the statistics would be of order %lld, more than "
        "%lld; use fewer features, or look whether /y holds numbers that are not classes",
        (long long)d, (long long)outputs, (long long)n, (long long)ORDER_MAX);
  mst_grid_shape(p, &grid_rows, &grid_cols);
  plan->matrix_bytes = 8 * grid_share(n, grid_rows) * grid_share(n, grid_cols);
  plan->solve_bytes = 2 * 8 * MST_TILE * (grid_share(n, grid_rows) + grid_share(n, grid_cols));
  bool single = mst_pipeline_needs_single(pipeline);
  mst_gram_plan_make(n, p, mst_most(PANEL_BYTES, 6 * n * n / p), single, &plan->gram);
  held += mst_features_memory(features);
  plan->uplink_messages = mst_least(clients, rows);
  plan->uplink_bytes = 8 * (n * (n + 1) / 2) * plan->uplink_messages;
  plan->downlink_bytes = 8 * (d + 1) * outputs * plan->uplink_messages;

  int64_t need = arrange_as(plan, p, rows, row_elements, d, held, true, 1);
  bool fits = memory == 0 || need <= memory;
  if (!fits) {
    need = arrange_as(plan, p, rows, row_elements, d, held, false, 1);
    fits = need <= memory;
  }
  if (!fits) mst_gram_plan_make(n, p, 0, single, &plan->gram);
  int64_t most_groups = mst_most(mst_ceil_div(rows / p, MST_BLOCK_ROWS), 1);
  for (int64_t groups = 1; !fits && groups <= most_groups; groups *= 2) {
    need = arrange_as(plan, p, rows, row_elements, d, held, false, groups);
    fits = need <= memory;
  }
  if (!fits)
    return mst_fail(MST_ERR_MEMORY,
                    "the analytic job needs at least %.3f GiB a rank for %lld features and %lld "
                    "outputs on %d ranks, more than the %.3f GiB that it may use: give "
                    "resources.memory, more ranks or fewer features",
                    (double)need / 0x1p30, (long long)d, (long long)outputs, p,
                    (double)memory / 0x1p30);
  return MST_OK;
}

mst_status mst_analytic_fit_features(mst_team *team, mst_row_store *rows, mst_features *features,
                                     int64_t *sampled) {
  int64_t n = mst_rows_kept(rows), m = mst_least(mst_features_sample_rows(features), n);
  int64_t width = mst_row_elements(&features->shape), *index = NULL;
  float *sample = NULL;
  mst_state parameters;
  mst_state_init(&parameters);
  *sampled = m;
  bool root = mst_team_rank(team) == 0;
  mst_status st = mst_alloc(&index, m, sizeof *index, "numbers of sampled rows");
  if (st == MST_OK && root)
    st = mst_alloc(&sample, m * width, sizeof *sample, "rows sampled for the features");
  st = mst_team_agree(team, st);
  if (st == MST_OK && m > 0) {
    mst_stream s =
        mst_stream_of(mst_key_make(features->spec.seed, MST_PURPOSE_FEATURE_SAMPLE, 0, 0));
    mst_stream_subset(&s, n, m, index);
    st = mst_rows_sample(rows, m, index, 0, sample);
  }
  if (st == MST_OK) {
    if (root) st = mst_features_fit(features, sample, m);
    if (st == MST_OK) st = mst_features_parameters(features, &parameters);
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK) st = mst_team_bcast_state(team, &parameters, 0);
  mst_state_clear(&parameters);
  mst_free(sample);
  mst_free(index);
  return st;
}

/* row(n) of the symmetric matrix, on every rank: owners give their entries, the others zero
 * words, so that an integer sum of the words moves the bits. Collective. */
static mst_status full_row(const mst_tiles *t, int64_t index, double *row) {
  int rank = mst_team_rank(t->grid->team);
  int64_t i = index / MST_TILE, r = index % MST_TILE;
  memset(row, 0, (size_t)t->n * sizeof *row);
  for (int64_t j = 0; j <= i; j++)
    if (mst_tiles_owner(t->grid, i, j) == rank)
      for (int64_t q = 0; q < mst_tiles_extent(t, j) && j * MST_TILE + q <= index; q++)
        row[j * MST_TILE + q] = mst_tiles_at(t, i, j)[q * t->lld + r];
  for (int64_t k = i; k < t->tiles; k++)
    if (mst_tiles_owner(t->grid, k, i) == rank)
      for (int64_t q = k == i ? r : 0; q < mst_tiles_extent(t, k); q++)
        row[k * MST_TILE + q] = mst_tiles_at(t, k, i)[r * t->lld + q];
  return mst_sum_i64(t->grid->team, (int64_t *)row, t->n);
}

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
  if (st == MST_OK) st = full_row(t, s->n - 1, s->sum);
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

static mst_status solve(mst_tiles *t, const double *shift, const mst_analytic_options *options,
                        mst_analytic_model *model) {
  scaling s = {.d = model->d, .n = t->n, .shift = shift};
  double *x = NULL, *diagonal = NULL, norm = 0;
  mst_status st = find_scaling(t, options, &s);
  if (st == MST_OK && s.rows < 1) st = mst_fail(MST_ERR_INPUT, "no row is left to learn from");
  if (st == MST_OK) {
    centre_and_scale(t, &s, options->ridge);
    st = mst_alloc(&x, model->d * (t->n - model->d), sizeof *x, "solution");
    if (st == MST_OK) st = mst_alloc(&diagonal, t->n, sizeof *diagonal, "diagonal");
    st = mst_team_agree(t->grid->team, st);
  }
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

mst_status mst_analytic_train(mst_team *team, const mst_analytic_data *data, mst_features *features,
                              const mst_pipeline *pipeline, const mst_analytic_plan *plan,
                              const mst_analytic_options *options, const mst_observer *observer,
                              mst_analytic_model *model, mst_gram_result *gram) {
  *model = (mst_analytic_model){.d = features->width, .c = data->outputs};
  mst_grid *grid = NULL;
  mst_tiles t = {0};
  mst_feature_source source;
  double *shift = NULL;
  mst_mask *mask = NULL;
  mst_pipeline stages = *pipeline;
  MST_TRY(mst_analytic_mask(team, options, &stages, &mask));
  mst_gram_options gram_options = {.fast = options->fast,
                                   .gamma = options->gamma,
                                   .shift = options->bias,
                                   .save_seconds = options->save_seconds,
                                   .mask = mask,
                                   .bound = mask != NULL ? options->secure.bound : 0,
                                   .target_bound = options->target_bound};
  mst_status st = mst_feature_source_create(data, features, plan->resident, &source);
  if (st == MST_OK)
    st = mst_alloc(&model->weights, model->d * model->c, sizeof *model->weights, "weights");
  if (st == MST_OK)
    st = mst_alloc(&model->intercept, model->c, sizeof *model->intercept, "intercepts");
  if (st == MST_OK) st = mst_alloc(&shift, plan->gram.n, sizeof *shift, "column shifts");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_grid_create(team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, plan->gram.n, &t);
  if (st == MST_OK) {
    mst_block_source blocks = mst_feature_source_blocks(&source, plan->groups);
    st = mst_gram(team, data->roster, &blocks, &plan->gram, &stages, &gram_options, observer, &t,
                  shift, gram);
  }
  mst_feature_source_free(&source);
  mst_mask_destroy(mask);
  if (st == MST_OK) mst_observer_phase(observer, "solve", 0, "");
  if (st == MST_OK) st = solve(&t, shift, options, model);
  mst_tiles_free(&t);
  mst_free(shift);
  mst_grid_destroy(grid);
  if (st != MST_OK) mst_analytic_model_free(model);
  return st;
}

void mst_analytic_model_free(mst_analytic_model *m) {
  mst_free(m->weights);
  mst_free(m->intercept);
  m->weights = m->intercept = NULL;
}
