/* Many users in one world: plans are the best of all policies, covers reach what any policy can,
 * walks follow the transitions, rewards have the rank that they say. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/rl/low_rank.h"
#include "tests/harness.h"

enum {
  S = 3,
  A = 2,
  H = 3,
  TARGETS = H * S,
  PLACES = TARGETS * A
};

static mst_rl_spec spec(int64_t rank) {
  return (mst_rl_spec){.seed = 5,
                       .states = S,
                       .actions = A,
                       .horizon = H,
                       .rank = rank,
                       .noise = 0.1,
                       .concentration = 0.4};
}

START_TEST(a_plan_is_the_best_of_all_policies) {
  const mst_rl_spec s = spec(0);
  double reward[PLACES], value[2 * S], most = -1;
  int32_t policy[TARGETS], each[TARGETS];
  mst_rl *m = NULL;
  ck_ok(mst_rl_create(&s, &m));
  mst_rl_rewards(m, 3, reward);
  for (int code = 0; code < 1 << TARGETS; code++) {
    for (int i = 0; i < TARGETS; i++) each[i] = code >> i & 1;
    most = fmax(most, mst_rl_value(&s, m->p, reward, each, value));
  }
  const double best = mst_rl_plan(&s, m->p, reward, policy, value);
  ck_assert_double_eq_tol(best, most, 1e-12);
  ck_assert_double_eq_tol(mst_rl_value(&s, m->p, reward, policy, value), best, 1e-12);
  mst_rl_destroy(m);
}
END_TEST

/* In a chain action 0 goes on and action 1 back to the start: any actions seldom see its end. */
START_TEST(a_cover_meets_every_pair_and_walks_follow_the_transitions) {
  enum {
    L = 6,
    ALL = L * L,
    WALKS = 8000
  };
  mst_rl_spec s = spec(2);
  static double weight[ALL], work[2 * ALL + 2 * L], reward[2 * ALL], p[2 * L * L];
  static double seen[2][2 * ALL], total[2][2 * ALL];
  static int32_t policy[ALL * ALL];
  static int64_t moves[2][2 * L * L];
  double sum = 0;
  mst_rl *m = NULL;
  s.states = s.horizon = L;
  ck_ok(mst_rl_create(&s, &m));
  memset(m->p, 0, sizeof p);
  for (int x = 0; x < L; x++) m->p[2 * x * L + (x < L - 1 ? x + 1 : x)] = m->p[(2 * x + 1) * L] = 1;
  m->p[0] = m->p[1] = 0.5; /* the first step on succeeds every other time */
  mst_rl_cover(&s, m->p, 0.01, policy, weight, work);
  for (int i = 0; i < ALL; i++) sum += weight[i];
  ck_assert_double_eq_tol(sum, 1, 1e-12);
  for (int h = 0; h < L; h++) /* the state is at most the stage */
    for (int x = 0; x < L; x++) ck_assert((weight[h * L + x] > 0) == (x <= h));
  /* state 1 at stage 1 is half as likely as state 0 can be */
  ck_assert_double_eq_tol(weight[L + 1], 2 * weight[0], 1e-12);
  mst_rl_rewards(m, 0, reward);
  for (int k = 0; k < WALKS; k++) {
    mst_rl_walk(m, 0, k, reward, policy, weight, seen[0], total[0], moves[0]);
    mst_rl_walk(m, 0, k, reward, NULL, NULL, seen[1], total[1], moves[1]);
  }
  mst_rl_estimate(&s, moves[0], p);
  for (int i = 0; i < 2 * L * L; i++) ck_assert_double_eq_tol(p[i], m->p[i], 0.03);
  for (int h = 0; h < L; h++)
    for (int i = h * 2 * L; i < h * 2 * L + 2 * (h + 1); i++)
      ck_assert_double_eq_tol(total[0][i] / seen[0][i], reward[i], 0.05);
  const double *end = &seen[0][2 * ALL - 2], *any = &seen[1][2 * ALL - 2];
  ck_assert_msg(fmin(end[0], end[1]) > 2 * fmax(any[0], any[1]),
                "the end: %g and %g times, %g and %g by any actions", end[0], end[1], any[0],
                any[1]);
  mst_rl_destroy(m);
}
END_TEST

/* Eigenvalues of the users' second moments at a stage beyond the rank are rounding. */
START_TEST(rewards_have_their_rank) {
  for (int64_t rank = 0; rank <= 2; rank++) {
    const mst_rl_spec s = spec(rank);
    enum {
      USERS = 40,
      PAIRS = S * A
    };
    double rows[USERS * PAIRS], reward[PLACES], gram[PAIRS * PAIRS], value[PAIRS];
    mst_rl *m = NULL;
    ck_ok(mst_rl_create(&s, &m));
    for (int u = 0; u < USERS; u++) {
      mst_rl_rewards(m, u, reward);
      for (int i = 0; i < PLACES; i++) ck_assert(reward[i] >= 0 && reward[i] <= 1);
      memcpy(rows + u * PAIRS, reward + PAIRS, PAIRS * sizeof *rows);
    }
    mst_syrk_at_a(PAIRS, USERS, 1, rows, PAIRS, 0, gram, PAIRS);
    ck_ok(mst_eigen_symmetric(PAIRS, gram, PAIRS, false, value));
    int64_t count = 0;
    for (int i = 0; i < PAIRS; i++) count += value[i] > 1e-10;
    ck_assert_int_eq(count, rank == 0 ? PAIRS : rank);
    mst_rl_destroy(m);
  }
}
END_TEST

START_TEST(settings_out_of_range_are_refused) {
  mst_rl_spec s = spec(65);
  ck_refused(mst_rl_check(&s), MST_ERR_INPUT, "rank 65");
  s = spec(1);
  s.states = 0;
  ck_refused(mst_rl_check(&s), MST_ERR_INPUT, "0 states");
  s = spec(1);
  s.concentration = 0;
  ck_refused(mst_rl_check(&s), MST_ERR_INPUT, "concentration");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("low-rank rewards");
  TCase *c = tcase_create("worlds");
  tcase_add_test(c, a_plan_is_the_best_of_all_policies);
  tcase_add_test(c, a_cover_meets_every_pair_and_walks_follow_the_transitions);
  tcase_add_test(c, rewards_have_their_rank);
  tcase_add_test(c, settings_out_of_range_are_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
