/* Generalized linear models with their canonical links (McCullagh and Nelder 1989): one dense layer
 * from the row to the natural parameters. brier has the logistic link and the squared difference in
 * place of the likelihood: bounded, smooth, and not convex. */
#include <string.h>

#include "core/model/layer.h"
#include "core/model/params.h"

static mst_status refuse_target(const char *family, const char *needs) {
  return mst_fail(MST_ERR_INPUT, "model.family %s needs %s as the dataset's y", family, needs);
}

static mst_status choose_loss(mst_model *m, const char *family, bool classes) {
  bool brier = strcmp(family, "brier") == 0;
  if (brier || strcmp(family, "logistic") == 0) {
    if (!classes || m->outputs != 2) return refuse_target(family, "two classes, 0 and 1,");
    m->outputs = 1;
    m->loss = brier ? MST_LOSS_BRIER : MST_LOSS_LOGISTIC;
    return MST_OK;
  }
  bool linear = strcmp(family, "linear") == 0;
  if (!linear && strcmp(family, "poisson") != 0)
    return mst_fail(MST_ERR_INPUT,
                    "model.family '%s' is unknown; choose logistic, brier, linear or poisson", family);
  if (classes) return refuse_target(family, "values (float32)");
  m->loss = linear ? MST_LOSS_SQUARED : MST_LOSS_POISSON;
  return MST_OK;
}

static mst_status build(mst_model *m, bool classes) {
  mst_layer *l = NULL;
  mst_extent in = mst_model_extent(m);
  MST_TRY(choose_loss(m, m->spec.family != NULL ? m->spec.family : "", classes));
  mst_status made = mst_layer_dense(in, m->outputs, &l);
  return mst_model_add(m, "dense1", made, l);
}

static const mst_param params[] = {
    {.name = "family",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_model_spec, family),
     .fallback = "logistic",
     .allowed = "logistic|brier|linear|poisson",
     .unit = "",
     .help = "what the targets are: two classes (brier: by the squared difference from their probability), "
             "values, or counts"},
    MST_MODEL_INIT("zero"),
    {0},
};

const mst_model_ops mst_model_glm = {
    .name = "glm",
    .summary = "generalized linear model: logistic, Brier, linear or Poisson regression",
    .params = params,
    .classes = true,
    .values = true,
    .build = build,
};
