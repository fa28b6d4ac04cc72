/* Private statistics of linear bandits: how much an interaction can change, the law of symmetric
 * noise, and how large it is. */
#include "core/bandit/private_sums.h"

#include <math.h>
#include <string.h>

#include "core/bandit/ridge.h"
#include "core/base/key.h"
#include "core/linalg/blas.h"
#include "tests/harness.h"

enum {
  D = 6,
  N = D * (D + 1) / 2 + D
};

/* Length of (sum x x', sum y x) with all entries of the matrix, from packed sums. */
static double length_of(const double *sums) {
  double square = 0;
  for (int i = 0, e = 0; i < D; i++)
    for (int j = 0; j <= i; j++, e++) square += (j < i ? 2 : 1) * sums[e] * sums[e];
  for (int i = 0; i < D; i++) square += sums[N - D + i] * sums[N - D + i];
  return sqrt(square);
}

START_TEST(no_interaction_changes_more_than_the_bound) {
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  const double clip = 0.7;
  double most = 0;
  for (int t = 0; t < 400; t++) {
    double x[D], told[D], sums[N] = {0}, size = 3 * mst_stream_uniform(&s);
    for (int i = 0; i < D; i++) x[i] = size * mst_stream_normal(&s) / sqrt(D);
    const double y = mst_private_sums_clip(D, x, 2 * mst_stream_normal(&s), clip, told);
    mst_ridge_sums_learn(sums, 1, D, 0, told, y);
    most = fmax(most, length_of(sums));
  }
  ck_assert(most <= mst_private_sums_bound(clip));
  ck_assert(most >= 0.999 * mst_private_sums_bound(clip)); /* and no less would do */
  ck_assert_double_eq_tol(mst_private_sums_bound(clip), sqrt(1.49), 1e-15);
}
END_TEST

START_TEST(what_is_within_the_bounds_is_told_as_it_is) {
  const double x[D] = {0.3, -0.4, 0.1, 0, 0.2, -0.1};
  double told[D];
  ck_assert(mst_private_sums_clip(D, x, -0.6, 0.7, told) == -0.6);
  ck_assert(memcmp(told, x, sizeof x) == 0);
  ck_assert(mst_private_sums_clip(D, x, -0.8, 0.7, told) == -0.7);
  const double wide[D] = {3, 0, 0, 4, 0, 0};
  ck_assert_double_eq_tol(mst_private_sums_clip(D, wide, 2, 0.7, told), 0.4, 1e-12);
  ck_assert_double_eq_tol(told[3], 0.8, 1e-12);
  const double broken[D] = {1, INFINITY};
  ck_assert(mst_private_sums_clip(D, broken, NAN, 0.7, told) == 0 && told[0] == 0 && told[1] == 0);
}
END_TEST

START_TEST(the_noise_is_symmetric_and_as_large_as_is_said) {
  enum {
    DRAWS = 400
  };
  mst_stream s = mst_stream_of(mst_key_make(2, MST_PURPOSE_TEST, 0, 0));
  const double deviation = 3, delta = 0.05;
  const mst_private_widths w = mst_private_sums_widths(D, deviation, 1, delta);
  double square[2] = {0, 0}, largest = 0;
  int wider = 0, longer = 0;
  for (int t = 0; t < DRAWS; t++) {
    double noise[N], m[D * D], values[D], length = 0;
    for (int e = 0; e < N; e++) noise[e] = deviation * mst_stream_normal(&s);
    mst_private_sums_shape(D, noise);
    for (int i = 0, e = 0; i < D; i++)
      for (int j = 0; j <= i; j++, e++) {
        m[i * D + j] = m[j * D + i] = noise[e];
        square[j < i] += noise[e] * noise[e];
      }
    for (int i = 0; i < D; i++) length = hypot(length, noise[N - D + i]);
    ck_ok(mst_eigen_symmetric(D, m, D, false, values));
    const double norm = fmax(fabs(values[0]), fabs(values[D - 1]));
    wider += norm > w.matrix;
    longer += length > w.vector;
    largest += norm / DRAWS;
  }
  ck_assert_double_eq_tol(square[0] / (DRAWS * D), 9, 1);
  ck_assert_double_eq_tol(square[1] / (DRAWS * D * (D - 1) / 2), 4.5, 0.5);
  ck_assert(wider <= delta * DRAWS && longer <= delta * DRAWS);
  ck_assert(largest > deviation && largest < deviation * sqrt(2 * D)); /* nor is it far from it */
  ck_assert_double_eq_tol(w.vector, 3 * (sqrt(6) + sqrt(2 * log(20))), 1e-12);
  ck_assert_double_eq_tol(w.matrix, 3 * (sqrt(12) + sqrt(2 * log(40))), 1e-12);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("private_sums");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, no_interaction_changes_more_than_the_bound);
  tcase_add_test(tc, what_is_within_the_bounds_is_told_as_it_is);
  tcase_add_test(tc, the_noise_is_symmetric_and_as_large_as_is_said);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
