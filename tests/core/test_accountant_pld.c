/* The certified accountant: never below the truth, within what was asked of it, against closed
 * forms, exact Gaussian figures and published finer grids. */
#include "core/privacy/gaussian.h"
#include "tests/core/accountant.h"

static const mst_adjacency add_remove = MST_ADJACENCY_ADD_REMOVE;
static const mst_adjacency replace_one = MST_ADJACENCY_REPLACE_ONE;

START_TEST(epsilons_agree_with_finer_published_grids) {
  /* sigma, q, steps at delta 1e-6: connect the dots, each with a step at most 2e-5; these are a
   * little above the truth themselves */
  static const double known[][4] = {
      {0.8, 0.001, 100, 0.2603371587588564},   {1.5, 0.001, 100, 0.029239640511405922},
      {3, 0.001, 100, 0.01120483909314726},    {0.8, 0.05, 100, 6.730628756770025},
      {1.5, 0.05, 100, 1.9437355601918718},    {3, 0.05, 100, 0.7578819902944026},
      {1.5, 0.2, 100, 8.488585941437185},      {0.8, 0.001, 1000, 0.4676835334720051},
      {1.5, 0.001, 1000, 0.08976272248244449}, {3, 0.001, 1000, 0.037499482089570206},
      {1.5, 0.05, 1000, 6.1996917909806415},   {3, 0.05, 1000, 2.5174501393093447},
      {3, 0.05, 20000, 13.950615656598323}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double *k = known[i];
    const mst_spent got =
        spent_at_delta("pld", 1e-3, gaussian_event(k[1], k[0], (int64_t)k[2]), add_remove, 1e-6);
    ck_assert(got.certified && got.epsilon == got.upper);
    ck_assert_msg(
        fabs(got.epsilon - k[3]) <= 1e-4 && got.lower <= k[3] && got.upper - got.lower <= 1e-3,
        "%zu: %.9g to %.9g, not %.9g", i, got.lower, got.upper, k[3]);
  }
}
END_TEST

START_TEST(small_rates_are_resolved_where_a_fixed_grid_is_too_coarse) {
  /* a step of 1e-4 says .18536 here, one of 2e-5 .18405; the truth is below both */
  const mst_spent got = spent_at_delta("pld", 0, gaussian_event(0.001, 3, 20000), add_remove, 1e-6);
  ck_assert_double_le(got.upper, 0.18405);
  ck_assert_double_le(got.upper - got.lower, 1e-4);
  ck_assert_double_ge(got.lower, 0.18396);
  const mst_spent other =
      spent_at_delta("pld", 1e-3, gaussian_event(0.001, 1.5, 20000), add_remove, 1e-6);
  ck_assert(other.lower <= 0.42699277 && other.upper >= 0.4268 && other.upper <= 0.4271);
}
END_TEST

START_TEST(epsilons_are_the_known_ones) {
  static const double known[][6] = {/* q, sigma, steps, delta, epsilon, its accuracy */
                                    {0.04, 1.5, 2249, 1e-5, 6.76704411, 1e-4},
                                    {1, 0.7, 2, 1e-5, 10.1224946, 1e-4},
                                    {0.01, 0.7, 120, 1e-5, 2.4612381, 1e-4},
                                    {1, 0.35, 2, 1e-5, 24.7160779, 1e-4},
                                    {0.01, 0.35, 120, 1e-5, 18.6977407, 1e-4},
                                    {0.0064, 1, 782, 1e-6, 1.199, 5e-4},
                                    {1, 1, 5, 1e-6, 12.595, 5e-4},
                                    {2048. / 60000, 2.15, 1160, 1e-5, 2.3761053950633673, 1e-4},
                                    {8192. / 60000, 4.05, 280, 1e-5, 2.374585846085102, 1e-4},
                                    {512. / 60000, 1.23, 4680, 1e-5, 2.3613736547935296, 1e-4}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const double *k = known[i];
    const mst_spent got =
        spent_at_delta("pld", 1e-3, gaussian_event(k[0], k[1], (int64_t)k[2]), add_remove, k[3]);
    ck_assert_msg(fabs(got.epsilon - k[4]) <= k[5] && got.lower <= k[4] + k[5],
                  "%zu: %.9g to %.9g, not %.9g", i, got.lower, got.upper, k[4]);
  }
}
END_TEST

START_TEST(the_bound_is_never_below_a_finer_lower_bound) {
  static const double setting[][4] = {
      {0.04, 1.5, 200, 1e-5}, {0.3, 2, 40, 1e-4}, {0.5, 0.6, 3, 1e-6}};
  for (int i = 0; i < 3; i++) {
    const double *s = setting[i];
    const mst_event event = gaussian_event(s[0], s[1], (int64_t)s[2]);
    for (int a = 0; a < 2; a++) {
      const mst_adjacency adjacency = a == 0 ? add_remove : replace_one;
      const mst_spent fine = spent_at_delta("pld", 1e-4, event, adjacency, s[3]);
      ck_assert_double_le(fine.upper - fine.lower, 1e-4);
      for (double accuracy = 3e-2; accuracy > 1e-3; accuracy /= 5) {
        const mst_spent coarse = spent_at_delta("pld", accuracy, event, adjacency, s[3]);
        ck_assert_double_ge(coarse.upper, fine.lower);
        ck_assert_double_le(coarse.lower, fine.upper);
      }
    }
  }
}
END_TEST

/* delta of one sampled Gaussian release in closed form. */
static double one_step(double q, double sigma, double epsilon, bool remove) {
  if (remove) return q * mst_gaussian_delta(1 / sigma, log1p(expm1(epsilon) / q));
  const double rest = 1 - exp(epsilon) * (1 - q);
  return rest > 0 ? rest * mst_gaussian_delta(1 / sigma, log(q * exp(epsilon) / rest)) : 0;
}

START_TEST(single_releases_have_their_closed_form) {
  /* published figures of both directions; the greater one counts */
  ck_near(one_step(0.8, 1, 1, true), 0.0816951786585355, 1e-12);
  ck_near(one_step(0.8, 1, 1, false), 0.0231362104090899, 1e-12);
  ck_near(spent_at_epsilon("pld", 1e-4, gaussian_event(0.8, 1, 1), add_remove, 1).delta,
          0.0816951786585355, 1e-4);
  ck_near(spent_at_epsilon("pld", 1e-4, gaussian_event(1, 1, 1), add_remove, 1).delta, 0.12693674,
          1e-4);
  ck_near(spent_at_epsilon("pld", 1e-4, gaussian_event(0.8, 2, 1), replace_one, 1).delta,
          0.05808665654484252, 1e-4);
  ck_near(spent_at_epsilon("pld", 1e-4, gaussian_event(0.3, 1, 1), add_remove, 2).delta,
          3.341102928869332e-4, 1e-4);
  for (double epsilon = 0.25; epsilon < 3; epsilon += 0.5) {
    const mst_spent got =
        spent_at_epsilon("pld", 1e-4, gaussian_event(0.3, 0.8, 1), add_remove, epsilon);
    const double truth = one_step(0.3, 0.8, epsilon, true);
    ck_assert(got.lower <= truth * (1 + 1e-12) && got.upper >= truth * (1 - 1e-12));
    ck_near(got.upper, truth, 1e-3);
  }
}
END_TEST

START_TEST(small_deltas_are_as_good_as_large_ones) {
  /* mu = 1 by three releases: transforms without tilting end at 1e-13 */
  for (double delta = 1e-3; delta > 1e-250; delta *= 1e-40) {
    const double truth = mst_gaussian_epsilon(1, delta);
    const mst_spent got =
        spent_at_delta("pld", 1e-3, gaussian_event(1, sqrt(3), 3), add_remove, delta);
    ck_assert(got.lower <= truth && got.upper >= truth * (1 - 1e-12));
    ck_assert_double_le(got.upper - got.lower, 2e-3);
  }
  const mst_spent tiny = spent_at_epsilon("pld", 1e-3, gaussian_event(1, 50, 1), add_remove, 0.5);
  ck_assert(tiny.lower <= 3.129776773173962e-141 && tiny.upper >= 3.129776773173962e-141);
  ck_near(tiny.upper, 3.129776773173962e-141, 0.2);
}
END_TEST

START_TEST(laplace_noise_has_the_known_curve) {
  mst_event e = {.mechanism = MST_MECHANISM_LAPLACE,
                 .noise = 0.5,
                 .count = 3,
                 .sampling = MST_SAMPLING_POISSON,
                 .q = 0.8};
  /* scale 2 for sensitivity 4 is scale 0.5; REMOVE .40395.. is above ADD .32436.. */
  e.count = 1;
  ck_near(spent_at_epsilon("pld", 1e-4, e, add_remove, 0.5).delta, 0.4039564635032081, 1e-4);
  /* three releases at q = .2: no loss exceeds 3 ln(1 + .2 (e^2 - 1)), whatever delta */
  e.count = 3;
  e.q = 0.2;
  ck_near(spent_at_delta("pld", 0, e, add_remove, 1e-12).epsilon, 3 * log1p(0.2 * expm1(2)), 1e-12);
  e = (mst_event){.mechanism = MST_MECHANISM_LAPLACE, .noise = 1, .count = 100};
  ck_near(spent_at_delta("pld", 1e-3, e, add_remove, 1e-5).epsilon, 68.25295109156812, 2e-6);
  ck_near(spent_at_delta("pld", 1e-3, e, add_remove, 1e-6).epsilon, 71.5460036961126, 2e-6);
  e = (mst_event){.mechanism = MST_MECHANISM_LAPLACE, .noise = 10, .count = 1000};
  ck_near(spent_at_delta("pld", 1e-3, e, add_remove, 1e-5).epsilon, 17.4236520785819, 1e-5);
}
END_TEST

START_TEST(discrete_noise_has_the_known_curve) {
  static const double known[][3] = {{1, 1, 0.141351339405622},
                                    {2, 1, 0.00724877684595258},
                                    {4, 1, 3.05545464926682e-6},
                                    {10, 0.5, 6.93437034751787e-9}};
  mst_event e = {.mechanism = MST_MECHANISM_DISCRETE_GAUSSIAN, .count = 1};
  for (int i = 0; i < 4; i++) {
    e.noise = known[i][0];
    const mst_spent got = spent_at_epsilon("pld", 1e-4, e, add_remove, known[i][1]);
    ck_near(got.delta, known[i][2], 1e-4);
    ck_assert(got.upper >= known[i][2] * (1 - 1e-12) && got.lower <= known[i][2] * (1 + 1e-12));
  }
  e.noise = 1;
  e.truncate = 2;
  ck_near(spent_at_epsilon("pld", 1e-4, e, add_remove, 1).delta, 0.150574425, 1e-4);
  const mst_events list = {&e, 1, add_remove, 1};
  mst_spent out;
  ck_refused(mst_account_epsilon(&(mst_account_spec){"pld", 0}, &list, 1e-3, &out),
             MST_ERR_UNSUPPORTED, "gives the record away");
  e.truncate = 0;
  e.entries = 100;
  ck_refused(mst_account_epsilon(&(mst_account_spec){"pld", 0}, &list, 1e-3, &out),
             MST_ERR_UNSUPPORTED, "rdp or zcdp");
}
END_TEST

START_TEST(randomised_responses_compose_like_coins) {
  /* of n answers of epsilon e the loss is e (2 K - n), K binomial */
  const mst_event e = {.mechanism = MST_MECHANISM_PURE, .noise = 0.5, .count = 20};
  const double p = 1 / (1 + exp(-0.5));
  for (double epsilon = 0; epsilon < 9; epsilon += 1.3) {
    double truth = 0;
    for (int k = 0; k <= 20; k++) {
      const double loss = 0.5 * (2 * k - 20),
                   log_choose = lgamma(21) - lgamma(k + 1) - lgamma(21 - k);
      if (loss > epsilon)
        truth += exp(log_choose + k * log(p) + (20 - k) * log1p(-p)) * -expm1(epsilon - loss);
    }
    const mst_spent got = spent_at_epsilon("pld", 0, e, add_remove, epsilon);
    ck_near(got.delta, truth, 1e-5);
    ck_assert(got.upper >= truth * (1 - 1e-13));
  }
}
END_TEST

START_TEST(one_pure_release_has_its_closed_form_wherever_its_loss_lies) {
  /* delta = (e^a - e^epsilon) / (1 + e^a); few steps of the grid take all of the curve's fall */
  const double delta = 1e-4;
  for (double a = 0.5; a < 40; a *= 1.003) {
    const mst_event e = {.mechanism = MST_MECHANISM_PURE, .noise = a, .sensitivity = 1, .count = 1};
    const mst_spent got = spent_at_delta("pld", 0, e, add_remove, delta);
    const double known = a + log1p(-delta * (1 + exp(-a)));
    ck_assert_msg(got.lower <= known && got.upper >= known && got.upper <= known + 1e-3,
                  "pure %.9g: %.9g to %.9g, not %.9g", a, got.lower, got.upper, known);
  }
}
END_TEST

START_TEST(fixed_samples_under_replace_one_have_the_closed_form) {
  /* one release: q delta(log(1 + (e^eps - 1) / q)) of the whole one, whose sums differ by 2 clips
   */
  const mst_event e = {.mechanism = MST_MECHANISM_GAUSSIAN,
                       .noise = 1.5,
                       .count = 1,
                       .n = 10,
                       .sampling = MST_SAMPLING_WITHOUT_REPLACEMENT,
                       .m = 3};
  for (double epsilon = 0.2; epsilon < 3; epsilon += 0.7) {
    const double truth = 0.3 * mst_gaussian_delta(2 / 1.5, log1p(expm1(epsilon) / 0.3));
    const mst_spent got = spent_at_epsilon("pld", 1e-4, e, replace_one, epsilon);
    ck_assert(got.lower <= truth * (1 + 1e-12) && got.upper >= truth * (1 - 1e-12));
    ck_near(got.upper, truth, 1e-3);
  }
}
END_TEST

START_TEST(unlike_releases_compose) {
  /* Gaussian releases of any noise are one of the summed squares; a Poisson run in two halves is
   * the run; order is of no matter. */
  const mst_event whole[3] = {gaussian_event(1, 2, 1), gaussian_event(1, 5, 7),
                              gaussian_event(1, 9, 30)};
  const double mu = sqrt(1. / 4 + 7. / 25 + 30. / 81);
  const mst_events list = {whole, 3, add_remove, 1};
  mst_spent out;
  ck_ok(mst_account_epsilon(&(mst_account_spec){"pld", 1e-4}, &list, 1e-5, &out));
  ck_assert(fabs(out.epsilon - mst_gaussian_epsilon(mu, 1e-5)) < 1e-4);
  const mst_event halves[2] = {gaussian_event(0.02, 1.3, 300), gaussian_event(0.02, 1.3, 200)};
  const mst_event mixed[3] = {gaussian_event(0.02, 1.3, 500),
                              gaussian_event(1, 8, 1),
                              {.mechanism = MST_MECHANISM_LAPLACE, .noise = 20, .count = 4}};
  mst_spent half;
  ck_ok(mst_account_epsilon(&(mst_account_spec){"pld", 1e-3},
                            &(mst_events){halves, 2, add_remove, 1}, 1e-5, &half));
  const mst_spent run = spent_at_delta("pld", 1e-3, mixed[0], add_remove, 1e-5);
  ck_near(half.epsilon, run.epsilon, 1e-9);
  ck_ok(mst_account_epsilon(&(mst_account_spec){"pld", 1e-3},
                            &(mst_events){mixed, 3, add_remove, 1}, 1e-5, &out));
  ck_assert(out.lower > run.upper &&
            out.upper < run.upper + mst_gaussian_epsilon(1. / 8, 1e-6) + 0.2);
  mst_event none = gaussian_event(0.1, 1, 0);
  ck_assert_double_eq(spent_at_delta("pld", 0, none, add_remove, 1e-5).epsilon, 0);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("accountant_pld");
  TCase *c = tcase_create("accountant_pld");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, epsilons_agree_with_finer_published_grids);
  tcase_add_test(c, small_rates_are_resolved_where_a_fixed_grid_is_too_coarse);
  tcase_add_test(c, epsilons_are_the_known_ones);
  tcase_add_test(c, the_bound_is_never_below_a_finer_lower_bound);
  tcase_add_test(c, single_releases_have_their_closed_form);
  tcase_add_test(c, small_deltas_are_as_good_as_large_ones);
  tcase_add_test(c, laplace_noise_has_the_known_curve);
  tcase_add_test(c, discrete_noise_has_the_known_curve);
  tcase_add_test(c, randomised_responses_compose_like_coins);
  tcase_add_test(c, one_pure_release_has_its_closed_form_wherever_its_loss_lies);
  tcase_add_test(c, fixed_samples_under_replace_one_have_the_closed_form);
  tcase_add_test(c, unlike_releases_compose);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
