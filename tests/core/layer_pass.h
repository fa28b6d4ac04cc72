/* What the tests of convolutional layers share: layers of every kind and shape, and a batch through
 * one of them, forward and backward, in arrays whose ends are watched. */
#ifndef MST_TESTS_CORE_LAYER_PASS_H
#define MST_TESTS_CORE_LAYER_PASS_H

#include <math.h>
#include <string.h>

#include "core/model/layer.h"
#include "tests/core/images.h"
#include "tests/core/model_reference.h"
#include "tests/harness.h"

enum {
  ROWS = 3 /* examples of a batch */
};

typedef enum kind {
  CONVOLUTION,
  GROUP_NORM,
  MAX_POOL,
  MEAN_POOL
} kind;

typedef struct layer_case {
  kind kind;
  mst_extent in;
  int64_t channels, size, stride, pad; /* convolution, max pool */
  bool bias;
  int64_t groups;
  bool relu;
  double offset; /* of the inputs */
} layer_case;

static inline mst_layer *make_layer(const layer_case *c) {
  mst_layer *l = NULL;
  if (c->kind == CONVOLUTION)
    ck_ok(mst_layer_convolution(c->in, c->channels, c->size, c->stride, c->pad, c->bias, &l));
  else if (c->kind == GROUP_NORM)
    ck_ok(mst_layer_group_norm(c->in, c->groups, c->relu, &l));
  else if (c->kind == MAX_POOL)
    ck_ok(mst_layer_max_pool(c->in, c->size, c->stride, &l));
  else
    ck_ok(mst_layer_mean_pool(c->in, &l));
  return l;
}

/* A layer with a batch through it. Arrays are one row longer than the batch: the guard rows. */
typedef struct pass {
  mst_layer *layer;
  int64_t n, in, out;
  float *w, *x, *y, *keep, *scratch, *dy, *dx, *g;
} pass;

static const float guard = 77.0f;

static inline float *guarded(int64_t count, int64_t extra) {
  float *x = malloc((size_t)(count + extra + 1) * sizeof *x);
  ck_assert_ptr_nonnull(x);
  for (int64_t i = 0; i < count + extra + 1; i++) x[i] = guard;
  return x;
}

static inline void check_guard(const float *x, int64_t count, int64_t extra) {
  for (int64_t i = count; i < count + extra + 1; i++) ck_assert(x[i] == guard);
}

static inline float *row_noise(int64_t n, int64_t width, uint64_t seed, double offset) {
  float *x = malloc((size_t)(n * width + 1) * sizeof *x);
  ck_assert_ptr_nonnull(x);
  for (int64_t i = 0; i < n; i++) {
    float *row = make_noise(width, seed + 1000 * (uint64_t)i);
    for (int64_t j = 0; j < width; j++) x[i * width + j] = 2.0f * row[j] + (float)offset;
    free(row);
  }
  return x;
}

static inline pass begin(mst_layer *l, int64_t n, double offset) {
  int64_t in = mst_extent_size(l->in), out = mst_extent_size(l->out);
  int64_t scratch = l->scratch_fixed + n * l->scratch_row;
  pass p = {.layer = l, .n = n, .in = in, .out = out};
  p.w = row_noise(1, l->parameters, 5, 0.0);
  p.x = row_noise(n, in, 6, offset);
  p.dy = row_noise(n, out, 7, 0.0);
  p.y = guarded(n * out, 64);
  p.keep = guarded(n * l->keep, 64);
  p.scratch = guarded(scratch, 64);
  p.dx = guarded(n * in, 64);
  p.g = guarded(l->parameters, 64);
  return p;
}

static inline void run(pass *p) {
  const mst_layer *l = p->layer;
  l->ops->forward(l, p->w, p->n, p->x, p->y, p->keep, p->scratch);
  l->ops->backward(l, p->w, p->n, p->x, p->y, p->keep, p->dy, p->dx,
                   l->parameters > 0 ? p->g : NULL, p->scratch);
}

static inline void end(pass *p) {
  const mst_layer *l = p->layer;
  check_guard(p->y, p->n * p->out, 64);
  check_guard(p->keep, p->n * l->keep, 64);
  check_guard(p->scratch, l->scratch_fixed + p->n * l->scratch_row, 64);
  check_guard(p->dx, p->n * p->in, 64);
  check_guard(p->g, l->parameters, 64);
  mst_layer_destroy(p->layer);
  free(p->w), free(p->x), free(p->y), free(p->keep), free(p->scratch);
  free(p->dy), free(p->dx), free(p->g);
}

#define EACH(cases) for (size_t i = 0; i < sizeof(cases) / sizeof(cases)[0]; i++)

/* Kernels, strides and paddings; channels of less, just and more than whole vectors; a last row
 * and column that no window reaches; windows wholly in the padding. */
static const layer_case convolutions[] = {
    {.kind = CONVOLUTION, .in = {7, 6, 1}, .channels = 3, .size = 5, .stride = 1},
    {.kind = CONVOLUTION, .in = {6, 7, 1}, .channels = 16, .size = 3, .stride = 1, .pad = 1},
    {.kind = CONVOLUTION, .in = {5, 5, 3}, .channels = 17, .size = 3, .stride = 2, .bias = true},
    {.kind = CONVOLUTION, .in = {6, 5, 4}, .channels = 5, .size = 3, .stride = 2, .pad = 1},
    {.kind = CONVOLUTION, .in = {5, 4, 3}, .channels = 32, .size = 1, .stride = 2},
    {.kind = CONVOLUTION, .in = {4, 5, 2}, .channels = 48, .size = 2, .stride = 3, .bias = true},
    {.kind = CONVOLUTION, .in = {1, 1, 9}, .channels = 4, .size = 1, .stride = 1, .bias = true},
    {.kind = CONVOLUTION, .in = {3, 14, 2}, .channels = 2, .size = 3, .stride = 1, .pad = 2},
    {.kind = CONVOLUTION, .in = {3, 27, 1}, .channels = 2, .size = 2, .stride = 1, .pad = 4},
    {.kind = CONVOLUTION, .in = {3, 3, 16}, .channels = 16, .size = 3, .stride = 1, .bias = true},
};

/* Groups of one channel and of all; chunks with and without a rest. */
static const layer_case norms_cases[] = {
    {.kind = GROUP_NORM, .in = {4, 5, 6}, .groups = 3},
    {.kind = GROUP_NORM, .in = {4, 5, 6}, .groups = 1, .relu = true},
    {.kind = GROUP_NORM, .in = {8, 5, 16}, .groups = 4, .relu = true},
    {.kind = GROUP_NORM, .in = {3, 3, 7}, .groups = 7, .relu = true},
    {.kind = GROUP_NORM, .in = {1, 2, 150}, .groups = 75},
};

static const layer_case pools[] = {
    {.kind = MAX_POOL, .in = {6, 4, 3}, .size = 2, .stride = 2},
    {.kind = MAX_POOL, .in = {7, 5, 16}, .size = 2, .stride = 2},
    {.kind = MAX_POOL, .in = {5, 6, 18}, .size = 3, .stride = 2},
    {.kind = MAX_POOL, .in = {7, 7, 2}, .size = 2, .stride = 3},
    {.kind = MEAN_POOL, .in = {5, 3, 7}},
    {.kind = MEAN_POOL, .in = {1, 1, 40}},
};

/* A residual layer of a convolution, a norm and a second convolution; shortcut 1: a convolution. */
static inline mst_layer *make_residual(bool shortcut_convolution) {
  mst_layer_path inner = {.in = {5, 6, 4}}, shortcut = {.in = {5, 6, 4}};
  int64_t channels = shortcut_convolution ? 6 : 4, stride = shortcut_convolution ? 2 : 1;
  mst_layer *l = NULL;
  mst_status made = mst_layer_convolution(inner.in, channels, 3, stride, 1, true, &l);
  ck_ok(mst_layer_path_add(&inner, "conv1", made, l));
  made = mst_layer_group_norm(mst_layer_path_extent(&inner), 2, true, &l);
  ck_ok(mst_layer_path_add(&inner, "norm", made, l));
  made = mst_layer_convolution(mst_layer_path_extent(&inner), channels, 3, 1, 1, false, &l);
  ck_ok(mst_layer_path_add(&inner, "conv2", made, l));
  if (shortcut_convolution) {
    made = mst_layer_convolution(shortcut.in, channels, 1, stride, 0, false, &l);
    ck_ok(mst_layer_path_add(&shortcut, "conv", made, l));
  }
  ck_ok(mst_layer_residual(&inner, &shortcut, &l));
  return l;
}

#endif
