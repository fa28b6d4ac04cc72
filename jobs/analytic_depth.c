/* Depth of the analytic job: what the experiment says of layers, the map that they make of rows,
 * what they take. doc/methods/depth.md. */
#include "jobs/analytic_depth.h"

#include <string.h>

#include "core/features/residual.h"
#include "jobs/options.h"

const mst_key_spec mst_keys_depth[] = {
    {.key = "analytic.depth",
     .type = MST_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1000,
     .unit = "layers",
     .help = "residual layers of random features below the head, each solved in closed form"},
    {.key = "analytic.width",
     .type = MST_KEY_INT,
     .fallback = "1024",
     .min = 1,
     .max = 32766,
     .unit = "features",
     .help = "random features of a layer, and of what layers start from where that is random"},
    {.key = "analytic.layer_ridge",
     .type = MST_KEY_REAL,
     .fallback = "1",
     .min = 0,
     .max = 1e300,
     .open_min = true,
     .unit = "",
     .help = "ridge on a layer's matrix"},
    {.key = "analytic.start",
     .type = MST_KEY_WORD,
     .fallback = "random",
     .allowed = "random|features",
     .unit = "",
     .help = "what layers add to: random features of the standardised features, or these"},
    {.key = "analytic.activation",
     .type = MST_KEY_WORD,
     .fallback = "gelu",
     .allowed = "gelu|relu",
     .unit = "",
     .help = "of the random features"},
    {.key = NULL}};

mst_status mst_job_depth_read(mst_job_depth *d, const mst_experiment *e,
                              const mst_analytic_options *head, const char *reason) {
  static const char *const of_layers[] = {"analytic.width", "analytic.layer_ridge",
                                          "analytic.start", "analytic.activation"};
  d->depth = mst_experiment_int(e, "analytic.depth");
  d->on = d->depth > 0;
  for (int i = 0; i < 4 && !d->on; i++)
    if (mst_experiment_is_changed(e, of_layers[i]))
      return mst_experiment_refuse(e, of_layers[i], "means nothing without analytic.depth");
  if (!d->on) return MST_OK;
  if (reason != NULL) return mst_experiment_refuse(e, "analytic.depth", "%s", reason);
  if (!head->bias)
    return mst_experiment_refuse(e, "analytic.depth",
                                 "layers are solved of centred sums: leave out analytic.bias");
  d->options = (mst_depth_options){.head = *head,
                                   .layer_ridge = mst_experiment_real(e, "analytic.layer_ridge")};
  return MST_OK;
}

mst_status mst_job_depth_wrap(const mst_experiment *e, int64_t outputs, mst_features **map) {
  const int64_t depth = mst_experiment_int(e, "analytic.depth");
  if (depth == 0) return MST_OK;
  const bool relu = strcmp(mst_experiment_word(e, "analytic.activation"), "relu") == 0;
  const mst_residual_spec spec = {
      .seed = mst_job_seed(e),
      .outputs = outputs,
      .depth = depth,
      .width = mst_experiment_int(e, "analytic.width"),
      .random = strcmp(mst_experiment_word(e, "analytic.start"), "random") == 0,
      .activation = relu ? "relu" : "gelu"};
  mst_features *over = NULL;
  MST_TRY(mst_residual_create(&spec, *map, &over));
  *map = over;
  return MST_OK;
}

mst_features *mst_job_depth_below(const mst_features *map) {
  if (mst_residual_is(map)) return mst_residual_inner(map);
  return (mst_features *)(uintptr_t)map;
}

mst_status mst_job_depth_arrange(mst_job_depth *d, const mst_job_data *data, int64_t clients,
                                 mst_analytic_plan *head) {
  MST_TRY(mst_depth_arrange(
      mst_job_ranks(data->context), data->train.info->rows, data->train.info->row_elements, clients,
      data->test.file != NULL ? data->test.info->rows : 0, data->features, data->outputs,
      data->memory, data->base_bytes, &d->plan));
  *head = d->plan.head;
  return MST_OK;
}

mst_status mst_job_depth_train(mst_job_depth *d, mst_job_data *data, int64_t up, int64_t down,
                               mst_analytic_model *model, mst_gram_result *gram,
                               mst_analytic_score *score, int64_t *confusion) {
  mst_depth_plan plan = d->plan;
  const mst_job_set *set[2] = {&data->train, &data->test};
  const bool tests = data->test.file != NULL;
  mst_analytic_data rows[2] = {{.rows = NULL}};
  if (tests) MST_TRY(mst_job_data_place_test(data, d->plan.head.groups));
  for (int i = 0; i < 1 + tests; i++)
    rows[i] = (mst_analytic_data){.rows = set[i]->rows,
                                  .roster = set[i]->roster,
                                  .label = set[i]->label,
                                  .outputs = data->outputs};
  rows[0].weight = data->train.weight;
  plan.setup_uplink_bytes = up;
  plan.setup_downlink_bytes = down;
  return mst_depth_train(data->team, &rows[0], tests ? &rows[1] : NULL, data->features, &plan,
                         &d->options, data->context->observer, model, gram, score,
                         confusion);
}

int64_t mst_job_depth_uplink(const mst_job_depth *d) {
  return d->plan.head.uplink_bytes +
         d->depth * (d->plan.change_uplink_bytes + d->plan.layer_uplink_bytes);
}

int64_t mst_job_depth_downlink(const mst_job_depth *d) {
  return (d->depth + 1) * d->plan.head.downlink_bytes + d->depth * d->plan.layer_downlink_bytes;
}
