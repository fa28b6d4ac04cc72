/* Treatment rules: patients are forced when the schedule says, the truth is that of the law by
 * which patients are drawn, the estimators find it, and regret grows like the logarithm of the
 * patients. */
#include <math.h>

#include "core/base/memory.h"
#include "core/treatment/treatment.h"
#include "tests/harness.h"

enum {
  MOST = 20000
};

static double x1[MOST], x2[MOST], y[MOST], fit[MST_TREATMENT_FIT], regret;
static uint8_t way[MOST];
static int64_t due;

static mst_treatment fresh(mst_treatment_policy policy, uint64_t seed) {
  regret = 0;
  due = 0;
  return (mst_treatment){
      .spec = {.policy = policy, .pulls = 5, .gap = 0.3, .epsilon = 0.1, .noise = 1, .refit = 0.01},
      .seed = seed,
      .x1 = x1,
      .x2 = x2,
      .y = y,
      .way = way,
      .fit = fit,
      .regret = &regret,
      .due = &due};
}

START_TEST(patients_are_forced_at_times_that_double) {
  /* q = 3: blocks of 12 at 0, 12, 36, 84, ... */
  const int64_t begin[] = {0, 12, 36, 84, 180};
  int64_t forced = 0;
  for (int64_t t = 0; t < 192; t++) {
    int want = -1;
    for (int i = 0; i < 5; i++)
      if (t >= begin[i] && t < begin[i] + 12) want = (int)((t - begin[i]) / 3);
    ck_assert_int_eq(mst_treatment_forced(3, t), want);
    forced += want >= 0;
  }
  ck_assert_int_eq(forced, 60);
}
END_TEST

/* The first stage's value against what patients of the oracle get, by where x1 lies. */
START_TEST(the_values_are_those_of_the_law_that_patients_follow) {
  const mst_treatment o = fresh(MST_TREATMENT_ORACLE, 1);
  double sum = 0, square = 0;
  ck_ok(mst_treatment_go_on(&o, 0, MOST));
  ck_assert(regret == 0);
  for (int t = 0; t < MOST; t++) {
    const double off = y[t] - mst_treatment_value(1, x1[t], way[t] >> 1);
    sum += off * x1[t];
    square += off;
  }
  ck_assert_double_lt(fabs(sum), 5 * 1.2 * sqrt(MOST / 3.));
  ck_assert_double_lt(fabs(square), 5 * 1.2 * sqrt(MOST));
  /* where the first stage's arms change places (published: 5/14) */
  ck_assert_double_eq_tol(mst_treatment_value(1, 5. / 14, 0), mst_treatment_value(1, 5. / 14, 1),
                          1e-12);
  ck_assert_double_eq_tol(mst_treatment_value(2, 0.5, 0), mst_treatment_value(2, 0.5, 1), 1e-12);
}
END_TEST

START_TEST(estimates_are_near_the_truth) {
  const mst_treatment o = fresh(MST_TREATMENT_DTR, 2);
  ck_ok(mst_treatment_go_on(&o, 0, MOST));
  /* all patients, stage 2: 1 + x and 3 x; stage 1: the values of going on best */
  for (int stage = 1; stage <= 2; stage++)
    for (int arm = 0; arm < 2; arm++) {
      const double *f = fit + ((stage - 1) * 2 + arm) * 2;
      const double at = mst_treatment_value(stage, arm == 0 ? 0.8 : 0.2, arm);
      ck_assert_msg(fabs(f[0] + f[1] * (arm == 0 ? 0.8 : 0.2) - at) < 0.35,
                    "stage %d, arm %d: %g + %g x", stage, arm, f[0], f[1]);
    }
  ck_assert_int_eq(way[0], 4);
  ck_assert_int_eq(way[19], 7);
}
END_TEST

static double mean_regret(mst_treatment_policy policy, int64_t patients, double *most) {
  double sum = 0;
  *most = 0;
  for (uint64_t seed = 1; seed <= 16; seed++) {
    const mst_treatment o = fresh(policy, seed);
    ck_ok(mst_treatment_go_on(&o, 0, patients));
    sum += regret / 16;
    *most = fmax(*most, regret);
  }
  return sum;
}

START_TEST(regret_grows_like_a_logarithm_and_no_seed_is_stuck) {
  double most, any;
  const double early = mean_regret(MST_TREATMENT_DTR, 2000, &most);
  const double late = mean_regret(MST_TREATMENT_DTR, 20000, &most);
  /* ten times the patients: a square root would grow by 3.2 */
  ck_assert_msg(late < 2.4 * early && late > early, "regret %g, then %g", early, late);
  const double uniform = mean_regret(MST_TREATMENT_UNIFORM, 2000, &any);
  ck_assert_msg(early < 0.15 * uniform, "regret %g, %g of any arm", early, uniform);
  double stuck;
  mean_regret(MST_TREATMENT_GREEDY, 20000, &stuck);
  ck_assert_msg(stuck > 10 * most, "the worst seed: %g without forced patients, %g with them",
                stuck, most);
}
END_TEST

START_TEST(stopping_in_between_changes_nothing) {
  mst_treatment o = fresh(MST_TREATMENT_DTR, 3);
  ck_ok(mst_treatment_go_on(&o, 0, 3000));
  const double straight = regret, last = fit[3];
  o = fresh(MST_TREATMENT_DTR, 3);
  ck_ok(mst_treatment_go_on(&o, 0, 61)); /* after the first patient of a block */
  ck_ok(mst_treatment_go_on(&o, 61, 1000));
  ck_ok(mst_treatment_go_on(&o, 1000, 3000));
  ck_assert(regret == straight && fit[3] == last);
}
END_TEST

START_TEST(settings_out_of_range_are_refused) {
  mst_treatment_spec s = fresh(MST_TREATMENT_DTR, 1).spec;
  ck_ok(mst_treatment_check(&s));
  s.pulls = 1;
  ck_refused(mst_treatment_check(&s), MST_ERR_INPUT, "policy.pulls");
  s.pulls = 5;
  s.gap = 0;
  ck_refused(mst_treatment_check(&s), MST_ERR_INPUT, "gap");
  s.gap = 1;
  s.epsilon = 1.5;
  ck_refused(mst_treatment_check(&s), MST_ERR_INPUT, "policy.epsilon");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("treatment");
  TCase *c = tcase_create("treatment");
  tcase_add_test(c, patients_are_forced_at_times_that_double);
  tcase_add_test(c, the_values_are_those_of_the_law_that_patients_follow);
  tcase_add_test(c, estimates_are_near_the_truth);
  tcase_add_test(c, regret_grows_like_a_logarithm_and_no_seed_is_stuck);
  tcase_add_test(c, stopping_in_between_changes_nothing);
  tcase_add_test(c, settings_out_of_range_are_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
