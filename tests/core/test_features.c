/* The feature family as a whole, and its small members: identity, relu, fourier, nystrom. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/features/features.h"
#include "core/linalg/blas.h"
#include "tests/core/images.h"

enum {
  ROWS = 100
};

static mst_features_spec small_spec(const char *kind) {
  mst_features_spec spec = mst_features_defaults(kind);
  spec.count = 131;
  spec.filters = 19;
  spec.patch = 4;
  spec.bandwidth = 2.0;
  if (strcmp(kind, "nystrom") == 0) spec.count = 37;
  if (strcmp(kind, "conv_stack") == 0) {
    spec.pool = 6;
    spec.fields = 3;
    spec.field_maps = 4;
    spec.second_filters = 5;
  }
  return spec;
}

static mst_features *make_map(const mst_features_spec *spec, const mst_row_shape *shape) {
  mst_features *f = NULL;
  ck_ok(mst_features_create(spec, shape, &f));
  return f;
}

/* A map fitted on the first rows. */
static mst_features *make_fitted(const mst_features_spec *spec, const mst_row_shape *shape,
                                 const float *rows) {
  mst_features *f = make_map(spec, shape);
  int64_t m = mst_features_sample_rows(f);
  ck_ok(mst_features_fit(f, rows, m < ROWS ? m : ROWS));
  return f;
}

static float *apply(mst_features *f, const float *rows, int64_t n) {
  float *out = malloc((size_t)(n * f->width) * sizeof *out);
  ck_assert_ptr_nonnull(out);
  ck_ok(mst_features_apply(f, rows, n, out));
  return out;
}

START_TEST(every_member_is_found_by_its_name) {
  int n = 0;
  while (mst_features_at(n) != NULL) {
    ck_assert_ptr_eq(mst_features_find(mst_features_at(n)->name), mst_features_at(n));
    ck_assert_uint_gt(strlen(mst_features_at(n)->summary), 0);
    n++;
  }
  ck_assert_int_eq(n, 8);
  ck_assert_ptr_null(mst_features_find("cnov"));
  ck_assert_ptr_null(mst_features_at(-1));
}
END_TEST

START_TEST(an_unknown_kind_is_refused_with_the_known_ones) {
  mst_features_spec spec = small_spec("cnov");
  mst_row_shape shape = {1, {5}};
  mst_features *f = NULL;
  ck_refused(mst_features_create(&spec, &shape, &f), MST_ERR_INPUT, "'cnov'");
  ck_refused(mst_features_create(&spec, &shape, &f), MST_ERR_INPUT, "scattering");
  ck_assert_ptr_null(f);
}
END_TEST

START_TEST(a_row_without_numbers_is_refused) {
  mst_features_spec spec = small_spec("identity");
  mst_features *f = NULL;
  mst_row_shape none = {0, {0}}, empty = {2, {5, 0}}, huge = {2, {1 << 30, 1 << 30}};
  ck_refused(mst_features_create(&spec, &none, &f), MST_ERR_INPUT, "0 dimensions");
  ck_refused(mst_features_create(&spec, &empty, &f), MST_ERR_INPUT, "dimension 1");
  ck_refused(mst_features_create(&spec, &huge, &f), MST_ERR_INPUT, "dimension 1");
}
END_TEST

/* The same rows in another company: one by one, in sevens, and in reverse order. */
static void check_purity(const char *kind, const mst_row_shape *shape) {
  mst_features_spec spec = small_spec(kind);
  int64_t elements = mst_row_elements(shape);
  int64_t channels = shape->dims == 3 ? shape->size[2] : 1;
  float *rows = make_images(ROWS, shape->size[0], elements / shape->size[0] / channels, channels);
  mst_features *f = make_fitted(&spec, shape, rows);
  size_t row = (size_t)f->width * sizeof(float);
  float *all = apply(f, rows, ROWS);
  for (int64_t i = 0; i < ROWS; i++) {
    float *one = apply(f, rows + i * elements, 1);
    ck_assert_msg(memcmp(one, all + i * f->width, row) == 0, "%s: row %lld alone", kind,
                  (long long)i);
    free(one);
  }
  for (int64_t i = 0; i < ROWS; i += 7) {
    int64_t n = ROWS - i < 7 ? ROWS - i : 7;
    float *some = apply(f, rows + i * elements, n);
    ck_assert_msg(memcmp(some, all + i * f->width, row * (size_t)n) == 0, "%s: rows from %lld",
                  kind, (long long)i);
    free(some);
  }
  float *reversed = malloc((size_t)(ROWS * elements) * sizeof *reversed);
  for (int64_t i = 0; i < ROWS; i++)
    memcpy(reversed + i * elements, rows + (ROWS - 1 - i) * elements,
           (size_t)elements * sizeof *rows);
  float *back = apply(f, reversed, ROWS);
  for (int64_t i = 0; i < ROWS; i++)
    ck_assert_msg(memcmp(back + (ROWS - 1 - i) * f->width, all + i * f->width, row) == 0,
                  "%s: row %lld in reverse", kind, (long long)i);
  free(back);
  free(reversed);
  free(all);
  free(rows);
  mst_features_destroy(f);
}

static const mst_row_shape vector_shape = {1, {53}};
static const mst_row_shape grey_shape = {2, {12, 15}};
static const mst_row_shape colour_shape = {3, {13, 11, 3}};

START_TEST(rows_keep_their_bits_in_any_batch) {
  static const char *const any[] = {"identity", "relu", "fourier", "johnson_lindenstrauss",
                                    "nystrom"};
  for (int i = 0; i < 5; i++) {
    check_purity(any[i], &vector_shape);
    check_purity(any[i], &colour_shape);
  }
  check_purity("conv", &grey_shape);
  check_purity("conv", &colour_shape);
  check_purity("conv_stack", &grey_shape);
  check_purity("conv_stack", &colour_shape);
  check_purity("scattering", &grey_shape);
  check_purity("scattering", &colour_shape);
}
END_TEST

/* The second map has another seed and sees no sample: only the parameters can make it equal. */
START_TEST(copied_parameters_give_the_same_bits) {
  float *rows = make_images(ROWS, 13, 11, 3);
  for (int k = 0; mst_features_at(k) != NULL; k++) {
    mst_features_spec spec = small_spec(mst_features_at(k)->name);
    mst_features *first = make_fitted(&spec, &colour_shape, rows);
    spec.seed++;
    mst_features *second = make_map(&spec, &colour_shape);
    mst_state from, to;
    mst_state_init(&from);
    mst_state_init(&to);
    ck_ok(mst_features_parameters(first, &from));
    ck_ok(mst_features_parameters(second, &to));
    ck_assert_int_eq(from.n, to.n);
    for (int i = 0; i < from.n; i++) {
      ck_assert_int_eq(strncmp(from.item[i].name, "features/", 9), 0);
      ck_assert_str_eq(from.item[i].name, to.item[i].name);
      ck_assert_int_eq(from.item[i].layout, MST_REPLICATED);
      memcpy(to.item[i].data, from.item[i].data,
             (size_t)(mst_state_local_elements(&from.item[i]) * mst_dtype_size(from.item[i].type)));
    }
    float *a = apply(first, rows, ROWS), *b = apply(second, rows, ROWS);
    ck_assert_msg(memcmp(a, b, (size_t)(ROWS * first->width) * sizeof *a) == 0, "%s", spec.kind);
    free(a);
    free(b);
    mst_state_clear(&from);
    mst_state_clear(&to);
    mst_features_destroy(first);
    mst_features_destroy(second);
  }
  free(rows);
}
END_TEST

START_TEST(the_seed_decides_a_random_map) {
  static const char *const random[] = {"relu", "fourier", "conv", "johnson_lindenstrauss",
                                       "conv_stack"};
  float *rows = make_images(ROWS, 12, 15, 1);
  for (int k = 0; k < 5; k++) {
    mst_features_spec spec = small_spec(random[k]);
    mst_features *f = make_fitted(&spec, &grey_shape, rows);
    mst_features *again = make_fitted(&spec, &grey_shape, rows);
    spec.seed = 99;
    mst_features *other = make_fitted(&spec, &grey_shape, rows);
    float *a = apply(f, rows, 1), *b = apply(again, rows, 1), *c = apply(other, rows, 1);
    size_t row = (size_t)f->width * sizeof *a;
    ck_assert_msg(memcmp(a, b, row) == 0, "%s differs from itself", random[k]);
    ck_assert_msg(memcmp(a, c, row) != 0, "%s does not follow its seed", random[k]);
    free(a);
    free(b);
    free(c);
    mst_features_destroy(f);
    mst_features_destroy(again);
    mst_features_destroy(other);
  }
  free(rows);
}
END_TEST

/* Every allocation of making and fitting a map fails in turn. */
START_TEST(a_failed_allocation_is_reported_and_leaks_nothing) {
  float *rows = make_images(ROWS, 13, 11, 3);
  for (int k = 0; mst_features_at(k) != NULL; k++) {
    mst_features_spec spec = small_spec(mst_features_at(k)->name);
    int64_t before = mst_memory_current();
    mst_status status = MST_ERR_MEMORY;
    for (int64_t n = 1; status == MST_ERR_MEMORY; n++) {
      ck_assert_int_lt(n, 200);
      mst_features *f = NULL;
      mst_memory_fail_at(n);
      status = mst_features_create(&spec, &colour_shape, &f);
      const int64_t wanted = status == MST_OK ? mst_features_sample_rows(f) : 0;
      if (wanted > 0) status = mst_features_fit(f, rows, wanted < ROWS ? wanted : ROWS);
      mst_memory_fail_at(0);
      mst_features_destroy(f);
      ck_assert_msg(mst_memory_current() == before, "%s keeps memory", spec.kind);
    }
    ck_ok(status);
  }
  free(rows);
}
END_TEST

START_TEST(memory_is_what_the_map_holds_while_applying) {
  float *rows = make_images(ROWS, 13, 11, 3);
  for (int k = 0; mst_features_at(k) != NULL; k++) {
    mst_features_spec spec = small_spec(mst_features_at(k)->name);
    int64_t before = mst_memory_current();
    mst_features *f = make_fitted(&spec, &colour_shape, rows);
    float *out = apply(f, rows, ROWS);
    ck_assert_int_eq(mst_features_memory(f), mst_memory_current() - before);
    free(out);
    mst_features_destroy(f);
  }
  free(rows);
}
END_TEST

START_TEST(identity_copies_the_row) {
  mst_features_spec spec = small_spec("identity");
  float *rows = make_images(3, 13, 11, 3);
  mst_features *f = make_map(&spec, &colour_shape);
  ck_assert_int_eq(f->width, 13 * 11 * 3);
  float *out = apply(f, rows, 3);
  ck_assert_int_eq(memcmp(out, rows, 3 * 13 * 11 * 3 * sizeof *rows), 0);
  ck_ok(mst_features_apply(f, NULL, 0, NULL));
  free(out);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

typedef double (*activation)(double z, double width);

static double relu(double z, double width) {
  return sqrt(2.0 / width) * fmax(z, 0.0);
}
static double linear(double z, double width) {
  (void)width;
  return z;
}
static double cosine(double z, double width) {
  return sqrt(2.0 / width) * cos(z);
}

/* The features are the activation of x W + b, computed here in double. */
static void check_formula(const char *kind, activation act) {
  mst_features_spec spec = small_spec(kind);
  float *rows = make_noise(ROWS * 53, 1);
  mst_features *f = make_map(&spec, &vector_shape);
  mst_state state;
  mst_state_init(&state);
  ck_ok(mst_features_parameters(f, &state));
  const float *weights = mst_state_find(&state, "features/weights")->data;
  const float *bias = mst_state_find(&state, "features/bias")->data;
  float *out = apply(f, rows, ROWS);
  ck_assert_int_eq(f->width, spec.count);
  for (int64_t i = 0; i < ROWS; i++)
    for (int64_t j = 0; j < f->width; j++) {
      double z = bias[j];
      for (int64_t e = 0; e < 53; e++)
        z += (double)rows[i * 53 + e] * (double)weights[e * f->width + j];
      ck_assert_double_eq_tol(out[i * f->width + j], act(z, (double)f->width), 2e-6);
    }
  free(out);
  free(rows);
  mst_state_clear(&state);
  mst_features_destroy(f);
}

START_TEST(random_maps_follow_their_formulas) {
  check_formula("johnson_lindenstrauss", linear);
  check_formula("relu", relu);
  check_formula("fourier", cosine);
}
END_TEST

static double dot(const float *a, const float *b, int64_t n) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

enum {
  KERNEL_ROWS = 6,
  KERNEL_WIDTH = 5,
  KERNEL_FEATURES = 40000
};

START_TEST(relu_features_tend_to_the_arc_cosine_kernel) {
  mst_features_spec spec = small_spec("relu");
  mst_row_shape shape = {1, {KERNEL_WIDTH}};
  spec.count = KERNEL_FEATURES;
  float *rows = make_noise(KERNEL_ROWS * KERNEL_WIDTH, 2);
  for (int i = 0; i < KERNEL_ROWS * KERNEL_WIDTH; i++) rows[i] *= 6.0f;
  mst_features *f = make_map(&spec, &shape);
  float *out = apply(f, rows, KERNEL_ROWS);
  for (int i = 0; i < KERNEL_ROWS; i++)
    for (int j = 0; j <= i; j++) {
      const float *x = rows + i * KERNEL_WIDTH, *y = rows + j * KERNEL_WIDTH;
      double xx = dot(x, x, KERNEL_WIDTH) / KERNEL_WIDTH + 1.0 / KERNEL_WIDTH;
      double yy = dot(y, y, KERNEL_WIDTH) / KERNEL_WIDTH + 1.0 / KERNEL_WIDTH;
      double xy = dot(x, y, KERNEL_WIDTH) / KERNEL_WIDTH + 1.0 / KERNEL_WIDTH;
      double angle = acos(fmin(1.0, xy / sqrt(xx * yy)));
      double kernel = sqrt(xx * yy) / M_PI * (sin(angle) + (M_PI - angle) * cos(angle));
      double found = dot(out + i * f->width, out + j * f->width, f->width);
      ck_assert_double_eq_tol(found, kernel, 0.05 * sqrt(xx * yy));
    }
  free(out);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

START_TEST(projections_keep_inner_products) {
  mst_features_spec spec = small_spec("johnson_lindenstrauss");
  mst_row_shape shape = {1, {KERNEL_WIDTH}};
  spec.count = KERNEL_FEATURES;
  float *rows = make_noise(KERNEL_ROWS * KERNEL_WIDTH, 2);
  mst_features *f = make_map(&spec, &shape);
  float *out = apply(f, rows, KERNEL_ROWS);
  for (int i = 0; i < KERNEL_ROWS; i++)
    for (int j = 0; j <= i; j++) {
      const float *x = rows + i * KERNEL_WIDTH, *y = rows + j * KERNEL_WIDTH;
      double size = sqrt(dot(x, x, KERNEL_WIDTH) * dot(y, y, KERNEL_WIDTH));
      double found = dot(out + i * f->width, out + j * f->width, f->width);
      ck_assert_double_eq_tol(found, dot(x, y, KERNEL_WIDTH), 5 * sqrt(2.0 / KERNEL_FEATURES) * size);
    }
  free(out);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

START_TEST(fourier_features_tend_to_the_gaussian_kernel) {
  mst_features_spec spec = small_spec("fourier");
  mst_row_shape shape = {1, {KERNEL_WIDTH}};
  spec.count = KERNEL_FEATURES;
  spec.bandwidth = 0.7;
  float *rows = make_noise(KERNEL_ROWS * KERNEL_WIDTH, 3);
  mst_features *f = make_map(&spec, &shape);
  float *out = apply(f, rows, KERNEL_ROWS);
  for (int i = 0; i < KERNEL_ROWS; i++)
    for (int j = 0; j <= i; j++) {
      const float *x = rows + i * KERNEL_WIDTH, *y = rows + j * KERNEL_WIDTH;
      double distance =
          dot(x, x, KERNEL_WIDTH) + dot(y, y, KERNEL_WIDTH) - 2.0 * dot(x, y, KERNEL_WIDTH);
      double kernel = exp(-distance / (2.0 * spec.bandwidth * spec.bandwidth));
      ck_assert_double_eq_tol(dot(out + i * f->width, out + j * f->width, f->width), kernel, 0.03);
    }
  free(out);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

/* Directions are orthogonal in groups of KERNEL_WIDTH; a column's length is what was drawn. */
START_TEST(orthogonal_directions_keep_the_lengths_and_the_kernel) {
  mst_features_spec spec = small_spec("fourier");
  mst_row_shape shape = {1, {KERNEL_WIDTH}};
  spec.count = 4 * KERNEL_WIDTH + 2;
  mst_features *plain = make_map(&spec, &shape);
  spec.orthogonal = true;
  mst_features *f = make_map(&spec, &shape);
  mst_state state, drawn;
  mst_state_init(&state);
  mst_state_init(&drawn);
  ck_ok(mst_features_parameters(f, &state));
  ck_ok(mst_features_parameters(plain, &drawn));
  const float *w = mst_state_find(&state, "features/weights")->data;
  const float *g = mst_state_find(&drawn, "features/weights")->data;
  for (int64_t i = 0; i < spec.count; i++)
    for (int64_t j = 0; j <= i; j++) {
      double product = 0, length = 0;
      for (int64_t e = 0; e < KERNEL_WIDTH; e++) {
        product += (double)w[e * spec.count + i] * (double)w[e * spec.count + j];
        length += (double)g[e * spec.count + i] * (double)g[e * spec.count + i];
      }
      if (i == j) ck_assert_double_eq_tol(product, length, 1e-5 * length);
      else if (i / KERNEL_WIDTH == j / KERNEL_WIDTH) ck_assert_double_eq_tol(product, 0, 1e-5);
    }
  /* The first of a group is as it was drawn, sign and all. */
  for (int64_t i = 0; i < spec.count; i += KERNEL_WIDTH)
    for (int64_t e = 0; e < KERNEL_WIDTH; e++)
      ck_assert_double_eq_tol(w[e * spec.count + i], g[e * spec.count + i], 1e-5);
  mst_state_clear(&state);
  mst_state_clear(&drawn);
  mst_features_destroy(plain);
  mst_features_destroy(f);
}
END_TEST

/* Squared error of the kernel from `count` features, over seeds. */
static double kernel_error(bool orthogonal) {
  mst_row_shape shape = {1, {KERNEL_WIDTH}};
  float *rows = make_noise(2 * KERNEL_WIDTH, 5);
  double error = 0;
  for (uint64_t seed = 1; seed <= 400; seed++) {
    mst_features_spec spec = small_spec("fourier");
    spec.seed = seed;
    spec.count = 2 * KERNEL_WIDTH;
    spec.bandwidth = 1.0;
    spec.orthogonal = orthogonal;
    mst_features *f = make_map(&spec, &shape);
    float *out = apply(f, rows, 2);
    double distance = 0;
    for (int e = 0; e < KERNEL_WIDTH; e++) {
      double gap = (double)rows[e] - (double)rows[KERNEL_WIDTH + e];
      distance += gap * gap;
    }
    double off = dot(out, out + f->width, f->width) - exp(-distance / 2);
    error += off * off;
    free(out);
    mst_features_destroy(f);
  }
  free(rows);
  return error / 400;
}

START_TEST(orthogonal_directions_stay_near_the_kernel) {
  const double plain = kernel_error(false), orthogonal = kernel_error(true);
  ck_assert_msg(orthogonal < plain, "squared error %g, against %g", orthogonal, plain);
}
END_TEST

/* Between landmarks the features' inner products are the kernel itself. */
static void check_nystrom(const char *kernel, int64_t count) {
  mst_features_spec spec = small_spec("nystrom");
  mst_row_shape shape = {1, {KERNEL_WIDTH}};
  const bool gaussian = strcmp(kernel, "rbf") == 0;
  spec.kernel = kernel;
  spec.count = count;
  spec.bandwidth = gaussian ? 0.3 : 0;
  float *rows = make_noise(count * KERNEL_WIDTH, 6);
  for (int64_t i = 0; gaussian && i < count * KERNEL_WIDTH; i++) rows[i] += 100;
  mst_features *f = make_map(&spec, &shape);
  ck_assert_int_eq(mst_features_sample_rows(f), count);
  ck_ok(mst_features_fit(f, rows, count));
  float *out = apply(f, rows, count);
  for (int64_t i = 0; i < count; i++)
    for (int64_t j = 0; j <= i; j++) {
      const float *x = rows + i * KERNEL_WIDTH, *y = rows + j * KERNEL_WIDTH;
      double distance = 0;
      for (int e = 0; e < KERNEL_WIDTH; e++)
        distance += ((double)x[e] - (double)y[e]) * ((double)x[e] - (double)y[e]);
      const double k = gaussian ? exp(-distance / (2 * spec.bandwidth * spec.bandwidth))
                                : dot(x, y, KERNEL_WIDTH);
      ck_assert_double_eq_tol(dot(out + i * f->width, out + j * f->width, f->width), k, 2e-4);
    }
  free(out);
  free(rows);
  mst_features_destroy(f);
}

START_TEST(nystrom_features_of_landmarks_give_the_kernel) {
  check_nystrom("rbf", 30);
  check_nystrom("linear", 4);
  check_nystrom("linear", 30); /* of rank KERNEL_WIDTH */
}
END_TEST

START_TEST(impossible_landmarks_are_refused) {
  mst_features *f = NULL;
  mst_features_spec spec = small_spec("nystrom");
  float *rows = make_noise(ROWS * 53, 7);
  spec.bandwidth = 0;
  ck_refused(mst_features_create(&spec, &vector_shape, &f), MST_ERR_INPUT, "features.bandwidth");
  spec.kernel = "linear";
  spec.bandwidth = 1;
  ck_refused(mst_features_create(&spec, &vector_shape, &f), MST_ERR_INPUT, "leave it out");
  ck_assert_ptr_null(f);
  spec.bandwidth = 0;
  f = make_map(&spec, &vector_shape);
  ck_refused(mst_features_fit(f, rows, 36), MST_ERR_INPUT, "only 36 training rows");
  memset(rows, 0, sizeof *rows * ROWS * 53);
  ck_refused(mst_features_fit(f, rows, 37), MST_ERR_INPUT, "all 0");
  mst_features_destroy(f);
  free(rows);
}
END_TEST

START_TEST(impossible_random_features_are_refused) {
  mst_features *f = NULL;
  mst_features_spec spec = small_spec("relu");
  spec.count = 0;
  ck_refused(mst_features_create(&spec, &vector_shape, &f), MST_ERR_INPUT, "features.count is 0");
  spec = small_spec("fourier");
  spec.bandwidth = 0.0;
  ck_refused(mst_features_create(&spec, &vector_shape, &f), MST_ERR_INPUT, "features.bandwidth");
  spec.bandwidth = NAN;
  ck_refused(mst_features_create(&spec, &vector_shape, &f), MST_ERR_INPUT, "features.bandwidth");
  ck_assert_ptr_null(f);
}
END_TEST

START_TEST(a_nan_is_not_hidden_by_the_rectifier) {
  float *rows = make_noise(53, 4);
  rows[20] = NAN;
  mst_features_spec spec = small_spec("relu");
  mst_features *f = make_map(&spec, &vector_shape);
  float *out = apply(f, rows, 1);
  for (int64_t j = 0; j < f->width; j++) ck_assert(isnan(out[j]));
  free(out);
  free(rows);
  mst_features_destroy(f);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("features");
  TCase *t = tcase_create("family");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, every_member_is_found_by_its_name);
  tcase_add_test(t, an_unknown_kind_is_refused_with_the_known_ones);
  tcase_add_test(t, a_row_without_numbers_is_refused);
  tcase_add_test(t, rows_keep_their_bits_in_any_batch);
  tcase_add_test(t, copied_parameters_give_the_same_bits);
  tcase_add_test(t, the_seed_decides_a_random_map);
  tcase_add_test(t, a_failed_allocation_is_reported_and_leaks_nothing);
  tcase_add_test(t, memory_is_what_the_map_holds_while_applying);
  suite_add_tcase(s, t);
  t = tcase_create("members");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, identity_copies_the_row);
  tcase_add_test(t, random_maps_follow_their_formulas);
  tcase_add_test(t, projections_keep_inner_products);
  tcase_add_test(t, relu_features_tend_to_the_arc_cosine_kernel);
  tcase_add_test(t, fourier_features_tend_to_the_gaussian_kernel);
  tcase_add_test(t, orthogonal_directions_keep_the_lengths_and_the_kernel);
  tcase_add_test(t, orthogonal_directions_stay_near_the_kernel);
  tcase_add_test(t, nystrom_features_of_landmarks_give_the_kernel);
  tcase_add_test(t, impossible_landmarks_are_refused);
  tcase_add_test(t, impossible_random_features_are_refused);
  tcase_add_test(t, a_nan_is_not_hidden_by_the_rectifier);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  mst_blas_init();
  return mst_test_main(argc, argv, suite());
}
