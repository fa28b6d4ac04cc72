/* The curve of Gaussian noise against 50-digit figures, and the sensitivities of trees and
 * matrices. Figures: shared reference tables of the analytic Gaussian mechanism (Balle and Wang
 * 2018). */
#include "core/privacy/gaussian.h"
#include "core/privacy/sensitivity.h"
#include "tests/core/accountant.h"

static const mst_adjacency add_remove = MST_ADJACENCY_ADD_REMOVE;

START_TEST(analytic_sigmas_are_the_known_ones) {
  static const double known[][3] = {
      {0.1, 1e-5, 30.7495661319775}, {0.1, 1e-6, 36.3046904261958}, {0.1, 1e-8, 45.9373601849883},
      {0.5, 1e-5, 7.03182667558249}, {0.5, 1e-6, 8.05761848072504}, {0.5, 1e-8, 9.86353379617383},
      {1, 1e-5, 3.73063163481594},   {1, 1e-6, 4.22467888932684},   {1, 1e-8, 5.10030878752993},
      {2, 1e-5, 1.99381244564354},   {2, 1e-6, 2.23047627118642},   {2, 1e-8, 2.65292676805583},
      {3, 1e-5, 1.39059345667454},   {3, 1e-6, 1.54386141777564},   {3, 1e-8, 1.81864294295389},
      {4, 1e-5, 1.08116184952024},   {4, 1e-6, 1.19351858715799},   {4, 1e-8, 1.3955826839113},
      {8, 1e-5, 0.600229072198952},  {8, 1e-6, 0.652935384358216},  {8, 1e-8, 0.748394224713737},
      {10, 1e-5, 0.499888619709009}, {10, 1e-6, 0.541086831818366}, {10, 1e-8, 0.615846355760122},
      {16, 1e-5, 0.344177428496394}, {16, 1e-6, 0.368611657839473}, {16, 1e-8, 0.413086280270403}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double sigma = mst_gaussian_sigma(known[i][0], known[i][1]);
    ck_near(sigma, known[i][2], 1e-12);
    ck_assert(mst_gaussian_delta(1 / sigma, known[i][0]) <= known[i][1]);
    ck_near(mst_gaussian_epsilon(1 / sigma, known[i][1]), known[i][0], 1e-11);
    ck_near(mst_gaussian_mu(known[i][0], known[i][1]), 1 / sigma, 1e-12);
  }
}
END_TEST

START_TEST(deltas_are_the_known_ones_however_small) {
  ck_near(mst_gaussian_delta(1, 1), 0.126936737506644, 1e-12);
  ck_near(mst_gaussian_delta(3, 1), 0.787600741360385, 1e-12);
  ck_near(mst_gaussian_delta(1, 2), 0.0209236358211137, 1e-12);
  ck_near(mst_gaussian_delta(1 / .344, 16), 1.01624734392e-5, 1e-11);
  ck_near(mst_gaussian_delta(0.1, 0.1), 0.008751768145810, 1e-12);
  ck_near(mst_gaussian_delta(0.5, log(3)), 0.004159742234000802, 1e-12);
  ck_near(mst_gaussian_delta(1, log(3)), 0.10985556344445052, 1e-12);
  ck_near(mst_gaussian_delta(0.02, 0.5), 3.129776773173962e-141, 1e-10);
}
END_TEST

START_TEST(full_batch_runs_are_accounted_for_exactly) {
  /* three releases of sigma sqrt(3): mu = 1 */
  const mst_spent three = spent_at_epsilon("gdp", 0, gaussian_event(1, sqrt(3), 3), add_remove, 1);
  ck_near(three.delta, 0.126936737506644, 2e-12);
  ck_assert(three.certified && three.lower <= 0.126936737506644 &&
            three.upper >= 0.126936737506644);
  /* published calibrations of a full-batch method by orders spend less than they say */
  static const double mu_epsilon[][2] = {{0.57735026918962573, 2.34143},
                                         {0.912870929175277, 3.94002}};
  for (int i = 0; i < 2; i++)
    ck_near(spent_at_delta("gdp", 0, gaussian_event(1, 1 / mu_epsilon[i][0], 1), add_remove, 1e-5)
                .epsilon,
            mu_epsilon[i][1], 3e-6);
  /* replacing a record moves the sum by twice the clip */
  ck_near(
      spent_at_delta("gdp", 0, gaussian_event(1, 2, 1), MST_ADJACENCY_REPLACE_ONE, 1e-5).epsilon,
      mst_gaussian_epsilon(1, 1e-5), 1e-12);
}
END_TEST

START_TEST(gdp_refuses_samples_and_its_limit_says_that_it_understates) {
  const mst_event event = gaussian_event(0.04, 1.5, 2249);
  const mst_events list = {&event, 1, add_remove, 1};
  mst_spent out;
  ck_refused(mst_account_epsilon(&(mst_account_spec){"gdp", 0}, &list, 1e-5, &out),
             MST_ERR_UNSUPPORTED, "pld");
  out = spent_at_delta("gdp_clt", 0, event, add_remove, 1e-5);
  ck_near(out.epsilon, 6.599820769085404, 1e-10);
  ck_assert(out.estimate && !out.certified);
  ck_near(spent_at_delta("gdp_clt", 0, gaussian_event(0.04, 1.5, 2250), add_remove, 1e-5).epsilon,
          6.60156709016, 1e-10);
  ck_near(spent_at_delta("gdp_clt", 0, gaussian_event(0.001, 0.8, 100), add_remove, 1e-6).epsilon,
          0.0687490899487, 1e-10);
}
END_TEST

START_TEST(trees_have_the_known_sensitivities) {
  static const int64_t known[][4] = {{1, 7, 8, 4}, {3, 3, 9, 11}, {3, 2, 7, 9}, {8, 2, 24, 88}};
  for (int i = 0; i < 4; i++) {
    double squared;
    int exact;
    ck_ok(mst_sensitivity_tree(known[i][0], known[i][1], known[i][2], &exact, &squared));
    ck_assert(exact);
    ck_assert_double_eq(squared, (double)known[i][3]);
  }
  ck_assert_double_eq(mst_sensitivity_tree_restart(1600), 11);
  ck_assert_double_eq(mst_sensitivity_tree_restart(1), 1);
}
END_TEST

/* All patterns of leaves by trial. */
static double tree_by_trial(int participations, int separation, int steps) {
  double most = 0;
  for (unsigned pattern = 0; pattern < 1u << steps; pattern++) {
    int last = -100, taken = 0, allowed = 1, begin = 0;
    for (int i = 0; i < steps; i++)
      if (pattern >> i & 1) {
        if (i - last <= separation) allowed = 0;
        last = i;
        taken++;
      }
    if (!allowed || taken > participations) continue;
    double squared = 0;
    for (int size = 16; size > 0; size /= 2) {
      if (!(steps & size)) continue;
      for (int node = size; node > 0; node /= 2)
        for (int at = begin; at < begin + size; at += node) {
          int below = 0;
          for (int i = at; i < at + node; i++) below += pattern >> i & 1;
          squared += below * below;
        }
      begin += size;
    }
    most = fmax(most, squared);
  }
  return most;
}

START_TEST(the_search_over_trees_finds_the_worst_pattern) {
  for (int steps = 1; steps <= 12; steps++)
    for (int separation = 0; separation < 5; separation += 2)
      for (int participations = 1; participations <= 4; participations++) {
        double squared;
        ck_ok(mst_sensitivity_tree(participations, separation, steps, NULL, &squared));
        ck_assert_double_eq(squared, tree_by_trial(participations, separation, steps));
      }
}
END_TEST

START_TEST(a_tree_too_large_to_search_is_bounded_from_above) {
  double bound;
  int exact;
  ck_ok(mst_sensitivity_tree(100, 99, 10000, &exact, &bound));
  ck_assert(!exact);
  /* the pattern 0, 100, 200, ... alone */
  double squared = 0;
  for (int begin = 0, size = 8192; size > 0; size /= 2) {
    if (!(10000 & size)) continue;
    for (int node = size; node > 0; node /= 2)
      for (int at = begin; at < begin + size; at += node) {
        const int below = (at + node + 99) / 100 - (at + 99) / 100;
        squared += below * below;
      }
    begin += size;
  }
  ck_assert_double_ge(bound, squared);
  ck_refused(mst_sensitivity_tree(0, 1, 8, NULL, &bound), MST_ERR_INPUT, "participations");
}
END_TEST

START_TEST(tree_runs_cost_what_is_known) {
  static const double known[][3] = {{1.13, 18.709609893772754, 17.66675076120658},
                                    {8.83, 1.7731924496178202, 1.648658841080685}};
  for (int i = 0; i < 2; i++) {
    mst_event tree = gaussian_event(1, known[i][0], 1);
    tree.sensitivity = sqrt(mst_sensitivity_tree_restart(1600));
    ck_near(spent_at_delta("rdp", 0, tree, add_remove, 1e-6).epsilon, known[i][1], 1e-9);
    ck_near(spent_at_delta("gdp", 0, tree, add_remove, 1e-6).epsilon, known[i][2], 1e-10);
  }
}
END_TEST

START_TEST(toeplitz_strategies_have_the_known_figures) {
  static const double inverse[] = {1, -1. / 2, -1. / 8, -1. / 16, -5. / 128};
  static const double known[][3] = {{10, 1.7913439416, 1.6531805807670894},
                                    {100, 2.5313521126, 2.3706582072971605},
                                    {1000, 3.2650030807, 3.102239063528975},
                                    {2000, 3.4856784633, 3.322963415567399}};
  double c[2000], squared;
  mst_toeplitz_root(5, 0.5, c);
  for (int k = 0; k < 5; k++) ck_assert_double_eq(c[k], inverse[k]);
  for (int i = 0; i < 4; i++) {
    const int n = (int)known[i][0];
    mst_toeplitz_root(n, -0.5, c);
    ck_ok(mst_sensitivity_toeplitz(n, c, 1, 0, &squared));
    ck_near(squared, known[i][1], 1e-10);
    /* B = A C^-1 has the same coefficients: the error of step k is sum_{j <= k} c_j^2 */
    double error = 0, all = 0;
    for (int k = 0; k < n; k++) all += error += c[k] * c[k];
    ck_near(sqrt(squared * all / n), known[i][2], 1e-12);
  }
  /* two participations: the columns of steps 0 and 5 together */
  mst_toeplitz_root(10, -0.5, c);
  double by_hand = 0;
  for (int i = 0; i < 10; i++) by_hand += pow(c[i] + (i >= 5 ? c[i - 5] : 0), 2);
  ck_ok(mst_sensitivity_toeplitz(10, c, 2, 4, &squared));
  ck_near(squared, by_hand, 1e-14);
  mst_toeplitz_root(10, 0.5, c);
  ck_refused(mst_sensitivity_toeplitz(10, c, 1, 0, &squared), MST_ERR_INPUT, "coefficient 1");
}
END_TEST

START_TEST(zero_concentrated_privacy_costs_what_is_known) {
  /* rho = 0.81: the published table of orders gives 8.9222580742 */
  const mst_event event = gaussian_event(1, 1 / sqrt(1.62), 1);
  const mst_spent z = spent_at_delta("zcdp", 0, event, add_remove, 1e-10);
  ck_assert_double_le(z.epsilon, 8.922258074190463);
  ck_assert_double_ge(z.epsilon, 8.9220);
  ck_near(spent_at_delta("gdp", 0, event, add_remove, 1e-10).epsilon, 8.54891702839066, 1e-10);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("accountant_gaussian");
  TCase *c = tcase_create("accountant_gaussian");
  tcase_add_test(c, analytic_sigmas_are_the_known_ones);
  tcase_add_test(c, deltas_are_the_known_ones_however_small);
  tcase_add_test(c, full_batch_runs_are_accounted_for_exactly);
  tcase_add_test(c, gdp_refuses_samples_and_its_limit_says_that_it_understates);
  tcase_add_test(c, trees_have_the_known_sensitivities);
  tcase_add_test(c, the_search_over_trees_finds_the_worst_pattern);
  tcase_add_test(c, a_tree_too_large_to_search_is_bounded_from_above);
  tcase_add_test(c, tree_runs_cost_what_is_known);
  tcase_add_test(c, toeplitz_strategies_have_the_known_figures);
  tcase_add_test(c, zero_concentrated_privacy_costs_what_is_known);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
