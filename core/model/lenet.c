/* A small convolutional network after LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based
 * learning applied to document recognition", section II.B), with ReLU, max pooling and group
 * normalisation in the place of its sigmoids and averages:
 *
 *   2 x (5 x 5 convolution -> group norm -> ReLU -> 2 x 2 max pool) -> 120 -> 84 -> scores,
 *
 * with `channels` channels in the first convolution and twice as many in the second. The
 * convolutions have no bias: the norm behind them has one. */
#include <stddef.h>
#include <stdio.h>

#include "core/model/layer.h"
#include "core/model/params.h"

enum {
  LEAST_SIDE = 16, /* 16 -> 12 -> 6 -> 2 -> 1 */
  KERNEL = 5
};

static mst_status check_rows(const mst_row_shape *shape) {
  if (shape->dims < 2)
    return mst_fail(MST_ERR_INPUT,
                    "model.kind lenet takes images, but the rows are vectors of %lld numbers; give "
                    "the dataset's x the shape (n, height, width) or (n, height, width, channels), "
                    "or choose softmax or mlp",
                    (long long)shape->size[0]);
  if (shape->size[0] < LEAST_SIDE || shape->size[1] < LEAST_SIDE)
    return mst_fail(MST_ERR_INPUT,
                    "model.kind lenet takes images of at least %d x %d pixels, but the rows are "
                    "%lld x %lld; choose resnet or mlp",
                    LEAST_SIDE, LEAST_SIDE, (long long)shape->size[0], (long long)shape->size[1]);
  return MST_OK;
}

static mst_status add_convolution(mst_model *m, int number, int64_t channels) {
  char name[16];
  mst_layer *l = NULL;
  snprintf(name, sizeof name, "conv%d", number);
  mst_status made = mst_layer_convolution(mst_model_extent(m), channels, KERNEL, 1, 0, false, &l);
  MST_TRY(mst_model_add(m, name, made, l));
  snprintf(name, sizeof name, "norm%d", number);
  made = mst_layer_group_norm(mst_model_extent(m), m->spec.groups, true, &l);
  MST_TRY(mst_model_add(m, name, made, l));
  snprintf(name, sizeof name, "pool%d", number);
  made = mst_layer_max_pool(mst_model_extent(m), 2, 2, &l);
  return mst_model_add(m, name, made, l);
}

static mst_status add_dense(mst_model *m, int number, int64_t width) {
  char name[16];
  mst_layer *l = NULL;
  snprintf(name, sizeof name, "dense%d", number);
  mst_status made = mst_layer_dense(mst_model_extent(m), width, &l);
  return mst_model_add(m, name, made, l);
}

static mst_status add_hidden(mst_model *m, int number, int64_t width) {
  char name[16];
  mst_layer *l = NULL;
  MST_TRY(add_dense(m, number, width));
  snprintf(name, sizeof name, "relu%d", number);
  mst_status made = mst_layer_activation(mst_model_extent(m), "relu", &l);
  return mst_model_add(m, name, made, l);
}

static mst_status build(mst_model *m, bool classes) {
  (void)classes;
  MST_TRY(check_rows(&m->shape));
  MST_TRY(add_convolution(m, 1, m->spec.channels));
  MST_TRY(add_convolution(m, 2, 2 * m->spec.channels));
  MST_TRY(add_hidden(m, 1, 120));
  MST_TRY(add_hidden(m, 2, 84));
  return add_dense(m, 3, m->outputs);
}

static const mst_param params[] = {
    MST_MODEL_CHANNELS("16",
                       "channels of the first convolution; the second has twice as many"),
    MST_MODEL_GROUPS("4"),
    MST_MODEL_INIT("he"),
    MST_MODEL_STABLE_MAX,
    {0},
};

const mst_model_ops mst_model_lenet = {
    .name = "lenet",
    .summary = "two 5 x 5 convolutions with group norm and max pooling, three dense layers",
    .params = params,
    .classes = true,
    .values = true,
    .build = build,
};
