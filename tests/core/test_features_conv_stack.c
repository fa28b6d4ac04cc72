/* Stacked convolutional features against their definition, computed patch by patch in double from
 * the parameters, and the choice of the fields. */
#include "tests/harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/features/features.h"
#include "core/linalg/blas.h"
#include "tests/core/images.h"

enum {
  SAMPLE = 60
};

typedef struct stack_case {
  int64_t height, width, channels, filters, patch, pool, grid, fields, field_maps, second_filters,
      second_patch;
  double threshold;
  bool both;
} stack_case;

static const stack_case usual = {16, 16, 1, 12, 4, 6, 2, 4, 5, 7, 3, 0.5, true};

static mst_status try_create(const stack_case *c, mst_features **f) {
  mst_features_spec spec = mst_features_defaults("conv_stack");
  mst_row_shape shape = {c->channels > 1 ? 3 : 2, {c->height, c->width, c->channels}};
  spec.filters = c->filters;
  spec.patch = c->patch;
  spec.pool = c->pool;
  spec.grid = c->grid;
  spec.fields = c->fields;
  spec.field_maps = c->field_maps;
  spec.second_filters = c->second_filters;
  spec.second_patch = c->second_patch;
  spec.threshold = c->threshold;
  spec.both = c->both;
  return mst_features_create(&spec, &shape, f);
}

static mst_features *make_fitted(const stack_case *c, const float *sample) {
  mst_features *f = NULL;
  ck_ok(try_create(c, &f));
  ck_ok(mst_features_fit(f, sample, SAMPLE));
  return f;
}

static const void *find(const mst_state *s, const char *part, const char *name) {
  char path[80];
  snprintf(path, sizeof path, "features/%s/%s", part, name);
  mst_state_item *item = mst_state_find(s, path);
  ck_assert_msg(item != NULL, "there is no %s", path);
  return item->data;
}

/* out(grid, grid, 2, filters) of image(height, width, channels). */
static void slow_layer(const mst_state *s, const char *part, const double *image, int64_t height,
                       int64_t width, int64_t channels, int64_t patch, int64_t filters,
                       int64_t grid, double threshold, double *out) {
  const float *bank = find(s, part, "filters"), *bias = find(s, part, "bias");
  const float *contrast = find(s, part, "contrast");
  int64_t down = height - patch + 1, across = width - patch + 1, n = patch * patch * channels;
  double *p = malloc((size_t)n * sizeof *p);
  ck_assert_ptr_nonnull(p);
  for (int64_t i = 0; i < grid * grid * 2 * filters; i++) out[i] = 0.0;
  for (int64_t gy = 0; gy < grid; gy++)
    for (int64_t gx = 0; gx < grid; gx++) {
      int64_t y0 = gy * down / grid, y1 = (gy + 1) * down / grid;
      int64_t x0 = gx * across / grid, x1 = (gx + 1) * across / grid;
      double *cell = out + (gy * grid + gx) * 2 * filters;
      for (int64_t at = 0; at < (y1 - y0) * (x1 - x0); at++) {
        int64_t y = y0 + at / (x1 - x0), x = x0 + at % (x1 - x0);
        double mean = 0.0, variance = 0.0;
        for (int64_t e = 0; e < n; e++) {
          int64_t r = e / (patch * channels), rest = e % (patch * channels);
          p[e] = image[((y + r) * width + x) * channels + rest];
          mean += p[e] / (double)n;
        }
        for (int64_t e = 0; e < n; e++) variance += (p[e] - mean) * (p[e] - mean) / (double)n;
        double scale = 1.0 / sqrt(variance + (double)contrast[0]);
        for (int64_t j = 0; j < filters; j++) {
          double z = -(double)bias[j];
          for (int64_t e = 0; e < n; e++)
            z += (p[e] - mean) * scale * (double)bank[e * filters + j];
          double weight = 1.0 / (double)((y1 - y0) * (x1 - x0));
          cell[j] += weight * fmax(z - threshold, 0.0);
          cell[filters + j] += weight * fmax(-z - threshold, 0.0);
        }
      }
    }
  free(p);
}

/* Means of layer(pool, pool, maps) on the grid. */
static void slow_means(const stack_case *c, const double *layer, double *out) {
  int64_t maps = 2 * c->filters;
  for (int64_t g = 0; g < c->grid * c->grid; g++)
    for (int64_t j = 0; j < maps; j++) {
      double sum = 0.0, n = 0.0;
      for (int64_t i = 0; i < c->pool * c->pool; i++) {
        int64_t y = i / c->pool, x = i % c->pool, gy = g / c->grid, gx = g % c->grid;
        if (y < gy * c->pool / c->grid || y >= (gy + 1) * c->pool / c->grid) continue;
        if (x < gx * c->pool / c->grid || x >= (gx + 1) * c->pool / c->grid) continue;
        sum += layer[i * maps + j];
        n += 1.0;
      }
      out[g * maps + j] = sum / n;
    }
}

static void slow_features(const stack_case *c, const mst_state *s, const float *image,
                          double *out) {
  int64_t pixels = c->height * c->width * c->channels, cells = c->pool * c->pool;
  int64_t maps = 2 * c->filters;
  const int32_t *chosen = mst_state_find(s, "features/maps")->data;
  double *x = malloc((size_t)pixels * sizeof *x);
  double *layer = malloc((size_t)(cells * maps) * sizeof *layer);
  double *field = malloc((size_t)(cells * c->field_maps) * sizeof *field);
  ck_assert(x != NULL && layer != NULL && field != NULL);
  for (int64_t i = 0; i < pixels; i++) x[i] = image[i];
  slow_layer(s, "first", x, c->height, c->width, c->channels, c->patch, c->filters, c->pool,
             c->threshold, layer);
  if (c->both) {
    slow_means(c, layer, out);
    out += c->grid * c->grid * maps;
  }
  for (int64_t k = 0; k < c->fields; k++) {
    char part[32];
    snprintf(part, sizeof part, "field_%lld", (long long)k);
    for (int64_t i = 0; i < cells; i++)
      for (int64_t m = 0; m < c->field_maps; m++)
        field[i * c->field_maps + m] = layer[i * maps + chosen[k * c->field_maps + m]];
    slow_layer(s, part, field, c->pool, c->pool, c->field_maps, c->second_patch, c->second_filters,
               c->grid, c->threshold, out + k * c->grid * c->grid * 2 * c->second_filters);
  }
  free(x);
  free(layer);
  free(field);
}

static int64_t width_of(const stack_case *c) {
  return c->grid * c->grid * 2 * (c->fields * c->second_filters + (c->both ? c->filters : 0));
}

START_TEST(features_follow_their_definition) {
  const stack_case cases[] = {
      usual,
      {12, 15, 1, 9, 4, 7, 3, 3, 18, 5, 2, 0.25, false}, /* not square; a field of all maps      */
      {13, 11, 3, 6, 3, 9, 2, 2, 2, 4, 1, 0.0, true},    /* colours; no patch across cells       */
      {10, 10, 1, 5, 10, 1, 1, 1, 4, 3, 1, 0.5, true},   /* one position, one cell               */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const stack_case *c = &cases[i];
    int64_t pixels = c->height * c->width * c->channels, width = width_of(c);
    float *images = make_images(SAMPLE, c->height, c->width, c->channels);
    mst_features *f = make_fitted(c, images);
    ck_assert_int_eq(f->width, width);
    float *out = malloc((size_t)(11 * width) * sizeof *out);
    double *expected = malloc((size_t)width * sizeof *expected);
    ck_assert(out != NULL && expected != NULL);
    ck_ok(mst_features_apply(f, images, 11, out));
    mst_state s;
    mst_state_init(&s);
    ck_ok(mst_features_parameters(f, &s));
    for (int64_t r = 0; r < 11; r += 5) {
      slow_features(c, &s, images + r * pixels, expected);
      for (int64_t w = 0; w < width; w++)
        ck_assert_double_eq_tol(out[r * width + w], expected[w], 2e-4);
    }
    mst_state_clear(&s);
    free(expected);
    free(out);
    free(images);
    mst_features_destroy(f);
  }
}
END_TEST

/* The correlation of two maps of the first layer over all places of all images. */
static double correlation(const float *layer, int64_t places, int64_t maps, int64_t a, int64_t b) {
  double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0, n = (double)places;
  for (int64_t i = 0; i < places; i++) {
    double u = layer[i * maps + a], v = layer[i * maps + b];
    sa += u, sb += v, aa += u * u, bb += v * v, ab += u * v;
  }
  return (ab - sa * sb / n) / sqrt((aa - sa * sa / n) * (bb - sb * sb / n));
}

START_TEST(a_field_is_the_maps_that_go_along_with_its_first) {
  const stack_case *c = &usual;
  float *images = make_images(SAMPLE, 16, 16, 1);
  mst_features *f = make_fitted(c, images), *conv = NULL;
  mst_features_spec spec = mst_features_defaults("conv"); /* the first layer alone */
  mst_row_shape shape = {2, {16, 16}};
  spec.filters = c->filters;
  spec.patch = c->patch;
  spec.grid = c->pool;
  ck_ok(mst_features_create(&spec, &shape, &conv));
  ck_ok(mst_features_fit(conv, images, SAMPLE));
  float *layer = malloc((size_t)(SAMPLE * conv->width) * sizeof *layer);
  ck_assert_ptr_nonnull(layer);
  ck_ok(mst_features_apply(conv, images, SAMPLE, layer));
  mst_state s;
  mst_state_init(&s);
  ck_ok(mst_features_parameters(f, &s));
  const int32_t *chosen = mst_state_find(&s, "features/maps")->data;
  int64_t maps = 2 * c->filters, places = SAMPLE * c->pool * c->pool;
  for (int64_t k = 0; k < c->fields; k++) {
    const int32_t *own = chosen + k * c->field_maps;
    if (k > 0) ck_assert_int_gt(own[0], own[-c->field_maps]); /* drawn without repetition */
    for (int64_t j = 0; j < maps; j++) {
      double with = correlation(layer, places, maps, own[0], j);
      bool in = false;
      for (int64_t m = 0; m < c->field_maps; m++) in = in || own[m] == j;
      for (int64_t m = 1; m < c->field_maps && !in; m++)
        ck_assert_double_ge(correlation(layer, places, maps, own[0], own[m]), with - 1e-9);
    }
  }
  mst_state_clear(&s);
  free(layer);
  free(images);
  mst_features_destroy(conv);
  mst_features_destroy(f);
}
END_TEST

START_TEST(the_second_layer_does_not_depend_on_whether_the_first_is_given_too) {
  stack_case alone = usual;
  alone.both = false;
  float *images = make_images(SAMPLE, 16, 16, 1);
  mst_features *f = make_fitted(&usual, images), *g = make_fitted(&alone, images);
  float *a = malloc((size_t)f->width * sizeof *a), *b = malloc((size_t)g->width * sizeof *b);
  ck_assert(a != NULL && b != NULL);
  ck_ok(mst_features_apply(f, images, 1, a));
  ck_ok(mst_features_apply(g, images, 1, b));
  ck_assert_int_eq(memcmp(a + f->width - g->width, b, (size_t)g->width * sizeof *b), 0);
  free(a);
  free(b);
  free(images);
  mst_features_destroy(f);
  mst_features_destroy(g);
}
END_TEST

static void refuse(stack_case c, const char *with) {
  mst_features *f = NULL;
  ck_refused(try_create(&c, &f), MST_ERR_INPUT, with);
  ck_assert_ptr_null(f);
}

START_TEST(a_shape_that_does_not_fit_is_refused) {
  stack_case c = usual;
  c.patch = 17, refuse(c, "features.patch is 17"), c = usual;
  c.pool = 14, refuse(c, "features.pool is 14; choose a value from 1 to 13"), c = usual;
  c.second_patch = 7, refuse(c, "features.second_patch is 7"), c = usual;
  c.grid = 5, refuse(c, "features.grid is 5; choose a value from 1 to 4"), c = usual;
  c.fields = 25, refuse(c, "features.fields is 25"), c = usual;
  c.field_maps = 25, refuse(c, "features.field_maps is 25"), c = usual;
  c.second_filters = 0, refuse(c, "features.second_filters is 0"), c = usual;
  c.second_patch = 1, c.field_maps = 1, refuse(c, "features.second_patch is 1"), c = usual;
  c.threshold = -1, refuse(c, "features.threshold is -1");
  mst_features_spec spec = mst_features_defaults("conv_stack");
  mst_row_shape row = {1, {784}};
  mst_features *f = NULL;
  ck_refused(mst_features_create(&spec, &row, &f), MST_ERR_INPUT, "vectors of 784");
}
END_TEST

START_TEST(it_is_not_applied_before_it_was_fitted) {
  mst_features *f = NULL;
  float *images = make_images(1, 16, 16, 1);
  ck_ok(try_create(&usual, &f));
  float *out = malloc((size_t)f->width * sizeof *out);
  ck_refused(mst_features_apply(f, images, 1, out), MST_ERR_INTERNAL, "before it was fitted");
  free(out);
  free(images);
  mst_features_destroy(f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("features_conv_stack");
  TCase *t = tcase_create("conv_stack");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, features_follow_their_definition);
  tcase_add_test(t, a_field_is_the_maps_that_go_along_with_its_first);
  tcase_add_test(t, the_second_layer_does_not_depend_on_whether_the_first_is_given_too);
  tcase_add_test(t, a_shape_that_does_not_fit_is_refused);
  tcase_add_test(t, it_is_not_applied_before_it_was_fitted);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  mst_blas_init();
  return mst_test_main(argc, argv, suite());
}
