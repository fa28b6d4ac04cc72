/* Off-policy evaluation over ranks: the same bits on any number of them and for any window, what is
 * learned from which rows, and logs that are refused. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/off_policy.h"
#include "tests/harness.h"
#include "tests/parallel/teams.h"

enum {
  D = 3,
  WIDTH = D + 1,
  ARMS = 4,
  ROWS = 9000 /* nine blocks */
};


/* Rows as of a file; one is broken. */
typedef struct table {
  int64_t broken; /* a row; -1 = none */
  float x, reward, propensity;
  int32_t arm;    /* what that row has */
  float first_x0; /* of row 0, NaN = as drawn */
} table;

static mst_status read_table(void *context, int64_t first, int64_t count, float *x, int32_t *arm,
                             float *reward, float *propensity) {
  static const float CHANCE[ARMS] = {0.4F, 0.3F, 0.2F, 0.1F};
  const table *t = context;
  for (int64_t i = 0; i < count; i++) {
    mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, (uint64_t)(first + i), 0));
    for (int j = 0; j < D; j++) x[i * D + j] = (float)mst_stream_normal(&s);
    const double u = mst_stream_uniform(&s);
    arm[i] = u < 0.4 ? 0 : u < 0.7 ? 1 : u < 0.9 ? 2 : 3;
    propensity[i] = CHANCE[arm[i]];
    reward[i] = (float)(arm[i] == (x[i * D] > 0 ? 1 : 2)) + 0.1F * (float)mst_stream_normal(&s);
    if (first + i != t->broken) continue;
    x[i * D + 1] = t->x;
    reward[i] = t->reward;
    propensity[i] = t->propensity;
    arm[i] = t->arm;
  }
  return MST_OK;
}

static table sound(void) {
  return (table){.broken = -1, .x = 0.5F, .reward = 1, .propensity = 0.5F};
}

static mst_log_reader reader(table *t) {
  return (mst_log_reader){
      .context = t, .rows = ROWS, .row_elements = D, .arms = ARMS, .read = read_table};
}

static mst_off_policy_options options(const mst_log_reader *log, mst_target_kind kind) {
  mst_off_policy_options o = {.seed = 4,
                              .log = log,
                              .target = {.kind = kind, .arm = 1, .temperature = 0.5},
                              .train_fraction = 0.3,
                              .target_ridge = 1,
                              .folds = 3,
                              .ridge = 1,
                              .rule = {.confidence = 0.95}};
  for (; mst_evaluator_at(o.evaluators) != NULL; o.evaluators++)
    o.evaluator[o.evaluators] = mst_evaluator_at(o.evaluators);
  return o;
}

static void same_totals(const mst_off_policy_totals *a, const mst_off_policy_totals *b, int n) {
  for (int e = 0; e < n; e++) {
    ck_assert_mem_eq(&a->estimate[e].value, &b->estimate[e].value, sizeof(double));
    ck_assert_mem_eq(&a->estimate[e].error, &b->estimate[e].error, sizeof(double));
    ck_assert_int_eq(a->estimate[e].rows, b->estimate[e].rows);
  }
  ck_assert_double_eq(a->effective, b->effective);
  ck_assert_double_eq(a->weight_most, b->weight_most);
  ck_assert_int_eq(a->matched, b->matched);
}

START_TEST(bits_depend_neither_on_ranks_nor_on_windows) {
  static const mst_target_kind KINDS[] = {MST_OPE_UNIFORM, MST_OPE_CONSTANT, MST_OPE_GREEDY,
                                          MST_OPE_SOFTMAX};
  table t = sound();
  const mst_log_reader log = reader(&t);
  for (int k = 0; k < 4; k++) {
    mst_off_policy_options o = options(&log, KINDS[k]);
    mst_off_policy_totals one, many, narrow;
    double weight[3][ARMS * WIDTH] = {{0}};
    ck_ok(mst_off_policy(alone, &o, NULL, weight[0], &one));
    ck_ok(mst_off_policy(world, &o, NULL, weight[1], &many));
    o.window_bytes = 1; /* a block at a time */
    ck_ok(mst_off_policy(world, &o, NULL, weight[2], &narrow));
    ck_assert_mem_eq(weight[0], weight[1], sizeof weight[0]);
    ck_assert_mem_eq(weight[0], weight[2], sizeof weight[0]);
    same_totals(&one, &many, o.evaluators);
    same_totals(&one, &narrow, o.evaluators);
    ck_assert_int_eq(one.train_rows, k < 2 ? 0 : 2700);
    ck_assert_int_eq(one.train_rows + one.rows, ROWS);
  }
}
END_TEST

START_TEST(estimates_are_near_what_the_target_is_paid) {
  table t = sound();
  const mst_log_reader log = reader(&t);
  /* a uniform target is paid one reward of 1 in four; arm 1 is right half of the time */
  for (int k = 0; k < 2; k++) {
    const mst_off_policy_options o = options(&log, k == 0 ? MST_OPE_UNIFORM : MST_OPE_CONSTANT);
    const double truth = k == 0 ? 0.25 : 0.5;
    mst_off_policy_totals totals;
    ck_ok(mst_off_policy(world, &o, NULL, NULL, &totals));
    for (int e = 0; e < o.evaluators; e++) {
      const mst_ope_estimate *s = &totals.estimate[e];
      ck_assert_msg(fabs(s->value - truth) < 4 * s->error && s->error < 0.03, "%s: %g +- %g",
                    o.evaluator[e]->name, s->value, s->error);
    }
    ck_assert_double_eq_tol(totals.weight_mean, 1, 0.05);
  }
  /* the best of the modelled rewards: arm 1 or 2 by the sign of x0, nearly */
  const mst_off_policy_options o = options(&log, MST_OPE_GREEDY);
  double weight[ARMS * WIDTH];
  mst_off_policy_totals totals;
  ck_ok(mst_off_policy(world, &o, NULL, weight, &totals));
  ck_assert_double_gt(totals.estimate[4].low, 0.9);
  ck_assert_double_gt(weight[1 * WIDTH], 0.2);
  ck_assert_double_lt(weight[2 * WIDTH], -0.2);
}
END_TEST

START_TEST(a_given_target_is_judged_by_all_rows) {
  table t = sound();
  const mst_log_reader log = reader(&t);
  mst_off_policy_options o = options(&log, MST_OPE_GREEDY);
  double weight[ARMS * WIDTH] = {0}, same[ARMS * WIDTH];
  mst_off_policy_totals greedy, constant;
  weight[1 * WIDTH + D] = 1; /* arm 1 wins everywhere */
  o.target.weight = weight;
  ck_ok(mst_off_policy(world, &o, NULL, same, &greedy));
  ck_assert_mem_eq(weight, same, sizeof weight);
  o = options(&log, MST_OPE_CONSTANT);
  ck_ok(mst_off_policy(world, &o, NULL, NULL, &constant));
  same_totals(&greedy, &constant, o.evaluators);
  ck_assert_int_eq(greedy.rows, ROWS);
}
END_TEST

START_TEST(clipped_weights_are_counted_and_cut) {
  table t = sound();
  const mst_log_reader log = reader(&t);
  mst_off_policy_options o = options(&log, MST_OPE_UNIFORM);
  mst_off_policy_totals plain, clipped;
  ck_ok(mst_off_policy(world, &o, NULL, NULL, &plain));
  ck_assert_double_eq_tol(plain.weight_most, 2.5, 1e-6);
  ck_assert_int_eq(plain.clipped, 0);
  o.rule.clip = 2;
  ck_ok(mst_off_policy(world, &o, NULL, NULL, &clipped));
  ck_assert_double_eq(clipped.weight_most, 2);
  ck_assert_int_gt(clipped.clipped, ROWS / 12); /* those of arm 3 */
  ck_assert_int_lt(clipped.clipped, ROWS / 8);
  ck_assert_double_lt(clipped.estimate[1].value, plain.estimate[1].value + 0.01);
  ck_assert_double_gt(clipped.effective, plain.effective);
}
END_TEST

static void refuses(table t, mst_status code, const char *says) {
  const mst_log_reader log = reader(&t);
  const mst_off_policy_options o = options(&log, MST_OPE_UNIFORM);
  mst_off_policy_totals totals;
  ck_refused(mst_off_policy(world, &o, NULL, NULL, &totals), code, says);
}

START_TEST(rows_that_cannot_be_are_refused_by_number) {
  static const float PROPENSITY[] = {0, -0.1F, 1.001F, NAN, INFINITY};
  table t = sound();
  t.broken = 4321;
  for (int i = 0; i < 5; i++) {
    t.propensity = PROPENSITY[i];
    refuses(t, MST_ERR_INPUT, "row 4321 of the log, counted from 0, has a propensity that is not");
  }
  t = sound();
  t.broken = ROWS - 1;
  t.reward = NAN;
  refuses(t, MST_ERR_NONFINITE, "row 8999 of the log, counted from 0, has a reward of NaN");
  t = sound();
  t.broken = 0;
  t.x = INFINITY;
  refuses(t, MST_ERR_NONFINITE, "1 of 9000 rows do");
  t = sound();
  t.broken = 5;
  t.arm = ARMS;
  refuses(t, MST_ERR_INPUT, "row 5 of the log, counted from 0, has an arm outside");
  t.arm = -1;
  refuses(t, MST_ERR_INPUT, "has an arm outside");
}
END_TEST

START_TEST(a_reward_out_of_its_stated_range_is_refused) {
  table t = sound();
  t.broken = 77;
  t.reward = 9;
  const mst_log_reader log = reader(&t);
  mst_off_policy_options o = options(&log, MST_OPE_UNIFORM);
  mst_off_policy_totals totals;
  o.evaluators = 2;
  o.rule = (mst_ope_rule){
      .confidence = 0.95, .clip = 10, .bernstein = true, .reward_least = -1, .reward_most = 2};
  ck_refused(mst_off_policy(world, &o, NULL, NULL, &totals), MST_ERR_INPUT, "row 77 of the log");
  o.rule.reward_most = 9;
  ck_ok(mst_off_policy(world, &o, NULL, NULL, &totals));
  ck_assert_double_gt(totals.estimate[1].high - totals.estimate[1].value,
                      2 * totals.estimate[1].error);
}
END_TEST

/* Arms of which the log has none. */
static mst_status read_arm_0(void *context, int64_t first, int64_t count, float *x, int32_t *arm,
                             float *reward, float *propensity) {
  MST_TRY(read_table(context, first, count, x, arm, reward, propensity));
  for (int64_t i = 0; i < count; i++) arm[i] = 0;
  return MST_OK;
}

START_TEST(a_log_that_never_plays_the_target_says_nothing) {
  table t = sound();
  mst_log_reader log = reader(&t);
  log.read = read_arm_0;
  mst_off_policy_options o = options(&log, MST_OPE_CONSTANT);
  mst_off_policy_totals totals;
  ck_refused(mst_off_policy(world, &o, NULL, NULL, &totals), MST_ERR_INPUT,
             "effective sample size is 0");
  o.evaluators = 1;
  o.evaluator[0] = mst_evaluator_find("dm");
  ck_ok(mst_off_policy(world, &o, NULL, NULL, &totals));
  ck_assert_double_eq(totals.effective, 0);
  o.target.arm = ARMS;
  ck_refused(mst_off_policy(world, &o, NULL, NULL, &totals), MST_ERR_INPUT, "target.arm is 4");
  o = options(&log, MST_OPE_GREEDY);
  o.train_fraction = 1;
  ck_refused(mst_off_policy(world, &o, NULL, NULL, &totals), MST_ERR_INPUT, "train_fraction");
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  table t = sound();
  const mst_log_reader log = reader(&t);
  const mst_off_policy_options o = options(&log, MST_OPE_SOFTMAX);
  double weight[ARMS * WIDTH];
  mst_off_policy_totals totals;
  for (int n = 1; n < 20; n += 4) {
    if (mst_team_rank(world) == mst_team_size(world) - 1) mst_memory_fail_at(n);
    ck_refused(mst_off_policy(world, &o, NULL, weight, &totals), MST_ERR_MEMORY, "");
    mst_memory_fail_at(0);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("off-policy evaluation over ranks");
  TCase *c = tcase_create("logs");
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, bits_depend_neither_on_ranks_nor_on_windows);
  tcase_add_test(c, estimates_are_near_what_the_target_is_paid);
  tcase_add_test(c, a_given_target_is_judged_by_all_rows);
  tcase_add_test(c, clipped_weights_are_counted_and_cut);
  tcase_add_test(c, rows_that_cannot_be_are_refused_by_number);
  tcase_add_test(c, a_reward_out_of_its_stated_range_is_refused);
  tcase_add_test(c, a_log_that_never_plays_the_target_says_nothing);
  tcase_add_test(c, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
