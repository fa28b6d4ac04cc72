/* Pure exploration: designs are as good as they claim, answers are right but with probability
 * delta, pulls follow noise, gap and accuracy as the formulas say, and tasks that share nothing are
 * found out. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/identify/identify.h"
#include "core/identify/optimal.h"
#include "core/identify/recover.h"
#include "tests/harness.h"

enum {
  MOST_TASKS = 100,
  MOST_CONTEXTS = 8
};

typedef struct trial {
  mst_instance_spec instance;
  mst_identifier_spec identifier;
} trial;

static trial trial_of(const char *kind, const char *method) {
  trial t = {.instance = {.kind = kind, .arms = 8, .tasks = 3, .rank = 2, .contexts = 4}};
  mst_param_defaults(mst_instance_params, &t.instance);
  mst_param_defaults(mst_instance_find(kind)->params, &t.instance);
  t.instance.dimension = 4;
  t.instance.noise = 0.5;
  t.identifier.method = method;
  mst_param_defaults(mst_identifier_params, &t.identifier);
  mst_param_defaults(mst_identifier_find(method)->params, &t.identifier);
  t.identifier.most = 100000000;
  return t;
}

/* What a trial of many seeds came to. */
typedef struct score {
  double pulls; /* of an instance, mean */
  int wrong, undecided, alone;
  double loss; /* the most */
} score;

static score run(trial t, int seeds) {
  score s = {0};
  int64_t pulls[MOST_TASKS];
  int32_t answer[MOST_TASKS * MOST_CONTEXTS];
  mst_identified found = {.pulls = pulls, .answer = answer};
  ck_ok(mst_instance_check(&t.instance));
  ck_ok(mst_identifier_check(&t.identifier, &t.instance));
  ck_assert(t.instance.tasks <= MOST_TASKS && t.instance.contexts <= MOST_CONTEXTS);
  for (int seed = 1; seed <= seeds; seed++) {
    mst_instance *i = NULL;
    bool wrong = false, undecided = false;
    ck_ok(mst_instance_create(&t.instance, (uint64_t)seed, &i));
    ck_ok(mst_identify(&t.identifier, i, &found));
    for (int64_t m = 0; m < t.instance.tasks; m++) {
      s.pulls += (double)pulls[m] / seeds;
      if (answer[m * t.instance.contexts] < 0) {
        undecided = true;
        continue;
      }
      const double loss = mst_instance_loss(i, m, answer + m * t.instance.contexts);
      s.loss = fmax(s.loss, loss);
      wrong = wrong || loss > fmax(t.identifier.epsilon, 1e-12);
    }
    s.wrong += wrong;
    s.undecided += undecided;
    s.alone += found.alone;
    mst_instance_destroy(i);
  }
  return s;
}

/* Soare's three arms in two dimensions: every design on a fine grid. */
START_TEST(an_xy_design_is_as_near_the_best_as_it_claims) {
  enum {
    N = 3,
    GRID = 400
  };
  const double x[N * 2] = {1, 0, 0, 1, cos(0.3), sin(0.3)};
  const bool keep[N] = {true, false, true};
  double weight[N], *work = NULL, least = INFINITY;
  mst_optimal found;
  ck_ok(mst_alloc(&work, mst_optimal_work(N, 2), sizeof *work, "work"));
  ck_ok(mst_optimal_xy(N, 2, x, keep, 0.02, weight, work, &found));
  const double y0 = x[0] - x[4], y1 = x[1] - x[5];
  for (int i = 0; i <= GRID; i++)
    for (int j = 0; i + j <= GRID; j++) {
      const double w[N] = {i / (double)GRID, j / (double)GRID, (GRID - i - j) / (double)GRID};
      double a = 0, b = 0, c = 0;
      for (int k = 0; k < N; k++) {
        a += w[k] * x[2 * k] * x[2 * k];
        b += w[k] * x[2 * k] * x[2 * k + 1];
        c += w[k] * x[2 * k + 1] * x[2 * k + 1];
      }
      const double det = a * c - b * b;
      if (det > 1e-9) least = fmin(least, (c * y0 * y0 - 2 * b * y0 * y1 + a * y1 * y1) / det);
    }
  ck_assert_double_eq_tol(weight[0] + weight[1] + weight[2], 1, 1e-12);
  ck_assert_msg(found.value >= 0.999 * least, "%g below the best, %g", found.value, least);
  ck_assert_msg(found.value <= 1.05 * least, "%g, the best is %g", found.value, least);
  ck_assert_msg(found.value <= (1 + found.gap) * least * (1 + 1e-9), "gap %g is not true",
                found.gap);
  ck_assert_msg(found.gap < 0.2, "gap %g", found.gap);
  ck_assert(weight[1] > 0.5); /* the arm that cannot be best tells most */
  mst_free(work);
}
END_TEST

START_TEST(an_e_design_pulls_short_arms_more) {
  enum {
    D = 3
  };
  const double x[D * D] = {1, 0, 0, 0, 2, 0, 0, 0, 0.5}, flat[D * D] = {1, 0, 0, 1, 1, 0, 0, 1, 0};
  const double best = 1 + 0.25 + 4; /* weights 1 / |x|^2 */
  double weight[D], *work = NULL;
  mst_optimal found;
  ck_ok(mst_alloc(&work, mst_optimal_work(D, D), sizeof *work, "work"));
  ck_ok(mst_optimal_e(1, D, D, x, 0.05, weight, work, &found));
  ck_assert_double_le(found.value, 1.1 * best);
  ck_assert_double_ge(found.value, best * (1 - 1e-9));
  ck_assert_double_le(found.value, (1 + found.gap) * best * (1 + 1e-9));
  ck_assert_double_eq_tol(weight[2], 4 / best, 0.05);
  ck_refused(mst_optimal_e(1, D, D, flat, 0.05, weight, work, &found), MST_ERR_SINGULAR,
             "do not span");
  mst_free(work);
}
END_TEST

/* Two contexts of one arm each leave no choice; with a choice the design reaches the dimension. */
START_TEST(a_g_design_over_policies_keeps_to_the_contexts) {
  const double forced[4] = {1, 0, 0, 1}, free_x[8] = {1, 0, 0.1, 0.1, 0, 1, 0.2, 0.1};
  double weight[4], *work = NULL;
  mst_optimal found;
  ck_ok(mst_alloc(&work, mst_optimal_work(4, 2), sizeof *work, "work"));
  ck_ok(mst_optimal_g(2, 1, 2, forced, 0.05, weight, work, &found));
  ck_assert_double_eq_tol(weight[0], 0.5, 1e-12);
  ck_assert_double_eq_tol(found.value, 2, 1e-6);
  ck_ok(mst_optimal_g(2, 2, 2, free_x, 0.05, weight, work, &found));
  ck_assert_double_le(found.value, 2 * 1.05 * (1 + 1e-9));
  ck_assert_double_eq_tol(weight[0] + weight[1], 0.5, 1e-12);
  ck_assert(weight[0] > 0.4 && weight[2] > 0.4);
  mst_free(work);
}
END_TEST

START_TEST(the_sum_of_many_pulls_has_the_law_of_a_sum) {
  enum {
    TIMES = 4000,
    PULLS = 9
  };
  trial t = trial_of("soare", "glucb");
  mst_instance *i = NULL;
  double sum = 0, squares = 0;
  ck_ok(mst_instance_check(&t.instance));
  ck_ok(mst_instance_create(&t.instance, 1, &i));
  for (int k = 0; k < TIMES; k++) {
    const double off = mst_instance_pull(i, 0, 4, PULLS) - PULLS * cos(0.3);
    sum += off / TIMES;
    squares += off * off / TIMES;
  }
  ck_assert_double_eq_tol(sum, 0, 4 * 0.5 * 3 / sqrt(TIMES));
  ck_assert_double_eq_tol(squares, PULLS * 0.25, 4 * PULLS * 0.25 * sqrt(2.0 / TIMES));
  ck_assert(mst_instance_pull(i, 0, 4, 0) == 0);
  mst_instance_destroy(i);
}
END_TEST

START_TEST(a_wrong_answer_loses_its_gap) {
  trial t = trial_of("soare", "glucb");
  mst_instance *i = NULL;
  ck_ok(mst_instance_check(&t.instance));
  ck_ok(mst_instance_create(&t.instance, 1, &i));
  for (int32_t a = 0; a < 5; a++) {
    const double mean = a == 0 ? 1 : a == 4 ? cos(0.3) : 0;
    ck_assert_double_eq_tol(mst_instance_loss(i, 0, &a), 1 - mean, 1e-12);
  }
  mst_instance_destroy(i);
}
END_TEST

static const char *const METHODS[] = {"glucb", "lucb",         "xy_static",
                                      "rage",  "task_by_task", "douexpdes"};
enum {
  N_METHODS = sizeof METHODS / sizeof METHODS[0]
};

START_TEST(answers_are_right_but_with_probability_delta) {
  for (int k = 0; k < N_METHODS; k++) {
    trial t = trial_of("shared", METHODS[k]);
    t.identifier.delta = 0.1;
    t.identifier.most = 1000000000000; /* few tasks show a subspace late */
    const score s = run(t, 40);
    ck_assert_msg(s.wrong <= 9, "%s: %d of 40 wrong", METHODS[k], s.wrong);
    ck_assert_int_eq(s.undecided, 0);
    ck_assert_msg(s.pulls > 3 * 20, "%s: %g pulls", METHODS[k], s.pulls);
  }
}
END_TEST

/* Least-favourable noise: an identifier that stops too soon errs more often than delta. */
START_TEST(a_hard_instance_is_answered_as_surely) {
  static const char *const fast[] = {"glucb", "xy_static", "rage"};
  for (int k = 0; k < 3; k++) {
    trial t = trial_of("soare", fast[k]);
    t.instance.angle = 0.2;
    t.instance.noise = 1;
    t.identifier.delta = 0.1;
    const score s = run(t, 100);
    ck_assert_msg(s.wrong <= 18, "%s: %d of 100 wrong", fast[k], s.wrong);
    ck_assert_msg(s.pulls > 200, "%s: %g pulls", fast[k], s.pulls);
  }
}
END_TEST

/* On Soare's instance the arm that cannot be best is the one to pull. */
START_TEST(vectors_of_arms_save_pulls) {
  const double lucb = run(trial_of("soare", "lucb"), 3).pulls,
               glucb = run(trial_of("soare", "glucb"), 10).pulls,
               rage = run(trial_of("soare", "rage"), 10).pulls,
               all = run(trial_of("soare", "task_by_task"), 10).pulls;
  ck_assert_msg(glucb < lucb / 10 && rage < lucb / 10, "%g, %g, without vectors %g", glucb, rage,
                lucb);
  ck_assert_msg(rage < all / 10, "%g, G-optimal %g", rage, all);
}
END_TEST

START_TEST(twice_the_noise_takes_four_times_the_pulls) {
  static const char *const linear[] = {"xy_static", "rage", "task_by_task", "glucb"};
  for (int k = 0; k < 4; k++) {
    trial t = trial_of("soare", linear[k]);
    t.instance.noise = 1;
    const double some = run(t, 40).pulls;
    t.instance.noise = 2;
    const double ratio = run(t, 40).pulls / some;
    ck_assert_msg(ratio > 3 && ratio < 5.5, "%s: %g times", linear[k], ratio);
  }
}
END_TEST

START_TEST(to_be_surer_takes_more_pulls) {
  for (int k = 0; k < N_METHODS - 1; k++) {
    trial t = trial_of("sphere", METHODS[k]);
    t.identifier.delta = 0.1;
    const double some = run(t, 10).pulls;
    t.identifier.delta = 1e-9;
    const double ratio = run(t, 10).pulls / some;
    ck_assert_msg(ratio > 1.5 && ratio < 6, "%s: %g times", METHODS[k], ratio);
  }
}
END_TEST

START_TEST(one_arm_takes_no_pull) {
  for (int k = 0; k < N_METHODS; k++) {
    trial t = trial_of("shared", METHODS[k]);
    t.instance.arms = 1;
    t.instance.dimension = t.instance.rank = 1;
    t.instance.gap = 0;
    const score s = run(t, 2);
    ck_assert_int_eq(s.undecided, 0);
    ck_assert(s.pulls == 0 && s.loss == 0);
  }
}
END_TEST

START_TEST(arms_that_do_not_span_are_told_apart_in_their_span) {
  for (int k = 0; k < N_METHODS - 1; k++) {
    trial t = trial_of("sphere", METHODS[k]);
    t.instance.dimension = 6;
    t.instance.arms = 3;
    const score s = run(t, 10);
    ck_assert_msg(s.wrong <= 2 && s.undecided == 0, "%s", METHODS[k]);
  }
}
END_TEST

START_TEST(a_task_that_needs_too_many_pulls_is_undecided) {
  for (int k = 0; k < N_METHODS; k++) {
    trial t = trial_of("shared", METHODS[k]);
    t.identifier.most = 20;
    const score s = run(t, 3);
    ck_assert_int_eq(s.undecided, 3);
    ck_assert_int_eq(s.wrong, 0);
    ck_assert_double_le(s.pulls, 3 * 20);
  }
}
END_TEST

static trial many_tasks(const char *kind, const char *method) {
  trial t = trial_of(kind, method);
  t.instance.dimension = 10;
  t.instance.arms = 20;
  t.instance.tasks = MOST_TASKS;
  t.instance.rank = 2;
  t.identifier.rank = 2;
  t.identifier.constant = 3e-4;
  return t;
}

START_TEST(a_shared_subspace_saves_pulls_and_none_saves_nothing) {
  const score shared = run(many_tasks("shared", "douexpdes"), 5),
              each = run(many_tasks("shared", "rage"), 5),
              none = run(many_tasks("unshared", "douexpdes"), 5),
              alone = run(many_tasks("unshared", "rage"), 5);
  ck_assert_msg(shared.pulls < 0.9 * each.pulls, "%g, alone %g", shared.pulls, each.pulls);
  ck_assert_int_eq(shared.alone, 0);
  ck_assert_int_eq(shared.wrong, 0);
  ck_assert_int_eq(none.alone, 5); /* found out */
  ck_assert_int_eq(none.wrong, 0);
  ck_assert_msg(none.pulls > 0.95 * alone.pulls, "%g, alone %g", none.pulls, alone.pulls);
}
END_TEST

START_TEST(a_subspace_is_found_as_accurately_as_was_asked) {
  enum {
    D = 10,
    K = 2,
    M = MOST_TASKS
  };
  trial t = many_tasks("shared", "douexpdes");
  const double within = 0.05;
  double basis[K * D], off = 0;
  int64_t pulls[M] = {0};
  bool out_of, shared;
  mst_instance *i = NULL;
  ck_ok(mst_instance_check(&t.instance));
  ck_ok(mst_instance_create(&t.instance, 3, &i));
  mst_recovery r = {.instance = i, .rank = K, .constant = 1, .delta = 0.05, .most = 1000000000};
  ck_ok(mst_recovery_start(&r));
  ck_ok(mst_recovery_find(&r, within, pulls, basis, &out_of, &shared));
  ck_assert(shared && !out_of && pulls[0] >= r.pulls && pulls[M - 1] == pulls[0]);
  for (int m = 0; m < M; m++) {
    double rest[D];
    memcpy(rest, i->theta + m * D, sizeof rest);
    for (int c = 0; c < K; c++) {
      double product = 0;
      for (int j = 0; j < D; j++) product += basis[c * D + j] * i->theta[m * D + j];
      for (int j = 0; j < D; j++) rest[j] -= product * basis[c * D + j];
    }
    for (int a = 0; a < 20; a++) {
      double product = 0;
      for (int j = 0; j < D; j++) product += i->x[a * D + j] * rest[j];
      off = fmax(off, fabs(product));
    }
  }
  ck_assert_msg(off <= within && off > within / 1000, "off by %g", off);
  const int64_t before = pulls[0];
  ck_ok(mst_recovery_find(&r, within, pulls, basis, &out_of, &shared)); /* what is known is kept */
  ck_assert_int_eq(pulls[0], before);
  mst_recovery_end(&r);
  mst_instance_destroy(i);
}
END_TEST

START_TEST(policies_are_within_epsilon_and_cost_its_inverse_square) {
  trial t = trial_of("contexts", "c_douexpdes");
  t.identifier.rank = 4; /* all: no subspace */
  t.identifier.epsilon = 0.2;
  const score wide = run(t, 20);
  t.identifier.epsilon = 0.05;
  const score narrow = run(t, 20);
  ck_assert_int_eq(wide.undecided + narrow.undecided, 0);
  ck_assert_int_eq(wide.wrong + narrow.wrong, 0);
  ck_assert(wide.loss <= 0.2 && narrow.loss <= 0.05);
  ck_assert_msg(narrow.pulls > 3 * wide.pulls && narrow.pulls < 30 * wide.pulls, "%g, %g",
                narrow.pulls, wide.pulls);
  t.identifier.epsilon = 0.2;
  t.identifier.rank = 2;
  t.identifier.constant = 0.01;
  t.instance.tasks = 30;
  const score within = run(t, 3);
  ck_assert_int_eq(within.wrong + within.undecided + within.alone, 0);
}
END_TEST

START_TEST(without_memory_nothing_is_left_behind) {
  static const char *const methods[] = {"glucb",        "lucb",      "xy_static",  "rage",
                                        "task_by_task", "douexpdes", "c_douexpdes"};
  for (int k = 0; k < 7; k++) {
    trial t = trial_of(k < 6 ? "shared" : "contexts", methods[k]);
    int64_t pulls[3];
    int32_t answer[3 * 4];
    mst_identified found = {.pulls = pulls, .answer = answer};
    mst_instance *i = NULL;
    mst_status st = MST_ERR_MEMORY;
    int failures = 0;
    t.identifier.constant = 1e-3;
    ck_ok(mst_instance_check(&t.instance));
    ck_ok(mst_identifier_check(&t.identifier, &t.instance));
    const int64_t held = mst_memory_current();
    while (st == MST_ERR_MEMORY) {
      mst_memory_fail_at(failures + 1);
      st = mst_instance_create(&t.instance, 1, &i);
      if (st == MST_OK) st = mst_identify(&t.identifier, i, &found);
      mst_memory_fail_at(0);
      mst_instance_destroy(i);
      i = NULL;
      failures++;
      ck_assert_int_eq(mst_memory_current(), held);
    }
    ck_ok(st);
    ck_assert_msg(failures > 7, "%s: %d allocations", methods[k], failures);
  }
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  trial t = trial_of("shared", "douexpdes");
  t.identifier.delta = 0.7;
  ck_ok(mst_instance_check(&t.instance));
  ck_refused(mst_identifier_check(&t.identifier, &t.instance), MST_ERR_INPUT, "identify.delta");
  t = trial_of("shared", "douexpdes");
  t.instance.arms = 3;
  ck_ok(mst_instance_check(&t.instance));
  ck_refused(mst_identifier_check(&t.identifier, &t.instance), MST_ERR_INPUT, "there are 3 arms");
  t = trial_of("unshared", "douexpdes");
  ck_ok(mst_instance_check(&t.instance));
  ck_refused(mst_identifier_check(&t.identifier, &t.instance), MST_ERR_INPUT, "must be told");
  t.identifier.rank = 5;
  ck_refused(mst_identifier_check(&t.identifier, &t.instance), MST_ERR_INPUT, "5 of 4");
  t = trial_of("contexts", "rage");
  ck_ok(mst_instance_check(&t.instance));
  ck_refused(mst_identifier_check(&t.identifier, &t.instance), MST_ERR_INPUT, "without contexts");
  t = trial_of("shared", "rage");
  t.instance.rank = 5;
  ck_refused(mst_instance_check(&t.instance), MST_ERR_INPUT, "instance.rank");
  t = trial_of("sphere", "rage");
  t.instance.gap = 3;
  mst_instance *i = NULL;
  ck_ok(mst_instance_check(&t.instance));
  ck_refused(mst_instance_create(&t.instance, 1, &i), MST_ERR_INPUT, "gap of 3");
  ck_assert_ptr_null(i);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("pure exploration");
  TCase *c = tcase_create("identifiers");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, an_xy_design_is_as_near_the_best_as_it_claims);
  tcase_add_test(c, an_e_design_pulls_short_arms_more);
  tcase_add_test(c, a_g_design_over_policies_keeps_to_the_contexts);
  tcase_add_test(c, the_sum_of_many_pulls_has_the_law_of_a_sum);
  tcase_add_test(c, a_wrong_answer_loses_its_gap);
  tcase_add_test(c, answers_are_right_but_with_probability_delta);
  tcase_add_test(c, a_hard_instance_is_answered_as_surely);
  tcase_add_test(c, vectors_of_arms_save_pulls);
  tcase_add_test(c, twice_the_noise_takes_four_times_the_pulls);
  tcase_add_test(c, to_be_surer_takes_more_pulls);
  tcase_add_test(c, one_arm_takes_no_pull);
  tcase_add_test(c, arms_that_do_not_span_are_told_apart_in_their_span);
  tcase_add_test(c, a_task_that_needs_too_many_pulls_is_undecided);
  tcase_add_test(c, a_shared_subspace_saves_pulls_and_none_saves_nothing);
  tcase_add_test(c, a_subspace_is_found_as_accurately_as_was_asked);
  tcase_add_test(c, policies_are_within_epsilon_and_cost_its_inverse_square);
  tcase_add_test(c, without_memory_nothing_is_left_behind);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
