/* Agents that differ in what they are offered: phases planned for arms of their own, and a law that
 * each estimates for itself. */
#include "core/bandit/design.h"
#include "tests/core/bandit_game.h"

static mst_environment_spec own_sets(int64_t sets, double noise) {
  return (mst_environment_spec){.kind = "gaussian",
                                .dimension = D,
                                .arms = ARMS,
                                .sets = sets,
                                .noise = noise,
                                .theta = "sphere",
                                .offer = "own"};
}

/* Arms of an agent that a phase dropped, by what all agents told of: those whose mean and beta
 * times its deviation are below the best's less that of it. */
static int64_t to_drop(const game *g, int64_t agent, bool *keep, double beta) {
  const int64_t sets = g->e->spec.sets, set = agent % sets, n = sets * ARMS;
  double *y = NULL, *weight = NULL, mean[ARMS], wide[ARMS];
  int64_t best = -1, dropped = 0;
  ck_ok(mst_alloc(&y, n * D, sizeof *y, "directions"));
  ck_ok(mst_alloc(&weight, n, sizeof *weight, "pulls"));
  for (int64_t i = 0; i < n; i++) {
    double square = 0;
    for (int j = 0; j < D; j++) square += pow(g->e->x[i * D + j], 2);
    for (int j = 0; j < D; j++) y[i * D + j] = g->e->x[i * D + j] / sqrt(square);
    for (int64_t k = i / ARMS; k < g->s.agents; k += sets)
      weight[i] += (double)g->last.sent[k][i % ARMS];
  }
  for (int a = 0; a < ARMS; a++) {
    mean[a] = wide[a] = 0;
    const double *x = g->e->x + (set * ARMS + a) * D;
    for (int j = 0; j < D; j++) mean[a] += x[j] * g->ops->theta(g->self)[j];
    wide[a] = beta * sqrt(variance(n, D, y, weight, x));
    if (keep[a] && (best < 0 || mean[a] > mean[best])) best = a;
  }
  for (int a = 0; a < ARMS; a++) {
    const bool stays = mean[a] + wide[a] >= mean[best] - wide[best];
    dropped += keep[a] && !stays;
    keep[a] = keep[a] && stays;
  }
  mst_free(y);
  mst_free(weight);
  return dropped;
}

START_TEST(agents_with_arms_of_their_own_follow_the_plan_and_count_what_they_send) {
  enum {
    AGENTS = 7,
    SETS = 5
  };
  const mst_environment_spec spec = own_sets(SETS, 0.2);
  game g = begin("fed_pe", &spec, AGENTS, 4000, 3);
  bool keep[AGENTS][ARMS];
  int64_t down[AGENTS] = {0};
  int64_t by_and_by = 0;
  memset(keep, true, sizeof keep);
  g.s.beta = 1;
  open_game(&g);
  for (int p = 0; p < 8; p++) {
    play_phase(&g);
    ck_assert_int_eq(g.last.rounds, (p == 0 ? 0 : 1 << p) + ARMS);
    for (int i = 0; i < AGENTS; i++) {
      int64_t arms = 0;
      for (int a = 0; a < ARMS; a++) {
        arms += g.last.sent[i][a] > 0;
        if (p == 0) ck_assert_int_eq(g.last.sent[i][a], 1);
        ck_assert(keep[i][a] || g.last.played[i][a] == 0);
        if (i >= SETS) ck_assert_int_eq(g.last.sent[i][a], g.last.sent[i - SETS][a]);
      }
      /* Each share of 2^p is rounded up. */
      ck_assert(g.last.told[i] >= (p == 0 ? ARMS : 1 << p) &&
                g.last.told[i] < (p == 0 ? ARMS + 1 : (1 << p) + arms));
      ck_assert_int_eq(g.last.entries[i], arms * D);
      if (p > 0) ck_assert_int_eq(down[i], D + D * (D + 1) / 2 + 2 * arms);
      down[i] = g.last.down[i];
      const int64_t dropped = to_drop(&g, i, keep[i], 1);
      by_and_by += dropped > 0 && dropped < ARMS - 1;
      ck_assert_int_eq(g.last.up[i], arms * D + dropped);
    }
  }
  ck_assert_int_gt(by_and_by, AGENTS);
  end(&g);
}
END_TEST

START_TEST(every_agent_keeps_its_own_best_arm_and_ends_up_with_it) {
  int64_t right = 0, all = 0;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    const mst_environment_spec spec = own_sets(6, 0.1);
    game g = begin("fed_pe", &spec, 6, 8000, seed);
    g.s.bits = seed % 2 == 0 ? 24 : 64;
    open_game(&g);
    for (int p = 0; p < 11; p++) play_phase(&g);
    for (int j = 0; j < D; j++)
      ck_assert_double_eq_tol(g.ops->theta(g.self)[j], g.e->theta[j], 0.05);
    /* theta's error is a hundredth or so; the best arms that the plan does not want are played in
     * what is left of a phase. */
    for (int i = 0; i < 6; i++, all++) {
      const double *mean = g.e->mean + i * ARMS;
      int64_t arm = -1;
      const mst_turn turn = {.agent = i, .round = g.round, .step = g.ops->length(g.self) - 1};
      mst_contexts c = mst_environment_offer(g.e, i, g.round, NULL);
      ck_ok(g.ops->choose(g.self, &c, &turn, NULL, &arm));
      ck_assert(g.e->best[i] - mean[arm] < 0.1);
      right += g.e->best[i] == mean[arm];
      for (int a = 0; a < ARMS; a++)
        if (g.last.played[i][a] > 0) ck_assert(g.e->best[i] - mean[a] < 0.6);
    }
    end(&g);
  }
  ck_assert_msg(right > 0.9 * (double)all, "%lld of %lld", (long long)right, (long long)all);
}
END_TEST

START_TEST(an_estimate_comes_down_in_numbers_of_few_bits) {
  const mst_environment_spec spec = own_sets(6, 0);
  game fine = begin("fed_pe", &spec, 6, 4000, 2), coarse = begin("fed_pe", &spec, 6, 4000, 2);
  coarse.s.bits = 16;
  open_game(&fine);
  open_game(&coarse);
  play_phase(&fine);
  play_phase(&coarse);
  for (int j = 0; j < D; j++) {
    const double step = 1.0 / 32767, exact = fine.ops->theta(fine.self)[j];
    const double came = coarse.ops->theta(coarse.self)[j];
    ck_assert_double_eq_tol(came / step, rint(came / step), 1e-9);
    ck_assert_double_eq_tol(came, exact, 100 * step);
    ck_assert(came != exact);
  }
  end(&fine);
  end(&coarse);
}
END_TEST

START_TEST(phases_of_own_arms_want_own_arms) {
  mst_environment_spec spec = own_sets(3, 0.1);
  const mst_protocol_spec s = {.kind = "fed_pe"};
  const mst_phased_ops *ops = mst_protocol_find("fed_pe")->phased;
  ck_ok(ops->check(&s, &spec));
  spec.offer = "drawn";
  ck_refused(ops->check(&s, &spec), MST_ERR_UNSUPPORTED, "environment.offer: own");
}
END_TEST

/* By Gaussian elimination: theta with (ridge I + plays moment) theta = total. */
static void solve(const double *moment, double plays, const double *total, double *theta) {
  double m[D][D + 1];
  for (int i = 0; i < D; i++) {
    for (int j = 0; j < D; j++) m[i][j] = plays * moment[i * D + j] + (i == j);
    m[i][D] = total[i];
  }
  for (int i = 0; i < D; i++)
    for (int k = 0; k < D; k++) {
      const double f = k == i ? 0 : m[k][i] / m[i][i];
      for (int j = 0; j <= D; j++) m[k][j] -= f * m[i][j];
    }
  for (int i = 0; i < D; i++) theta[i] = m[i][D] / m[i][i];
}

START_TEST(an_agent_takes_its_own_offers_for_the_law) {
  enum {
    AGENTS = 3,
    SAMPLE = 8
  };
  static double work[8 * ARMS * D + 4 * D * D + ARMS];
  const double total[D] = {3, -1, 2, 0.5};
  for (int64_t sets = 0; sets <= 5; sets += 5) {
    mst_environment_spec spec = one_set;
    spec.sets = sets;
    game g = begin("disbe_lucb_estimated", &spec, AGENTS, 1000, 6);
    double theta[AGENTS][D], *room = NULL;
    ck_ok(mst_alloc(&room, mst_environment_room(&spec), sizeof *room, "room"));
    g.s.law_sets = SAMPLE;
    for (int i = 0; i < AGENTS; i++) {
      double moment[D * D] = {0}, v[D * D], weight[ARMS];
      bool keep[ARMS];
      g.s.agent = i;
      open_game(&g);
      const double plays = AGENTS * (double)g.ops->length(g.self);
      ck_assert(g.ops->length(g.self) > SAMPLE);
      for (int a = 0; a < ARMS; a++) keep[a] = true;
      const int64_t offers = sets > 0 ? g.ops->length(g.self) : SAMPLE;
      for (int64_t t = 0; t < offers; t++) {
        const mst_contexts c = mst_environment_offer(g.e, i, t, room);
        ck_ok(mst_design_find(ARMS, D, c.x, keep, 0.1, weight, v, work, NULL));
        for (int j = 0; j < D * D; j++) moment[j] += v[j] / (double)offers;
      }
      solve(moment, plays, total, theta[i]);
      ck_ok(g.ops->close(g.self, total));
      for (int j = 0; j < D; j++)
        ck_assert_double_eq_tol(g.ops->theta(g.self)[j], theta[i][j], 1e-9);
      g.ops->destroy(g.self);
    }
    ck_assert(memcmp(theta[0], theta[1], sizeof theta[0]) != 0);
    mst_free(room);
    mst_environment_destroy(g.e);
  }
}
END_TEST

START_TEST(an_estimated_law_is_enough_to_find_good_arms) {
  for (int64_t sets = 0; sets <= 5; sets += 5) {
    mst_environment_spec spec = one_set;
    double *room = NULL, worst = 0;
    spec.sets = sets;
    spec.noise = 0.1;
    game g = begin("disbe_lucb_estimated", &spec, 1, 1500, 6);
    g.s.beta = 1;
    g.s.law_sets = 30;
    ck_ok(mst_alloc(&room, mst_environment_room(&spec), sizeof *room, "room"));
    open_game(&g);
    while (g.round < 1500) play_phase(&g);
    ck_assert_int_eq(g.round, 1500);
    for (int64_t t = 1500; t < 1600; t++) {
      int64_t arm = 0;
      mst_contexts c = mst_environment_offer(g.e, 0, t, room);
      mst_stream own = mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, 0, (uint64_t)t));
      ck_ok(g.ops->choose(g.self, &c, &(mst_turn){.round = t}, &own, &arm));
      worst = fmax(worst, c.best - c.mean[arm]);
    }
    ck_assert_msg(worst < 0.5, "%g", worst);
    mst_free(room);
    end(&g);
  }
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_clients");
  TCase *tc = tcase_create("core");
  tcase_add_test(tc, agents_with_arms_of_their_own_follow_the_plan_and_count_what_they_send);
  tcase_add_test(tc, every_agent_keeps_its_own_best_arm_and_ends_up_with_it);
  tcase_add_test(tc, phases_of_own_arms_want_own_arms);
  tcase_add_test(tc, an_agent_takes_its_own_offers_for_the_law);
  tcase_add_test(tc, an_estimated_law_is_enough_to_find_good_arms);
  tcase_add_test(tc, an_estimate_comes_down_in_numbers_of_few_bits);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
