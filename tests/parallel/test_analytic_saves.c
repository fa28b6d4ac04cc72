/* Saving the statistics of an analytic job while they are summed: what a run does that cannot keep
 * them, because the disk or the memory is too small. */
#define MST_TEST_MPI
#include "tests/harness.h"

#include "tests/parallel/analytic_toy.h"

#define ROWS_OF_SAVES ((int64_t)120000) /* several portions of blocks on each of seven ranks */
#define FEATURES      3
#define OFTEN         1e-9 /* seconds: after every portion */

/* An observer that bears every failure to save, as that of a run does. */
typedef struct keeper {
  int64_t saves;
  bool stops;   /* ask for the end once something was to be saved           */
  bool starves; /* the next allocation of the last rank after the first save fails */
} keeper;

static mst_status on_save(void *context, int64_t round, const mst_state *state) {
  keeper *k = context;
  (void)round;
  (void)state;
  if (k->saves++ == 0 && k->starves && mst_team_rank(world) == mst_team_size(world) - 1)
    mst_memory_fail_at(1);
  return MST_OK;
}

static bool should_stop(void *context) {
  const keeper *k = context;
  return k->stops && k->saves > 0;
}

/* Train with the keeper; weights(FEATURES * C) of a complete run. */
static mst_status train_with(keeper *k, double *weights) {
  toy t = toy_make(ROWS_OF_SAVES, FEATURES, C);
  const mst_partition_spec spec = {.name = "iid", .seed = 3, .clients = 10};
  mst_observer o = {.context = k, .on_save = on_save, .should_stop = should_stop};
  toy_run r;
  toy_start(&r, world, &t, &spec, mst_pipeline_sum(), 1 << 20, 1);
  r.options.save_seconds = OFTEN;
  mst_analytic_data data = {.rows = r.rows, .roster = r.roster, .label = r.label, .outputs = t.c};
  mst_status st = mst_analytic_train(world, &data, r.features, &r.pipeline, &r.plan, &r.options, &o,
                                     &r.model, &r.gram);
  mst_memory_fail_at(0);
  if (st == MST_OK) memcpy(weights, r.model.weights, FEATURES * C * sizeof *weights);
  toy_end(&r);
  toy_free(&t);
  return st;
}

START_TEST(an_end_that_is_asked_for_saves_again_what_a_borne_failure_may_have_lost) {
  keeper k = {.stops = true};
  ck_assert_int_eq(train_with(&k, NULL), MST_ERR_INTERRUPTED);
  ck_assert_int_eq(k.saves, 2);
}
END_TEST

START_TEST(memory_that_one_rank_lacks_for_a_save_does_not_end_the_run) {
  double undisturbed[FEATURES * C], starved[FEATURES * C];
  keeper k = {0}, hungry = {.starves = true};
  ck_ok(train_with(&k, undisturbed));
  ck_assert_int_ge(k.saves, 2);
  ck_ok(train_with(&hungry, starved));
  ck_assert_int_eq(hungry.saves, k.saves - 1);
  ck_assert_mem_eq(starved, undisturbed, sizeof starved);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("saves of the analytic job");
  TCase *c = tcase_create("saves of the analytic job");
  tcase_add_unchecked_fixture(c, start_team, end_team);
  tcase_add_test(c, an_end_that_is_asked_for_saves_again_what_a_borne_failure_may_have_lost);
  tcase_add_test(c, memory_that_one_rank_lacks_for_a_save_does_not_end_the_run);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
