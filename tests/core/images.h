/* Images for the tests of features: smooth blobs with edges, like small photographs. */
#ifndef MST_TESTS_CORE_IMAGES_H
#define MST_TESTS_CORE_IMAGES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/key.h"

/* n images of that size with pixels in [0, 1]; free() them. Image i is the same for any n. */
static inline float *make_images(int64_t n, int64_t height, int64_t width, int64_t channels) {
  int64_t elements = height * width * channels;
  float *images = malloc((size_t)(n * elements) * sizeof *images);
  if (images == NULL) abort();
  for (int64_t i = 0; i < n; i++) {
    mst_stream s = mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, (uint64_t)i, 0));
    double y0 = mst_stream_uniform(&s), x0 = mst_stream_uniform(&s);
    double size = 0.15 + 0.2 * mst_stream_uniform(&s), turn = 6.28 * mst_stream_uniform(&s);
    double stripes = 4.0 + 14.0 * mst_stream_uniform(&s);
    for (int64_t y = 0; y < height; y++)
      for (int64_t x = 0; x < width; x++)
        for (int64_t c = 0; c < channels; c++) {
          double v = (double)y / (double)height - y0, u = (double)x / (double)width - x0;
          double along = v * cos(turn) + u * sin(turn);
          double pixel = exp(-(u * u + v * v) / (2.0 * size * size));
          pixel *= 0.6 + 0.4 * sin(stripes * along + (double)c);
          if (along > 0.2) pixel = 0.0; /* an edge, and an empty background */
          images[((i * height + y) * width + x) * channels + c] = (float)pixel;
        }
  }
  return images;
}

/* n numbers, uniform in [-0.5, 0.5). */
static inline float *make_noise(int64_t n, uint64_t seed) {
  float *noise = malloc((size_t)n * sizeof *noise);
  if (noise == NULL) abort();
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, 0, 1));
  for (int64_t i = 0; i < n; i++) noise[i] = (float)(mst_stream_uniform(&s) - 0.5);
  return noise;
}

#endif
