/* Tuning over ranks: the same figures whoever solves which system, with and without the comparison,
 * and for the second moments of rows. */
#define MST_TEST_MPI
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "parallel/tuning.h"
#include "tests/harness.h"

enum {
  D = 5,
  ROWS = 1300
};

static mst_team *alone, *team;

static mst_tuning_options options(const char *kind) {
  mst_tuning_options o = {.tuner = {.kind = kind},
                          .solver = {.tolerance = 1e-6, .most = 500},
                          .side = 6,
                          .low = 0.05,
                          .high = 1,
                          .alpha = 0.5,
                          .beta = 1.5,
                          .omega_low = 0.8,
                          .omega_high = 1.9,
                          .omegas = 6,
                          .systems = 60,
                          .seeds = 3,
                          .seed = 4,
                          .compare = true};
  mst_param_defaults(mst_tuner_params, &o.tuner);
  mst_param_defaults(mst_tuner_find(kind)->params, &o.tuner);
  return o;
}

static mst_tuning_totals same_on_all_ranks(const mst_tuning_options *o) {
  mst_tuning_totals one, many;
  ck_ok(mst_tuning(alone, o, NULL, &one));
  ck_ok(mst_tuning(team, o, NULL, &many));
  ck_assert_mem_eq(&one, &many, sizeof one);
  return many;
}

START_TEST(figures_do_not_depend_on_ranks) {
  const char *const kinds[] = {"tsallis_inf", "binned", "cheb_cb", "fixed", "uniform"};
  for (int i = 0; i < 5; i++) {
    mst_tuning_options o = options(kinds[i]);
    o.law = i == 1 ? MST_SHIFT_LOG : i == 2 ? MST_SHIFT_PATH : MST_SHIFT_BETA;
    o.solver.conjugate = i == 3;
    const mst_tuning_totals t = same_on_all_ranks(&o);
    ck_assert_double_ge(t.iterations, t.best_each);
    ck_assert_double_ge(t.best_fixed, t.best_each);
    ck_assert(t.failed == 0);
    o.compare = false;
    const mst_tuning_totals bare = same_on_all_ranks(&o);
    ck_assert(bare.iterations == t.iterations && bare.best_fixed == 0);
  }
}
END_TEST

START_TEST(the_best_fixed_omega_is_what_that_omega_takes) {
  mst_tuning_options o = options("fixed");
  double least = INFINITY, total = 0;
  for (int64_t arm = 0; arm < o.omegas; arm++) {
    o.tuner.arm = arm;
    o.seeds = 1;
    const mst_tuning_totals t = same_on_all_ranks(&o);
    least = fmin(least, t.iterations);
    total = t.best_fixed;
  }
  ck_assert(least == total);
  o = options("fixed");
  o.omega_low = o.omega_high = 1;
  o.omegas = 1;
  const mst_tuning_totals t = same_on_all_ranks(&o);
  ck_assert(t.iterations == t.at_one && t.iterations == t.best_fixed && t.best_omega == 1);
  ck_assert(t.iterations != t.at_one_half);
}
END_TEST

static mst_status read_table(void *context, int64_t first, int64_t count, float *x, float *y) {
  const int64_t *broken = context;
  for (int64_t i = 0; i < count; i++) {
    mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, (uint64_t)(first + i), 0));
    for (int j = 0; j < D; j++) x[i * D + j] = (float)(mst_stream_normal(&s) * (1 + 5 * j));
    y[i] = x[i * D + 2];
    if (first + i == *broken) x[i * D] = NAN;
  }
  return MST_OK;
}

START_TEST(second_moments_of_rows_are_a_matrix_too) {
  int64_t broken = -1;
  const mst_row_reader reader = {
      .context = &broken, .rows = ROWS, .row_elements = D, .outputs = 1, .read = read_table};
  mst_tuning_options o = options("tsallis_inf");
  mst_tuning_totals t;
  o.rows = &reader;
  o.law = MST_SHIFT_PATH;
  o.low = 1e-3;
  ck_assert_double_gt(same_on_all_ranks(&o).iterations, 60);
  broken = 700;
  ck_refused(mst_tuning(team, &o, NULL, &t), MST_ERR_NONFINITE, "row");
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
  mst_tuning_options o = options("tsallis_inf");
  mst_tuning_totals t;
  o.omega_high = 2;
  ck_refused(mst_tuning(team, &o, NULL, &t), MST_ERR_INPUT, "between 0 and 2");
  o = options("tsallis_inf");
  o.law = MST_SHIFT_LOG;
  o.low = 0;
  ck_refused(mst_tuning(team, &o, NULL, &t), MST_ERR_INPUT, "positive");
  o = options("tsallis_inf");
  o.low = -5;
  o.high = -4.5;
  ck_refused(mst_tuning(team, &o, NULL, &t), MST_ERR_SINGULAR, "diagonal");
}
END_TEST

static bool told_to_stop(void *context) {
  return *(const int *)context == mst_team_rank(team);
}

START_TEST(a_signal_to_one_rank_ends_all) {
  int rank = mst_team_size(team) - 1;
  const mst_observer o = {.context = &rank, .should_stop = told_to_stop};
  mst_tuning_options t = options("cheb_cb");
  mst_tuning_totals totals;
  for (int k = 0; k < 2; k++) {
    t.compare = k == 0;
    t.seeds = 8;
    ck_refused(mst_tuning(team, &t, &o, &totals), MST_ERR_INTERRUPTED, "start the run again");
  }
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
  Suite *suite = suite_create("tuning over ranks");
  TCase *c = tcase_create("tuning");
  tcase_add_unchecked_fixture(c, open_teams, close_teams);
  tcase_add_test(c, figures_do_not_depend_on_ranks);
  tcase_add_test(c, the_best_fixed_omega_is_what_that_omega_takes);
  tcase_add_test(c, second_moments_of_rows_are_a_matrix_too);
  tcase_add_test(c, a_signal_to_one_rank_ends_all);
  tcase_add_test(c, what_cannot_be_is_refused);
  suite_add_tcase(suite, c);
  return mst_test_main(argc, argv, suite);
}
