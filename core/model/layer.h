/* Layers: what models are built of. A layer maps n examples of `in` to n examples of `out`
 * floats; its parameters are a part of the model's flat vector. One file a layer: dense_layer.c
 * activation.c convolution.c group_norm.c batch_norm.c pool.c residual.c. Private to core/model. */
#ifndef MST_CORE_MODEL_LAYER_H
#define MST_CORE_MODEL_LAYER_H

#include <stddef.h>

#include "core/model/model.h"

/* Height, width, channels; channels innermost. A vector of k is 1 x 1 x k. */
typedef struct mst_extent {
  int64_t height, width, channels;
} mst_extent;

/** Floats of an example. Local. */
static inline int64_t mst_extent_size(mst_extent e) {
  return e.height * e.width * e.channels;
}

/* Whom to tell that g[first .. first+count) of a layer's own parameters is final. */
typedef struct mst_gradient_report {
  void (*done)(void *context, int64_t first, int64_t count);
  void *context;
  int64_t offset; /* of the layer in the model's vector */
} mst_gradient_report;

typedef struct mst_layer_ops {
  const char *name;
  /* y(n, out) from x(n, in). w: this layer's own parameters. keep(n, keep) is what backward wants
   * to find again (may be unused); scratch has `scratch_fixed + n * scratch_row` floats. */
  void (*forward)(const mst_layer *l, const float *w, int64_t n, const float *x, float *y,
                  float *keep, float *scratch);
  /* The same for scores alone, of a layer whose rows share something while gradients are taken:
   * here nothing is shared. NULL: forward. Such a layer has neither norms nor kernel. */
  void (*evaluate)(const mst_layer *l, const float *w, int64_t n, const float *x, float *y);
  /* From dy(n, out): dx(n, in) unless NULL, and g(own parameters), overwritten, unless NULL. */
  void (*backward)(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                   const float *keep, const float *dy, float *dx, float *g, float *scratch);
  /* As backward with g, with the same bits, telling of ranges of g that follow each other from the
   * last to the first as soon as they are final. NULL: backward, and then all is told of. */
  void (*ranges)(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                 const float *keep, const float *dy, float *dx, float *g, float *scratch,
                 const mst_gradient_report *report);
  /* square(i) += squared norm of example i's gradient in this layer's parameters. NULL where there
   * are no parameters. */
  void (*norms)(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                const float *keep, const float *dy, double *square, float *scratch);
  /* For the pullbacks d(outputs, n, out) of all outputs of the model: k(i outputs + a,
   * j outputs + b) += <gradient of example i under d(a), gradient of example j under d(b)>; k is
   * dense, row-major. scratch: mst_layer_kernel_scratch doubles. NULL: not supported. */
  void (*kernel)(const mst_layer *l, int64_t n, int64_t outputs, const float *x, const float *d,
                 double *k, double *scratch);
  /* As backward, and the step d of this layer's own parameters, with the bits of mst_descend after
   * backward. d->to may be w: dx is that of the old w. NULL: that is what is done. */
  void (*descend)(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                  const float *keep, const float *dy, float *dx, const mst_descent *d,
                  float *scratch);
  /* What the part that holds parameter `at` was given when x was the layer's input: (n, *width).
   * NULL: x, for all parameters. */
  const float *(*given)(const mst_layer *l, int64_t at, int64_t n, const float *x,
                        const float *keep, int64_t *width);
  /* Of the difference of an example's gradients at two points of the parameters, at which the layer
   * was given x[k](n, in) and dy[k](n, out), x[0] = x[1] where they are one array: square(i) += its
   * squared norm; terms(i) += the square of a bound of the terms that it is made of, of which
   * `difference` rounds off a few parts in 2^24. NULL: not supported, nor is `difference`. */
  void (*difference_norms)(const mst_layer *l, int64_t n, const float *const x[2],
                           const float *const dy[2], double *square, double *terms);
  /* g(own parameters) = sum over examples of weight(i) times that difference. scratch has room for
   * 2 n (in + out) floats. */
  void (*difference)(const mst_layer *l, int64_t n, const float *const x[2],
                     const float *const dy[2], const float *weight, float *g, float *scratch);
  void (*destroy)(mst_layer *l);
} mst_layer_ops;

struct mst_layer {
  const mst_layer_ops *ops;
  mst_extent in, out;
  int64_t first, parameters;          /* in the model's vector; set by mst_model_add  */
  int64_t keep;                       /* floats an example                            */
  int64_t scratch_fixed, scratch_row; /* floats                                       */
  int tensors;                        /* at most 8; offsets relative to the layer      */
  mst_tensor tensor[8];
};

/** Allocate a layer of `size` bytes (a struct that begins with mst_layer). Local. */
mst_status mst_layer_new(const mst_layer_ops *ops, mst_extent in, mst_extent out, size_t size,
                         mst_layer **l) MST_CHECKED;
void mst_layer_destroy(mst_layer *l); /* Local; NULL is allowed */
/** Add a tensor of the layer: name, role, shape, fans. Local. */
void mst_layer_tensor(mst_layer *l, const char *name, mst_tensor_role role, int dims,
                      const int64_t *shape, int64_t fan_in, int64_t fan_out);

/** Doubles of scratch for ops->kernel: room for x, d and the Gram matrices of both. Local. */
static inline int64_t mst_layer_kernel_scratch(const mst_layer *l, int64_t n, int64_t outputs) {
  int64_t rows = n * outputs;
  return n * (mst_extent_size(l->in) + n) + rows * (mst_extent_size(l->out) + rows);
}

/** Append a layer to the model, which owns it from now on (also on an error; NULL with a failed
 *  status is passed through). `name` becomes the prefix of its tensors. Local. */
mst_status mst_model_add(mst_model *m, const char *name, mst_status made, mst_layer *l) MST_CHECKED;
/** What the next layer gets: the extent after the last one, or that of the rows. Local. */
mst_extent mst_model_extent(const mst_model *m);

/** The layers. They take rows of `in`; out: NULL on an error.
 *  \return MST_OK; MST_ERR_INPUT for settings that cannot be, named; MST_ERR_MEMORY. Local. */
mst_status mst_layer_dense(mst_extent in, int64_t out, mst_layer **l) MST_CHECKED;
/** kind: relu | gelu | tanh. Local. */
mst_status mst_layer_activation(mst_extent in, const char *kind, mst_layer **l) MST_CHECKED;
/** Square kernel, zero padding on all sides, stride; weight (kernel, kernel, in, out). Local. */
mst_status mst_layer_convolution(mst_extent in, int64_t channels, int64_t kernel, int64_t stride,
                                 int64_t pad, bool bias, mst_layer **l) MST_CHECKED;
/** Channels in `groups` groups; relu: and not below 0. Local. */
mst_status mst_layer_group_norm(mst_extent in, int64_t groups, bool relu,
                                mst_layer **l) MST_CHECKED;
/** Over ghost batches of `ghost` consecutive rows; of vectors. Local. */
mst_status mst_layer_batch_norm(mst_extent in, int64_t ghost, mst_layer **l) MST_CHECKED;
/** Windows of size x size, `stride` apart. Local. */
mst_status mst_layer_max_pool(mst_extent in, int64_t size, int64_t stride,
                              mst_layer **l) MST_CHECKED;
/** Over all positions. Local. */
mst_status mst_layer_mean_pool(mst_extent in, mst_layer **l) MST_CHECKED;

/* Layers in a row, of a residual layer. Begin with {.in = ...}. */
typedef struct mst_layer_path {
  mst_extent in;
  int layers;
  const char *name[4]; /* prefixes of their tensors */
  mst_layer *layer[4];
} mst_layer_path;

/** What the path's next layer gets. Local. */
mst_extent mst_layer_path_extent(const mst_layer_path *p);
/** Append a layer, as mst_model_add does. Local. */
mst_status mst_layer_path_add(mst_layer_path *p, const char *name, mst_status made,
                              mst_layer *l) MST_CHECKED;
void mst_layer_path_destroy(mst_layer_path *p); /* Local; empties it */
/** y = inner(x) + shortcut(x), an empty shortcut being x itself; both paths are owned, also on an
 *  error. Local. */
mst_status mst_layer_residual(mst_layer_path *inner, mst_layer_path *shortcut,
                              mst_layer **l) MST_CHECKED;

extern const mst_model_ops mst_model_softmax, mst_model_glm, mst_model_mlp, mst_model_lenet,
    mst_model_resnet;

#endif
