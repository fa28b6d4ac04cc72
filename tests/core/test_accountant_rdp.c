/* Renyi divergences against 40-digit quadrature (with signs: one published series drops them at
 * fractional orders), and epsilon against the published accountants where they are right. */
#include "core/privacy/member.h"
#include "tests/core/accountant.h"

static const mst_adjacency add_remove = MST_ADJACENCY_ADD_REMOVE;
static const mst_adjacency replace_one = MST_ADJACENCY_REPLACE_ONE;

static double rdp(mst_event event, mst_adjacency adjacency, double order) {
  double out;
  ck_ok(mst_rdp_order(&event, adjacency, 1, order, &out));
  return out;
}

START_TEST(log_moments_are_exact_at_any_order) {
  static const double known[][4] = {{0.04, 1.5, 3.9, 0.00531628637879305},
                                    {0.01, 2.5, 1.5, 6.5007089718803970969e-6},
                                    {0.01, 2.5, 2.5, 3.2562541707522e-5},
                                    {0.01, 2.5, 5, 0.000174460524984587},
                                    {0.01, 2.5, 50, 0.0233691167879316},
                                    {0.01, 2.5, 100, 331.484288945868},
                                    {0.0025, 1.3, 18.0, 0.00080562472479595228637},
                                    {0.1, 1.0, 1.5, 0.00586729609834266},
                                    {0.1, 1.0, 3.9, 0.159269337216374},
                                    {0.4, 12, 58.5, 2.07178907298688},
                                    {0.1, 0.5, 1.1, 0.0069535892902514148}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double *k = known[i];
    ck_near(rdp(gaussian_event(k[0], k[1], 1), add_remove, k[2]) * (k[2] - 1), k[3], 1e-12);
  }
}
END_TEST

START_TEST(no_digits_are_lost_at_small_sampling_rates) {
  /* A - 1 = a (a-1) / 2 q^2 (e^(1/s^2) - 1) + O(q^3): 5e-14 of 1 here, of which a double holds
   * three digits */
  const double q = 1e-7, limit = 1.5 * 0.5 / 2 * q * q * expm1(1);
  ck_near(rdp(gaussian_event(q, 1, 1), add_remove, 1.5) * 0.5, limit, 1e-6);
  ck_near(rdp(gaussian_event(q, 1, 1), add_remove, 2), q * q * expm1(1), 1e-11);
}
END_TEST

START_TEST(whole_orders_agree_with_the_binomial_sum) {
  const double q = 0.02, s = 0.9;
  for (int a = 2; a <= 32; a += 5) {
    double excess = 0; /* A - 1 = sum_k C(a,k) q^k (1-q)^(a-k) (e^((k^2-k)/2s^2) - 1) */
    for (int k = 2; k <= a; k++)
      excess += exp(lgamma(a + 1.0) - lgamma(k + 1.0) - lgamma(a - k + 1.0) + k * log(q) +
                    (a - k) * log1p(-q)) *
                expm1(k * (k - 1) / (2 * s * s));
    ck_near(rdp(gaussian_event(q, s, 1), add_remove, a) * (a - 1), log1p(excess), 1e-11);
  }
}
END_TEST

START_TEST(epsilons_are_those_of_right_public_accountants) {
  static const double known[][6] = {/* q, sigma, steps, delta, epsilon, order */
                                    {0.04, 1.5, 2250, 1e-5, 7.3291111714386545, 3.9},
                                    {150. / 60000, 1.3, 6000, 1e-5, 0.7242234026109595, 19},
                                    {0.001, 1, 30000, 1e-7, 1.4154988495444842, 13},
                                    {0.01, 1, 1000, 1e-5, 2.1013652716430564, 7.8},
                                    {2048. / 60000, 2.15, 1160, 1e-5, 2.591037033821387, 8.1},
                                    {8192. / 60000, 4.05, 280, 1e-5, 2.5877172306270975, 8.2},
                                    {256. / 60000, 1.1, 14040, 1e-5, 2.594363354953112, 8.1},
                                    {1, 0.7, 2, 1e-5, 10.860203573969253, 3.3}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double *k = known[i];
    const mst_spent got =
        spent_at_delta("rdp", 0, gaussian_event(k[0], k[1], (int64_t)k[2]), add_remove, k[3]);
    ck_near(got.epsilon, k[4], 1e-9);
    ck_near(got.order, k[5], 1e-12);
    ck_assert(!got.certified);
  }
}
END_TEST

START_TEST(epsilons_known_to_fewer_digits_or_from_the_series_without_signs) {
  /* the series without signs gives 3.2392676 and 22.6248601; 40-digit quadrature these */
  ck_near(spent_at_delta("rdp", 0, gaussian_event(0.01, 0.7, 120), add_remove, 1e-5).epsilon,
          3.239192193913128, 1e-9);
  ck_near(spent_at_delta("rdp", 0, gaussian_event(1, 0.35, 2), add_remove, 1e-5).epsilon,
          26.2880374, 1e-8);
  ck_near(spent_at_delta("rdp", 0, gaussian_event(0.01, 0.35, 120), add_remove, 1e-5).epsilon,
          22.59703581367451, 1e-9);
  ck_near(spent_at_delta("rdp", 0, gaussian_event(0.0064, 1, 782), add_remove, 1e-6).epsilon, 1.616,
          5e-4);
  ck_near(spent_at_delta("rdp", 0, gaussian_event(1, 1, 5), add_remove, 1e-6).epsilon, 13.376,
          5e-5);
}
END_TEST

START_TEST(orders_convert_to_epsilon_and_delta_and_back) {
  const mst_event one = gaussian_event(1, 4.530877117, 1);
  ck_near(spent_at_delta("rdp", 0, one, add_remove, 1e-6).epsilon, 1, 1e-6);
  ck_near(spent_at_epsilon("rdp", 0, one, add_remove, 1).delta, 1e-6, 1e-5);
  ck_assert_double_eq(mst_rdp_epsilon(2, 1e-12, 1e-5), 0);
  ck_assert_double_eq(mst_rdp_epsilon(1.005, 1e-3, 1e-5), INFINITY);
}
END_TEST

START_TEST(laplace_and_pure_mechanisms_have_the_known_divergences) {
  static const double known[][4] = {{0.01, 4.98337492e-05, 9.96641917e-05, 0},
                                    {1, 0.36787944, 0.61912363, 0},
                                    {100, 99, 99.59453489, 0}};
  for (int i = 0; i < 3; i++) {
    const mst_event laplace = {
        .mechanism = MST_MECHANISM_LAPLACE, .noise = 1 / known[i][0], .count = 1};
    /* the first figure is of order 1, a limit that is the mean of the loss */
    ck_near(rdp(laplace, add_remove, 1 + 1e-7), known[i][1], 1e-6);
    ck_near(rdp(laplace, add_remove, 2), known[i][2], 1e-8);
  }
  const mst_event pure = {.mechanism = MST_MECHANISM_PURE, .noise = 1, .count = 1};
  const double p = 1 / (1 + exp(-1));
  ck_near(rdp(pure, add_remove, 2), log(p * p / (1 - p) + (1 - p) * (1 - p) / p), 1e-12);
  /* no pure mechanism is worse, and none exceeds its epsilon */
  ck_assert(rdp(pure, add_remove, 5) < 1);
  const mst_event discrete = {
      .mechanism = MST_MECHANISM_DISCRETE_GAUSSIAN, .noise = 3, .count = 1, .entries = 1000};
  ck_near(rdp(discrete, add_remove, 7), 7. / 18, 1e-14);
}
END_TEST

START_TEST(samples_of_fixed_size_keep_to_the_known_bound) {
  /* Under replace_one the sum moves by 2 clips: noise 2 for a multiplier of 1. */
  const mst_event fixed = {.mechanism = MST_MECHANISM_GAUSSIAN,
                           .noise = 2,
                           .count = 1,
                           .n = 10000,
                           .sampling = MST_SAMPLING_WITHOUT_REPLACEMENT,
                           .m = 100};
  ck_near(rdp(fixed, replace_one, 2), 5.43508638e-04, 1e-8);
  /* between whole orders a chord, which is above a convex function */
  const double a = rdp(fixed, replace_one, 3) * 2, b = rdp(fixed, replace_one, 4) * 3;
  ck_near(rdp(fixed, replace_one, 3.5) * 2.5, (a + b) / 2, 1e-12);
  const mst_events list = {&fixed, 1, add_remove, 1};
  mst_spent out;
  ck_refused(mst_account_epsilon(&(mst_account_spec){"rdp", 0}, &list, 1e-5, &out),
             MST_ERR_UNSUPPORTED, "replace_one");
}
END_TEST

START_TEST(divergences_bound_the_exact_accountant) {
  const mst_event poisson = gaussian_event(0.05, 1.2, 300);
  const mst_event fixed = {.mechanism = MST_MECHANISM_GAUSSIAN,
                           .noise = 3,
                           .count = 50,
                           .n = 1000,
                           .sampling = MST_SAMPLING_WITHOUT_REPLACEMENT,
                           .m = 20};
  ck_assert_double_gt(spent_at_delta("rdp", 0, poisson, replace_one, 1e-5).epsilon,
                      spent_at_delta("pld", 1e-3, poisson, replace_one, 1e-5).upper);
  ck_assert_double_gt(spent_at_delta("rdp", 0, fixed, replace_one, 1e-5).epsilon,
                      spent_at_delta("pld", 1e-3, fixed, replace_one, 1e-5).upper);
  ck_assert_double_gt(spent_at_delta("advanced", 0, poisson, add_remove, 1e-5).epsilon,
                      spent_at_delta("rdp", 0, poisson, add_remove, 1e-5).epsilon);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("accountant_rdp");
  TCase *c = tcase_create("accountant_rdp");
  tcase_add_test(c, log_moments_are_exact_at_any_order);
  tcase_add_test(c, no_digits_are_lost_at_small_sampling_rates);
  tcase_add_test(c, whole_orders_agree_with_the_binomial_sum);
  tcase_add_test(c, epsilons_are_those_of_right_public_accountants);
  tcase_add_test(c, epsilons_known_to_fewer_digits_or_from_the_series_without_signs);
  tcase_add_test(c, orders_convert_to_epsilon_and_delta_and_back);
  tcase_add_test(c, laplace_and_pure_mechanisms_have_the_known_divergences);
  tcase_add_test(c, samples_of_fixed_size_keep_to_the_known_bound);
  tcase_add_test(c, divergences_bound_the_exact_accountant);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
