/* The bracketing accountant, calibration, groups and what is refused. */
#include "core/privacy/calibrate.h"
#include "core/privacy/gaussian.h"
#include "tests/core/accountant.h"

static const mst_adjacency add_remove = MST_ADJACENCY_ADD_REMOVE;

START_TEST(brackets_hold_the_truth) {
  /* sigma, q, steps, delta; the published estimate at a tenth of the error, and its bracket */
  static const double known[][5] = {
      {1.5, 0.04, 2249, 1e-5, 6.767044112790872},   {1.5, 0.04, 2250, 1e-5, 6.768780400471173},
      {0.8, 0.001, 100, 1e-6, 0.26033715604811436}, {1.5, 0.001, 100, 1e-6, 0.029240592099027386},
      {3, 0.001, 100, 1e-6, 0.011207275476288775},  {0.8, 0.05, 100, 1e-6, 6.730628745042732},
      {1.5, 0.05, 100, 1e-6, 1.9437355796224283},   {1.5, 0.2, 100, 1e-6, 8.488585926202077},
      {3, 0.05, 1000, 1e-6, 2.5174499055468056},    {1.5, 0.001, 20000, 1e-6, 0.42698024184021294},
      {3, 0.001, 20000, 1e-6, 0.18401938841068213}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double *k = known[i];
    const mst_event event = gaussian_event(k[1], k[0], (int64_t)k[2]);
    const mst_spent got = spent_at_delta("prv", 0.02, event, add_remove, k[3]);
    const mst_spent truth = spent_at_delta("pld", 2e-3, event, add_remove, k[3]);
    ck_assert_msg(got.certified && got.lower <= k[4] && k[4] <= got.upper &&
                      got.upper - got.lower <= 0.045 && fabs(got.central - k[4]) <= 2e-3,
                  "%zu: %.9g, %.9g, %.9g, not about %.9g", i, got.lower, got.central, got.upper,
                  k[4]);
    ck_assert(got.epsilon == got.upper && got.lower <= truth.upper && got.upper >= truth.lower);
  }
}
END_TEST

START_TEST(brackets_of_delta_hold_the_truth) {
  for (double epsilon = 0.5; epsilon < 4; epsilon += 1) {
    const mst_spent got =
        spent_at_epsilon("prv", 1e-3, gaussian_event(1, 1.7, 3), add_remove, epsilon);
    const double truth = mst_gaussian_delta(sqrt(3) / 1.7, epsilon);
    ck_assert(got.lower <= truth && truth <= got.upper);
    ck_near(got.central, truth, 1e-4);
    ck_assert_double_le(got.upper - got.lower, 0.01 * truth);
  }
}
END_TEST

/* sigma for a target, from noise 1. */
static double sigma_for(const char *name, double q, int64_t steps, double epsilon, double delta,
                        double tolerance) {
  const mst_event event = gaussian_event(q, 1, steps);
  const mst_events list = {&event, 1, add_remove, 1};
  const mst_account_spec spec = {name, strcmp(name, "pld") == 0 ? 1e-3 : 0};
  double sigma;
  mst_spent spent;
  ck_ok(mst_calibrate_noise(&spec, &list, epsilon, delta, tolerance, &sigma, &spent));
  ck_assert_double_le(spent.epsilon, epsilon);
  ck_assert_double_le(
      spent_at_delta(name, spec.accuracy, gaussian_event(q, sigma, steps), add_remove, delta)
          .epsilon,
      epsilon);
  return sigma;
}

START_TEST(noise_is_found_for_a_budget) {
  /* public accountants, which stop at tolerances of their own */
  ck_near(sigma_for("rdp", 0.04, 2250, 8, 1e-5, 1e-6), 1.416015625, 1e-2);
  ck_near(sigma_for("rdp", 0.04, 2000, 8, 1e-5, 1e-6), 1.356201171875, 1e-2);
  ck_near(sigma_for("rdp", 8192. / 60000, 280, 3, 1e-5, 1e-6), 3.57462, 2e-5);
  ck_near(sigma_for("rdp", 512. / 60000, 4680, 1, 1e-5, 1e-6), 2.49159, 2e-5);
  ck_near(sigma_for("pld", 8192. / 60000, 280, 3, 1e-5, 1e-5), 3.32972, 5e-5);
  ck_near(sigma_for("pld", 0.04, 2000, 8, 1e-5, 1e-4), 1.2915, 2e-3);
  ck_near(sigma_for("gdp", 1, 1, 3, 1e-5, 1e-12), 1.39059345667454, 1e-11);
  ck_near(sigma_for("gdp", 1, 4, 3, 1e-5, 1e-12), 2 * 1.39059345667454, 1e-11);
}
END_TEST

START_TEST(the_least_noise_of_small_samples_is_the_known_one) {
  const mst_event one = gaussian_event(0.01, 1, 1);
  mst_event many = gaussian_event(0.001, 6, 25);
  many.sensitivity = 6;
  double sigma;
  const mst_account_spec fine = {"pld", 1e-4};
  ck_ok(mst_calibrate_noise(&fine, &(mst_events){&one, 1, add_remove, 1}, 1, 1e-5, 1e-7, &sigma,
                            NULL));
  ck_near(sigma, 0.67379294682, 1e-5);
  /* the release's own delta in closed form; the published figure stops 8e-8 above its root */
  ck_assert_double_le(0.01 * mst_gaussian_delta(1 / sigma, log1p(expm1(1) / 0.01)), 1e-5);
  ck_ok(mst_calibrate_noise(&(mst_account_spec){"pld", 1e-3},
                            &(mst_events){&many, 1, add_remove, 1}, 1, 1e-5, 1e-5, &sigma, NULL));
  ck_near(6 * sigma, 3.20956502598, 1e-4);
}
END_TEST

START_TEST(steps_are_found_for_a_budget) {
  const mst_event step = gaussian_event(0.01, 1, 1);
  const mst_events list = {&step, 1, add_remove, 1};
  const mst_account_spec spec = {"rdp", 0};
  int64_t steps;
  mst_spent spent;
  ck_ok(mst_calibrate_steps(&spec, &list, 2.1013652716430564, 1e-5, 100000, &steps, &spent));
  ck_assert(steps == 999 || steps == 1000);
  ck_assert_double_le(spent.epsilon, 2.1013652716430564);
  ck_assert_double_gt(
      spent_at_delta("rdp", 0, gaussian_event(0.01, 1, steps + 1), add_remove, 1e-5).epsilon,
      2.1013652716430564);
  ck_ok(mst_calibrate_steps(&spec, &list, 0.01, 1e-5, 100000, &steps, &spent));
  ck_assert_int_eq(steps, 0);
  ck_ok(mst_calibrate_steps(&spec, &list, 50, 1e-5, 77, &steps, &spent));
  ck_assert_int_eq(steps, 77);
}
END_TEST

START_TEST(an_estimate_is_not_calibrated_to) {
  const mst_event step = gaussian_event(0.01, 1, 100);
  const mst_events list = {&step, 1, add_remove, 1};
  double factor;
  ck_refused(
      mst_calibrate_noise(&(mst_account_spec){"gdp_clt", 0}, &list, 1, 1e-5, 0, &factor, NULL),
      MST_ERR_UNSUPPORTED, "only estimates");
  ck_refused(mst_calibrate_noise(&(mst_account_spec){"pld", 0}, &list, 0, 1e-5, 0, &factor, NULL),
             MST_ERR_INPUT, "epsilon is 0");
}
END_TEST

START_TEST(groups_cost_more_and_whole_ones_exactly) {
  mst_events list = {&(mst_event){.mechanism = MST_MECHANISM_GAUSSIAN, .noise = 12, .count = 1}, 1,
                     add_remove, 4};
  mst_spent out;
  ck_ok(mst_account_epsilon(&(mst_account_spec){"gdp", 0}, &list, 1e-5, &out));
  ck_near(out.epsilon, mst_gaussian_epsilon(4. / 12, 1e-5), 1e-12);
  /* of samples: k epsilon at delta (e^(k epsilon) - 1) / (e^epsilon - 1) */
  const mst_event step = gaussian_event(0.01, 1, 100);
  list = (mst_events){&step, 1, add_remove, 3};
  ck_ok(mst_account_delta(&(mst_account_spec){"rdp", 0}, &list, 6, &out));
  const double one = spent_at_epsilon("rdp", 0, step, add_remove, 2).delta;
  ck_near(out.delta, one * (1 + exp(2) + exp(4)), 1e-12);
  const double delta = out.delta;
  ck_ok(mst_account_epsilon(&(mst_account_spec){"rdp", 0}, &list, delta, &out));
  ck_assert(out.epsilon <= 6 * (1 + 2e-5) && out.epsilon > 5.9);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  const mst_account_spec pld = {"pld", 0};
  mst_event e = gaussian_event(0.1, 1, 1);
  const mst_events list = {&e, 1, add_remove, 1};
  mst_spent out;
  ck_refused(mst_account_epsilon(&pld, &list, 0, &out), MST_ERR_INPUT, "delta is 0");
  ck_refused(mst_account_epsilon(&pld, &list, 1, &out), MST_ERR_INPUT, "delta is 1");
  ck_refused(mst_account_delta(&pld, &list, NAN, &out), MST_ERR_INPUT, "epsilon is");
  ck_refused(mst_account_epsilon(&(mst_account_spec){"pdl", 0}, &list, 1e-5, &out), MST_ERR_INPUT,
             "the nearest is pld");
  e.q = 1.5;
  ck_refused(mst_account_epsilon(&pld, &list, 1e-5, &out), MST_ERR_INPUT, "q is 1.5");
  e.q = 0.1;
  e.noise = 0;
  ck_refused(mst_account_epsilon(&pld, &list, 1e-5, &out), MST_ERR_INPUT, "noise is 0");
  e = (mst_event){
      .mechanism = MST_MECHANISM_DISCRETE_GAUSSIAN, .noise = 2, .sensitivity = 1.5, .count = 1};
  ck_refused(mst_account_epsilon(&pld, &list, 1e-5, &out), MST_ERR_INPUT, "whole");
  e = gaussian_event(0.1, 1, 5);
  ck_refused(mst_account_epsilon(&(mst_account_spec){"zcdp", 0}, &list, 1e-5, &out),
             MST_ERR_UNSUPPORTED, "sampling");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("accountant_prv");
  TCase *c = tcase_create("accountant_prv");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, brackets_hold_the_truth);
  tcase_add_test(c, brackets_of_delta_hold_the_truth);
  tcase_add_test(c, noise_is_found_for_a_budget);
  tcase_add_test(c, the_least_noise_of_small_samples_is_the_known_one);
  tcase_add_test(c, steps_are_found_for_a_budget);
  tcase_add_test(c, an_estimate_is_not_calibrated_to);
  tcase_add_test(c, groups_cost_more_and_whole_ones_exactly);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
