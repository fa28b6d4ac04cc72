/* The residual layer (He, Zhang, Ren, Sun 2016, arXiv:1512.03385, equations 1 and 2): the sum of
 * what two paths of layers make of the same input; an empty shortcut is the identity.
 *
 * The paths' outputs are a part of `keep`, so that backward finds them; their parameters lie one
 * after the other, the inner path's first. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/wide.h"
#include "core/model/layer.h"

typedef struct residual {
  mst_layer base;
  mst_layer_path inner, shortcut;
  int64_t widest; /* floats an example between two layers of a path */
} residual;

enum {
  MOST_LAYERS = sizeof((mst_layer_path *)NULL)->layer / sizeof(mst_layer *),
  MOST_TENSORS = sizeof((mst_layer *)NULL)->tensor / sizeof(mst_tensor)
};

mst_extent mst_layer_path_extent(const mst_layer_path *p) {
  return p->layers > 0 ? p->layer[p->layers - 1]->out : p->in;
}

mst_status mst_layer_path_add(mst_layer_path *p, const char *name, mst_status made, mst_layer *l) {
  if (made != MST_OK) return made;
  assert(p->layers < MOST_LAYERS);
  p->name[p->layers] = name;
  p->layer[p->layers++] = l;
  return MST_OK;
}

void mst_layer_path_destroy(mst_layer_path *p) {
  for (int i = 0; i < p->layers; i++) mst_layer_destroy(p->layer[i]);
  p->layers = 0;
}

/* Floats an example of a path in keep. */
static int64_t path_keep(const mst_layer_path *p) {
  int64_t floats = 0;
  for (int i = 0; i < p->layers; i++)
    floats += mst_extent_size(p->layer[i]->out) + p->layer[i]->keep;
  return floats;
}

/* Layer i's output in the path's part of keep; its own keep follows. */
static float *output_of(const mst_layer_path *p, int i, int64_t n, float *keep) {
  for (int j = 0; j < i; j++) keep += n * (mst_extent_size(p->layer[j]->out) + p->layer[j]->keep);
  return keep;
}

static float *keep_of(const mst_layer_path *p, int i, int64_t n, float *keep) {
  return output_of(p, i, n, keep) + n * mst_extent_size(p->layer[i]->out);
}

/* The path's output. */
static const float *path_forward(const mst_layer_path *p, const float *w, int64_t n, const float *x,
                                 float *keep, float *scratch) {
  for (int i = 0; i < p->layers; i++) {
    const mst_layer *l = p->layer[i];
    float *y = output_of(p, i, n, keep);
    l->ops->forward(l, w + l->first, n, x, y, keep_of(p, i, n, keep), scratch);
    x = y;
  }
  return x;
}

/* From dy of the path's output: dx unless NULL, g unless NULL, and the squared norms added to
 * square unless NULL. scratch begins with two buffers (n, widest). */
static void path_backward(const residual *c, const mst_layer_path *p, const float *w, int64_t n,
                          const float *x, float *keep, const float *dy, float *dx, float *g,
                          double *square, float *scratch) {
  float *pulled[2] = {scratch, scratch + n * c->widest}, *own = scratch + 2 * n * c->widest;
  for (int i = p->layers - 1; i >= 0; i--) {
    const mst_layer *l = p->layer[i];
    const float *in = i > 0 ? output_of(p, i - 1, n, keep) : x, *out = output_of(p, i, n, keep);
    const float *kept = keep_of(p, i, n, keep);
    float *to = i > 0 ? pulled[i % 2] : dx;
    float *own_g = g != NULL && l->parameters > 0 ? g + l->first : NULL;
    if (square != NULL && l->parameters > 0)
      l->ops->norms(l, w + l->first, n, in, out, kept, dy, square, own);
    if (to != NULL || own_g != NULL)
      l->ops->backward(l, w + l->first, n, in, out, kept, dy, to, own_g, own);
    dy = to;
  }
}

MST_WIDE_BODY add_body(int64_t count, const float *a, const float *b, float *sum) {
  for (int64_t i = 0; i < count; i++) sum[i] = a[i] + b[i];
}
MST_WIDE(add, (int64_t count, const float *a, const float *b, float *sum), (count, a, b, sum))

static void forward(const mst_layer *l, const float *w, int64_t n, const float *x, float *y,
                    float *keep, float *scratch) {
  const residual *c = (const residual *)l;
  const float *inner = path_forward(&c->inner, w, n, x, keep, scratch);
  const float *other =
      path_forward(&c->shortcut, w, n, x, keep + n * path_keep(&c->inner), scratch);
  add(n * mst_extent_size(l->out), inner, other, y);
}

static void both_backward(const residual *c, const float *w, int64_t n, const float *x,
                          const float *keep, const float *dy, float *dx, float *g, double *square,
                          float *scratch) {
  float *kept = (float *)keep, *other = scratch, *rest = scratch + n * mst_extent_size(c->base.in);
  path_backward(c, &c->inner, w, n, x, kept, dy, dx, g, square, rest);
  if (c->shortcut.layers > 0)
    path_backward(c, &c->shortcut, w, n, x, kept + n * path_keep(&c->inner), dy,
                  dx != NULL ? other : NULL, g, square, rest);
  if (dx == NULL) return;
  add(n * mst_extent_size(c->base.in), dx, c->shortcut.layers > 0 ? other : dy, dx);
}

static void backward(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                     const float *keep, const float *dy, float *dx, float *g, float *scratch) {
  (void)y;
  both_backward((const residual *)l, w, n, x, keep, dy, dx, g, NULL, scratch);
}

static void norms(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                  const float *keep, const float *dy, double *square, float *scratch) {
  (void)y;
  both_backward((const residual *)l, w, n, x, keep, dy, NULL, NULL, square, scratch);
}

static const float *path_given(const mst_layer_path *p, int64_t at, int64_t n, const float *x,
                               const float *keep, int64_t *width) {
  for (int i = 0; i < p->layers; i++) {
    const mst_layer *part = p->layer[i];
    if (at < part->first || at >= part->first + part->parameters) continue;
    *width = mst_extent_size(part->in);
    return i == 0 ? x : output_of(p, i - 1, n, (float *)keep);
  }
  return NULL;
}

static const float *given(const mst_layer *l, int64_t at, int64_t n, const float *x,
                          const float *keep, int64_t *width) {
  const residual *c = (const residual *)l;
  const float *in = path_given(&c->inner, at, n, x, keep, width);
  if (in != NULL) return in;
  return path_given(&c->shortcut, at, n, x, keep + n * path_keep(&c->inner), width);
}

static void destroy(mst_layer *l) {
  residual *c = (residual *)l;
  mst_layer_path_destroy(&c->inner);
  mst_layer_path_destroy(&c->shortcut);
  mst_free(l);
}

static const mst_layer_ops ops = {
    .name = "residual layer",
    .forward = forward,
    .backward = backward,
    .norms = norms,
    .given = given,
    .destroy = destroy,
};

static void add_tensors(mst_layer *l, const char *name, const mst_layer *part) {
  for (int i = 0; i < part->tensors; i++) {
    const mst_tensor *t = &part->tensor[i];
    char full[sizeof t->name];
    int length = snprintf(full, sizeof full, "%s/%s", name, t->name);
    assert(length > 0 && (size_t)length < sizeof full && l->tensors < MOST_TENSORS);
    (void)length;
    mst_layer_tensor(l, full, t->role, t->dims, t->shape, t->fan_in, t->fan_out);
  }
}

/* The path's parameters, room and scratch become a part of the residual layer's. */
static void adopt(residual *c, mst_layer_path *p) {
  mst_layer *l = &c->base;
  for (int i = 0; i < p->layers; i++) {
    mst_layer *part = p->layer[i];
    part->first = l->parameters;
    add_tensors(l, p->name[i], part);
    l->scratch_fixed = mst_most(l->scratch_fixed, part->scratch_fixed);
    l->scratch_row = mst_most(l->scratch_row, part->scratch_row);
    c->widest = mst_most(c->widest, mst_extent_size(part->in));
  }
  l->keep += path_keep(p);
}

static bool same_extent(mst_extent a, mst_extent b) {
  return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

mst_status mst_layer_residual(mst_layer_path *inner, mst_layer_path *shortcut, mst_layer **l) {
  *l = NULL;
  mst_extent out = mst_layer_path_extent(inner);
  bool fits = inner->layers > 0 && same_extent(inner->in, shortcut->in) &&
              same_extent(out, mst_layer_path_extent(shortcut));
  mst_status status =
      fits ? mst_layer_new(&ops, inner->in, out, sizeof(residual), l)
           : mst_fail(MST_ERR_INTERNAL, "the two paths of a residual layer do not fit together");
  if (status != MST_OK) {
    mst_layer_path_destroy(inner);
    mst_layer_path_destroy(shortcut);
    return status;
  }
  residual *c = (residual *)*l;
  c->inner = *inner;
  c->shortcut = *shortcut;
  adopt(c, &c->inner);
  adopt(c, &c->shortcut);
  (*l)->scratch_row += 2 * c->widest + mst_extent_size(inner->in);
  return MST_OK;
}
