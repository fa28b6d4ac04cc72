/* Distributed bandits: the same bits on any ranks for every protocol, whether replicates or agents
 * are divided; resumes; the identities between protocols; what is counted. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/digest.h"
#include "core/base/memory.h"
#include "parallel/bandit_internal.h"
#include "tests/harness.h"
#include "tests/parallel/bandit_run.h"

/* One after the other: every protocol, with all agents and with one a round, and what else there
 * is. */
static bool choose_case(mst_bandit_options *o, int number) {
  static const char *const names[] = {"none",         "full",     "dislinucb", "fedlinucb",
                                      "async_linucb", "periodic", "disbe_lucb"};
  enum {
    N = sizeof names / sizeof names[0]
  };
  if (number < N) {
    *o = defaults(names[number]);
  } else if (number < 2 * N - 1) {
    *o = defaults(names[number - N]);
    o->one_active = true;
  } else if (number == 2 * N - 1) {
    *o = defaults("fedlinucb");
    o->policy = mst_policy_defaults("ucb1");
    o->environment.sets = 1;
  } else if (number == 2 * N) {
    *o = defaults("dislinucb");
    o->policy = mst_policy_defaults("thompson");
    o->policy.disjoint = true;
  } else if (number == 2 * N + 1) {
    *o = defaults("disbe_lucb");
    o->environment.sets = 0;
    o->protocol.law_sets = 4;
    o->protocol.bits = 12;
    o->horizon = 40;
    o->evaluate_every = 20;
  } else if (number < 2 * N + 4) {
    *o = defaults(number == 2 * N + 2 ? "coop_ucb" : "dducb");
    o->environment.sets = 1;
    o->topology.kind = "ring";
  } else if (number < 2 * N + 9) {
    *o = defaults((const char *[]){"delb", "phased_elimination", "fed_pe", "disbe_lucb_estimated",
                                   "disbe_lucb_estimated"}[number - 2 * N - 4]);
    o->protocol.bits = number == 2 * N + 6 ? 20 : 64;
    o->protocol.law_sets = 4;
    if (number == 2 * N + 8) {
      o->environment.sets = 0;
      o->horizon = 40;
    }
  } else {
    return false;
  }
  return true;
}

/* Every policy, each with one protocol or another, in environments that vary. */
static bool choose_policy(mst_bandit_options *o, int number) {
  static const char *const protocols[] = {"fedlinucb", "dislinucb", "none", "async_linucb"};
  const mst_policy_ops *ops = mst_policy_at(number);
  if (ops == NULL) return false;
  *o = defaults(protocols[number % 4]);
  o->policy = mst_policy_defaults(ops->name);
  o->policy.gamma = 0.3;
  o->horizon = 40;
  o->one_active = number % 3 == 0;
  if (ops->contextless) {
    o->environment.sets = 1;
  } else {
    o->environment.sets = number % 2 == 0 ? 0 : AGENTS;
    o->environment.offer = number % 2 == 0 ? "drawn" : "own";
    o->environment.change_every = 15;
  }
  if (ops->binary || strcmp(ops->name, "glm_ucb") == 0) {
    o->environment.link = "logistic";
    o->environment.noise = 1;
  } else {
    o->environment.noise_spread = 2;
  }
  return true;
}

START_TEST(a_run_has_the_same_bits_on_any_ranks_and_after_a_resume) {
  mst_team *one = NULL, *all = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &one));
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  mst_bandit_options o;
  int first = 0;
  while (choose_case(&o, first)) first++;
  for (int c = 0; c < first ? choose_case(&o, c) : choose_policy(&o, c - first); c++) {
    char expected[MST_DIGEST_HEX], found[MST_DIGEST_HEX];
    run(one, &o, 0, expected);
    run(all, &o, 0, found);
    ck_assert_msg(strcmp(found, expected) == 0, "case %d, %s: other bits on the ranks", c,
                  o.protocol.kind);
    run(all, &o, o.evaluate_every, found);
    ck_assert_msg(strcmp(found, expected) == 0, "case %d, %s: other bits after a resume", c,
                  o.protocol.kind);
  }
  mst_team_destroy(all);
  mst_team_destroy(one);
}
END_TEST

START_TEST(who_knows_more_regrets_less) {
  mst_bandit_options o = defaults("none");
  o.horizon = 400;
  o.evaluate_every = 400;
  const double alone = play(&o).regret;
  o.protocol.kind = "fedlinucb";
  o.protocol.alpha = 1;
  o.protocol.first = true;
  const double some = play(&o).regret;
  o.protocol.kind = "full";
  const double all = play(&o).regret;
  ck_assert_msg(all < some && some < alone, "%g, %g, %g", all, some, alone);
}
END_TEST

START_TEST(frequent_messages_are_full_synchronisation) {
  mst_bandit_options o = defaults("full");
  o.one_active = true;
  const double full = play(&o).regret;
  o = defaults("dislinucb");
  o.one_active = true;
  o.protocol.threshold = 1e-300;
  const mst_bandit_totals t = play(&o);
  ck_assert(t.regret == full);
  ck_assert(t.messages == 2.0 * AGENTS * ROUNDS);
  /* A statistic and whether it asks. */
  ck_assert(t.uplink_reals == ROUNDS * (D * (D + 1) / 2 + D + 1));
}
END_TEST

START_TEST(messages_are_counted_as_they_are_sent) {
  mst_bandit_options o = defaults("full");
  o.one_active = true;
  mst_bandit_totals t = play(&o);
  ck_assert(t.messages == (AGENTS + 1.0) * ROUNDS);
  ck_assert(t.uplink_reals == (D + 1.0) * ROUNDS / AGENTS &&
            t.downlink_reals == (D + 1.0) * ROUNDS);
  ck_assert(t.uplink_bits == 64 * t.uplink_reals);
  o = defaults("none");
  t = play(&o);
  ck_assert(t.messages == 0 && t.uplink_reals == 0);
  o = defaults("disbe_lucb");
  o.protocol.bits = 16;
  t = play(&o);
  ck_assert(t.batches >= 2 && t.batches <= 5);
  ck_assert(t.uplink_reals == (double)(D * t.batches) && t.downlink_reals == t.uplink_reals);
  ck_assert(t.uplink_bits == 16 * t.uplink_reals);
  o = defaults("delb"); /* fewer pulls than agents: not all of them speak, all hear theta */
  o.protocol.constant = 1e-6;
  o.seeds = 1;
  o.horizon = o.evaluate_every = 1;
  t = play(&o);
  ck_assert(t.batches == 1 && t.messages > AGENTS && t.messages < 2 * AGENTS);
  ck_assert(t.uplink_reals * AGENTS == t.messages - AGENTS);
  ck_assert(t.downlink_reals > D && t.downlink_reals <= D + 4);
}
END_TEST

START_TEST(a_replicate_is_what_its_own_seed_gives) {
  mst_bandit_options o = defaults("fedlinucb");
  const double both = play(&o).regret;
  o.seeds = 1;
  const double first = play(&o).regret;
  o.seed++;
  const double second = play(&o).regret;
  ck_assert_double_eq_tol(both, (first + second) / 2, 1e-12);
}
END_TEST

START_TEST(what_does_not_go_together_is_refused) {
  mst_bandit_options o = defaults("disbe_lucb");
  o.one_active = true;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "agents.active");
  o = defaults("disbe_lucb");
  o.environment.length = 2;
  ck_refused(mst_bandit_check(&o), MST_ERR_UNSUPPORTED, "environment.length");
  o = defaults("full");
  o.policy.kind = "linucp";
  ck_refused(mst_bandit_check(&o), MST_ERR_INPUT, "linucb");
}
END_TEST

START_TEST(one_rank_without_memory_is_everyones_failure) {
  mst_team *team = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  const mst_bandit_options o = defaults("fedlinucb");
  for (int n = 3; n < 20; n += 8) {
    if (mst_team_rank(team) == mst_team_size(team) - 1) mst_memory_fail_at(n);
    ck_refused(mst_bandit_create(team, &o, &f), MST_ERR_MEMORY, "");
    mst_memory_fail_at(0);
    ck_assert(f == NULL);
  }
  mst_team_destroy(team);
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit");
  TCase *tc = tcase_create("parallel");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_run_has_the_same_bits_on_any_ranks_and_after_a_resume);
  tcase_add_test(tc, who_knows_more_regrets_less);
  tcase_add_test(tc, frequent_messages_are_full_synchronisation);
  tcase_add_test(tc, messages_are_counted_as_they_are_sent);
  tcase_add_test(tc, a_replicate_is_what_its_own_seed_gives);
  tcase_add_test(tc, what_does_not_go_together_is_refused);
  tcase_add_test(tc, one_rank_without_memory_is_everyones_failure);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
