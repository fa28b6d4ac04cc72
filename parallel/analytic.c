/* Analytic training: arrange, fit features, sum the statistics, solve (analytic_solve.c). Follows
 * doc/methods/analytic.md: equations (1) to (9) there are the published law and its sum form. */
#include "parallel/analytic.h"

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/analytic_internal.h"
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
                                   .sums = options->sums,
                                   .bound = mask != NULL ? options->secure.bound : 0,
                                   .target_bound = options->target_bound,
                                   .weight_bound = options->weight_bound};
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
  if (st == MST_OK) st = mst_analytic_solve(&t, shift, options, model);
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
