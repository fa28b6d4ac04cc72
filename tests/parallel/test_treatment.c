/* Treatment rules over ranks: the same figures whoever has which instances, fewer instances than
 * ranks too. */
#define MST_TEST_MPI
#include <string.h>

#include "parallel/treatment.h"
#include "tests/harness.h"

static mst_team *alone, *team;

static mst_treatment_options options(mst_treatment_policy policy, int64_t seeds) {
  return (mst_treatment_options){
      .spec =
          {.policy = policy, .pulls = 3, .gap = 0.3, .epsilon = 0.2, .noise = 0.5, .refit = 0.02},
      .seed = 7,
      .seeds = seeds,
      .patients = 700};
}

START_TEST(figures_do_not_depend_on_ranks) {
  for (int policy = MST_TREATMENT_DTR; policy <= MST_TREATMENT_ORACLE; policy++)
    for (int64_t seeds = 1; seeds <= 9; seeds += 4) {
      const mst_treatment_options o = options((mst_treatment_policy)policy, seeds);
      mst_treatment_totals one, many;
      ck_ok(mst_treatment_run(alone, &o, NULL, &one));
      ck_ok(mst_treatment_run(team, &o, NULL, &many));
      ck_assert_mem_eq(&one, &many, sizeof one);
      ck_assert((many.regret == 0) == (policy == MST_TREATMENT_ORACLE));
      /* q = 3: blocks of 12 at 0, 12, 36, 84, 180, 372 */
      ck_assert(many.forced == (policy == MST_TREATMENT_DTR      ? 72
                                : policy < MST_TREATMENT_UNIFORM ? 12
                                                                 : 0));
    }
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  mst_treatment_options o = options(MST_TREATMENT_DTR, 0);
  mst_treatment_totals t;
  ck_refused(mst_treatment_run(team, &o, NULL, &t), MST_ERR_INPUT, "0 seeds");
}
END_TEST

static void open_teams(void) {
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
}

static void close_teams(void) {
  mst_team_destroy(alone);
  mst_team_destroy(team);
}

int main(int argc, char **argv) {
  Suite *suite = suite_create("treatment over ranks");
  TCase *c = tcase_create("treatment");
  tcase_add_unchecked_fixture(c, open_teams, close_teams);
  tcase_add_test(c, figures_do_not_depend_on_ranks);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
