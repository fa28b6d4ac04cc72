/* Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1) over ghost batches
 * (Hoffer, Hubara, Soudry 2017, arXiv:1705.08741, algorithm 1): while a gradient is taken, every
 * channel is brought to mean 0 and variance 1 over a fixed number of consecutive rows, then scaled
 * and shifted. For scores the running mean and variance take the place of those of the rows.
 *
 * The running statistics are two more tensors of the layer. What backward gives as their gradient
 * is how far they are from the statistics of its rows, the gradient of half the squared distance:
 * so they are summed over blocks and ranks like any other, and a step of rate 1 - momentum along it
 * is the running average (parallel/train_step.c). doc/methods/models.md. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/wide.h"
#include "core/model/layer.h"

static const double epsilon = 1e-5;

enum {
  TILE = 64 /* channels whose sums are taken at a time */
};

typedef struct batch_norm {
  mst_layer base;
  int64_t channels, ghost;
} batch_norm;

/* The layer's tensors in w or g. */
enum {
  SCALE,
  SHIFT,
  MEAN,
  VARIANCE,
  TENSORS
};

/* Rows of the ghost batch that begins at row i of n: one row that would be left alone belongs to
 * the batch before it. */
static int64_t ghost_rows(const batch_norm *c, int64_t n, int64_t i) {
  return n - i <= c->ghost + 1 ? n - i : c->ghost;
}

/* mean, variance (width) of a tile of x(n, stride) over its rows. Sums are of differences from the
 * first row, and then from the mean, which keeps their digits beside a large mean. */
MST_WIDE_BODY find_moments_body(int64_t n, int64_t stride, int64_t width, const float *restrict x,
                                float *restrict mean, float *restrict variance) {
  double sum[TILE] = {0}, square[TILE] = {0}, share = 1.0 / (double)n;
  for (int64_t i = 1; i < n; i++)
    for (int64_t j = 0; j < width; j++) sum[j] += (double)x[i * stride + j] - (double)x[j];
  for (int64_t j = 0; j < width; j++) sum[j] = (double)x[j] + sum[j] * share;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) {
      double z = (double)x[i * stride + j] - sum[j];
      square[j] += z * z;
    }
  for (int64_t j = 0; j < width; j++) {
    mean[j] = (float)sum[j];
    variance[j] = (float)(square[j] * share);
  }
}
MST_WIDE(find_moments,
         (int64_t n, int64_t stride, int64_t width, const float *restrict x, float *restrict mean,
          float *restrict variance),
         (n, stride, width, x, mean, variance))

/* y = factor (x - mean) + shift, row by row. A NaN stays. */
MST_WIDE_BODY apply_body(int64_t n, int64_t stride, int64_t width, const float *restrict x,
                         const float *restrict mean, const float *restrict factor,
                         const float *restrict shift, float *restrict y) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++)
      y[i * stride + j] = factor[j] * (x[i * stride + j] - mean[j]) + shift[j];
}
MST_WIDE(apply,
         (int64_t n, int64_t stride, int64_t width, const float *restrict x,
          const float *restrict mean, const float *restrict factor, const float *restrict shift,
          float *restrict y),
         (n, stride, width, x, mean, factor, shift, y))

/* plain(width) = sums of dy, along(width) = sums of dy (x - mean). */
MST_WIDE_BODY sum_slopes_body(int64_t n, int64_t stride, int64_t width, const float *restrict x,
                              const float *restrict mean, const float *restrict dy,
                              double *restrict plain, double *restrict along) {
  for (int64_t j = 0; j < width; j++) plain[j] = along[j] = 0.0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) {
      double d = (double)dy[i * stride + j];
      plain[j] += d;
      along[j] += d * ((double)x[i * stride + j] - (double)mean[j]);
    }
}
MST_WIDE(sum_slopes,
         (int64_t n, int64_t stride, int64_t width, const float *restrict x,
          const float *restrict mean, const float *restrict dy, double *restrict plain,
          double *restrict along),
         (n, stride, width, x, mean, dy, plain, along))

/* dx = factor dy + slope (x - mean) + offset. */
MST_WIDE_BODY pull_body(int64_t n, int64_t stride, int64_t width, const float *restrict x,
                        const float *restrict mean, const float *restrict dy,
                        const float *restrict factor, const float *restrict slope,
                        const float *restrict offset, float *restrict dx) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) {
      int64_t at = i * stride + j;
      dx[at] = factor[j] * dy[at] + slope[j] * (x[at] - mean[j]) + offset[j];
    }
}
MST_WIDE(pull,
         (int64_t n, int64_t stride, int64_t width, const float *restrict x,
          const float *restrict mean, const float *restrict dy, const float *restrict factor,
          const float *restrict slope, const float *restrict offset, float *restrict dx),
         (n, stride, width, x, mean, dy, factor, slope, offset, dx))

static double inverse_deviation(float variance) {
  return 1.0 / sqrt((double)variance + epsilon);
}

/* y of n rows from the mean and the variance of every channel. */
static void normalise(const batch_norm *c, const float *w, int64_t n, const float *x,
                      const float *mean, const float *variance, float *y) {
  int64_t all = c->channels;
  for (int64_t k = 0; k < all; k += TILE) {
    int64_t width = mst_least(all - k, TILE);
    float factor[TILE];
    for (int64_t j = 0; j < width; j++)
      factor[j] = (float)((double)w[SCALE * all + k + j] * inverse_deviation(variance[k + j]));
    apply(n, all, width, x + k, mean + k, factor, w + SHIFT * all + k, y + k);
  }
}

static void evaluate(const mst_layer *l, const float *w, int64_t n, const float *x, float *y) {
  const batch_norm *c = (const batch_norm *)l;
  normalise(c, w, n, x, w + MEAN * c->channels, w + VARIANCE * c->channels, y);
}

/* keep: the mean and the variance of a ghost batch, at its first two rows. A row that is alone has
 * no variance, and takes the running statistics. */
static void forward(const mst_layer *l, const float *w, int64_t n, const float *x, float *y,
                    float *keep, float *scratch) {
  const batch_norm *c = (const batch_norm *)l;
  int64_t all = c->channels, rows;
  (void)scratch;
  if (n == 1) {
    evaluate(l, w, n, x, y);
    return;
  }
  for (int64_t i = 0; i < n; i += rows) {
    float *mean = keep + i * all, *variance = mean + all;
    rows = ghost_rows(c, n, i);
    for (int64_t k = 0; k < all; k += TILE)
      find_moments(rows, all, mst_least(all - k, TILE), x + i * all + k, mean + k, variance + k);
    normalise(c, w, rows, x + i * all, mean, variance, y + i * all);
  }
}

/* Adds to a tile's part of g, all(4, channels), what a ghost batch of `rows` of n rows says. The
 * variance is the one without bias: its expectation does not depend on the rows of a ghost batch.
 */
static void add_gradient(int64_t all, int64_t width, int64_t rows, int64_t n, const float *w,
                         const float *mean, const float *variance, const double *plain,
                         const double *along, float *g) {
  float share = (float)((double)rows / (double)n);
  double unbiased = rows > 1 ? (double)rows / (double)(rows - 1) : 0.0;
  for (int64_t j = 0; j < width; j++) {
    g[SCALE * all + j] += (float)(along[j] * inverse_deviation(variance[j]));
    g[SHIFT * all + j] += (float)plain[j];
    if (rows == 1) continue; /* the running statistics were taken */
    g[MEAN * all + j] += share * (w[MEAN * all + j] - mean[j]);
    g[VARIANCE * all + j] +=
        share * (float)((double)w[VARIANCE * all + j] - unbiased * (double)variance[j]);
  }
}

/* dx = scale (dy - mean(dy) - z mean(dy z)) / deviation with z = (x - mean) / deviation and the
 * means over the ghost batch; of a row that is alone, scale dy / deviation. */
static void pull_tile(int64_t all, int64_t width, int64_t rows, const float *scale, const float *x,
                      const float *mean, const float *variance, const float *dy,
                      const double *plain, const double *along, float *dx) {
  float factor[TILE], slope[TILE], offset[TILE];
  double share = rows > 1 ? 1.0 / (double)rows : 0.0;
  for (int64_t j = 0; j < width; j++) {
    double inverse = inverse_deviation(variance[j]), steep = (double)scale[j] * inverse;
    factor[j] = (float)steep;
    slope[j] = (float)(-steep * inverse * inverse * along[j] * share);
    offset[j] = (float)(-steep * plain[j] * share);
  }
  pull(rows, all, width, x, mean, dy, factor, slope, offset, dx);
}

static void backward(const mst_layer *l, const float *w, int64_t n, const float *x, const float *y,
                     const float *keep, const float *dy, float *dx, float *g, float *scratch) {
  const batch_norm *c = (const batch_norm *)l;
  int64_t all = c->channels, rows;
  (void)y;
  (void)scratch;
  if (g != NULL) memset(g, 0, (size_t)l->parameters * sizeof *g);
  for (int64_t i = 0; i < n; i += rows) {
    const float *mean = n > 1 ? keep + i * all : w + MEAN * all;
    const float *variance = n > 1 ? mean + all : w + VARIANCE * all;
    rows = ghost_rows(c, n, i);
    for (int64_t k = 0; k < all; k += TILE) {
      int64_t width = mst_least(all - k, TILE), at = i * all + k;
      double plain[TILE], along[TILE];
      sum_slopes(rows, all, width, x + at, mean + k, dy + at, plain, along);
      if (g != NULL)
        add_gradient(all, width, rows, n, w + k, mean + k, variance + k, plain, along, g + k);
      if (dx != NULL)
        pull_tile(all, width, rows, w + k, x + at, mean + k, variance + k, dy + at, plain, along,
                  dx + at);
    }
  }
}

static const mst_layer_ops ops = {
    .name = "batch norm",
    .forward = forward,
    .evaluate = evaluate,
    .backward = backward,
};

mst_status mst_layer_batch_norm(mst_extent in, int64_t ghost, mst_layer **l) {
  *l = NULL;
  if (ghost < 2)
    return mst_fail(MST_ERR_INPUT,
                    "model.ghost is %lld; the variance of a ghost batch needs 2 rows or more",
                    (long long)ghost);
  if (in.height != 1 || in.width != 1)
    return mst_fail(MST_ERR_INTERNAL, "batch norm of %lld x %lld positions", (long long)in.height,
                    (long long)in.width);
  MST_TRY(mst_layer_new(&ops, in, in, sizeof(batch_norm), l));
  batch_norm *c = (batch_norm *)*l;
  c->channels = in.channels;
  c->ghost = ghost;
  (*l)->keep = in.channels;
  mst_layer_tensor(*l, "scale", MST_TENSOR_SCALE, 1, &in.channels, in.channels, in.channels);
  mst_layer_tensor(*l, "bias", MST_TENSOR_BIAS, 1, &in.channels, 0, 0);
  mst_layer_tensor(*l, "mean", MST_TENSOR_MEAN, 1, &in.channels, 0, 0);
  mst_layer_tensor(*l, "variance", MST_TENSOR_VARIANCE, 1, &in.channels, 0, 0);
  return MST_OK;
}
