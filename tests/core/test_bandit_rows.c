/* Rows of a dataset as the environment of a bandit: every row once before any again, agents that
 * never meet, what arms pay, and what cannot be. */
#include <math.h>
#include <string.h>

#include "core/bandit/environment.h"
#include "tests/harness.h"

enum {
  ROWS = 12,
  D = 2,
  ARMS = 3
};

static float x[ROWS * D], value[ROWS * ARMS];
static int32_t label[ROWS];

static mst_bandit_rows rows_of(int64_t agents, bool classes) {
  for (int i = 0; i < ROWS; i++) {
    for (int k = 0; k < D; k++) x[i * D + k] = (float)(i + 100 * k);
    for (int a = 0; a < ARMS; a++) value[i * ARMS + a] = (float)(0.1 * a + 0.01 * i);
    label[i] = i % ARMS;
  }
  return (mst_bandit_rows){.rows = ROWS,
                           .agents = agents,
                           .x = x,
                           .label = classes ? label : NULL,
                           .value = classes ? NULL : value,
                           .most = 200};
}

static mst_environment_spec spec_of(const mst_bandit_rows *rows, const char *pays, bool constant) {
  return (mst_environment_spec){.kind = "rows",
                                .dimension = D + constant,
                                .arms = ARMS,
                                .rows = rows,
                                .pays = pays,
                                .constant = constant};
}

START_TEST(every_row_is_taken_once_before_any_is_again) {
  const mst_bandit_rows rows = rows_of(3, true);
  const mst_environment_spec spec = spec_of(&rows, NULL, false);
  mst_environment *e = NULL, *other = NULL;
  double room[ARMS * (D + 1)];
  int differ = 0;
  ck_assert_int_eq(mst_environment_room(&spec), ARMS * (D + 1));
  ck_ok(mst_environment_create(&spec, 1, &e));
  ck_ok(mst_environment_create(&spec, 2, &other));
  for (int pass = 0; pass < 2; pass++) {
    int seen[ROWS] = {0};
    for (int64_t round = 0; round < ROWS / 3; round++)
      for (int64_t agent = 0; agent < 3; agent++) {
        const mst_contexts c = mst_environment_offer(e, agent, round + pass * ROWS / 3, room);
        const int row = (int)c.x[0];
        seen[row]++;
        for (int a = 0; a < ARMS; a++) {
          ck_assert_double_eq(c.x[a * D], row);
          ck_assert_double_eq(c.x[a * D + 1], row + 100);
          ck_assert_double_eq(c.mean[a], a == row % ARMS);
          ck_assert_double_eq(mst_environment_reward(e, &c, a, agent, round), c.mean[a]);
        }
        ck_assert_double_eq(c.best, 1);
        differ += mst_environment_offer(other, agent, round, room).x[0] != row;
      }
    for (int i = 0; i < ROWS; i++) ck_assert_int_eq(seen[i], 1);
  }
  ck_assert_int_gt(differ, ROWS / 2); /* another instance, another order */
  mst_environment_destroy(e);
  mst_environment_destroy(other);
}
END_TEST

START_TEST(who_plays_alone_in_a_round_takes_the_next_row) {
  const mst_bandit_rows rows = rows_of(1, true);
  const mst_environment_spec spec = spec_of(&rows, NULL, false);
  mst_environment *e = NULL;
  double room[ARMS * (D + 1)];
  int seen[ROWS] = {0};
  ck_ok(mst_environment_create(&spec, 1, &e));
  for (int64_t round = 0; round < ROWS; round++)
    seen[(int)mst_environment_offer(e, round * 7 % 5, round, room).x[0]]++;
  for (int i = 0; i < ROWS; i++) ck_assert_int_eq(seen[i], 1);
  mst_environment_destroy(e);
}
END_TEST

START_TEST(values_are_rewards_or_costs) {
  const mst_bandit_rows rows = rows_of(1, false);
  for (int costs = 0; costs < 2; costs++) {
    const mst_environment_spec spec = spec_of(&rows, costs == 1 ? "costs" : "rewards", true);
    mst_environment *e = NULL;
    double room[ARMS * (D + 2)];
    ck_ok(mst_environment_create(&spec, 1, &e));
    const mst_contexts c = mst_environment_offer(e, 0, 0, room);
    const double row = c.x[0];
    for (int a = 0; a < ARMS; a++) {
      const double pays = (costs == 1 ? -1 : 1) * (0.1 * a + 0.01 * row);
      ck_assert_double_eq_tol(c.mean[a], pays, 1e-6);
      ck_assert_double_eq(c.x[a * (D + 1) + D], 1);
    }
    ck_assert_double_eq(c.best, c.mean[costs == 1 ? 0 : ARMS - 1]);
    mst_environment_destroy(e);
  }
}
END_TEST

START_TEST(rows_go_with_nothing_that_is_made_up) {
  const mst_bandit_rows rows = rows_of(1, true);
  mst_environment_spec spec = spec_of(NULL, NULL, false);
  ck_refused(mst_environment_check(&spec), MST_ERR_INPUT, "data.train");
  spec.rows = &rows;
  ck_ok(mst_environment_check(&spec));
  spec.sets = 3;
  ck_refused(mst_environment_check(&spec), MST_ERR_INPUT, "neither pool");
  spec.sets = 0;
  spec.noise = 1;
  ck_refused(mst_environment_check(&spec), MST_ERR_INPUT, "neither pool");
  spec.noise = 0;
  spec.pays = "prizes";
  ck_refused(mst_environment_check(&spec), MST_ERR_INPUT, "environment.pays");
  spec.kind = "sphere";
  spec.dimension = 0;
  ck_refused(mst_environment_check(&spec), MST_ERR_INPUT, "environment.dimension");
}
END_TEST

int main(int argc, char **argv) {
  Suite *suite = suite_create("bandit_rows");
  TCase *tcase = tcase_create("rows");
  tcase_add_test(tcase, every_row_is_taken_once_before_any_is_again);
  tcase_add_test(tcase, who_plays_alone_in_a_round_takes_the_next_row);
  tcase_add_test(tcase, values_are_rewards_or_costs);
  tcase_add_test(tcase, rows_go_with_nothing_that_is_made_up);
  suite_add_tcase(suite, tcase);
  return mst_test_main(argc, argv, suite);
}
