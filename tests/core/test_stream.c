/* Streams: each distribution against its analytic law, and golden first values, so that a change
 * of any stream is noticed. Keys are fixed; a passing draw stays a passing draw. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "tests/harness.h"

#define DRAWS 20000

static mst_stream stream(uint64_t client) {
  return mst_stream_of(mst_key_make(20240607, MST_PURPOSE_TEST, client, 0));
}

static mst_stream golden(void) {
  return mst_stream_of(mst_key_make(UINT64_C(20240607123456789), MST_PURPOSE_BATCH, 17, 42));
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Fails when the Kolmogorov-Smirnov distance is beyond what chance gives once in 10^5. */
static void check_law(double *x, int n, double (*cdf)(double, double), double parameter) {
  qsort(x, (size_t)n, sizeof *x, compare_doubles);
  double distance = 0;
  for (int i = 0; i < n; i++) {
    double f = cdf(x[i], parameter);
    distance = fmax(distance, fmax(f - (double)i / n, (double)(i + 1) / n - f));
  }
  ck_assert_msg(distance < 2.47 / sqrt(n), "distance %g, parameter %g", distance, parameter);
}

static double uniform_cdf(double x, double unused) {
  (void)unused;
  return x;
}

static double normal_cdf(double x, double unused) {
  (void)unused;
  return 0.5 * erfc(-x / sqrt(2.0));
}

static double exponential_cdf(double x, double unused) {
  (void)unused;
  return -expm1(-x);
}

/* P(log g <= t) for g of Gamma(a, 1): the series of the incomplete gamma function. */
static double log_gamma_cdf(double t, double a) {
  double x = exp(t), term = 1, sum = 1;
  for (int k = 1; k < 10000 && term > 1e-17 * sum; k++) sum += term *= x / (a + k);
  return exp(a * t - x - lgamma(a + 1) + log(sum));
}

START_TEST(the_golden_draws_stay) {
  const double tolerance = 1e-13;
  mst_stream s = golden();
  ck_assert_double_eq(mst_stream_uniform(&s), 0.5484813991308423);
  s = golden();
  const uint64_t below[8] = {5, 9, 9, 6, 3, 7, 9, 6};
  for (int i = 0; i < 8; i++) ck_assert_uint_eq(mst_stream_below(&s, 10), below[i]);
  s = golden();
  const double normal[3] = {1.0955318337824331, -0.24155944896360115, -0.24261848523707163};
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(mst_stream_normal(&s), normal[i], tolerance);
  s = golden();
  ck_assert_double_eq_tol(mst_stream_exponential(&s), 0.6006019120919451, tolerance);
  const double shape[3] = {0.005, 0.7, 3.5};
  const double gamma[3][3] = {{-92.59432259416931, -77.35807842858989, -275.32742001745936},
                              {0.4614419330290882, -0.4501772547275611, -2.4272293741120845},
                              {1.7126457519271474, 0.733509382174265, 1.07081873077004}};
  for (int i = 0; i < 3; i++) {
    s = golden();
    for (int j = 0; j < 3; j++)
      ck_assert_double_eq_tol(mst_stream_log_gamma_draw(&s, shape[i]), gamma[i][j], 1e-11);
  }
  const double dirichlet[2][4] = {
      {0.6232769177049577, 0.2465340207344878, 0.004578814666889474, 0.125610246893665},
      {0.4300890426361447, 0.11242449103957301, 0.18186690697943242, 0.27561955934484983}};
  for (int i = 0; i < 2; i++) {
    double p[4];
    s = golden();
    mst_stream_dirichlet(&s, i == 0 ? 0.3 : 2.0, 4, p);
    for (int j = 0; j < 4; j++) ck_assert_double_eq_tol(p[j], dirichlet[i][j], 1e-12);
  }
  int64_t out[8];
  const int64_t permutation[8] = {0, 7, 2, 1, 3, 5, 6, 4}, subset[6] = {11, 12, 13, 16, 17, 18};
  s = golden();
  mst_stream_permutation(&s, 8, out);
  ck_assert_mem_eq(out, permutation, sizeof permutation);
  s = golden();
  mst_stream_subset(&s, 20, 6, out);
  ck_assert_mem_eq(out, subset, sizeof subset);
}
END_TEST

START_TEST(uniforms_are_uniform_and_never_an_end) {
  static double x[DRAWS];
  mst_stream s = stream(1);
  for (int i = 0; i < DRAWS; i++) x[i] = mst_stream_uniform(&s);
  check_law(x, DRAWS, uniform_cdf, 0);
  /* The extreme words, which no test could wait for. */
  mst_stream low = {.used = 0}, high = {.used = 0};
  memset(high.word, 0xff, sizeof high.word);
  ck_assert_double_eq(mst_stream_uniform(&low), 0x1p-53);
  ck_assert_double_eq(mst_stream_uniform(&high), 1 - 0x1p-53);
}
END_TEST

START_TEST(normals_follow_the_normal_law) {
  static double x[DRAWS];
  mst_stream s = stream(2);
  double sum = 0, squares = 0, products = 0, last = 0;
  for (int i = 0; i < DRAWS; i++) {
    x[i] = mst_stream_normal(&s);
    sum += x[i];
    squares += x[i] * x[i];
    products += x[i] * last;
    last = x[i];
  }
  ck_assert_double_eq_tol(sum / DRAWS, 0, 5 / sqrt(DRAWS));
  ck_assert_double_eq_tol(squares / DRAWS, 1, 5 * sqrt(2.0 / DRAWS));
  ck_assert_double_eq_tol(products / DRAWS, 0, 5 / sqrt(DRAWS));
  check_law(x, DRAWS, normal_cdf, 0);
}
END_TEST

START_TEST(exponentials_follow_the_exponential_law) {
  static double x[DRAWS];
  mst_stream s = stream(3);
  for (int i = 0; i < DRAWS; i++) x[i] = mst_stream_exponential(&s);
  check_law(x, DRAWS, exponential_cdf, 0);
}
END_TEST

START_TEST(gammas_follow_the_gamma_law_for_small_and_large_shapes) {
  static double x[DRAWS];
  const double shape[] = {0.005, 0.1, 0.5, 0.999, 1, 1.5, 7, 60};
  for (int k = 0; k < 8; k++) {
    mst_stream s = stream(10 + (uint64_t)k);
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
      x[i] = mst_stream_log_gamma_draw(&s, shape[k]);
      ck_assert(isfinite(x[i]));
      sum += exp(x[i]);
    }
    ck_assert_double_eq_tol(sum / DRAWS, shape[k], 5 * sqrt(shape[k] / DRAWS));
    check_law(x, DRAWS, log_gamma_cdf, shape[k]);
  }
}
END_TEST

START_TEST(a_huge_shape_still_has_its_narrow_law) {
  mst_stream s = stream(20);
  double squares = 0;
  const double shape = 1e20; /* log g is normal around log a with variance 1 / a, nearly */
  for (int i = 0; i < 1000; i++) {
    double from_mean = mst_stream_log_gamma_draw(&s, shape) - log(shape);
    squares += from_mean * from_mean;
  }
  ck_assert_double_eq_tol(squares / 1000 * shape, 1, 5 * sqrt(2.0 / 1000));
}
END_TEST

START_TEST(a_shape_without_a_law_gives_nan_and_returns) {
  const double shape[] = {0, -1, INFINITY, NAN};
  for (int k = 0; k < 4; k++) {
    mst_stream s = stream(21);
    double p[2] = {0, 0};
    ck_assert(isnan(mst_stream_log_gamma_draw(&s, shape[k])));
    mst_stream_dirichlet(&s, shape[k], 2, p);
    ck_assert(isnan(p[0]) && isnan(p[1]));
  }
}
END_TEST

/* Mean of p(0) and of the sum of squares against 1/n and (alpha + 1) / (n alpha + 1). */
static void check_dirichlet(double alpha, int64_t n, int draws, uint64_t client) {
  mst_stream s = stream(client);
  double *p, first = 0, squares = 0;
  ck_ok(mst_alloc(&p, n, sizeof *p, "shares"));
  for (int r = 0; r < draws; r++) {
    mst_stream_dirichlet(&s, alpha, n, p);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
      ck_assert(p[i] >= 0 && p[i] <= 1);
      sum += p[i];
      squares += p[i] * p[i];
    }
    ck_assert_double_eq_tol(sum, 1, 1e-12);
    first += p[0];
  }
  double mean = 1.0 / (double)n, square = (alpha + 1) / ((double)n * alpha + 1);
  double deviation = sqrt(mean * (1 - mean) / ((double)n * alpha + 1) / draws);
  ck_assert_double_eq_tol(first / draws, mean, 5 * deviation + 1e-15);
  ck_assert_double_eq_tol(squares / draws, square, 5 * square / sqrt(draws) + 1e-15);
  mst_free(p);
}

START_TEST(dirichlet_shares_are_finite_and_have_the_right_moments) {
  check_dirichlet(0.005, 10, 4000, 30);
  check_dirichlet(0.005, 1000, 400, 31);
  check_dirichlet(0.3, 5, 10000, 32);
  check_dirichlet(1, 7, 10000, 33);
  check_dirichlet(40, 3, 10000, 34);
  check_dirichlet(1, 1, 10, 35);
}
END_TEST

START_TEST(the_smallest_alpha_gives_all_to_one_chosen_evenly) {
  mst_stream s = stream(40);
  int taken[4] = {0, 0, 0, 0};
  for (int r = 0; r < 4000; r++) {
    double p[4];
    mst_stream_dirichlet(&s, 5e-324, 4, p);
    int all = -1;
    for (int i = 0; i < 4; i++) {
      ck_assert(p[i] == 0 || p[i] == 1);
      if (p[i] == 1) all = i;
    }
    ck_assert_int_ge(all, 0);
    taken[all]++;
  }
  for (int i = 0; i < 4; i++) ck_assert_int_lt(abs(taken[i] - 1000), 5 * 28);
}
END_TEST

START_TEST(integers_below_n_have_no_bias) {
  mst_stream s = stream(50);
  /* Without rejection, the residues of an integer below 3 * 2^62 would be taken 2:1:1. */
  int third[3] = {0, 0, 0};
  for (int i = 0; i < 30000; i++) third[mst_stream_below(&s, UINT64_C(3) << 62) % 3]++;
  for (int i = 0; i < 3; i++) ck_assert_int_lt(abs(third[i] - 10000), 5 * 82);
  int seen[7] = {0};
  for (int i = 0; i < 7000; i++) seen[mst_stream_below(&s, 7)]++;
  for (int i = 0; i < 7; i++) ck_assert_int_lt(abs(seen[i] - 1000), 5 * 30);
  for (int i = 0; i < 10; i++) ck_assert_uint_eq(mst_stream_below(&s, 1), 0);
}
END_TEST

START_TEST(every_permutation_is_equally_likely) {
  mst_stream s = stream(60);
  int seen[256] = {0}, kinds = 0;
  for (int r = 0; r < 24000; r++) {
    int64_t p[4];
    mst_stream_permutation(&s, 4, p);
    seen[p[0] + 4 * p[1] + 16 * p[2] + 64 * p[3]]++;
  }
  for (int i = 0; i < 256; i++)
    if (seen[i] > 0) {
      kinds++;
      ck_assert_int_lt(abs(seen[i] - 1000), 5 * 32);
    }
  ck_assert_int_eq(kinds, 24);
  int64_t p[1000];
  bool present[1000] = {false};
  mst_stream_permutation(&s, 1000, p);
  for (int i = 0; i < 1000; i++) present[p[i]] = true;
  for (int i = 0; i < 1000; i++) ck_assert(present[i]);
}
END_TEST

START_TEST(every_subset_is_equally_likely_and_sorted) {
  mst_stream s = stream(70);
  int seen[5][5] = {{0}};
  for (int r = 0; r < 10000; r++) {
    int64_t pair[2];
    mst_stream_subset(&s, 5, 2, pair);
    ck_assert_int_lt(pair[0], pair[1]);
    ck_assert(pair[0] >= 0 && pair[1] < 5);
    seen[pair[0]][pair[1]]++;
  }
  for (int i = 0; i < 5; i++)
    for (int j = i + 1; j < 5; j++) ck_assert_int_lt(abs(seen[i][j] - 1000), 5 * 30);
  int64_t all[6];
  mst_stream_subset(&s, 6, 6, all);
  for (int i = 0; i < 6; i++) ck_assert_int_eq(all[i], i);
  mst_stream_subset(&s, 6, 0, all);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("stream");
  TCase *c = tcase_create("stream");
  tcase_add_test(c, the_golden_draws_stay);
  tcase_add_test(c, uniforms_are_uniform_and_never_an_end);
  tcase_add_test(c, normals_follow_the_normal_law);
  tcase_add_test(c, exponentials_follow_the_exponential_law);
  tcase_add_test(c, gammas_follow_the_gamma_law_for_small_and_large_shapes);
  tcase_add_test(c, a_huge_shape_still_has_its_narrow_law);
  tcase_add_test(c, a_shape_without_a_law_gives_nan_and_returns);
  tcase_add_test(c, dirichlet_shares_are_finite_and_have_the_right_moments);
  tcase_add_test(c, the_smallest_alpha_gives_all_to_one_chosen_evenly);
  tcase_add_test(c, integers_below_n_have_no_bias);
  tcase_add_test(c, every_permutation_is_equally_likely);
  tcase_add_test(c, every_subset_is_equally_likely_and_sorted);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
