/* Private methods: what the published scales of DIFF2 really spend, what is spent of a budget,
 * which points differences are from, and that methods of one pass use every row once. */
#include "tests/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/privacy/accountant.h"
#include "core/privacy/calibrate.h"
#include "core/privacy/estimator.h"

enum {
  ROUNDS = 2000,
  ROWS = 20000
};

static mst_estimator *make(mst_estimator_spec spec, int64_t steps, int64_t population) {
  mst_sampler_spec sampling = {.kind = "poisson", .batch = 100, .population = population};
  mst_estimator *e = NULL;
  if (spec.share == 0) spec.share = 0.5;
  ck_ok(mst_estimator_create(&spec, &sampling, steps, &e));
  return e;
}

static mst_estimator *diff2(int64_t period) {
  return make((mst_estimator_spec){.name = "diff2", .period = period, .smoothness = 1}, ROUNDS,
              ROWS);
}

/* The releases of a run, of noise e->noise. */
static int list(const mst_estimator *e, mst_event *event) {
  for (int k = 0; k < e->kinds; k++) {
    event[k] = mst_estimator_event(e, k);
    event[k].count = mst_estimator_releases(e, k, 0);
  }
  return e->kinds;
}

static double spent(const mst_estimator *e, const char *accountant) {
  mst_event event[MST_ESTIMATOR_KINDS];
  mst_account_spec spec = {.name = accountant};
  mst_events events = {.event = event, .n = list(e, event), .adjacency = MST_ADJACENCY_REPLACE_ONE};
  mst_spent s;
  ck_ok(mst_account_epsilon(&spec, &events, 1e-5, &s));
  return s.epsilon;
}

/* The scales of the authors' program, u = 1.25, which it derives from one Renyi order; times the
 * number of rows, which cancels. */
static void publish(mst_estimator *e, double epsilon) {
  double u = 1.25, alpha = 1 + ceil(2 * log(1e5) / epsilon), period = (double)e->spec.period;
  double first = e->spec.period == 1 ? 4 : 4 * u;
  e->noise[0] = sqrt(first * alpha * ROUNDS / (period * epsilon));
  e->noise[1] = sqrt(2 * (2 * u / (u - 1)) * alpha * ROUNDS / epsilon);
}

START_TEST(the_published_scales_of_diff2_spend_a_fifth_less_than_they_say) {
  static const struct {
    double epsilon;
    int64_t period;
    double spends;
  } known[] = {{3, 1, 2.34143},   {3, 6, 2.29933}, {3, 20, 2.32825}, {3, 60, 2.35795},
               {3, 200, 2.34011}, {5, 1, 3.94002}, {5, 6, 3.86747},  {5, 200, 3.93775}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    mst_estimator *e = diff2(known[i].period);
    publish(e, known[i].epsilon);
    ck_assert_msg(fabs(spent(e, "gdp") - known[i].spends) < 6e-6, "period %d: %.6f",
                  (int)known[i].period, spent(e, "gdp"));
    ck_assert_double_lt(fabs(spent(e, "pld") - known[i].spends), 1e-4);
    mst_estimator_destroy(e);
  }
}
END_TEST

START_TEST(a_budget_is_spent_whole_and_in_the_shares_that_are_asked_for) {
  static const double share[] = {0.5, 0.8, 0.05};
  for (int i = 0; i < 3; i++) {
    mst_estimator *e =
        make((mst_estimator_spec){.name = "diff2", .period = 7, .smoothness = 1, .share = share[i]},
             ROUNDS, ROWS);
    mst_event event[MST_ESTIMATOR_KINDS];
    mst_account_spec spec = {.name = "gdp"};
    mst_events events = {
        .event = event, .n = list(e, event), .adjacency = MST_ADJACENCY_REPLACE_ONE};
    mst_spent s;
    double factor = 0;
    ck_ok(mst_calibrate_noise(&spec, &events, 3, 1e-5, 0, &factor, &s));
    ck_assert(s.epsilon <= 3 && s.epsilon > 3 - 1e-5);
    ck_assert_int_eq(event[0].count, 286);
    ck_assert_int_eq(event[1].count, ROUNDS - 286);
    double first = 286 / pow(e->noise[0], 2), rest = (ROUNDS - 286) / pow(e->noise[1], 2);
    ck_assert_double_eq_tol(first / (first + rest), share[i], 1e-12);
    mst_estimator_destroy(e);
  }
}
END_TEST

START_TEST(what_is_left_of_a_run_is_what_its_steps_are_charged) {
  static const mst_estimator_spec spec[] = {
      {.name = "dp_sgd"},
      {.name = "diff2", .period = 5, .smoothness = 1},
      {.name = "spiderboost", .period = 3, .smoothness = 1, .rows = 40},
      {.name = "tree_spider", .depth = 3, .smoothness = 1},
      {.name = "recursive", .stages = 4, .regularizer = 1}};
  for (int i = 0; i < 5; i++) {
    mst_estimator *e = make(spec[i], 32, ROWS);
    int64_t left[MST_ESTIMATOR_KINDS] = {0};
    for (int64_t step = 31; step >= 0; step--) {
      if (mst_estimator_charged(e, step)) left[mst_estimator_release(e, step).kind]++;
      for (int k = 0; k < e->kinds; k++)
        ck_assert_int_eq(left[k], mst_estimator_releases(e, k, step));
    }
    mst_estimator_destroy(e);
  }
}
END_TEST

/* Slots as a run would fill them: each holds the step at which its point was seen. */
START_TEST(differences_are_from_the_step_before_or_the_parent_in_the_tree) {
  mst_estimator *e = diff2(5);
  for (int64_t step = 0; step < 20; step++) {
    mst_release r = mst_estimator_release(e, step);
    ck_assert_int_eq(r.from, step % 5 == 0 ? -1 : 0);
    ck_assert_int_eq(r.to, 0);
  }
  mst_estimator_destroy(e);
  e = make((mst_estimator_spec){.name = "tree_spider", .depth = 3, .smoothness = 1}, 16, ROWS);
  int64_t slot[4] = {-1, -1, -1, -1};
  static const int64_t parent[8] = {-1, 0, 0, 2, 0, 4, 4, 6}; /* s without its last bit */
  for (int64_t step = 0; step < 16; step++) {
    mst_release r = mst_estimator_release(e, step);
    int64_t s = step % 8, tree = step - s;
    if (s == 0)
      ck_assert_int_eq(r.from, -1);
    else
      ck_assert_int_eq(slot[r.from], tree + parent[s]);
    for (int k = r.to; k < e->slots; k++) slot[k] = step;
  }
  mst_estimator_destroy(e);
}
END_TEST

/* And a right child's sample is half as large as one a level above. */
START_TEST(one_pass_uses_every_row_once) {
  mst_estimator *e =
      make((mst_estimator_spec){.name = "tree_spider", .depth = 3, .smoothness = 1}, 16, ROWS);
  static int64_t row[ROWS], times[ROWS];
  static const double size[8] = {1, 0.125, 0.25, 0.125, 0.5, 0.125, 0.25, 0.125};
  mst_secret secret = mst_secret_test(3);
  double whole = ROWS / (2 * 2.5), all = 0; /* 2 trees of b (1 + D / 2) rows */
  memset(times, 0, sizeof times);
  for (int64_t step = 0; step < 16; step++) {
    mst_release r = mst_estimator_release(e, step);
    mst_sampler *s = mst_estimator_sample(e, &r, &secret, step);
    double expected = mst_sampler_expected(s);
    ck_assert_double_eq_tol(expected, whole * size[step % 8], 1e-6);
    int64_t n = mst_sampler_take(s, 0, ROWS, row);
    ck_assert_double_lt(fabs((double)n - expected), 5 * sqrt(expected));
    for (int64_t i = 0; i < n; i++) times[row[i]]++;
    all += expected;
  }
  ck_assert_double_eq_tol(all, ROWS, 1e-6);
  for (int64_t i = 0; i < ROWS; i++) ck_assert_int_eq(times[i], 1);
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(every_stage_has_rows_of_its_own_and_uses_them_in_all_its_steps) {
  mst_estimator *e =
      make((mst_estimator_spec){.name = "recursive", .stages = 3, .regularizer = 1}, 12, ROWS);
  static int64_t row[ROWS], times[ROWS], stage[ROWS];
  mst_secret secret = mst_secret_test(3);
  ck_assert_int_eq(mst_estimator_releases(e, 0, 0), 4);
  memset(times, 0, sizeof times);
  for (int64_t step = 0; step < 12; step++) {
    mst_release r = mst_estimator_release(e, step);
    mst_sampler *s = mst_estimator_sample(e, &r, &secret, step);
    ck_assert_double_eq_tol(mst_sampler_expected(s), ROWS / 3.0, 1e-6);
    int64_t n = mst_sampler_take(s, 0, ROWS, row);
    for (int64_t i = 0; i < n; i++) {
      if (times[row[i]]++ == 0) stage[row[i]] = step / 4;
      ck_assert_int_eq(stage[row[i]], step / 4);
    }
  }
  for (int64_t i = 0; i < ROWS; i++) ck_assert_int_eq(times[i], 4);
  mst_estimator_destroy(e);
}
END_TEST

/* Stages begin at 5, 7 and -2. */
START_TEST(the_pull_of_a_stage_is_the_gradient_of_all_quadratics_so_far) {
  const double lambda = 0.3, begun[3] = {5, 7, -2}, w = 1.7;
  mst_estimator *e =
      make((mst_estimator_spec){.name = "recursive", .stages = 3, .regularizer = lambda}, 12, ROWS);
  double centre = 0;
  for (int64_t step = 0; step < 12; step++) {
    mst_release r = mst_estimator_release(e, step);
    double want = 0;
    centre += r.blend * (begun[step / 4] - centre);
    for (int s = 0; s <= step / 4; s++) want += ldexp(lambda, s) * (w - begun[s]);
    ck_assert_double_eq_tol(r.pull * (w - centre), want, 1e-12);
    ck_assert_int_eq(r.halvings, step / 4);
    ck_assert_int_eq(r.from, -1);
  }
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(a_start_without_what_came_before_begins_with_gradients) {
  mst_estimator *e = diff2(5);
  ck_assert(mst_estimator_begins(e, 10, false) && !mst_estimator_begins(e, 11, false));
  ck_assert(mst_estimator_begins(e, 11, true));
  mst_estimator_destroy(e);
  e = make((mst_estimator_spec){.name = "tree_spider", .depth = 3, .smoothness = 1}, 16, ROWS);
  ck_assert(mst_estimator_begins(e, 0, false) && !mst_estimator_begins(e, 8, true));
  mst_estimator_destroy(e);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  static const mst_estimator_spec spec[] = {
      {.name = "diff3"},
      {.name = "diff2", .period = 0, .smoothness = 1, .share = 0.5},
      {.name = "diff2", .period = 2, .smoothness = 1, .share = 1},
      {.name = "spiderboost", .period = 2, .smoothness = 1, .share = 0.5, .rows = ROWS + 1},
      {.name = "tree_spider", .depth = 3, .smoothness = 1},
      {.name = "recursive", .stages = 5, .regularizer = 1},
      {.name = "recursive", .stages = 3}};
  mst_sampler_spec sampling = {.kind = "poisson", .batch = 10, .population = ROWS};
  for (size_t i = 0; i < sizeof spec / sizeof spec[0]; i++) {
    mst_estimator *e = NULL;
    ck_assert_int_eq(mst_estimator_create(&spec[i], &sampling, 12, &e), MST_ERR_INPUT);
    ck_assert(e == NULL);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("estimator");
  TCase *c = tcase_create("estimator");
  tcase_add_test(c, the_published_scales_of_diff2_spend_a_fifth_less_than_they_say);
  tcase_add_test(c, a_budget_is_spent_whole_and_in_the_shares_that_are_asked_for);
  tcase_add_test(c, what_is_left_of_a_run_is_what_its_steps_are_charged);
  tcase_add_test(c, differences_are_from_the_step_before_or_the_parent_in_the_tree);
  tcase_add_test(c, one_pass_uses_every_row_once);
  tcase_add_test(c, every_stage_has_rows_of_its_own_and_uses_them_in_all_its_steps);
  tcase_add_test(c, the_pull_of_a_stage_is_the_gradient_of_all_quadratics_so_far);
  tcase_add_test(c, a_start_without_what_came_before_begins_with_gradients);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
