/* LeNet and ResNet written out in double, layer after layer, from a model's tensors by their names.
 */
#ifndef MST_TESTS_CORE_MODEL_NETWORKS_H
#define MST_TESTS_CORE_MODEL_NETWORKS_H

#include <math.h>
#include <string.h>

#include "core/model/model.h"
#include "tests/core/model_reference.h"
#include "tests/harness.h"

static inline const mst_tensor *find(const mst_model *m, const char *name) {
  for (int i = 0; i < m->tensors; i++)
    if (strcmp(m->tensor[i].name, name) == 0) return &m->tensor[i];
  ck_abort_msg("no tensor %s", name);
  return NULL;
}

/* A walk through a reference network: the present activations. */
typedef struct walk {
  const mst_model *m;
  const double *w;
  mst_extent at;
  double *x;
} walk;

static inline const double *part(const walk *k, const char *block, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "%s%s", block, name);
  return k->w + find(k->m, full)->offset;
}

static inline void step_to(walk *k, mst_extent at, double *y) {
  free(k->x);
  k->x = y;
  k->at = at;
}

static inline void convolve(walk *k, const char *block, const char *name, int64_t channels,
                            int64_t kernel, int64_t stride, int64_t pad) {
  double *y =
      reference_convolution(k->at, k->x, part(k, block, name), NULL, channels, kernel, stride, pad);
  step_to(k, reference_window(k->at, channels, kernel, stride, pad), y);
}

static inline void normalise(walk *k, const char *block, const char *scale, const char *bias,
                             bool relu) {
  step_to(k, k->at,
          reference_group_norm(k->at, k->x, part(k, block, scale), part(k, block, bias),
                               k->m->spec.groups, relu));
}

static inline void pool(walk *k) {
  step_to(k, reference_window(k->at, k->at.channels, 2, 2, 0),
          reference_max_pool(k->at, k->x, 2, 2));
}

static inline void dense(walk *k, const char *name, int64_t out, bool relu) {
  const double *w = part(k, name, "/weight"), *b = part(k, name, "/bias");
  double *y = reference_dense(mst_extent_size(k->at), out, k->x, w, b, relu);
  step_to(k, (mst_extent){1, 1, out}, y);
}

static inline void walk_lenet(walk *k) {
  int64_t c = k->m->spec.channels;
  convolve(k, "conv1", "/weight", c, 5, 1, 0);
  normalise(k, "norm1", "/scale", "/bias", true);
  pool(k);
  convolve(k, "conv2", "/weight", 2 * c, 5, 1, 0);
  normalise(k, "norm2", "/scale", "/bias", true);
  pool(k);
  dense(k, "dense1", 120, true);
  dense(k, "dense2", 84, true);
  dense(k, "dense3", k->m->outputs, false);
}

static inline void walk_block(walk *k, const char *block, int64_t channels, int64_t stride) {
  mst_extent in = k->at;
  double *x = reference_array(mst_extent_size(in));
  memcpy(x, k->x, (size_t)mst_extent_size(in) * sizeof *x);
  convolve(k, block, "/conv1/weight", channels, 3, stride, 1);
  normalise(k, block, "/norm1/scale", "/norm1/bias", true);
  convolve(k, block, "/conv2/weight", channels, 3, 1, 1);
  normalise(k, block, "/norm2/scale", "/norm2/bias", false);
  double *other = x;
  if (stride > 1) {
    other = reference_convolution(in, x, part(k, block, "/shortcut/weight"), NULL, channels, 1,
                                  stride, 0);
    free(x);
  }
  for (int64_t j = 0; j < mst_extent_size(k->at); j++) k->x[j] = fmax(0.0, k->x[j] + other[j]);
  free(other);
}

static inline void walk_resnet(walk *k) {
  int64_t c = k->m->spec.channels;
  convolve(k, "conv", "/weight", c, 3, 1, 1);
  normalise(k, "norm", "/scale", "/bias", true);
  for (int stage = 0; stage < 3; stage++)
    for (int64_t b = 0; b < k->m->spec.blocks; b++) {
      char block[16];
      snprintf(block, sizeof block, "s%db%d", stage + 1, (int)b + 1);
      walk_block(k, block, c << stage, stage > 0 && b == 0 ? 2 : 1);
    }
  mst_extent all = {1, 1, k->at.channels};
  step_to(k, all, reference_mean_pool(k->at, k->x));
  dense(k, "dense", k->m->outputs, false);
}

/* The scores of one row; free() them. */
static inline double *reference_scores(const mst_model *m, const double *w, const float *x) {
  walk k = {.m = m, .w = w, .x = reference_array(m->inputs)};
  k.at =
      (mst_extent){m->shape.size[0], m->shape.size[1], m->shape.dims == 3 ? m->shape.size[2] : 1};
  for (int64_t j = 0; j < m->inputs; j++) k.x[j] = (double)x[j];
  if (strcmp(m->spec.kind, "lenet") == 0)
    walk_lenet(&k);
  else
    walk_resnet(&k);
  return k.x;
}

#endif
