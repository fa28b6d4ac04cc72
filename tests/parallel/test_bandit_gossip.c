/* Agents of a bandit on a graph: who hears more regrets less, a complete graph is almost one agent,
 * what is told is counted along the edges, nothing is lost on the way. */
#define MST_TEST_MPI
#include <math.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"
#include "tests/harness.h"

enum {
  ARMS = 5,
  AGENTS = 8,
  ROUNDS = 1000
};

static mst_bandit_options defaults(const char *protocol, const char *graph) {
  mst_bandit_options o = {.seed = 5,
                          .seeds = 6,
                          .agents = AGENTS,
                          .horizon = ROUNDS,
                          .evaluate_every = ROUNDS,
                          .policy = mst_policy_defaults("ucb1"),
                          .environment = {.kind = "sphere",
                                          .dimension = 4,
                                          .arms = ARMS,
                                          .sets = 1,
                                          .noise = 0.5,
                                          .theta = "sphere"},
                          .protocol = {.kind = protocol},
                          .topology = {.kind = graph}};
  mst_param_defaults(mst_protocol_find(protocol)->params, &o.protocol);
  return o;
}

static mst_bandit_totals play(const mst_bandit_options *o) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  ck_ok(mst_bandit_create(team, o, &f));
  ck_ok(mst_bandit_run(f, NULL));
  const mst_bandit_totals t = mst_bandit_figures(f);
  mst_bandit_destroy(f);
  mst_team_destroy(team);
  return t;
}

START_TEST(who_hears_more_regrets_less) {
  mst_bandit_options o = defaults("none", NULL);
  const double alone = play(&o).regret;
  static const char *const kinds[] = {"coop_ucb", "dducb"};
  for (int k = 0; k < 2; k++) {
    o = defaults(kinds[k], "ring");
    const double ring = play(&o).regret;
    o.topology.kind = "complete";
    const double all = play(&o).regret;
    o.agents = 1;
    o.horizon = o.evaluate_every = (int64_t)AGENTS * ROUNDS;
    const double one = play(&o).regret;
    /* With all to hear, what N agents regret more is their first plays of every arm. */
    ck_assert_msg(all < 0.6 * alone && ring < 0.6 * alone, "%s: %g, %g of %g", kinds[k], all, ring,
                  alone);
    ck_assert_msg(fabs(all - one) < 0.5 * one, "%s: %g, one agent %g", kinds[k], all, one);
  }
}
END_TEST

START_TEST(a_message_is_counted_along_every_edge) {
  mst_bandit_options o = defaults("coop_ucb", "ring");
  mst_bandit_totals t = play(&o);
  ck_assert(t.messages == 2.0 * AGENTS * ROUNDS && t.downlink_reals == 0);
  ck_assert(t.uplink_reals == 2.0 * 2 * ARMS * ROUNDS);
  o.topology.kind = "star"; /* 2 (N - 1) ends of edges */
  t = play(&o);
  ck_assert(t.messages == 2.0 * (AGENTS - 1) * ROUNDS);
  o.protocol.kind = "dducb"; /* nothing is told before every arm was played */
  mst_param_defaults(mst_protocol_find("dducb")->params, &o.protocol);
  t = play(&o);
  ck_assert(t.messages == 2.0 * (AGENTS - 1) * (ROUNDS - ARMS));
}
END_TEST

START_TEST(the_estimates_of_all_agents_hold_every_play_once) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  mst_bandit_options o = defaults("dducb", "torus");
  o.seeds = 1; /* agents are divided among the ranks */
  ck_ok(mst_bandit_create(team, &o, &f));
  ck_ok(mst_bandit_run(f, NULL));
  double plays = 0;
  for (int64_t i = 0; i < f->count; i++)
    for (int b = 0; b < 4; b++)
      for (int a = 0; a < ARMS && b != 1; a++)
        plays += f->known[i * f->record + (2 * b + 1) * ARMS + a];
  ck_ok(mst_sum_fast(team, &plays, 1));
  ck_assert_double_eq_tol(plays, (double)AGENTS * ROUNDS, 1e-6);
  mst_bandit_destroy(f);
  mst_team_destroy(team);
}
END_TEST

START_TEST(what_gossip_cannot_do_is_refused) {
  mst_bandit_options o = defaults("dducb", NULL);
  ck_refused(mst_bandit_check(&o), MST_ERR_INPUT, "topology.kind");
  o = defaults("coop_ucb", "ring");
  o.environment.sets = 2;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "environment.sets: 1");
  o = defaults("coop_ucb", "ring");
  o.one_active = true;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "agents.active: all");
  o = defaults("full", "ring");
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "leave the section topology out");
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  mst_bandit_options o = defaults("dducb", "ring");
  o.seeds = 1;
  for (int n = 5; n < 30; n += 6) {
    if (mst_team_rank(team) == mst_team_size(team) - 1) mst_memory_fail_at(n);
    ck_refused(mst_bandit_create(team, &o, &f), MST_ERR_MEMORY, "");
    mst_memory_fail_at(0);
    ck_assert(f == NULL);
  }
  mst_team_destroy(team);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_gossip");
  TCase *tc = tcase_create("parallel");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, who_hears_more_regrets_less);
  tcase_add_test(tc, a_message_is_counted_along_every_edge);
  tcase_add_test(tc, the_estimates_of_all_agents_hold_every_play_once);
  tcase_add_test(tc, what_gossip_cannot_do_is_refused);
  tcase_add_test(tc, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
