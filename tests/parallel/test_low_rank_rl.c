/* Many users over ranks: the same figures whoever has which users; sharing saves trajectories where
 * rewards are of low rank and users are many, and not where they are of full rank. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "parallel/low_rank_rl.h"
#include "tests/harness.h"
#include "tests/parallel/teams.h"


static mst_low_rank_rl_options options(int64_t users, int64_t rank) {
  return (mst_low_rank_rl_options){.world = {.seed = 3,
                                             .states = 6,
                                             .actions = 3,
                                             .horizon = 3,
                                             .rank = rank,
                                             .noise = 0.3,
                                             .concentration = 0.3},
                                   .users = users,
                                   .explore = 3,
                                   .rounds = 4,
                                   .batch = 6,
                                   .rank = 2,
                                   .sweeps = 6,
                                   .ridge = 0.1,
                                   .target = 0.03};
}

static mst_low_rank_rl_totals same_on_all_ranks(const mst_low_rank_rl_options *o) {
  mst_low_rank_rl_totals one, many;
  ck_ok(mst_low_rank_rl(alone, o, NULL, &one));
  ck_ok(mst_low_rank_rl(world, o, NULL, &many));
  ck_assert_mem_eq(&one, &many, sizeof one);
  ck_assert_int_eq(many.trajectories, 27);
  return many;
}

START_TEST(figures_do_not_depend_on_ranks_and_fewer_users_than_ranks_are_enough) {
  for (int64_t users = 1; users <= 9; users += 4) {
    const mst_low_rank_rl_options o = options(users, 2);
    same_on_all_ranks(&o);
  }
}
END_TEST

START_TEST(many_users_of_low_rank_need_fewer_trajectories) {
  const mst_low_rank_rl_options many = options(150, 2), few = options(3, 2);
  const mst_low_rank_rl_totals t = same_on_all_ranks(&many), u = same_on_all_ranks(&few);
  ck_assert_msg(t.gap < 0.4 * t.gap_alone && t.error < 0.6 * t.error_alone,
                "gap %g, %g alone; error %g, %g alone", t.gap, t.gap_alone, t.error, t.error_alone);
  ck_assert_msg(t.error < 0.7 * u.error, "error %g of many users, %g of few", t.error, u.error);
  ck_assert(t.reached > 0 && (t.reached_alone < 0 || t.reached < t.reached_alone));
}
END_TEST

START_TEST(sharing_does_not_help_where_rewards_are_of_full_rank) {
  const mst_low_rank_rl_options o = options(60, 0);
  const mst_low_rank_rl_totals t = same_on_all_ranks(&o);
  ck_assert_msg(t.error > t.error_alone, "error %g, %g alone", t.error, t.error_alone);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  mst_low_rank_rl_options o = options(0, 2);
  mst_low_rank_rl_totals t;
  ck_refused(mst_low_rank_rl(world, &o, NULL, &t), MST_ERR_INPUT, "0 users");
  o = options(2, 2);
  o.ridge = 0;
  ck_refused(mst_low_rank_rl(world, &o, NULL, &t), MST_ERR_INPUT, "completion.ridge");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("low-rank rewards over ranks");
  TCase *c = tcase_create("users");
  tcase_add_unchecked_fixture(c, make_teams, end_teams);
  tcase_add_test(c, figures_do_not_depend_on_ranks_and_fewer_users_than_ranks_are_enough);
  tcase_add_test(c, many_users_of_low_rank_need_fewer_trajectories);
  tcase_add_test(c, sharing_does_not_help_where_rewards_are_of_full_rank);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
