/* Protocols of distributed bandits: their triggers, the schedule of batches, designs, exploration
 * policies, the elimination of arms. */
#include "core/bandit/protocol.h"

#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/bandit/exploration.h"
#include "core/base/memory.h"
#include "tests/harness.h"

enum {
  D = 4,
  ARMS = 12,
  SETS = 6
};

static mst_protocol_spec defaults(const char *kind) {
  mst_protocol_spec s = {.kind = kind, .agents = 10, .horizon = 1000, .width = D, .noise = 0.5};
  mst_param_defaults(mst_protocol_find(kind)->params, &s);
  return s;
}

static bool asks(const mst_protocol_spec *s, int64_t unsent, double growth, bool met) {
  const mst_protocol_agent a = {
      .unsent = unsent, .logdet = 5 + growth, .logdet_then = 5, .met = met};
  return mst_protocol_find(s->kind)->online->asks(s, &a);
}

START_TEST(an_agent_speaks_when_its_protocol_says) {
  mst_protocol_spec s = defaults("fedlinucb");
  ck_assert(asks(&s, 1, 0.1, false) && !asks(&s, 1, 0.69, true) && asks(&s, 1, 0.70, true));
  s.first = false;
  ck_assert(!asks(&s, 1, 0.1, false));
  s = defaults("async_linucb");
  ck_assert(!asks(&s, 9, 1.79, false) && asks(&s, 9, 1.80, false));
  ck_assert(!mst_protocol_find(s.kind)->online->pushes(&s, 4.79, 3) &&
            mst_protocol_find(s.kind)->online->pushes(&s, 4.80, 3));
  s = defaults("dislinucb");
  s.threshold = 6;
  ck_assert(!asks(&s, 5, 1.19, true) && asks(&s, 5, 1.2, true));
  s.threshold = 0; /* 1000 log 10^4 / (4 10) = 230.3 */
  ck_assert(!asks(&s, 230, 1, true) && asks(&s, 231, 1, true));
}
END_TEST

START_TEST(batches_follow_the_published_schedule_and_fill_the_rounds) {
  int64_t n = 0, length[MST_BATCHES], sum = 0;
  mst_protocol_schedule(10, 1000000, 20, 0, &n, length);
  ck_assert_int_eq(n, 5); /* 1 + log2(log2(5e5) / 2 + 1) = 4.39 */
  const double a = 1000 * pow(5e5, 1.0 / 30);
  ck_assert_int_eq(length[0], (int64_t)(a * sqrt(2)));
  ck_assert_int_eq(length[1], length[0]);
  ck_assert_int_eq(length[2], (int64_t)(a * sqrt((double)length[1])));
  ck_assert_int_eq(length[3], (int64_t)(a * sqrt((double)length[2])));
  for (int64_t m = 0; m < n; m++) sum += length[m];
  ck_assert_int_eq(sum, 1000000);
  /* Unrolled, the last batch would be all T. */
  ck_assert_double_eq_tol(a * sqrt((double)length[3]), 1e6, 100);
  for (int64_t t = 1; t < 40; t++) {
    mst_protocol_schedule(3, t, 50, 0, &n, length);
    for (int64_t m = sum = 0; m < n; m++) {
      ck_assert(length[m] >= 1);
      sum += length[m];
    }
    ck_assert_int_eq(sum, t);
  }
  mst_protocol_schedule(10, 1000000, 20, 3, &n, length);
  ck_assert_int_eq(n, 3);
}
END_TEST

START_TEST(numbers_of_few_bits_are_the_nearest_on_their_grid) {
  double x[] = {0.3, -0.8, 5, 0};
  mst_protocol_round(4, x, 1, 3); /* thirds */
  ck_assert_double_eq_tol(x[0], 1.0 / 3, 1e-15);
  ck_assert_double_eq_tol(x[1], -2.0 / 3, 1e-15);
  ck_assert_double_eq_tol(x[2], 1, 1e-15);
  ck_assert(x[3] == 0);
  x[0] = 0.3;
  mst_protocol_round(4, x, 1, 64);
  ck_assert(x[0] == 0.3);
}
END_TEST

static void draw_arms(uint64_t seed, int64_t n, double *x) {
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < n * D; i++) x[i] = mst_stream_normal(&s);
}

START_TEST(a_design_is_optimal_within_its_gap) {
  enum {
    N = 40
  };
  double x[N * D], weight[N], v[D * D], *work = NULL, reached = 0, sum = 0;
  bool keep[N];
  draw_arms(1, N, x);
  ck_ok(mst_alloc(&work, mst_design_work(N, D), sizeof *work, "work"));
  for (int a = 0; a < N; a++) keep[a] = a % 3 != 0;
  ck_ok(mst_design_find(N, D, x, keep, 0.01, weight, v, work, &reached));
  ck_assert(reached <= 0.01);
  for (int a = 0; a < N; a++) {
    ck_assert(weight[a] >= 0 && (keep[a] || weight[a] == 0));
    sum += weight[a];
  }
  ck_assert_double_eq_tol(sum, 1, 1e-12);
  /* x'V^-1 x by Gaussian elimination, apart from what was tested. */
  for (int a = 0; a < N; a++) {
    double m[D][D + 1], q = 0;
    for (int i = 0; i < D; i++) {
      for (int j = 0; j < D; j++) {
        m[i][j] = 0;
        for (int b = 0; b < N; b++) m[i][j] += weight[b] * x[b * D + i] * x[b * D + j];
        ck_assert_double_eq_tol(m[i][j], v[i * D + j], 1e-12);
      }
      m[i][D] = x[a * D + i];
    }
    for (int i = 0; i < D; i++)
      for (int k = 0; k < D; k++) {
        const double f = k == i ? 0 : m[k][i] / m[i][i];
        for (int j = 0; j <= D; j++) m[k][j] -= f * m[i][j];
      }
    for (int i = 0; i < D; i++) q += x[a * D + i] * m[i][D] / m[i][i];
    if (keep[a]) ck_assert(q <= 1.011 * D);
  }
  mst_free(work);
}
END_TEST

START_TEST(a_design_of_arms_in_a_plane_and_of_one_arm) {
  double x[5 * D] = {0}, weight[5], v[D * D], *work = NULL, reached = 0;
  bool keep[5] = {true, true, true, true, true};
  for (int a = 0; a < 5; a++) x[a * D] = cos(a), x[a * D + 2] = sin(a);
  ck_ok(mst_alloc(&work, mst_design_work(5, D), sizeof *work, "work"));
  ck_ok(mst_design_find(5, D, x, keep, 0.01, weight, v, work, &reached));
  ck_assert(reached <= 0.01);
  for (int a = 1; a < 5; a++) keep[a] = false;
  ck_ok(mst_design_find(5, D, x, keep, 0.01, weight, v, work, &reached));
  ck_assert(weight[0] == 1);
  mst_free(work);
}
END_TEST

START_TEST(exploration_sees_rare_directions_that_even_play_hardly_does) {
  /* One arm of one set alone has an entry in the last direction. */
  double x[SETS * ARMS * D], chance[ARMS], moment = 0, even = 0;
  bool keep[SETS * ARMS];
  mst_exploration p;
  draw_arms(3, SETS * ARMS, x);
  for (int i = 0; i < SETS * ARMS; i++) {
    keep[i] = i % 5 != 0;
    x[i * D + D - 1] = i == 2 * ARMS + 7 ? 1 : 0;
  }
  const mst_exploration_sets sets = {.sets = SETS, .arms = ARMS, .d = D, .x = x, .keep = keep};
  ck_ok(mst_exploration_learn(&sets, 1e-6, mst_key_make(1, MST_PURPOSE_TEST, 0, 0), &p));
  ck_assert(p.policies >= 1);
  for (int s = 0; s < SETS; s++) {
    double sum = 0, left = 0;
    ck_ok(mst_exploration_policy(&p, x + s * ARMS * D, keep + s * ARMS, chance));
    for (int a = 0; a < ARMS; a++) {
      ck_assert(chance[a] >= 0 && (keep[s * ARMS + a] || chance[a] == 0));
      sum += chance[a];
      left += keep[s * ARMS + a];
      moment += chance[a] * x[(s * ARMS + a) * D + D - 1];
    }
    for (int a = 0; a < ARMS; a++)
      even += keep[s * ARMS + a] * x[(s * ARMS + a) * D + D - 1] / left;
    ck_assert_double_eq_tol(sum, 1, 1e-12);
  }
  ck_assert(moment > 0.5 && even < 0.15);
  mst_exploration_free(&p);
}
END_TEST

/* One agent of a protocol in batches, told rewards without noise. */
START_TEST(batches_eliminate_bad_arms_and_keep_the_best) {
  enum {
    ROUNDS = 4000
  };
  mst_environment *e = NULL;
  const mst_environment_spec spec = {.kind = "sphere",
                                     .dimension = D,
                                     .arms = ARMS,
                                     .sets = SETS,
                                     .noise = 0.1,
                                     .theta = "sphere"};
  mst_protocol_spec s = defaults("disbe_lucb");
  const mst_phased_ops *ops = mst_protocol_find(s.kind)->phased;
  void *p = NULL;
  int64_t t = 0, arm = 0;
  s.agents = 1;
  s.horizon = ROUNDS;
  s.noise = 0.1;
  s.beta = 1;
  ck_ok(mst_environment_create(&spec, 5, &e));
  ck_ok(ops->create(&s, e, &p));
  while (t < ROUNDS) {
    double total[D] = {0}, regret = 0;
    const int64_t begin = t, length = ops->length(p);
    for (; t < begin + length; t++) {
      mst_contexts c = mst_environment_offer(e, 0, t, NULL);
      mst_stream own = mst_stream_of(mst_key_make(6, MST_PURPOSE_TEST, 0, (uint64_t)t));
      const mst_turn turn = {.agent = 0, .round = t, .step = t - begin};
      ck_ok(ops->choose(p, &c, &turn, &own, &arm));
      const double y = mst_environment_reward(e, &c, arm, 0, t);
      ops->gather(p, &c, &turn, arm, y, total);
      regret += c.best - c.mean[arm];
    }
    for (int i = 0; i < D; i++) ck_assert(fabs(total[i]) <= ops->bound(p));
    if (begin == 0) ck_assert(regret > 0.3 * (double)length);
    if (t == ROUNDS) ck_assert(regret < 0.2 * (double)length);
    ck_ok(ops->close(p, total));
  }
  ck_assert_int_eq(t, ROUNDS);
  for (int i = 0; i < D; i++) ck_assert_double_eq_tol(ops->theta(p)[i], e->theta[i], 0.1);
  /* Of every set, what the first batches could tell apart is gone, and the best arm is not. */
  for (int64_t u = 0; u < 400; u++) {
    mst_contexts c = mst_environment_offer(e, 1, u, NULL);
    mst_stream own = mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, 0, (uint64_t)u));
    ck_ok(ops->choose(p, &c, &(mst_turn){.agent = 1, .round = u}, &own, &arm));
    ck_assert(c.best - c.mean[arm] < 0.8);
  }
  ops->destroy(p);
  mst_environment_destroy(e);
}
END_TEST

START_TEST(unknown_protocols_and_settings_are_refused) {
  mst_protocol_spec s = defaults("async_linucb");
  s.upload = 0.5;
  ck_refused(mst_protocol_check(&s), MST_ERR_INPUT, "protocol.upload");
  s.kind = "asyn_linucb";
  ck_refused(mst_protocol_check(&s), MST_ERR_INPUT, "async_linucb");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_protocol");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, an_agent_speaks_when_its_protocol_says);
  tcase_add_test(tc, batches_follow_the_published_schedule_and_fill_the_rounds);
  tcase_add_test(tc, numbers_of_few_bits_are_the_nearest_on_their_grid);
  tcase_add_test(tc, a_design_is_optimal_within_its_gap);
  tcase_add_test(tc, a_design_of_arms_in_a_plane_and_of_one_arm);
  tcase_add_test(tc, exploration_sees_rare_directions_that_even_play_hardly_does);
  tcase_add_test(tc, batches_eliminate_bad_arms_and_keep_the_best);
  tcase_add_test(tc, unknown_protocols_and_settings_are_refused);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
