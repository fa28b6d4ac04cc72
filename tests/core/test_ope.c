/* Off-policy evaluation on made-up logs whose truth is known: how often intervals hold it, what is
 * biased and what is not, replay against the target itself, and sums against their definitions. */
#include <math.h>
#include <string.h>

#include "core/bandit/ridge.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/base/summary.h"
#include "core/ope/logged.h"
#include "tests/harness.h"

enum {
  D = 2,
  W = D + 1,
  ARMS = 3,
  FOLDS = 4,
  ROWS = 500,
  REPLICATES = 400,
  EVALUATORS = 5
};

enum {
  REPLAY,
  IPS,
  SNIPS,
  DM,
  DR
};

/* <weight_a, x>: what arms pay where rewards are linear, and by what the target chooses. */
static const double PAYS[ARMS * W] = {0.8, 0.1, 0.2, -0.3, 0.9, 0.1, 0.2, -0.7, 0.3};
static const double CHOOSES[ARMS * W] = {1.0, 0.4, 0.0, -0.5, 1.2, 0.3, 0.4, -0.9, 0.1};

typedef struct world {
  bool curved;  /* rewards are not linear           */
  bool uniform; /* arms are logged uniformly        */
  double noise;
} world;

static const mst_target_policy TARGET = {
    .kind = MST_OPE_SOFTMAX, .arms = ARMS, .width = W, .temperature = 0.5, .weight = CHOOSES};

typedef struct row {
  double x[W], reward, propensity;
  int64_t arm;
} row;

static double mean_reward(const world *w, const double *x, int64_t arm) {
  double mean = 0;
  for (int i = 0; i < W; i++) mean += PAYS[arm * W + i] * x[i];
  return w->curved ? mean + (arm == 0 ? 1.5 : -0.8) * x[0] * x[0] : mean;
}

static void draw_context(mst_stream *s, double *x) {
  for (int i = 0; i < D; i++) x[i] = mst_stream_normal(s);
  x[D] = 1;
}

/* The logging policy has a favourite in every quadrant. */
static void logging(const world *w, const double *x, double *chance) {
  const int favourite = (x[0] > 0) + (x[1] > 0.3);
  for (int a = 0; a < ARMS; a++) chance[a] = w->uniform ? 1.0 / ARMS : a == favourite ? 0.6 : 0.2;
}

static row draw_row(const world *w, mst_stream *s, bool by_target) {
  row r;
  double chance[ARMS];
  draw_context(s, r.x);
  if (by_target)
    mst_target_chances(&TARGET, r.x, chance);
  else
    logging(w, r.x, chance);
  r.arm = mst_stream_choose(s, ARMS, chance);
  r.propensity = chance[r.arm];
  r.reward = mean_reward(w, r.x, r.arm) + w->noise * mst_stream_normal(s);
  return r;
}

static mst_stream stream_of(uint64_t what, int64_t i) {
  return mst_stream_of(mst_key_make(11, MST_PURPOSE_TEST, what, (uint64_t)i));
}

static double truth_of(const world *w) {
  enum {
    DRAWS = 400000
  };
  mst_stream s = stream_of(1, 0);
  double sum = 0, x[W], chance[ARMS];
  for (int i = 0; i < DRAWS; i++) {
    draw_context(&s, x);
    mst_target_chances(&TARGET, x, chance);
    for (int a = 0; a < ARMS; a++) sum += chance[a] * mean_reward(w, x, a);
  }
  return sum / DRAWS;
}

static void draw_log(const world *w, int64_t replicate, int n, row *log) {
  mst_stream s = stream_of(2, replicate);
  for (int i = 0; i < n; i++) log[i] = draw_row(w, &s, false);
}

static void fit(const row *log, int n, uint64_t seed, mst_reward_models *m) {
  const int64_t sums_n = mst_ridge_sums(ARMS, W);
  double *sums = NULL, played[ARMS * W] = {0}, chance[ARMS];
  ck_ok(mst_alloc(&sums, FOLDS * sums_n, sizeof *sums, "sums"));
  for (int i = 0; i < n; i++) {
    mst_ridge_sums_learn(sums + mst_logged_fold(seed, i, FOLDS) * sums_n, ARMS, W, log[i].arm,
                         log[i].x, log[i].reward);
    mst_target_chances(&TARGET, log[i].x, chance);
    for (int k = 0; k < ARMS * W; k++) played[k] += chance[k / W] * log[i].x[k % W];
  }
  *m = (mst_reward_models){.folds = FOLDS, .arms = ARMS, .width = W};
  ck_ok(mst_reward_models_make(m, sums, played, 1e-6));
  mst_free(sums);
}

/* Estimates of all evaluators. */
static void evaluate(const row *log, int n, const mst_reward_models *m, double least, uint64_t seed,
                     const mst_ope_rule *rule, mst_ope_estimate *out) {
  const mst_log_judge judge = {
      .target = &TARGET, .models = m, .clip = rule->clip, .least = least, .seed = seed};
  double sum[EVALUATORS][MST_OPE_SUMS] = {{0}}, work[2 * ARMS];
  for (int i = 0; i < n; i++) {
    const mst_ope_row r = mst_logged_row(&judge, i, log[i].x, log[i].arm, log[i].reward,
                                         log[i].propensity, work, NULL);
    for (int e = 0; e < EVALUATORS; e++) mst_evaluator_at(e)->add(&r, sum[e]);
  }
  for (int e = 0; e < EVALUATORS; e++)
    ck_ok(mst_evaluator_close(mst_evaluator_at(e), rule, n, sum[e], &out[e]));
}

typedef struct study {
  double covered[EVALUATORS], mean[EVALUATORS], sd[EVALUATORS], error[EVALUATORS], truth;
} study;

static study run_study(const world *w) {
  static const mst_ope_rule rule = {.confidence = 0.95};
  study s = {.truth = truth_of(w)};
  double square[EVALUATORS] = {0};
  row log[ROWS];
  for (int r = 0; r < REPLICATES; r++) {
    mst_reward_models m;
    mst_ope_estimate e[EVALUATORS];
    draw_log(w, r, ROWS, log);
    fit(log, ROWS, (uint64_t)r, &m);
    evaluate(log, ROWS, &m, w->uniform ? 1.0 / ARMS : 0.2, (uint64_t)r, &rule, e);
    mst_reward_models_clear(&m);
    for (int k = 0; k < EVALUATORS; k++) {
      const double off = e[k].value - s.truth;
      s.covered[k] += (e[k].low <= s.truth && s.truth <= e[k].high) / (double)REPLICATES;
      s.mean[k] += off / REPLICATES;
      s.error[k] += e[k].error / REPLICATES;
      square[k] += off * off;
    }
  }
  for (int k = 0; k < EVALUATORS; k++)
    s.sd[k] = sqrt(square[k] / REPLICATES - s.mean[k] * s.mean[k]);
  return s;
}

static void covers(const study *s, int k) {
  const char *name = mst_evaluator_at(k)->name;
  ck_assert_msg(s->covered[k] >= 0.92 && s->covered[k] <= 0.975, "%s: %g covered", name,
                s->covered[k]);
  ck_assert_msg(fabs(s->mean[k]) < 3.5 * s->sd[k] / sqrt(REPLICATES) + 0.003,
                "%s: bias %g of sd %g", name, s->mean[k], s->sd[k]);
  ck_assert_msg(fabs(s->error[k] / s->sd[k] - 1) < 0.12, "%s: error %g of sd %g", name, s->error[k],
                s->sd[k]);
}

START_TEST(intervals_hold_the_truth_as_often_as_they_say) {
  const world w = {.noise = 0.5};
  const study s = run_study(&w);
  for (int k = 0; k < EVALUATORS; k++) covers(&s, k);
  /* the model is right: what it explains no longer varies */
  ck_assert_msg(s.sd[DR] < 0.8 * s.sd[IPS], "sd %g, of ips %g", s.sd[DR], s.sd[IPS]);
  ck_assert_double_lt(s.sd[SNIPS], s.sd[IPS]);
}
END_TEST

START_TEST(a_wrong_model_misleads_the_direct_method_alone) {
  const world w = {.curved = true, .noise = 0.5};
  const study s = run_study(&w);
  covers(&s, IPS);
  covers(&s, SNIPS);
  covers(&s, DR);
  ck_assert_msg(fabs(s.mean[DM]) > 2 * s.sd[DM] && s.covered[DM] < 0.5,
                "bias %g of sd %g, %g covered", s.mean[DM], s.sd[DM], s.covered[DM]);
}
END_TEST

/* Largest distance between the distribution functions of two samples. */
static double distance(double *a, int n, double *b, int m) {
  double most = 0;
  mst_summary_sort(a, n);
  mst_summary_sort(b, m);
  for (int i = 0, j = 0; i < n && j < m;) {
    if (a[i] <= b[j])
      i++;
    else
      j++;
    most = fmax(most, fabs((double)i / n - (double)j / m));
  }
  return most;
}

/* Rewards of the rows that replay accepts, against those of the target itself, online. */
static double replay_distance(const world *w, double least, double *bound) {
  enum {
    N = 40000
  };
  const mst_log_judge judge = {.target = &TARGET, .least = least, .seed = 5};
  double *accepted = NULL, *online = NULL, work[2 * ARMS];
  int n = 0;
  ck_ok(mst_alloc(&accepted, N, sizeof *accepted, "rewards"));
  ck_ok(mst_alloc(&online, N, sizeof *online, "rewards"));
  mst_stream s = stream_of(3, 0), t = stream_of(4, 0);
  for (int i = 0; i < N; i++) {
    const row r = draw_row(w, &s, false);
    const mst_ope_row o = mst_logged_row(&judge, i, r.x, r.arm, r.reward, r.propensity, work, NULL);
    if (o.accepted) accepted[n++] = r.reward;
    online[i] = draw_row(w, &t, true).reward;
  }
  ck_assert_int_gt(n, N / 6);
  const double d = distance(accepted, n, online, N);
  *bound = 1.63 * sqrt((double)(n + N) / n / N); /* one in a hundred is beyond */
  mst_free(accepted);
  mst_free(online);
  return d;
}

START_TEST(replay_pays_what_the_target_is_paid_online_in_law) {
  for (int uniform = 0; uniform < 2; uniform++) {
    const world w = {.curved = true, .uniform = uniform == 1, .noise = 0.2};
    double bound;
    const double d = replay_distance(&w, uniform == 1 ? 1.0 / ARMS : 0.2, &bound);
    ck_assert_msg(d < bound, "distance %g of %g", d, bound);
    if (uniform == 1) continue;
    const double blind = replay_distance(&w, INFINITY, &bound); /* as if p did not matter */
    ck_assert_msg(blind > bound, "distance %g of %g", blind, bound);
  }
}
END_TEST

START_TEST(a_fold_is_judged_by_a_model_that_has_not_seen_it) {
  const world w = {.noise = 0.5};
  row log[80];
  mst_reward_models all, others;
  draw_log(&w, 1, 80, log);
  fit(log, 80, 9, &all);
  for (int i = 0; i < 80; i++)
    if (mst_logged_fold(9, i, FOLDS) == 2) log[i].reward += 100;
  fit(log, 80, 9, &others);
  for (int f = 0; f <= FOLDS; f++) {
    double off = 0;
    for (int i = 0; i < ARMS * W; i++)
      off = fmax(off, fabs(all.theta[f * ARMS * W + i] - others.theta[f * ARMS * W + i]));
    ck_assert_msg(f == 2 ? off < 1e-9 : off > 1, "fold %d: %g", f, off);
  }
  mst_reward_models_clear(&all);
  mst_reward_models_clear(&others);
}
END_TEST

START_TEST(a_reward_moves_the_direct_method_by_its_lever) {
  static const mst_ope_rule rule = {.confidence = 0.95};
  const world w = {.noise = 0.5};
  row log[80];
  mst_reward_models m, moved;
  mst_ope_estimate before[EVALUATORS], after[EVALUATORS];
  draw_log(&w, 2, 80, log);
  fit(log, 80, 9, &m);
  evaluate(log, 80, &m, 0.2, 9, &rule, before);
  log[7].reward += 3;
  fit(log, 80, 9, &moved);
  evaluate(log, 80, &moved, 0.2, 9, &rule, after);
  double lever = 0;
  for (int i = 0; i < W; i++) lever += m.lever[log[7].arm * W + i] * log[7].x[i];
  ck_assert_double_eq_tol(after[DM].value - before[DM].value, 3 * lever / 80, 1e-9);
  mst_reward_models_clear(&m);
  mst_reward_models_clear(&moved);
}
END_TEST

START_TEST(a_common_reward_is_no_matter_to_weighted_means) {
  static const mst_ope_rule rule = {.confidence = 0.95};
  const world w = {.noise = 0.5};
  row log[200];
  mst_reward_models m;
  mst_ope_estimate e[EVALUATORS], shifted[EVALUATORS];
  draw_log(&w, 3, 200, log);
  fit(log, 200, 9, &m);
  evaluate(log, 200, &m, 0.2, 9, &rule, e);
  for (int i = 0; i < 200; i++) log[i].reward += 10;
  mst_reward_models_clear(&m);
  fit(log, 200, 9, &m);
  evaluate(log, 200, &m, 0.2, 9, &rule, shifted);
  mst_reward_models_clear(&m);
  for (int k = 0; k < EVALUATORS; k++) {
    const double off = shifted[k].value - e[k].value - 10;
    ck_assert_msg((fabs(off) < 1e-5) == (k != IPS), "%s: %g", mst_evaluator_at(k)->name, off);
    ck_assert_msg((fabs(shifted[k].error - e[k].error) < 1e-5) == (k != IPS), "%s",
                  mst_evaluator_at(k)->name);
  }
}
END_TEST

START_TEST(estimates_are_those_of_hand_counting) {
  static const mst_ope_rule rule = {.confidence = 0.95};
  const mst_ope_row rows[3] = {{.weight = 2, .reward = 1, .accepted = true},
                               {.weight = 0, .reward = 5},
                               {.weight = 1, .reward = 4, .accepted = true}};
  mst_ope_estimate e[3];
  for (int k = 0; k < 3; k++) {
    double sum[MST_OPE_SUMS] = {0};
    for (int i = 0; i < 3; i++) mst_evaluator_at(k)->add(&rows[i], sum);
    ck_ok(mst_evaluator_close(mst_evaluator_at(k), &rule, 3, sum, &e[k]));
  }
  /* terms 2 0 4 */
  ck_assert_double_eq_tol(e[IPS].value, 2, 1e-12);
  ck_assert_double_eq_tol(e[IPS].error, sqrt(4.0 / 3), 1e-12);
  ck_assert_double_eq_tol(e[IPS].high, 2 + 1.959964 * sqrt(4.0 / 3), 1e-5);
  /* 6 / 3; w (r - 2) is -2 0 2, over a mean weight of 1 */
  ck_assert_double_eq_tol(e[SNIPS].value, 2, 1e-12);
  ck_assert_double_eq_tol(e[SNIPS].error, sqrt(4.0 / 3), 1e-12);
  /* 1 and 4 */
  ck_assert_double_eq_tol(e[REPLAY].value, 2.5, 1e-12);
  ck_assert_double_eq_tol(e[REPLAY].error, 1.5, 1e-12);
  ck_assert_int_eq(e[REPLAY].rows, 2);
  ck_assert_int_eq(e[IPS].rows, 3);
}
END_TEST

START_TEST(bernstein_intervals_are_of_stated_ranges) {
  mst_ope_rule rule = {.confidence = 0.95, .bernstein = true, .reward_least = -1, .reward_most = 2};
  ck_refused(mst_evaluator_check(mst_evaluator_find("dr"), &rule), MST_ERR_UNSUPPORTED, "dr");
  ck_refused(mst_evaluator_check(mst_evaluator_find("snips"), &rule), MST_ERR_UNSUPPORTED, "snips");
  ck_refused(mst_evaluator_check(mst_evaluator_find("ips"), &rule), MST_ERR_UNSUPPORTED,
             "evaluate.clip");
  rule.clip = 4;
  ck_ok(mst_evaluator_check(mst_evaluator_find("ips"), &rule));
  const double sum[MST_OPE_SUMS] = {50, 125}; /* of 100 terms: mean 0.5, variance 1 */
  mst_ope_estimate e;
  ck_ok(mst_evaluator_close(mst_evaluator_find("ips"), &rule, 100, sum, &e));
  const double l = log(3 / 0.05), half = sqrt(2 * 1.0 * l / 100) + 3 * 12 * l / 100;
  ck_assert_double_eq_tol(e.high, 0.5 + half, 1e-12);
  ck_assert_double_eq_tol(e.low, 0.5 - half, 1e-12);
  rule.reward_most = -1;
  ck_refused(mst_ope_rule_check(&rule), MST_ERR_INPUT, "no range");
  rule = (mst_ope_rule){.confidence = 1};
  ck_refused(mst_ope_rule_check(&rule), MST_ERR_INPUT, "evaluate.confidence");
}
END_TEST

START_TEST(nothing_is_made_of_no_rows) {
  static const mst_ope_rule rule = {.confidence = 0.95};
  const double zero[MST_OPE_SUMS] = {0}, one[MST_OPE_SUMS] = {3, 9, 1};
  mst_ope_estimate e;
  ck_refused(mst_evaluator_close(mst_evaluator_find("replay"), &rule, 10, zero, &e), MST_ERR_INPUT,
             "none of 10 logged rows");
  ck_refused(mst_evaluator_close(mst_evaluator_find("snips"), &rule, 10, zero, &e), MST_ERR_INPUT,
             "none of 10 logged rows");
  ck_ok(mst_evaluator_close(mst_evaluator_find("replay"), &rule, 10, one, &e));
  ck_assert_double_eq(e.value, 3);
  ck_assert(isnan(e.low) && isnan(e.error));
}
END_TEST

START_TEST(targets_play_what_they_say) {
  const double x[W] = {1, -1, 1};
  double chance[ARMS];
  mst_target_policy t = TARGET;
  mst_target_chances(&t, x, chance); /* scores 0.6, -1.4, 1.4 over 0.5 */
  ck_assert_double_eq_tol(chance[2] / chance[0], exp(1.6), 1e-9);
  ck_assert_double_eq_tol(chance[0] + chance[1] + chance[2], 1, 1e-12);
  t.kind = MST_OPE_GREEDY;
  mst_target_chances(&t, x, chance);
  ck_assert(chance[0] == 0 && chance[1] == 0 && chance[2] == 1);
  t.kind = MST_OPE_CONSTANT;
  t.arm = 1;
  mst_target_chances(&t, x, chance);
  ck_assert(chance[0] == 0 && chance[1] == 1 && chance[2] == 0);
  int count[ARMS] = {0};
  const double odds[ARMS] = {0.5, 0, 0.5};
  mst_stream s = stream_of(6, 0);
  for (int i = 0; i < 1000; i++) count[mst_stream_choose(&s, ARMS, odds)]++;
  ck_assert_int_eq(count[1], 0);
  ck_assert_int_lt(abs(count[0] - 500), 60);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("ope");
  TCase *tcase = tcase_create("ope");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, intervals_hold_the_truth_as_often_as_they_say);
  tcase_add_test(tcase, a_wrong_model_misleads_the_direct_method_alone);
  tcase_add_test(tcase, replay_pays_what_the_target_is_paid_online_in_law);
  tcase_add_test(tcase, a_fold_is_judged_by_a_model_that_has_not_seen_it);
  tcase_add_test(tcase, a_reward_moves_the_direct_method_by_its_lever);
  tcase_add_test(tcase, a_common_reward_is_no_matter_to_weighted_means);
  tcase_add_test(tcase, estimates_are_those_of_hand_counting);
  tcase_add_test(tcase, bernstein_intervals_are_of_stated_ranges);
  tcase_add_test(tcase, nothing_is_made_of_no_rows);
  tcase_add_test(tcase, targets_play_what_they_say);
  suite_add_tcase(suite, tcase);
  return mst_test_main(argc, argv, suite);
}
