/* The scattering transform against a slow one (scattering_reference.h), and the properties that
 * define a scattering transform. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/features/features.h"
#include "tests/core/images.h"
#include "tests/core/scattering_reference.h"

static mst_status try_create(const mst_row_shape *shape, int64_t scales, int64_t angles,
                             mst_features **f) {
  mst_features_spec spec = mst_features_defaults("scattering");
  spec.scales = scales;
  spec.angles = angles;
  return mst_features_create(&spec, shape, f);
}

static mst_features *make_map(int64_t height, int64_t width, int64_t channels, int64_t scales,
                              int64_t angles) {
  mst_row_shape shape = {channels > 1 ? 3 : 2, {height, width, channels}};
  mst_features *f = NULL;
  ck_ok(try_create(&shape, scales, angles, &f));
  return f;
}

static float *apply(mst_features *f, const float *rows, int64_t n) {
  float *out = malloc((size_t)(n * f->width) * sizeof *out);
  ck_assert_ptr_nonnull(out);
  ck_ok(mst_features_apply(f, rows, n, out));
  return out;
}

static int64_t mirrored(int64_t i, int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

static void check_reference(int64_t height, int64_t width, int64_t channels, int64_t scales,
                            int64_t angles, int64_t padded_height, int64_t padded_width) {
  mst_features *f = make_map(height, width, channels, scales, angles);
  float *rows = make_images(2, height, width, channels);
  float *found = apply(f, rows, 2);
  reference r = make_reference(padded_height, padded_width, scales, angles);
  number *image = make_numbers(padded_height * padded_width);
  double *expected = malloc((size_t)(f->width / channels) * sizeof *expected);
  ck_assert_ptr_nonnull(expected);
  int64_t top = (padded_height - height) / 2, left = (padded_width - width) / 2;
  for (int64_t i = 0; i < 2; i++)
    for (int64_t c = 0; c < channels; c++) {
      for (int64_t y = 0; y < padded_height; y++)
        for (int64_t x = 0; x < padded_width; x++)
          image[y * padded_width + x] =
              rows[((i * height + mirrored(y - top, height)) * width + mirrored(x - left, width)) *
                       channels +
                   c];
      scatter(&r, image, expected);
      const float *got = found + i * f->width + c * (f->width / channels);
      double error = 0.0, size = 0.0;
      for (int64_t k = 0; k < f->width / channels; k++) {
        error += (got[k] - expected[k]) * (got[k] - expected[k]);
        size += expected[k] * expected[k];
      }
      ck_assert_double_lt(sqrt(error / size), 2e-6);
    }
  free(expected);
  free(image);
  free(rows);
  free(found);
  free_reference(&r);
  mst_features_destroy(f);
}

START_TEST(groups_of_maps_are_brought_to_mean_0_and_variance_1) {
  mst_row_shape shape = {2, {28, 28, 1}};
  mst_features_spec spec = mst_features_defaults("scattering");
  mst_features *plain = make_map(28, 28, 1, 2, 8), *f = NULL;
  float *rows = make_images(2, 28, 28, 1), *raw = apply(plain, rows, 2);
  spec.groups = 27;
  ck_ok(mst_features_create(&spec, &shape, &f));
  float *out = apply(f, rows, 2);
  int64_t n = f->width / 27;
  for (int64_t g = 0; g < 54; g++) {
    double mean = 0, square = 0, before = 0, spread = 0;
    for (int64_t i = 0; i < n; i++) {
      mean += out[g * n + i] / (double)n;
      square += (double)out[g * n + i] * out[g * n + i] / (double)n;
      before += raw[g * n + i] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) spread += pow(raw[g * n + i] - before, 2) / (double)n;
    ck_assert_double_lt(fabs(mean), 1e-6);
    ck_assert_double_lt(fabs(square - spread / (spread + 1e-5)), 1e-5);
    for (int64_t i = 0; i < n; i++)
      ck_assert_double_lt(
          fabs(out[g * n + i] - (raw[g * n + i] - before) / sqrt(spread + 1e-5)), 1e-4);
  }
  free(out);
  free(raw);
  free(rows);
  mst_features_destroy(f);
  mst_features_destroy(plain);
  spec.groups = 26;
  ck_refused(mst_features_create(&spec, &shape, &f), MST_ERR_INPUT, "divisor of 81");
}
END_TEST

START_TEST(the_main_shape_agrees_with_the_slow_reference) {
  check_reference(28, 28, 1, 2, 8, 36, 36);
}
END_TEST

START_TEST(other_sizes_scales_and_angles_agree_with_the_slow_reference) {
  check_reference(13, 10, 2, 2, 3, 20, 16);
  check_reference(9, 16, 1, 1, 4, 12, 20);
  check_reference(17, 12, 1, 3, 2, 32, 24);
  check_reference(26, 9, 1, 1, 2, 30, 12); /* three primes */
}
END_TEST

START_TEST(maps_are_counted_as_published) {
  const struct {
    int64_t h, w, c, scales, angles, width;
  } cases[] = {
      {28, 28, 1, 2, 8, 81 * 7 * 7},  {32, 32, 3, 2, 8, 3 * 81 * 8 * 8},
      {28, 28, 1, 3, 8, 217 * 3 * 3}, {28, 30, 1, 1, 6, 7 * 14 * 15},
      {32, 32, 1, 4, 8, 417 * 2 * 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_features *f =
        make_map(cases[i].h, cases[i].w, cases[i].c, cases[i].scales, cases[i].angles);
    ck_assert_int_eq(f->width, cases[i].width);
    mst_features_destroy(f);
  }
}
END_TEST

static double norm(const float *x, int64_t n) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum);
}

static double distance(const float *x, const float *y, int64_t n) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    double d = (double)x[i] - (double)y[i];
    sum += d * d;
  }
  return sqrt(sum);
}

enum {
  IMAGES = 12,
  PIXELS = 28 * 28,
  STEP = 4
}; /* STEP: one value for STEP x STEP pixels */

/* With a dark border, the mirrored padding adds no energy of its own. */
static void darken_border(float *images, int64_t n) {
  for (int64_t i = 0; i < n * PIXELS; i++) {
    int64_t y = i / 28 % 28, x = i % 28;
    if (y < 4 || y >= 24 || x < 4 || x >= 24) images[i] = 0.0f;
  }
}

/* Sampled every 4 pixels, the transform's energy is 1/16 of the full one: with that factor
 * restored, distances must not grow. */
START_TEST(the_transform_is_non_expansive) {
  mst_features *f = make_map(28, 28, 1, 2, 8);
  float *images = make_images(IMAGES, 28, 28, 1), *noise = make_noise(IMAGES * PIXELS, 5);
  for (int64_t i = 0; i < PIXELS; i++) noise[i] = 1.0f; /* the most that an average can keep */
  darken_border(images, IMAGES);
  darken_border(noise, IMAGES);
  float *a = apply(f, images, IMAGES), *b = apply(f, noise, IMAGES);
  double worst = 0.0;
  for (int64_t i = 0; i < IMAGES; i++)
    for (int64_t j = 0; j < IMAGES; j++) {
      const float *x = images + i * PIXELS, *y = images + j * PIXELS, *z = noise + j * PIXELS;
      const float *sx = a + i * f->width, *sy = a + j * f->width, *sz = b + j * f->width;
      if (i != j) worst = fmax(worst, STEP * distance(sx, sy, f->width) / distance(x, y, PIXELS));
      worst = fmax(worst, STEP * distance(sx, sz, f->width) / distance(x, z, PIXELS));
      worst = fmax(worst, STEP * norm(sz, f->width) / norm(z, PIXELS));
    }
  ck_assert_double_le(worst, 1.0 + 1e-3);
  ck_assert_double_gt(worst, 0.5);
  free(a);
  free(b);
  free(images);
  free(noise);
  mst_features_destroy(f);
}
END_TEST

START_TEST(energy_is_nearly_kept) {
  mst_features *f = make_map(28, 28, 1, 2, 8);
  float *images = make_images(IMAGES, 28, 28, 1), *out = NULL;
  darken_border(images, IMAGES);
  out = apply(f, images, IMAGES);
  double total = 0.0;
  for (int64_t i = 0; i < IMAGES; i++) {
    double kept = STEP * norm(out + i * f->width, f->width) / norm(images + i * PIXELS, PIXELS);
    ck_assert_double_lt(kept, 1.0);
    total += kept * kept;
  }
  /* What is lost is of order three, or in the corners of the frequency plane. */
  ck_assert_double_gt(total / IMAGES, 0.8);
  free(out);
  free(images);
  mst_features_destroy(f);
}
END_TEST

/* A shift by one pixel, a quarter of the averaging scale, moves the features much less than the
 * pixels. */
START_TEST(a_shift_by_one_pixel_changes_little) {
  mst_features *f = make_map(28, 28, 1, 2, 8);
  float *images = make_images(IMAGES, 28, 28, 1), *shifted = make_images(IMAGES, 28, 28, 1);
  for (int64_t i = 0; i < IMAGES; i++)
    for (int64_t y = 0; y < 28; y++)
      memmove(shifted + (i * 28 + y) * 28 + 1, shifted + (i * 28 + y) * 28, 27 * sizeof *shifted);
  float *a = apply(f, images, IMAGES), *b = apply(f, shifted, IMAGES);
  double pixels = distance(images, shifted, IMAGES * PIXELS) / norm(images, IMAGES * PIXELS);
  double features = distance(a, b, IMAGES * f->width) / norm(a, IMAGES * f->width);
  ck_assert_double_lt(features, 0.75 * pixels);
  ck_assert_double_gt(features, 0.0);
  free(a);
  free(b);
  free(images);
  free(shifted);
  mst_features_destroy(f);
}
END_TEST

START_TEST(a_constant_image_has_only_its_mean) {
  mst_features *f = make_map(28, 28, 1, 2, 8);
  float image[PIXELS];
  for (int i = 0; i < PIXELS; i++) image[i] = 0.7f;
  float *out = apply(f, image, 1);
  for (int64_t i = 0; i < 49; i++) ck_assert_double_eq_tol(out[i], 0.7, 1e-5);
  for (int64_t i = 49; i < f->width; i++) ck_assert_double_lt(fabs((double)out[i]), 1e-5);
  free(out);
  mst_features_destroy(f);
}
END_TEST

/* Transposing the image takes angle theta to pi/2 - theta, which is angle index 2 - t modulo 8, and
 * transposes every map. */
START_TEST(a_transposed_image_exchanges_the_angles) {
  mst_features *f = make_map(28, 28, 1, 2, 8);
  float *image = make_images(1, 28, 28, 1), turned[PIXELS];
  for (int y = 0; y < 28; y++)
    for (int x = 0; x < 28; x++) turned[x * 28 + y] = image[y * 28 + x];
  float *a = apply(f, image, 1), *b = apply(f, turned, 1);
  for (int path = 0; path < 81; path++) {
    int other = path;
    if (path >= 1 && path < 17) {
      int j = (path - 1) / 8, t = (path - 1) % 8;
      other = 1 + j * 8 + (10 - t) % 8;
    } else if (path >= 17) {
      int t1 = (path - 17) / 8, t2 = (path - 17) % 8;
      other = 17 + (10 - t1) % 8 * 8 + (10 - t2) % 8;
    }
    for (int y = 0; y < 7; y++)
      for (int x = 0; x < 7; x++)
        ck_assert_double_eq_tol(a[path * 49 + y * 7 + x], b[other * 49 + x * 7 + y], 1e-5);
  }
  free(a);
  free(b);
  free(image);
  mst_features_destroy(f);
}
END_TEST

START_TEST(an_image_that_is_too_small_is_refused) {
  mst_features *f = NULL;
  mst_row_shape small = {2, {28, 4}}, tiny = {2, {2, 28}}, row = {1, {784}}, usual = {2, {28, 28}};
  ck_refused(try_create(&small, 2, 8, &f), MST_ERR_INPUT, "scales of 1 to 1");
  ck_refused(try_create(&tiny, 1, 8, &f), MST_ERR_INPUT, "at least 3 x 3");
  ck_refused(try_create(&row, 2, 8, &f), MST_ERR_INPUT, "vectors of 784");
  ck_refused(try_create(&usual, 5, 8, &f), MST_ERR_INPUT, "scales of 1 to 4");
  ck_refused(try_create(&usual, 0, 8, &f), MST_ERR_INPUT, "features.scales is 0");
  ck_refused(try_create(&usual, 2, 0, &f), MST_ERR_INPUT, "features.angles is 0");
  ck_assert_ptr_null(f);
  mst_row_shape least = {2, {5, 5}};
  ck_ok(try_create(&least, 2, 8, &f));
  mst_features_destroy(f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("features_scattering");
  TCase *t = tcase_create("scattering");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, groups_of_maps_are_brought_to_mean_0_and_variance_1);
  tcase_add_test(t, the_main_shape_agrees_with_the_slow_reference);
  tcase_add_test(t, other_sizes_scales_and_angles_agree_with_the_slow_reference);
  tcase_add_test(t, maps_are_counted_as_published);
  tcase_add_test(t, the_transform_is_non_expansive);
  tcase_add_test(t, energy_is_nearly_kept);
  tcase_add_test(t, a_shift_by_one_pixel_changes_little);
  tcase_add_test(t, a_constant_image_has_only_its_mean);
  tcase_add_test(t, a_transposed_image_exchanges_the_angles);
  tcase_add_test(t, an_image_that_is_too_small_is_refused);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
