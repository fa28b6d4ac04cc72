/* Private ridge regression: sensitivities hold for the rows that attain them, the noise has the
 * variance that is charged, its spectrum ends at the edge, and bounded rows keep their bound. */
#include "tests/harness.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/bounded.h"
#include "core/linalg/blas.h"
#include "core/privacy/accountant.h"
#include "core/privacy/adassp.h"
#include "core/privacy/gaussian.h"

enum {
  D = 120,
  C = 3
};

START_TEST(both_releases_together_cost_what_one_of_noise_1_does_whatever_the_share) {
  const double share[] = {0.05, 0.5, 0.6, 0.95};
  mst_account_spec spec = {.name = "gdp"};
  for (int i = 0; i < 4; i++) {
    mst_event event[2];
    mst_spent spent;
    mst_adassp_events(share[i], &event[0], &event[1]);
    mst_events list = {.event = event, .n = 2};
    ck_ok(mst_account_epsilon(&spec, &list, 1e-5, &spent));
    ck_assert_double_eq_tol(spent.epsilon, mst_gaussian_epsilon(1, 1e-5), 1e-9);
  }
}
END_TEST

/* In the coordinates that the noise is white in, (diagonal, sqrt 2 off-diagonal), xx' has the length
 * |x|^2 exactly: so deviations of clip^2 for one and clip^2 / sqrt 2 for the other are what a
 * sensitivity of clip^2 asks for, and nothing less is enough. */
START_TEST(a_row_moves_the_gram_by_its_length_squared_in_units_of_the_noise) {
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  mst_secret secret = mst_secret_test(4);
  mst_noise noise = mst_noise_of(&secret, MST_NOISE_GRAM, 0, 0);
  double x[D], length = 0, moved = 0, on = 0, off = 0;
  static double run[D];
  for (int i = 0; i < D; i++) x[i] = mst_stream_normal(&s), length += x[i] * x[i];
  for (int h = 0; h < D; h++) {
    mst_adassp_gram_noise(&noise, 1, h, 0, h + 1, run);
    for (int e = 0; e <= h; e++) {
      double unit = e == h ? 1 : sqrt(0.5), change = x[h] * x[e] / unit;
      moved += change * change;
      (e == h ? (on += run[e] * run[e]) : (off += run[e] * run[e]));
    }
  }
  ck_assert_double_eq_tol(sqrt(moved), length, 1e-9 * length);
  ck_assert_double_eq_tol(on / D, 1, 5 * sqrt(2.0 / D));
  ck_assert_double_eq_tol(off / (D * (D - 1) / 2.0), 0.5, 5 * 0.5 * sqrt(4.0 / (D * (D - 1))));
}
END_TEST

START_TEST(noise_of_an_entry_does_not_depend_on_the_run_that_it_is_drawn_in) {
  mst_secret secret = mst_secret_test(4);
  mst_noise noise = mst_noise_of(&secret, MST_NOISE_GRAM, 0, 0);
  double whole[300], part[300];
  mst_adassp_gram_noise(&noise, 2, 299, 0, 300, whole);
  for (int64_t first = 0, n; first < 300; first += n) {
    n = first < 200 ? 70 : 300 - first;
    mst_adassp_gram_noise(&noise, 2, 299, first, n, part);
    ck_assert_mem_eq(part, whole + first, (size_t)n * sizeof *part);
  }
}
END_TEST

static void fill_noise(const mst_noise *noise, double sd, double *a) {
  for (int h = 0; h < D; h++) mst_adassp_gram_noise(noise, sd, h, 0, h + 1, a + (ptrdiff_t)h * D);
}

START_TEST(eigenvalues_of_the_noise_end_at_the_edge) {
  static double a[D * D], value[D];
  for (uint64_t k = 0; k < 5; k++) {
    mst_secret secret = mst_secret_test(k);
    mst_noise noise = mst_noise_of(&secret, MST_NOISE_GRAM, 0, 0);
    fill_noise(&noise, 3, a);
    ck_ok(mst_eigen_symmetric(D, a, D, false, value));
    double edge = mst_adassp_edge(D, 3);
    ck_assert_double_eq_tol(value[D - 1], edge, 0.12 * edge);
    ck_assert_double_eq_tol(value[0], -edge, 0.12 * edge);
  }
}
END_TEST

START_TEST(a_spike_is_given_back_without_what_the_noise_added) {
  const double spike = 400, sd = 3;
  static double a[D * D], value[D];
  mst_secret secret = mst_secret_test(9);
  mst_noise noise = mst_noise_of(&secret, MST_NOISE_GRAM, 0, 0);
  fill_noise(&noise, sd, a);
  for (int h = 0; h < D; h++)
    for (int e = 0; e <= h; e++) a[h * D + e] += spike / D;
  ck_ok(mst_eigen_symmetric(D, a, D, false, value));
  double edge = mst_adassp_edge(D, sd), raw = value[D - 1];
  mst_adassp_regularise(D, value, sd, MST_ADASSP_SHRINK, 0.25);
  double found = value[D - 1] - 0.25 * edge;
  ck_assert_double_eq_tol(found, spike, 3 * sd);
  ck_assert_double_lt(fabs(found - spike), fabs(raw - spike) + sd);
  for (int i = 0; i < D - 2; i++) ck_assert_double_ge(value[i], 0.25 * edge);
}
END_TEST

START_TEST(the_ridge_moves_no_further_than_the_least_eigenvalue_asks_for) {
  double edge = mst_adassp_edge(4, 1), value[4] = {-edge, 0, edge, 9 * edge}, fine[4];
  for (int i = 0; i < 4; i++) fine[i] = (i + 3) * edge;
  mst_adassp_regularise(4, value, 1, MST_ADASSP_RIDGE, 0.5);
  ck_assert_double_eq_tol(value[0], 0.5 * edge, 1e-12);
  ck_assert_double_eq_tol(value[3], 10.5 * edge, 1e-12);
  mst_adassp_regularise(4, fine, 1, MST_ADASSP_RIDGE, 0.5);
  for (int i = 0; i < 4; i++) ck_assert_double_eq(fine[i], (i + 3) * edge);
}
END_TEST

/* With noise that is next to nothing, the solution is that of the plain system. */
START_TEST(without_noise_it_is_least_squares) {
  static double a[D * D], b[D * C], w[D * C], copy[D * D], want[D * C];
  mst_stream s = mst_stream_of(mst_key_make(3, MST_PURPOSE_TEST, 0, 0));
  for (int h = 0; h < D; h++)
    for (int e = 0; e <= h; e++) a[h * D + e] = (h == e ? 4 * D : 0) + mst_stream_normal(&s);
  for (int i = 0; i < D * C; i++) b[i] = mst_stream_normal(&s);
  memcpy(copy, a, sizeof a);
  ck_ok(mst_ridge_solve(D, C, copy, D, b, C, 0, want));
  for (int kind = MST_ADASSP_SHRINK; kind <= MST_ADASSP_RIDGE; kind++) {
    double condition = 0;
    memcpy(copy, a, sizeof a);
    ck_ok(mst_adassp_solve(D, C, copy, D, b, 1e-9, (mst_adassp_kind)kind, 0.5, w, &condition));
    for (int i = 0; i < D * C; i++) ck_assert_double_eq_tol(w[i], want[i], 1e-9);
    ck_assert_double_gt(condition, 1);
  }
  ck_refused(mst_adassp_solve(D, C, copy, D, b, 1, MST_ADASSP_RIDGE, 0, w, NULL), MST_ERR_INPUT,
             "floor");
}
END_TEST

START_TEST(no_bounded_row_is_longer_than_its_bound_rounding_included) {
  enum { N = 300, IN = 40 };
  static float x[N * IN], out[N * 25];
  mst_features_spec spec = mst_features_defaults("identity");
  mst_row_shape shape = {.dims = 1, .size = {IN}};
  mst_features *inner = NULL, *map = NULL;
  mst_bounded_spec bounded = {.seed = 2, .project = 24, .length = 0.7, .constant = 0.2};
  mst_stream s = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < N * IN; i++) x[i] = (float)(mst_stream_normal(&s) * (i % 3 == 0 ? 1 : 1e-3));
  x[7 * IN] = NAN;
  x[8 * IN + 1] = 3e38F;
  ck_ok(mst_features_create(&spec, &shape, &inner));
  ck_ok(mst_bounded_create(&bounded, inner, &map));
  ck_assert_int_eq(map->width, 25);
  ck_ok(mst_features_apply(map, x, N, out));
  double longest = 0;
  for (int i = 0; i < N; i++) {
    double square = 0;
    for (int j = 0; j < 25; j++) square += (double)out[i * 25 + j] * (double)out[i * 25 + j];
    longest = fmax(longest, sqrt(square));
    ck_assert_float_eq(out[i * 25 + 24], 0.2F);
  }
  ck_assert_double_le(longest, 0.7);
  ck_assert_double_gt(longest, 0.69);
  for (int j = 0; j < 24; j++) ck_assert_float_eq(out[7 * 25 + j], 0);
  mst_features_destroy(map);
  bounded.constant = 0.7;
  ck_refused(mst_bounded_create(&bounded, inner, &map), MST_ERR_INPUT, "constant");
  mst_features_destroy(inner);
}
END_TEST

START_TEST(an_unfolded_model_scores_as_the_bounded_one) {
  enum { N = 20, IN = 30, K = 12 };
  static float x[N * IN], out[N * (K + 1)];
  double w[(K + 1) * C], weights[IN * C], intercept[C];
  mst_features_spec spec = mst_features_defaults("identity");
  mst_row_shape shape = {.dims = 1, .size = {IN}};
  mst_features *inner = NULL, *map = NULL;
  mst_bounded_spec bounded = {.seed = 2, .project = K, .length = 1e6, .constant = 0.5};
  mst_stream s = mst_stream_of(mst_key_make(6, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < N * IN; i++) x[i] = (float)mst_stream_normal(&s);
  for (int i = 0; i < (K + 1) * C; i++) w[i] = mst_stream_normal(&s);
  ck_ok(mst_features_create(&spec, &shape, &inner));
  ck_ok(mst_bounded_create(&bounded, inner, &map));
  ck_ok(mst_features_apply(map, x, N, out));
  mst_bounded_unfold(map, C, w, weights, intercept);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < C; k++) {
      double a = 0, b = intercept[k];
      for (int j = 0; j <= K; j++) a += (double)out[i * (K + 1) + j] * w[j * C + k];
      for (int j = 0; j < IN; j++) b += (double)x[i * IN + j] * weights[j * C + k];
      ck_assert_double_eq_tol(a, b, 1e-4);
    }
  mst_features_destroy(map);
  mst_features_destroy(inner);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("adassp");
  TCase *c = tcase_create("adassp");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, both_releases_together_cost_what_one_of_noise_1_does_whatever_the_share);
  tcase_add_test(c, a_row_moves_the_gram_by_its_length_squared_in_units_of_the_noise);
  tcase_add_test(c, noise_of_an_entry_does_not_depend_on_the_run_that_it_is_drawn_in);
  tcase_add_test(c, eigenvalues_of_the_noise_end_at_the_edge);
  tcase_add_test(c, a_spike_is_given_back_without_what_the_noise_added);
  tcase_add_test(c, the_ridge_moves_no_further_than_the_least_eigenvalue_asks_for);
  tcase_add_test(c, without_noise_it_is_least_squares);
  tcase_add_test(c, no_bounded_row_is_longer_than_its_bound_rounding_included);
  tcase_add_test(c, an_unfolded_model_scores_as_the_bounded_one);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
