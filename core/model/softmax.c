/* Softmax regression: one dense layer from the row to the classes' scores. */
#include "core/model/layer.h"
#include "core/model/params.h"

static mst_status build(mst_model *m, bool classes) {
  (void)classes;
  mst_layer *l = NULL;
  mst_extent in = mst_model_extent(m);
  mst_status made = mst_layer_dense(in, m->outputs, &l);
  return mst_model_add(m, "dense1", made, l);
}

static const mst_param params[] = {
    MST_MODEL_INIT("zero"),
    MST_MODEL_STABLE_MAX,
    {0},
};

const mst_model_ops mst_model_softmax = {
    .name = "softmax",
    .summary = "softmax regression: linear scores of classes",
    .params = params,
    .classes = true,
    .build = build,
};
