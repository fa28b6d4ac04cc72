/* A small residual network (He, Zhang, Ren, Sun 2016, arXiv:1512.03385, section 4.2) with group
 * normalisation: a 3 x 3 convolution, three stages of `blocks` residual blocks with channels c, 2c
 * and 4c, the mean over all positions, and one dense layer. The first block of the second and the
 * third stage halves the image's sides; its shortcut is a 1 x 1 convolution. */
#include <stddef.h>
#include <stdio.h>

#include "core/model/layer.h"
#include "core/model/params.h"

enum {
  LEAST_SIDE = 8, /* 8 -> 4 -> 2 */
  STAGES = 3,
  MOST_BLOCKS = 64
};

static mst_status check_rows(const mst_row_shape *shape) {
  if (shape->dims < 2)
    return mst_fail(MST_ERR_INPUT,
                    "model.kind resnet takes images, but the rows are vectors of %lld numbers; "
                    "give the dataset's x the shape (n, height, width) or (n, height, width, "
                    "channels), or choose softmax or mlp",
                    (long long)shape->size[0]);
  if (shape->size[0] < LEAST_SIDE || shape->size[1] < LEAST_SIDE)
    return mst_fail(MST_ERR_INPUT,
                    "model.kind resnet takes images of at least %d x %d pixels, but the rows are "
                    "%lld x %lld; choose mlp",
                    LEAST_SIDE, LEAST_SIDE, (long long)shape->size[0], (long long)shape->size[1]);
  return MST_OK;
}

static mst_status add_stem(mst_model *m) {
  mst_layer *l = NULL;
  mst_status made =
      mst_layer_convolution(mst_model_extent(m), m->spec.channels, 3, 1, 1, false, &l);
  MST_TRY(mst_model_add(m, "conv", made, l));
  made = mst_layer_group_norm(mst_model_extent(m), m->spec.groups, true, &l);
  return mst_model_add(m, "norm", made, l);
}

static mst_status path_convolution(mst_layer_path *p, const char *name, int64_t channels,
                                   int64_t kernel, int64_t stride) {
  mst_layer *l = NULL;
  mst_status made = mst_layer_convolution(mst_layer_path_extent(p), channels, kernel, stride,
                                          kernel / 2, false, &l);
  return mst_layer_path_add(p, name, made, l);
}

static mst_status path_norm(mst_layer_path *p, const char *name, int64_t groups, bool relu) {
  mst_layer *l = NULL;
  mst_status made = mst_layer_group_norm(mst_layer_path_extent(p), groups, relu, &l);
  return mst_layer_path_add(p, name, made, l);
}

static mst_status fill_paths(mst_layer_path *inner, mst_layer_path *shortcut, int64_t channels,
                             int64_t groups, int64_t stride) {
  MST_TRY(path_convolution(inner, "conv1", channels, 3, stride));
  MST_TRY(path_norm(inner, "norm1", groups, true));
  MST_TRY(path_convolution(inner, "conv2", channels, 3, 1));
  MST_TRY(path_norm(inner, "norm2", groups, false));
  if (stride == 1) return MST_OK;
  return path_convolution(shortcut, "shortcut", channels, 1, stride);
}

static mst_status make_block(mst_extent in, int64_t channels, int64_t groups, int64_t stride,
                             mst_layer **l) {
  mst_layer_path inner = {.in = in}, shortcut = {.in = in};
  mst_status status = fill_paths(&inner, &shortcut, channels, groups, stride);
  if (status == MST_OK) return mst_layer_residual(&inner, &shortcut, l);
  mst_layer_path_destroy(&inner);
  mst_layer_path_destroy(&shortcut);
  return status;
}

static mst_status add_block(mst_model *m, int stage, int64_t block) {
  char name[32];
  mst_layer *l = NULL;
  int64_t stride = stage > 0 && block == 0 ? 2 : 1;
  snprintf(name, sizeof name, "s%db%lld", stage + 1, (long long)block + 1);
  mst_status made =
      make_block(mst_model_extent(m), m->spec.channels << stage, m->spec.groups, stride, &l);
  MST_TRY(mst_model_add(m, name, made, l));
  made = mst_layer_activation(mst_model_extent(m), "relu", &l);
  return mst_model_add(m, name, made, l);
}

static mst_status build(mst_model *m, bool classes) {
  (void)classes;
  mst_layer *l = NULL;
  MST_TRY(check_rows(&m->shape));
  if (m->spec.blocks < 1 || m->spec.blocks > MOST_BLOCKS)
    return mst_fail(MST_ERR_INPUT, "model.blocks is %lld; a stage has 1 to %d residual blocks",
                    (long long)m->spec.blocks, MOST_BLOCKS);
  MST_TRY(add_stem(m));
  for (int stage = 0; stage < STAGES; stage++)
    for (int64_t block = 0; block < m->spec.blocks; block++) MST_TRY(add_block(m, stage, block));
  mst_status made = mst_layer_mean_pool(mst_model_extent(m), &l);
  MST_TRY(mst_model_add(m, "mean", made, l));
  made = mst_layer_dense(mst_model_extent(m), m->outputs, &l);
  return mst_model_add(m, "dense", made, l);
}

static const mst_param params[] = {
    MST_MODEL_CHANNELS(
        "16", "channels of the first stage; the second has twice, the third four times as many"),
    MST_MODEL_GROUPS("4"),
    {.name = "blocks",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_model_spec, blocks),
     .fallback = "1",
     .min = 1,
     .max = MOST_BLOCKS,
     .unit = "",
     .help = "residual blocks of a stage"},
    MST_MODEL_INIT("he"),
    MST_MODEL_STABLE_MAX,
    {0},
};

const mst_model_ops mst_model_resnet = {
    .name = "resnet",
    .summary = "small residual network of 3 x 3 convolutions with group norm",
    .params = params,
    .classes = true,
    .values = true,
    .build = build,
};
