/* Elimination in phases over one set of arms: the division of planned pulls among agents, what they
 * send, which arms are dropped, and that the best never is. */
#include "core/bandit/design.h"
#include "tests/core/bandit_game.h"

static double gap_of(const game *g, int64_t arm) {
  return g->e->best[0] - g->e->mean[arm];
}

/* What elimination without error leaves after a phase, and how often the design of that wants each
 * arm pulled. */
static int64_t expect(const game *g, double tolerance, double pulls, int64_t *want) {
  static double work[8 * ARMS * D + 4 * D * D + ARMS];
  double weight[ARMS], v[D * D];
  bool keep[ARMS];
  int64_t sum = 0;
  for (int a = 0; a < ARMS; a++) keep[a] = gap_of(g, a) <= tolerance;
  ck_ok(mst_design_core(ARMS, D, g->e->x, keep, g->s.gap, weight, v, work, NULL));
  for (int a = 0; a < ARMS; a++) {
    want[a] = weight[a] > 0 ? (int64_t)fmax(1, ceil(weight[a] * pulls)) : 0;
    sum += want[a];
  }
  return sum;
}

static int64_t distinct(const phase *p, int64_t agent) {
  int64_t n = 0;
  for (int a = 0; a < ARMS; a++) n += p->played[agent][a] > 0;
  return n;
}

START_TEST(planned_pulls_are_divided_among_agents_and_counted_arm_by_arm) {
  game g = begin("delb", &one_set, 7, 100000, 5);
  int64_t want[ARMS], got[ARMS] = {0}, told = 0, share = 0;
  g.s.constant = 0.5;
  open_game(&g);
  /* Without noise an estimate is exact. */
  const double log_plays = log(7.0 * 100000);
  for (int l = 1; l <= 2; l++) {
    const double tolerance = l == 1 ? INFINITY : exp2(2 - l), pulls = 0.5 * exp2(2 * l) * D * D;
    const int64_t all = expect(&g, tolerance, pulls * log_plays, want);
    play_phase(&g);
    ck_assert_int_eq(g.last.rounds, (all + 6) / 7);
    memset(got, 0, sizeof got);
    told = share = 0;
    for (int i = 0; i < 7; i++) {
      told += g.last.told[i];
      share += g.last.up[i];
      ck_assert_int_eq(g.last.up[i], g.last.entries[i]);
      if (i < 6) ck_assert_int_eq(g.last.up[i], distinct(&g.last, i));
      for (int a = 0; a < ARMS; a++) got[a] += g.last.played[i][a];
    }
    ck_assert_int_eq(told, all);
    /* What is left of the last round goes to one more arm. */
    int64_t over = 0;
    for (int a = 0; a < ARMS; a++) {
      ck_assert(got[a] >= want[a]);
      over += got[a] - want[a];
    }
    ck_assert_int_eq(over, 7 * g.last.rounds - all);
    if (l == 2) {
      /* theta, and of the next phase's share each arm and count; the next phase shows the share. */
      int64_t down[7];
      for (int i = 0; i < 7; i++) down[i] = g.last.down[i];
      play_phase(&g);
      for (int i = 0; i < 7; i++) ck_assert_int_eq(down[i], D + 2 * g.last.up[i]);
    }
  }
  for (int j = 0; j < D; j++) ck_assert_double_eq_tol(g.ops->theta(g.self)[j], g.e->theta[j], 1e-6);
  end(&g);
}
END_TEST

START_TEST(an_arm_is_dropped_when_it_is_worse_by_more_than_a_phase_can_err) {
  game g = begin("phased_elimination", &one_set, 3, 100000, 8);
  int64_t want[ARMS];
  open_game(&g);
  for (int l = 1; l < 6 && g.ops->length(g.self) < 100000; l++) {
    expect(&g, l == 1 ? INFINITY : exp2(2 - l), 0, want);
    play_phase(&g);
    for (int a = 0; a < ARMS; a++) {
      int64_t n = 0;
      for (int i = 0; i < 3; i++) n += g.last.played[i][a];
      ck_assert_msg((n > 0) == (want[a] > 0) || gap_of(&g, a) == 0, "phase %d: arm %d", l, a);
    }
  }
  ck_assert(g.round > 0);
  end(&g);
}
END_TEST

START_TEST(the_best_arm_survives_noise_and_is_what_is_played_in_the_end) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    mst_environment_spec spec = one_set;
    spec.noise = 0.3;
    game g = begin("phased_elimination", &spec, 5, 20000, seed);
    double regret = 0;
    int64_t l = 1;
    g.s.bits = seed % 2 == 0 ? 20 : 64;
    open_game(&g);
    for (; g.round + g.ops->length(g.self) <= 20000 && l < 12; l++) {
      play_phase(&g);
      regret = 0;
      for (int i = 0; i < 5; i++)
        for (int a = 0; a < ARMS; a++) {
          regret += (double)g.last.played[i][a] * gap_of(&g, a);
          /* After phase l - 1 what is left is worse by at most 2^(2 - l), and twice its error. */
          if (l > 1 && g.last.played[i][a] > 0) ck_assert(gap_of(&g, a) <= exp2(3 - (double)l));
        }
      ck_assert(regret <= 5 * (double)g.last.rounds * fmin(2, exp2(3 - (double)l)));
    }
    ck_assert(l >= 4);
    int64_t arm = -1;
    for (int i = 0; i < 5; i++) {
      mst_contexts c = mst_environment_offer(g.e, i, g.round, NULL);
      const mst_turn turn = {.agent = i, .round = g.round, .step = g.ops->length(g.self) - 1};
      ck_ok(g.ops->choose(g.self, &c, &turn, NULL, &arm));
      ck_assert(gap_of(&g, arm) <= exp2(3 - (double)l));
    }
    end(&g);
  }
}
END_TEST

START_TEST(agents_without_a_pull_play_the_best_known_arm_and_say_nothing) {
  game g = begin("phased_elimination", &one_set, MOST_AGENTS, 1000, 4);
  open_game(&g);
  int64_t idle = 0;
  play_phase(&g);
  ck_assert_int_eq(g.last.rounds, 1);
  play_phase(&g);
  for (int i = 0; i < MOST_AGENTS; i++) {
    ck_assert_int_eq(g.last.up[i], g.last.entries[i]);
    if (g.last.up[i] > 0) continue;
    idle++;
    for (int a = 0; a < ARMS; a++)
      if (g.last.played[i][a] > 0) ck_assert(gap_of(&g, a) == 0);
  }
  ck_assert(idle >= MOST_AGENTS - ARMS && idle < MOST_AGENTS);
  end(&g);
}
END_TEST

START_TEST(pulls_follow_the_published_constants) {
  mst_environment_spec spec = one_set;
  spec.noise = 0.5;
  game g = begin("phased_elimination", &spec, 1, 100000, 3);
  double weight[ARMS], v[D * D], reached = 0, pulls = 0;
  static double work[8 * ARMS * D + 4 * D * D + ARMS];
  bool keep[ARMS];
  int64_t all = 0;
  open_game(&g);
  for (int a = 0; a < ARMS; a++) keep[a] = true;
  ck_ok(mst_design_core(ARMS, D, g.e->x, keep, 0.1, weight, v, work, &reached));
  pulls = 2 * 0.25 * (1 + reached) * D * 4 * log(ARMS * 2 / 0.01);
  for (int a = 0; a < ARMS; a++)
    if (weight[a] > 0) all += (int64_t)ceil(weight[a] * pulls - 1e-6);
  ck_assert_int_eq(g.ops->length(g.self), all);
  /* So every arm is known to within 1/2 with probability 1 - delta / 2 / K. */
  ck_assert((1 + reached) * D * 0.25 / pulls * 2 * log(ARMS * 2 / 0.01) <= 0.25 + 1e-12);
  end(&g);
  g = begin("delb", &one_set, 4, 1000, 3);
  open_game(&g);
  ck_assert(g.ops->length(g.self) >= (int64_t)(600 * 4 * D * D * log(4000) / 4));
  end(&g);
}
END_TEST

START_TEST(an_estimate_comes_down_in_numbers_of_few_bits) {
  const mst_environment_spec spec = one_set;
  game fine = begin("delb", &spec, 6, 4000, 2), coarse = begin("delb", &spec, 6, 4000, 2);
  coarse.s.bits = 6;
  fine.s.constant = coarse.s.constant = 0.01;
  open_game(&fine);
  open_game(&coarse);
  play_phase(&fine);
  play_phase(&coarse);
  for (int j = 0; j < D; j++) {
    const double step = 1.0 / 31, exact = fine.ops->theta(fine.self)[j];
    const double came = coarse.ops->theta(coarse.self)[j];
    ck_assert_double_eq_tol(came / step, rint(came / step), 1e-9);
    ck_assert_double_eq_tol(came, exact, 0.51 * step);
    ck_assert(came != exact);
  }
  end(&fine);
  end(&coarse);
}
END_TEST

START_TEST(phases_of_pulls_want_one_set_of_arms) {
  mst_environment_spec spec = one_set;
  const mst_protocol_spec s = {.kind = "delb"};
  const mst_phased_ops *ops = mst_protocol_find("delb")->phased;
  ck_ok(ops->check(&s, &spec));
  spec.sets = 2;
  ck_refused(ops->check(&s, &spec), MST_ERR_UNSUPPORTED, "environment.sets: 1");
  spec.sets = 0;
  ck_refused(ops->check(&s, &spec), MST_ERR_UNSUPPORTED, "delb");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_phased");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, planned_pulls_are_divided_among_agents_and_counted_arm_by_arm);
  tcase_add_test(tc, an_arm_is_dropped_when_it_is_worse_by_more_than_a_phase_can_err);
  tcase_add_test(tc, the_best_arm_survives_noise_and_is_what_is_played_in_the_end);
  tcase_add_test(tc, agents_without_a_pull_play_the_best_known_arm_and_say_nothing);
  tcase_add_test(tc, pulls_follow_the_published_constants);
  tcase_add_test(tc, phases_of_pulls_want_one_set_of_arms);
  tcase_add_test(tc, an_estimate_comes_down_in_numbers_of_few_bits);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
