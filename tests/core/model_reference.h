/* The convolutional layers by their definitions, in double: what the layers of core/model are held
 * against. All arrays are (height, width, channels) of one example. */
#ifndef MST_TESTS_CORE_MODEL_REFERENCE_H
#define MST_TESTS_CORE_MODEL_REFERENCE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/model/layer.h"

static inline double *reference_array(int64_t count) {
  double *x = calloc((size_t)(count > 0 ? count : 1), sizeof *x);
  if (x == NULL) abort();
  return x;
}

static inline double *to_double(int64_t count, const float *x) {
  double *d = reference_array(count);
  for (int64_t i = 0; i < count; i++) d[i] = (double)x[i];
  return d;
}

/* The output of a square window of `kernel`, stride and padding. */
static inline mst_extent reference_window(mst_extent in, int64_t channels, int64_t kernel,
                                          int64_t stride, int64_t pad) {
  return (mst_extent){(in.height + 2 * pad - kernel) / stride + 1,
                      (in.width + 2 * pad - kernel) / stride + 1, channels};
}

/* w(kernel, kernel, in, out); bias NULL = 0. */
static inline double *reference_convolution(mst_extent in, const double *x, const double *w,
                                            const double *bias, int64_t channels, int64_t kernel,
                                            int64_t stride, int64_t pad) {
  mst_extent out = reference_window(in, channels, kernel, stride, pad);
  double *y = reference_array(mst_extent_size(out));
  for (int64_t p = 0; p < out.height; p++)
    for (int64_t q = 0; q < out.width; q++)
      for (int64_t o = 0; o < channels; o++) {
        double sum = bias != NULL ? bias[o] : 0.0;
        for (int64_t r = 0; r < kernel; r++)
          for (int64_t s = 0; s < kernel; s++) {
            int64_t row = p * stride + r - pad, column = q * stride + s - pad;
            if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
            for (int64_t i = 0; i < in.channels; i++)
              sum += x[(row * in.width + column) * in.channels + i] *
                     w[((r * kernel + s) * in.channels + i) * channels + o];
          }
        y[(p * out.width + q) * channels + o] = sum;
      }
  return y;
}

static inline double *reference_group_norm(mst_extent in, const double *x, const double *scale,
                                           const double *bias, int64_t groups, bool relu) {
  int64_t positions = in.height * in.width, wide = in.channels / groups;
  double *y = reference_array(mst_extent_size(in)), count = (double)(positions * wide);
  for (int64_t g = 0; g < groups; g++) {
    double mean = 0.0, variance = 0.0;
    for (int64_t p = 0; p < positions; p++)
      for (int64_t k = g * wide; k < (g + 1) * wide; k++) mean += x[p * in.channels + k] / count;
    for (int64_t p = 0; p < positions; p++)
      for (int64_t k = g * wide; k < (g + 1) * wide; k++)
        variance += pow(x[p * in.channels + k] - mean, 2.0) / count;
    for (int64_t p = 0; p < positions; p++)
      for (int64_t k = g * wide; k < (g + 1) * wide; k++) {
        double z = (x[p * in.channels + k] - mean) / sqrt(variance + 1e-5) * scale[k] + bias[k];
        y[p * in.channels + k] = relu && z < 0.0 ? 0.0 : z;
      }
  }
  return y;
}

static inline double *reference_max_pool(mst_extent in, const double *x, int64_t size,
                                         int64_t stride) {
  mst_extent out = reference_window(in, in.channels, size, stride, 0);
  double *y = reference_array(mst_extent_size(out));
  for (int64_t p = 0; p < out.height; p++)
    for (int64_t q = 0; q < out.width; q++)
      for (int64_t c = 0; c < in.channels; c++) {
        double best = -INFINITY;
        for (int64_t r = 0; r < size; r++)
          for (int64_t s = 0; s < size; s++)
            best = fmax(best, x[((p * stride + r) * in.width + q * stride + s) * in.channels + c]);
        y[(p * out.width + q) * in.channels + c] = best;
      }
  return y;
}

static inline double *reference_mean_pool(mst_extent in, const double *x) {
  int64_t positions = in.height * in.width;
  double *y = reference_array(in.channels);
  for (int64_t p = 0; p < positions; p++)
    for (int64_t c = 0; c < in.channels; c++) y[c] += x[p * in.channels + c] / (double)positions;
  return y;
}

static inline double *reference_dense(int64_t in, int64_t out, const double *x, const double *w,
                                      const double *bias, bool relu) {
  double *y = reference_array(out);
  for (int64_t o = 0; o < out; o++) {
    double sum = bias[o];
    for (int64_t i = 0; i < in; i++) sum += x[i] * w[i * out + o];
    y[o] = relu && sum < 0.0 ? 0.0 : sum;
  }
  return y;
}

#endif
