/* Multilayer perceptrons: dense layers with an activation between each two, and batch norm before
 * it if asked for. */
#include <stdio.h>
#include <string.h>

#include "core/model/layer.h"
#include "core/model/params.h"

static mst_status add_dense(mst_model *m, int number, int64_t width) {
  char name[32];
  mst_layer *l = NULL;
  snprintf(name, sizeof name, "dense%d", number);
  mst_extent in = mst_model_extent(m);
  mst_status made = mst_layer_dense(in, width, &l);
  return mst_model_add(m, name, made, l);
}

static bool has_norm(const mst_model *m) {
  return m->spec.norm != NULL && strcmp(m->spec.norm, "none") != 0;
}

static mst_status add_norm(mst_model *m, int number) {
  char name[32];
  mst_layer *l = NULL;
  snprintf(name, sizeof name, "norm%d", number);
  mst_status made = mst_layer_batch_norm(mst_model_extent(m), m->spec.ghost, &l);
  return mst_model_add(m, name, made, l);
}

static mst_status check_norm(const mst_model *m) {
  if (!has_norm(m)) return MST_OK;
  if (strcmp(m->spec.norm, "batch") != 0)
    return mst_fail(MST_ERR_INPUT, "model.norm is %s; choose none or batch", m->spec.norm);
  if (!(m->spec.momentum >= 0 && m->spec.momentum < 1))
    return mst_fail(MST_ERR_INPUT, "model.momentum is %g; it must be at least 0 and below 1",
                    m->spec.momentum);
  return MST_OK;
}

static mst_status add_hidden(mst_model *m, int number, int64_t width) {
  char name[32];
  mst_layer *l = NULL;
  const char *kind = m->spec.activation != NULL ? m->spec.activation : "relu";
  if (width < 1 || width > (INT64_C(1) << 24))
    return mst_fail(MST_ERR_INPUT,
                    "entry %d of model.hidden is %lld; a hidden layer has 1 to 16777216 units",
                    number, (long long)width);
  MST_TRY(add_dense(m, number, width));
  if (has_norm(m)) MST_TRY(add_norm(m, number));
  snprintf(name, sizeof name, "activation%d", number);
  mst_status made = mst_layer_activation(mst_model_extent(m), kind, &l);
  return mst_model_add(m, name, made, l);
}

static mst_status build(mst_model *m, bool classes) {
  (void)classes;
  const mst_int_list *hidden = &m->spec.hidden;
  if (hidden->n < 0 || hidden->n > MST_PARAM_LIST)
    return mst_fail(MST_ERR_INPUT, "model.hidden has %d entries; at most %d are possible",
                    hidden->n, MST_PARAM_LIST);
  MST_TRY(check_norm(m));
  for (int i = 0; i < hidden->n; i++) MST_TRY(add_hidden(m, i + 1, hidden->value[i]));
  return add_dense(m, hidden->n + 1, m->outputs);
}

static const mst_param params[] = {
    {.name = "hidden",
     .type = MST_PARAM_INTS,
     .offset = offsetof(mst_model_spec, hidden),
     .fallback = "[200, 200]",
     .min = 1,
     .max = 16777216,
     .unit = "units",
     .help = "widths of the hidden layers, from the first to the last"},
    {.name = "activation",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_model_spec, activation),
     .fallback = "relu",
     .allowed = "relu|gelu|tanh",
     .unit = "",
     .help = "function of the hidden units"},
    {.name = "norm",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_model_spec, norm),
     .fallback = "none",
     .allowed = "none|batch",
     .unit = "",
     .help = "batch: hidden units normalised over ghost batches of rows; for job train"},
    {.name = "ghost",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_model_spec, ghost),
     .fallback = "32",
     .min = 2,
     .max = 1e6,
     .unit = "rows",
     .help = "norm batch: consecutive rows of a block that share their mean and variance"},
    {.name = "momentum",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_model_spec, momentum),
     .fallback = "0.9",
     .min = 0,
     .max = 0.999999,
     .unit = "",
     .help = "norm batch: part of the running mean and variance that a step keeps"},
    MST_MODEL_INIT("xavier"),
    MST_MODEL_STABLE_MAX,
    {0},
};

const mst_model_ops mst_model_mlp = {
    .name = "mlp",
    .summary = "multilayer perceptron: dense layers of any widths",
    .params = params,
    .classes = true,
    .values = true,
    .build = build,
};
