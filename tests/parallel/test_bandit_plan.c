/* Distributed bandits: what a run takes of memory is what is planned, for every protocol and stage;
 * and plans that no machine can hold are large numbers, not negative ones. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "tests/parallel/bandit_run.h"

/* Large enough that what is counted outweighs what is not: names, teams, graphs' offsets. */
static mst_bandit_options large(const char *protocol) {
  mst_bandit_options o = defaults(protocol);
  const mst_protocol_ops *ops = mst_protocol_find(protocol);
  o.agents = 4;
  o.horizon = 4000;
  o.protocol.law_sets = 8;
  o.environment.dimension = 24;
  o.environment.arms = 60;
  o.environment.noise = 1;
  if (ops->gossip != NULL) o.environment.sets = 1;
  if (ops->gossip != NULL || mst_bandit_has_neighbours(ops)) o.topology.kind = "ring";
  return o;
}

/* Bytes that the rank with most takes, without those of a team, over those that are planned. */
static double share_of_plan(mst_team *team, const mst_bandit_options *o) {
  const int64_t before = mst_memory_current();
  mst_team *alone = NULL;
  mst_bandit *f = NULL;
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
  const int64_t of_team = o->seeds >= mst_team_size(team) ? mst_memory_current() - before : 0;
  mst_team_destroy(alone);
  ck_ok(mst_bandit_create(team, o, &f));
  int64_t taken = mst_memory_current() - before - of_team;
  mst_bandit_destroy(f);
  ck_assert(mst_memory_current() == before);
  ck_ok(mst_max_i64(team, &taken, 1));
  return (double)taken / (double)mst_bandit_plan(mst_team_size(team), o);
}

/* Where agents estimate the law, policies are learned when a batch ends: planned, not there yet. */
START_TEST(a_run_takes_the_memory_that_is_planned) {
  mst_team *team = NULL;
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  for (int i = 0; mst_protocol_at(i) != NULL; i++)
    for (int many = 0; many < 2; many++)
      for (int pool = 0; pool < 2; pool++) {
        mst_bandit_options o = large(mst_protocol_at(i)->name);
        o.seeds = many ? 4 : 1;
        if (!pool) o.environment.sets = 0;
        if (mst_bandit_check(&o) != MST_OK) continue; /* some are of pools alone */
        const double share = share_of_plan(team, &o);
        const bool later = strcmp(o.protocol.kind, "disbe_lucb_estimated") == 0;
        ck_assert_msg(share > (later ? 0.35 : 0.75) && share < 1.2,
                      "%s, %lld seeds, pool %d: %g of the plan", o.protocol.kind,
                      (long long)o.seeds, pool, share);
      }
  mst_team_destroy(team);
}
END_TEST

START_TEST(what_no_machine_holds_is_refused_and_not_counted_round_to_less) {
  mst_bandit_options o = defaults("fedlinucb");
  o.environment.dimension = 100000;
  o.environment.arms = o.seeds = 1000000;
  o.agents = 4000000;
  o.policy.disjoint = true;
  ck_assert(mst_bandit_plan(1, &o) == INT64_MAX);
  ck_refused(mst_bandit_check(&o), MST_ERR_MEMORY, "4000000 agents");
}
END_TEST

START_TEST(rewards_far_from_linear_or_of_large_noise_are_no_failure) {
  mst_bandit_options o = defaults("full");
  o.agents = 300;
  o.horizon = 1;
  o.environment.noise = 1e6;
  ck_assert(isfinite(play(&o).regret));
  o = defaults("periodic");
  o.protocol.period = 30;
  o.environment.sets = 1;
  o.environment.misspecified = 1e6;
  ck_assert(isfinite(play(&o).regret));
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_plan");
  TCase *tc = tcase_create("parallel");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_run_takes_the_memory_that_is_planned);
  tcase_add_test(tc, what_no_machine_holds_is_refused_and_not_counted_round_to_less);
  tcase_add_test(tc, rewards_far_from_linear_or_of_large_noise_are_no_failure);
  suite_add_tcase(suite, tc);
  return mst_test_main(argc, argv, suite);
}
