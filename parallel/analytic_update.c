/* Clients that leave or join the statistics of an analytic model, and the model that is left.
 * doc/methods/unlearning.md. */
#include "parallel/analytic_update.h"

#include "core/base/memory.h"
#include "parallel/analytic_internal.h"
#include "parallel/feature_source.h"

mst_status mst_analytic_sum(mst_team *team, const mst_analytic_data *data, mst_features *features,
                            const mst_analytic_plan *plan, const mst_analytic_options *options,
                            const mst_observer *observer, mst_gram_sums *part,
                            mst_gram_result *gram) {
  const mst_pipeline pipeline = mst_pipeline_sum();
  const mst_gram_options o = {
      .gamma = options->gamma, .shift = options->bias, .save_seconds = -1, .sums = part};
  mst_grid *grid = NULL;
  mst_tiles t = {0};
  mst_feature_source source;
  double *shift = NULL;
  mst_status st = mst_feature_source_create(data, features, plan->resident, &source);
  if (st == MST_OK) st = mst_alloc(&shift, plan->gram.n, sizeof *shift, "column shifts");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_grid_create(team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, plan->gram.n, &t);
  if (st == MST_OK) {
    mst_block_source blocks = mst_feature_source_blocks(&source, plan->groups);
    st = mst_gram(team, data->roster, &blocks, &plan->gram, &pipeline, &o, observer, &t, shift,
                  gram);
  }
  mst_feature_source_free(&source);
  mst_tiles_free(&t);
  mst_free(shift);
  mst_grid_destroy(grid);
  return st;
}

mst_status mst_analytic_change(mst_team *team, const mst_analytic_data *data,
                               mst_features *features, const mst_analytic_plan *plan,
                               const mst_analytic_options *options, bool joins,
                               const mst_observer *observer, mst_gram_sums *sums,
                               mst_gram_result *gram) {
  mst_gram_sums part = {0};
  mst_status st = mst_gram_sums_part(sums, data->outputs, joins, &part);
  if (st == MST_OK)
    st = mst_analytic_sum(team, data, features, plan, options, observer, &part, gram);
  if (st == MST_OK) st = mst_gram_sums_merge(sums, &part, joins);
  mst_gram_sums_free(&part);
  return st;
}

mst_status mst_analytic_refit(mst_team *team, const mst_gram_sums *sums,
                              const mst_analytic_options *options, const mst_observer *observer,
                              mst_analytic_model *model) {
  *model = (mst_analytic_model){.d = sums->features, .c = sums->targets};
  mst_grid *grid = NULL;
  mst_tiles t = {0};
  mst_status st =
      mst_alloc(&model->weights, model->d * model->c, sizeof *model->weights, "weights");
  if (st == MST_OK)
    st = mst_alloc(&model->intercept, model->c, sizeof *model->intercept, "intercepts");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_grid_create(team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, sums->n, &t);
  if (st == MST_OK) st = mst_gram_sums_tiles(sums, &t);
  if (st == MST_OK) mst_observer_phase(observer, "solve", 0, "");
  if (st == MST_OK) st = mst_analytic_solve(&t, sums->shift, options, model);
  mst_tiles_free(&t);
  mst_grid_destroy(grid);
  if (st != MST_OK) mst_analytic_model_free(model);
  return st;
}
