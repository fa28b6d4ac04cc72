/* Bandits: statistics kept up to date by rank one agree with those computed anew; environments have
 * the laws that they say; policies choose what their formulas say. */
#include <math.h>
#include <string.h>

#include "core/bandit/environment.h"
#include "core/bandit/policy.h"
#include "core/bandit/ridge.h"
#include "core/base/memory.h"
#include "tests/harness.h"

enum {
  D = 5,
  ARMS = 4
};

static void random_vector(mst_stream *s, int64_t n, double *x) {
  for (int64_t i = 0; i < n; i++) x[i] = mst_stream_normal(s);
}

START_TEST(updates_by_rank_one_agree_with_a_factorisation) {
  enum {
    BLOCKS = 3,
    TIMES = 3 * MST_RIDGE_REFRESH - 5
  };
  double record[BLOCKS * (2 * D * D + 2 * D) + 2], again[BLOCKS * (2 * D * D + 2 * D) + 2];
  double sums[BLOCKS * (D * (D + 1) / 2 + D)] = {0}, work[D * D + D], x[D];
  ck_assert_int_eq(mst_ridge_doubles(BLOCKS, D), (int64_t)(sizeof record / sizeof record[0]));
  ck_assert_int_eq(mst_ridge_sums(BLOCKS, D), (int64_t)(sizeof sums / sizeof sums[0]));
  const mst_ridge r = mst_ridge_at(record, BLOCKS, D, 0.5),
                  other = mst_ridge_at(again, BLOCKS, D, 0.5);
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  mst_ridge_start(&r);
  for (int t = 0; t < TIMES; t++) {
    const double y = mst_stream_normal(&s);
    random_vector(&s, D, x);
    ck_ok(mst_ridge_learn(&r, t % BLOCKS, x, y, work));
    mst_ridge_sums_learn(sums, BLOCKS, D, t % BLOCKS, x, y);
  }
  ck_assert(*r.learned > 0);
  mst_ridge_start(&other);
  mst_ridge_add(&other, sums);
  ck_ok(mst_ridge_factor(&other, work));
  for (int i = 0; i < BLOCKS * D * D; i++) {
    ck_assert_double_eq_tol(r.v[i], other.v[i], 1e-10);
    ck_assert_double_eq_tol(r.inverse[i], other.inverse[i], 1e-12);
  }
  for (int i = 0; i < BLOCKS * D; i++) ck_assert_double_eq_tol(r.theta[i], other.theta[i], 1e-11);
  ck_assert_double_eq_tol(*r.logdet, *other.logdet, 1e-9);
}
END_TEST

START_TEST(a_score_is_the_mean_and_the_spread_of_each_arm) {
  double record[2 * D * D + 2 * D + 2], work[ARMS * D + D * D], x[ARMS * D], mean[ARMS],
      spread[ARMS];
  const mst_ridge r = mst_ridge_at(record, 1, D, 2);
  mst_stream s = mst_stream_of(mst_key_make(2, MST_PURPOSE_TEST, 0, 0));
  mst_ridge_start(&r);
  for (int t = 0; t < 20; t++) {
    random_vector(&s, D, x);
    ck_ok(mst_ridge_learn(&r, 0, x, 3 * x[0] - x[1], work));
  }
  random_vector(&s, ARMS * D, x);
  mst_ridge_score(&r, ARMS, x, mean, spread, work);
  for (int a = 0; a < ARMS; a++) {
    double m = 0, q = 0;
    for (int i = 0; i < D; i++) {
      m += x[a * D + i] * r.theta[i];
      for (int j = 0; j < D; j++) q += x[a * D + i] * r.inverse[i * D + j] * x[a * D + j];
    }
    ck_assert_double_eq_tol(mean[a], m, 1e-13);
    ck_assert_double_eq_tol(spread[a], q, 1e-13);
  }
}
END_TEST

START_TEST(statistics_that_are_not_finite_are_refused) {
  double record[2 * D * D + 2 * D + 2], work[D * D];
  const mst_ridge r = mst_ridge_at(record, 1, D, 1);
  mst_ridge_start(&r);
  r.b[2] = NAN;
  ck_refused(mst_ridge_factor(&r, work), MST_ERR_NONFINITE, "rewards");
  mst_ridge_start(&r);
  r.v[0] = -1;
  ck_refused(mst_ridge_factor(&r, work), MST_ERR_SINGULAR, "pivot 1");
}
END_TEST

static mst_environment *instance(const char *kind, int64_t sets, double zeta) {
  mst_environment *e = NULL;
  const mst_environment_spec spec = {.kind = kind,
                                     .dimension = D,
                                     .arms = ARMS,
                                     .sets = sets,
                                     .noise = 0.5,
                                     .misspecified = zeta,
                                     .theta = "sphere"};
  ck_ok(mst_environment_create(&spec, 7, &e));
  return e;
}

START_TEST(arms_have_the_law_of_their_environment) {
  enum {
    OFFERS = 4000
  };
  double room[ARMS * (D + 1)];
  for (int k = 0; mst_environment_at(k) != NULL; k++) {
    const char *kind = mst_environment_at(k)->name;
    if (strcmp(kind, "rows") == 0) continue; /* which draws no arms */
    mst_environment *e = instance(kind, 0, 0);
    double square = 0, most = 0, entry = 0, sum = 0;
    for (int t = 0; t < OFFERS; t++) {
      mst_contexts c = mst_environment_offer(e, t % 3, t, room);
      for (int a = 0; a < ARMS; a++) {
        double q = 0;
        for (int i = 0; i < D; i++) {
          q += c.x[a * D + i] * c.x[a * D + i];
          entry = fmax(entry, fabs(c.x[a * D + i]));
          sum += c.x[a * D + i];
        }
        square += q / (OFFERS * ARMS);
        most = fmax(most, q);
      }
    }
    ck_assert_double_eq_tol(sum / (OFFERS * ARMS * D), 0, 0.01);
    if (strcmp(kind, "sphere") == 0) ck_assert_double_eq_tol(most, 1, 1e-12);
    const double expected = strcmp(kind, "ball") == 0   ? (double)D / (D + 2)
                            : strcmp(kind, "cube") == 0 ? 1.0 / 3
                                                        : 1;
    ck_assert_double_eq_tol(square, expected, 0.02);
    if (strcmp(kind, "ball") == 0) ck_assert(most <= 1 && most > 0.99);
    if (strcmp(kind, "cube") == 0) ck_assert(entry <= 1 / sqrt(D) && entry > 0.99 / sqrt(D));
    mst_environment_destroy(e);
  }
}
END_TEST

START_TEST(rewards_are_linear_up_to_the_misspecification) {
  double room[ARMS * (D + 1)], off = 0;
  mst_environment *e = instance("sphere", 6, 0.1);
  for (int t = 0; t < 200; t++) {
    mst_contexts c = mst_environment_offer(e, 1, t, room);
    ck_assert(c.set >= 0 && c.set < 6);
    double best = -INFINITY;
    for (int a = 0; a < ARMS; a++) {
      double m = 0;
      for (int i = 0; i < D; i++) m += e->theta[i] * c.x[a * D + i];
      ck_assert(fabs(c.mean[a] - m) <= 0.1);
      off = fmax(off, fabs(c.mean[a] - m));
      best = fmax(best, c.mean[a]);
    }
    ck_assert(best == c.best);
  }
  ck_assert(off > 0.05);
  mst_environment_destroy(e);
}
END_TEST

START_TEST(a_reward_has_the_noise_that_was_asked_for) {
  enum {
    TIMES = 20000
  };
  double room[ARMS * (D + 1)], sum = 0, square = 0;
  mst_environment *e = instance("gaussian", 1, 0);
  for (int t = 0; t < TIMES; t++) {
    mst_contexts c = mst_environment_offer(e, 2, t, room);
    const double noise = mst_environment_reward(e, &c, 1, 2, t) - c.mean[1];
    sum += noise;
    square += noise * noise;
    ck_assert(mst_environment_reward(e, &c, 1, 2, t) - c.mean[1] == noise);
  }
  ck_assert_double_eq_tol(sum / TIMES, 0, 0.015);
  ck_assert_double_eq_tol(sqrt(square / TIMES), 0.5, 0.01);
  mst_environment_destroy(e);
}
END_TEST

/* What a policy of so much knowledge plays on x(ARMS, D), of `times` draws. */
static void play(const mst_policy_spec *p, int times, const double *x, int *played) {
  double record[ARMS * (2 * D * D + 2 * D) + 2], work[2 * ARMS + ARMS * D + D * D + 2 * D];
  int64_t blocks = 0, width = 0;
  mst_policy_shape(p, ARMS, D, &blocks, &width);
  ck_assert(mst_policy_work(p, ARMS, D) <= (int64_t)(sizeof work / sizeof work[0]));
  const mst_ridge r = mst_ridge_at(record, blocks, width, p->ridge);
  mst_stream s = mst_stream_of(mst_key_make(4, MST_PURPOSE_TEST, 0, 0));
  mst_ridge_start(&r);
  for (int t = 0; t < times; t++) {
    mst_stream own = mst_stream_of(mst_key_make(4, MST_PURPOSE_TEST, 1, (uint64_t)t));
    const mst_policy_offer offer = {.arms = ARMS, .x = x, .round = t};
    mst_choice choice;
    mst_lesson lesson;
    ck_ok(mst_policy_choose(p, &r, &offer, &own, work, &choice));
    const double y = (choice.arm == 2 ? 1 : 0.2) + 0.1 * mst_stream_normal(&s);
    ck_assert(mst_policy_lesson(p, &choice, x, D, y, work, &lesson));
    ck_ok(mst_ridge_learn(&r, lesson.block, lesson.x, lesson.y, work + D));
    played[choice.arm]++;
  }
}

START_TEST(every_policy_finds_the_best_arm) {
  double x[ARMS * D] = {0};
  for (int a = 0; a < ARMS; a++) x[a * D + a] = 1;
  static const char *const names[] = {"linucb", "thompson", "epsilon_greedy", "ucb1"};
  for (int k = 0; k < 4; k++)
    for (int disjoint = 0; disjoint < 2; disjoint++) {
      int played[ARMS] = {0};
      mst_policy_spec p = mst_policy_defaults(names[k]);
      p.noise = 0.1;
      p.scale = 0.1;
      p.disjoint = disjoint;
      ck_ok(mst_policy_check(&p));
      play(&p, 1000, x, played);
      ck_assert_msg(played[2] > 850, "%s: %d of 1000", p.kind, played[2]);
    }
}
END_TEST

START_TEST(linucb_plays_the_largest_upper_bound) {
  double record[2 * 2 * 2 + 2 * 2 + 2], work[2 * 2 + 2 * 2 + 8];
  const double x[] = {1, 0, 0, 1};
  const mst_ridge r = mst_ridge_at(record, 1, 2, 1);
  mst_policy_spec p = mst_policy_defaults("linucb");
  mst_stream s = mst_stream_of(mst_key_make(4, MST_PURPOSE_TEST, 0, 0));
  const mst_policy_offer offer = {.arms = 2, .x = x};
  mst_choice choice;
  mst_ridge_start(&r);
  ck_ok(mst_ridge_learn(&r, 0, x, 1, work)); /* theta = (1/2, 0), spreads 1/2 and 1 */
  p.beta = 0.5 / (1 - sqrt(0.5)) - 1e-9;
  ck_ok(mst_policy_choose(&p, &r, &offer, &s, work, &choice));
  ck_assert_int_eq(choice.arm, 0);
  p.beta += 2e-9;
  ck_ok(mst_policy_choose(&p, &r, &offer, &s, work, &choice));
  ck_assert_int_eq(choice.arm, 1);
  p.beta = 0; /* sigma (log 2 + 2 log 100)^(1/2) + 1 */
  ck_assert_double_eq_tol(mst_policy_width(&p, &r), sqrt(log(2) + 2 * log(100)) + 1, 1e-12);
}
END_TEST

START_TEST(thompson_draws_with_the_covariance_of_what_is_known) {
  enum {
    TIMES = 20000
  };
  double record[2 * 2 * 2 + 2 * 2 + 2], work[2 * 2 + 2 * 2 + 8];
  const double x[] = {1, 0, 0.6, 0.8}, learned[] = {1, 0.5};
  const mst_ridge r = mst_ridge_at(record, 1, 2, 1);
  mst_policy_spec p = mst_policy_defaults("thompson");
  mst_stream s = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, 0, 0));
  const mst_policy_offer offer = {.arms = 2, .x = x};
  mst_choice choice;
  int64_t second = 0;
  mst_ridge_start(&r);
  for (int t = 0; t < 3; t++) ck_ok(mst_ridge_learn(&r, 0, learned, 0.3, work));
  for (int t = 0; t < TIMES; t++) {
    ck_ok(mst_policy_choose(&p, &r, &offer, &s, work, &choice));
    second += choice.arm;
  }
  /* The difference of the two is normal: how often is it positive? */
  const double z[] = {x[2] - x[0], x[3] - x[1]};
  double mean = 0, variance = 0;
  for (int i = 0; i < 2; i++) {
    mean += z[i] * r.theta[i];
    for (int j = 0; j < 2; j++) variance += z[i] * r.inverse[i * 2 + j] * z[j];
  }
  const double expected = erfc(-mean / sqrt(2 * variance)) / 2;
  ck_assert_double_eq_tol((double)second / TIMES, expected, 0.012);
}
END_TEST

START_TEST(settings_out_of_range_are_refused) {
  mst_environment_spec e = {.kind = "sphere", .dimension = 0, .arms = 2, .theta = "equal"};
  ck_refused(mst_environment_check(&e), MST_ERR_INPUT, "environment.dimension");
  e.dimension = 2;
  e.kind = "spere";
  ck_refused(mst_environment_check(&e), MST_ERR_INPUT, "sphere");
  mst_policy_spec p = mst_policy_defaults("linucb");
  p.ridge = 0;
  ck_refused(mst_policy_check(&p), MST_ERR_INPUT, "policy.ridge");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, updates_by_rank_one_agree_with_a_factorisation);
  tcase_add_test(tc, a_score_is_the_mean_and_the_spread_of_each_arm);
  tcase_add_test(tc, statistics_that_are_not_finite_are_refused);
  tcase_add_test(tc, arms_have_the_law_of_their_environment);
  tcase_add_test(tc, rewards_are_linear_up_to_the_misspecification);
  tcase_add_test(tc, a_reward_has_the_noise_that_was_asked_for);
  tcase_add_test(tc, every_policy_finds_the_best_arm);
  tcase_add_test(tc, linucb_plays_the_largest_upper_bound);
  tcase_add_test(tc, thompson_draws_with_the_covariance_of_what_is_known);
  tcase_add_test(tc, settings_out_of_range_are_refused);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
