/* The dense layer: y = x W + b for a row x, with W(in, out) and b(out).
 *
 * A row's gradient is the outer product of (x, 1) and dy, so its norm and its inner products with
 * other rows' need no gradient at all (Goodfellow 2015, arXiv:1510.01799). */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/dense.h"
#include "core/model/layer.h"
#include "core/model/lanes.h"

#define CHUNK 6144  /* floats of a gradient that stay in the nearest cache       */
#define RANGE 32768 /* in the next one, with what is made of them                */

static int64_t width_in(const mst_layer *l) {
  return mst_extent_size(l->in);
}

static int64_t width_out(const mst_layer *l) {
  return mst_extent_size(l->out);
}

/* Rows of W, in whole tiles of dense.h, if it can be. */
static int64_t whole_tiles(int64_t rows) {
  const int64_t tile = MST_DENSE_TILE_ROWS;
  return rows >= tile ? rows / tile * tile : mst_most(rows, 1);
}

/* Rows of W that move together. */
static int64_t chunk_rows(int64_t out) {
  return whole_tiles(CHUNK / out);
}

static void forward(const mst_layer *l, const float *w, int64_t n, const float *x, float *y,
                    float *keep, float *scratch) {
  (void)keep;
  (void)scratch;
  int64_t in = width_in(l), out = width_out(l);
  mst_dense_forward(n, in, out, x, in, w, out, w + in * out, y, out);
}

static void backward(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                     const float *keep, const float *dy, float *dx, float *g, float *scratch) {
  (void)y;
  (void)keep;
  (void)scratch;
  int64_t in = width_in(l), out = width_out(l);
  if (dx != NULL) mst_dense_pull(n, in, out, dy, out, w, out, dx, in);
  if (g == NULL) return;
  mst_dense_gradient(n, in, out, x, in, dy, out, g, out);
  mst_sum_rows(n, out, dy, g + in * out);
}

/* Some rows of W at a time, from the last to the first, so that what is told of is in cache. */
static void ranges(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                   const float *keep, const float *dy, float *dx, float *g, float *scratch,
                   const mst_gradient_report *report) {
  (void)y;
  (void)keep;
  (void)scratch;
  int64_t in = width_in(l), out = width_out(l), rows = whole_tiles(RANGE / out);
  if (dx != NULL) mst_dense_pull(n, in, out, dy, out, w, out, dx, in);
  mst_sum_rows(n, out, dy, g + in * out);
  report->done(report->context, report->offset + in * out, out);
  for (int64_t i = (in - 1) / rows * rows; i >= 0; i -= rows) {
    const int64_t count = mst_least(rows, in - i);
    mst_dense_gradient(n, count, out, x + i, in, dy, out, g + i * out, out);
    report->done(report->context, report->offset + i * out, count * out);
  }
}

/* Is it w -= rate (g + decay w), which the product makes by itself? */
static bool is_plain(const mst_descent *d) {
  return d->gradient == 1.0f && d->proximal == 0.0f && d->constant == NULL && d->from == d->to;
}

/* The rows of W some at a time, so that their gradient is still in the nearest cache when they
 * move. */
static void descend_weights(const mst_layer *l, int64_t n, const float *x, const float *dy,
                            const mst_descent *d, float *scratch) {
  const int64_t in = width_in(l), out = width_out(l), chunk = chunk_rows(out);
  if (is_plain(d)) {
    mst_dense_descend(n, in, out, x, in, dy, out, d->rate, d->decay, d->to, out);
    return;
  }
  for (int64_t i = 0; i < in; i += chunk) {
    const int64_t rows = mst_least(chunk, in - i);
    const mst_descent part = mst_descent_at(d, i * out);
    mst_dense_gradient(n, rows, out, x + i, in, dy, out, scratch, out);
    mst_descend(&part, rows * out, scratch);
  }
}

static void descend(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                    const float *keep, const float *dy, float *dx, const mst_descent *d,
                    float *scratch) {
  (void)y;
  (void)keep;
  int64_t in = width_in(l), out = width_out(l);
  if (dx != NULL) mst_dense_pull(n, in, out, dy, out, w, out, dx, in);
  descend_weights(l, n, x, dy, d, scratch);
  const mst_descent bias = mst_descent_at(d, in * out);
  mst_sum_rows(n, out, dy, scratch);
  mst_descend(&bias, out, scratch);
}

static void norms(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                  const float *keep, const float *dy, double *square, float *scratch) {
  (void)w;
  (void)y;
  (void)keep;
  (void)scratch;
  int64_t in = width_in(l), out = width_out(l);
  for (int64_t i = 0; i < n; i++)
    square[i] += (mst_square_sum(in, x + i * in) + 1.0) * mst_square_sum(out, dy + i * out);
}

static void to_double(int64_t count, const float *x, double *out) {
  for (int64_t i = 0; i < count; i++) out[i] = x[i];
}

/* <(x_i, 1) d_ai', (x_j, 1) d_bj'> = (x_i . x_j + 1) (d_ai . d_bj). */
static void kernel(const mst_layer *l, int64_t n, int64_t outputs, const float *x, const float *d,
                   double *k, double *scratch) {
  int64_t in = width_in(l), out = width_out(l), rows = outputs * n;
  double *xs = scratch, *ds = xs + n * in, *xx = ds + rows * out, *dd = xx + n * n;
  to_double(n * in, x, xs);
  to_double(rows * out, d, ds);
  mst_gemm(false, true, n, n, in, 1.0, xs, in, xs, in, 0.0, xx, n);
  mst_gemm(false, true, rows, rows, out, 1.0, ds, out, ds, out, 0.0, dd, rows);
  for (int64_t i = 0; i < n; i++)
    for (int64_t a = 0; a < outputs; a++)
      for (int64_t j = 0; j < n; j++)
        for (int64_t b = 0; b < outputs; b++)
          k[(i * outputs + a) * rows + j * outputs + b] +=
              (xx[i * n + j] + 1.0) * dd[(a * n + i) * rows + b * n + j];
}

/* With h = (x, 1): h0 d0' - h1 d1' = h0 (d0 - d1)' + (h0 - h1) d1'. Both terms are as small as the
 * points are near to each other, so nothing is lost as it is in |h0|^2 |d0|^2 + |h1|^2 |d1|^2 -
 * 2 (h0 . h1) (d0 . d1). */
typedef struct pair_sums {
  double out, own, along; /* |d0 - d1|^2, |d1|^2, (d0 - d1) . d1 */
} pair_sums;

static pair_sums compare(int64_t n, const float *a, const float *b) {
  pair_sums s = {0, 0, 0};
  for (int64_t i = 0; i < n; i++) {
    double gap = (double)(a[i] - b[i]), own = b[i];
    s.out += gap * gap;
    s.own += own * own;
    s.along += gap * own;
  }
  return s;
}

static void difference_norms(const mst_layer *l, int64_t n, const float *const x[2],
                             const float *const dy[2], double *square, double *terms) {
  int64_t in = width_in(l), out = width_out(l);
  for (int64_t i = 0; i < n; i++) {
    pair_sums d = compare(out, dy[0] + i * out, dy[1] + i * out);
    double given = mst_square_sum(in, x[0] + i * in) + 1.0;
    square[i] += given * d.out;
    double bound = sqrt(given * d.out);
    if (x[0] != x[1]) {
      pair_sums h = compare(in, x[1] + i * in, x[0] + i * in); /* h1 - h0, and h0 */
      square[i] += fmax(-given * d.out, h.out * d.own - 2 * d.along * h.along);
      bound += sqrt(h.out * d.own);
    }
    terms[i] += bound * bound;
  }
}

/* to(n, width) = weight (a - b), or weight a without b. */
static void weigh(int64_t n, int64_t width, const float *weight, const float *a, const float *b,
                  float *to) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i * width; j < (i + 1) * width; j++)
      to[j] = weight[i] * (b != NULL ? a[j] - b[j] : a[j]);
}

/* One product of the terms one below the other: [x0; x0 - x1]' [weight (d0 - d1); weight d1]. */
static void difference(const mst_layer *l, int64_t n, const float *const x[2],
                       const float *const dy[2], const float *weight, float *g, float *scratch) {
  int64_t in = width_in(l), out = width_out(l), rows = n;
  float *d = scratch, *stack = scratch + 2 * n * out;
  const float *h = x[0];
  weigh(n, out, weight, dy[0], dy[1], d);
  mst_sum_rows(n, out, d, g + in * out);
  if (x[0] != x[1]) {
    weigh(n, out, weight, dy[1], NULL, d + n * out);
    memcpy(stack, x[0], (size_t)(n * in) * sizeof *stack);
    for (int64_t i = 0; i < n * in; i++) stack[n * in + i] = x[0][i] - x[1][i];
    h = stack;
    rows = 2 * n;
  }
  mst_dense_gradient(rows, in, out, h, in, d, out, g, out);
}

static const mst_layer_ops dense = {
    .name = "dense layer",
    .forward = forward,
    .backward = backward,
    .norms = norms,
    .kernel = kernel,
    .ranges = ranges,
    .descend = descend,
    .difference_norms = difference_norms,
    .difference = difference,
};

mst_status mst_layer_dense(mst_extent in, int64_t out, mst_layer **l) {
  *l = NULL;
  int64_t width = mst_extent_size(in);
  if (out < 1 || width < 1 || out > (INT64_C(1) << 40) / (width + 1))
    return mst_fail(MST_ERR_INPUT, "a dense layer from %lld to %lld numbers cannot be made",
                    (long long)width, (long long)out);
  MST_TRY(mst_layer_new(&dense, in, (mst_extent){1, 1, out}, sizeof **l, l));
  (*l)->scratch_fixed = chunk_rows(out) * out;
  mst_layer_tensor(*l, "weight", MST_TENSOR_WEIGHT, 2, (int64_t[]){width, out}, width, out);
  mst_layer_tensor(*l, "bias", MST_TENSOR_BIAS, 1, (int64_t[]){out}, width, out);
  return MST_OK;
}
