/* What robust aggregation refuses, on every rank alike and with the reason; memory that one rank
 * lacks. */
#define MST_TEST_MPI
#include "tests/parallel/robust_rows.h"

static const mst_robust_options plain = {.mixer = NULL};
static double result[256];

static void expect_refused(const rows *x, const mst_rule_spec *s, mst_robust_options o,
                           mst_status code, const char *text) {
  mst_robust_report report = {.n = 1};
  ck_refused(rows_try(all, x, s, o, result, &report), code, text);
  ck_assert_ptr_null(report.weight);
  ck_assert_ptr_null(report.excluded_row);
}

START_TEST(too_few_vectors_and_unknown_names_are_refused) {
  rows x = rows_noisy(8, 100, false, 0);
  mst_rule_spec s = rule_spec("trimmed_mean", 4);
  expect_refused(&x, &s, plain, MST_ERR_INPUT, "needs at least 9 vectors, there are 8");
  s = rule_spec("krum", 1);
  s.name = "krumm";
  expect_refused(&x, &s, plain, MST_ERR_INPUT, "'krumm' is unknown");
  s = rule_spec("krum", 1);
  mst_mixer_spec m = {.name = "nmm", .byzantine = 1};
  expect_refused(&x, &s, (mst_robust_options){.mixer = &m, .mixers = 1}, MST_ERR_INPUT,
                 "'nmm' is unknown");
  s.byzantine = -1;
  expect_refused(&x, &s, plain, MST_ERR_INPUT, "byzantine is -1");
  rows none = {.n = 0, .d = 100};
  s = rule_spec("mean", 0);
  expect_refused(&none, &s, plain, MST_ERR_INPUT, "there are 0");
  ck_refused(mst_aggregate(all, NULL, NULL, 0, 100, NULL, (float *)result, NULL), MST_ERR_INPUT,
             "no rule");
  rows_free(&x);
}
END_TEST

START_TEST(a_bucket_that_leaves_too_few_vectors_is_refused) {
  rows x = rows_noisy(8, 100, false, 0);
  mst_rule_spec s = rule_spec("krum", 2);
  mst_mixer_spec m = mixer_spec("bucketing", 2);
  m.size = 2;
  expect_refused(&x, &s, (mst_robust_options){.mixer = &m, .mixers = 1}, MST_ERR_INPUT,
                 "vectors, there are 4");
  rows_free(&x);
}
END_TEST

START_TEST(ranks_that_disagree_are_told_in_what) {
  int rank = mst_team_rank(all), last = mst_team_size(all) - 1;
  rows x = rows_noisy(8, 100, false, 0);
  mst_rule_spec s = rule_spec("krum", 1);
  float *out = (float *)result;
  if (last == 0) {
    rows_free(&x);
    return;
  }
  ck_refused(mst_aggregate(all, &s, NULL, 3, rank == last ? 90 : 100, x.f32, out, NULL),
             MST_ERR_INPUT, "have 90 entries, those of rank 0 100");
  s.byzantine = rank == last ? 0 : 1;
  ck_refused(mst_aggregate(all, &s, NULL, 3, 100, x.f32, out, NULL), MST_ERR_INPUT,
             "asks for another rule");
  s.byzantine = 1;
  mst_robust_options o = {.previous = rank == last ? x.f32 : NULL};
  ck_refused(mst_aggregate(all, &s, &o, 3, 100, x.f32, out, NULL), MST_ERR_INPUT,
             "asks for another rule");
  ck_refused(mst_aggregate(all, &s, NULL, 3, 100, rank == last ? NULL : x.f32, out, NULL),
             MST_ERR_INPUT, "the vectors is NULL");
  ck_refused(mst_aggregate(all, &s, NULL, rank == last ? -3 : 3, 100, x.f32, out, NULL),
             MST_ERR_INPUT, "-3 vectors");
  const double weight[3] = {1, 1, 1};
  s = rule_spec("mean", 1);
  o = (mst_robust_options){.weight = rank == last ? NULL : weight};
  ck_refused(mst_aggregate(all, &s, &o, 3, 100, x.f32, out, NULL), MST_ERR_INPUT,
             "gives no weights");
  rows_free(&x);
}
END_TEST

START_TEST(what_a_rule_lacks_or_does_not_take_is_refused) {
  rows x = rows_noisy(9, 100, true, 0);
  mst_rule_spec trust = rule_spec("fltrust", 1), zeno = rule_spec("zeno", 1),
                krum = rule_spec("krum", 1), mean = rule_spec("mean", 1);
  expect_refused(&x, &trust, plain, MST_ERR_INPUT, "needs a trusted vector");
  expect_refused(&x, &zeno, plain, MST_ERR_INPUT, "needs a trusted loss");
  x.root = vector_of(&x, 1, 1);
  expect_refused(&x, &krum, plain, MST_ERR_INPUT, "takes no trusted vector");
  ((double *)x.root)[99] = NAN;
  expect_refused(&x, &trust, plain, MST_ERR_NONFINITE, "the trusted vector is not finite");
  mst_free(x.root);
  x.root = NULL;
  ck_ok(mst_alloc(&x.loss, 9, sizeof *x.loss, "test"));
  expect_refused(&x, &krum, plain, MST_ERR_INPUT, "takes no losses");
  mst_mixer_spec nnm = mixer_spec("nnm", 1);
  const mst_robust_options behind = {.mixer = &nnm, .mixers = 1};
  expect_refused(&x, &zeno, behind, MST_ERR_UNSUPPORTED, "losses of clients behind mixer nnm");
  mst_free(x.loss);
  x.loss = NULL;
  ck_ok(mst_alloc(&x.weight, 9, sizeof *x.weight, "test"));
  for (int i = 0; i < 9; i++) x.weight[i] = 1;
  expect_refused(&x, &krum, plain, MST_ERR_INPUT, "takes no weights");
  expect_refused(&x, &mean, behind, MST_ERR_UNSUPPORTED, "weights of clients behind mixer nnm");
  x.weight[7] = 0;
  expect_refused(&x, &mean, plain, MST_ERR_INPUT, "the weight of vector 7 is 0");
  mst_rule_spec clip = rule_spec("centered_clipping", 1);
  mst_free(x.weight);
  x.weight = NULL;
  x.previous = vector_of(&x, 1, 1);
  ((double *)x.previous)[0] = INFINITY;
  expect_refused(&x, &clip, plain, MST_ERR_NONFINITE, "the last result is not finite");
  rows_free(&x);
}
END_TEST

START_TEST(nothing_can_be_made_of_no_finite_vector) {
  rows x = rows_noisy(9, 100, false, 0);
  mst_rule_spec nna = rule_spec("nna", 1), mean = rule_spec("mean", 1);
  nna.centre = 5;
  rows_set(&x, 5, 3, NAN);
  expect_refused(&x, &nna, plain, MST_ERR_NONFINITE, "vector 5, whose neighbours are asked for");
  rows_set(&x, 5, 3, 1);
  rows_set(&x, 2, 3, NAN); /* before the centre: it is still the same vector that is meant */
  mst_robust_report report;
  ck_ok(rows_try(all, &x, &nna, plain, result, &report));
  ck_assert_double_gt(report.weight[5], 0);
  mst_robust_report_clear(&report);
  for (int64_t i = 0; i < 9; i++) rows_set(&x, i, i, NAN);
  expect_refused(&x, &mean, plain, MST_ERR_NONFINITE, "none of the 9 vectors is finite");
  rows_free(&x);
}
END_TEST

/* Behind a mixer that keeps the vectors' numbers it is still the same client that is meant, however
 * many before it are left out; behind one that does not, none is. */
START_TEST(a_centre_behind_a_mixer_is_the_client_or_refused) {
  static const char *const name[] = {"nnm", "clipping", "arc"};
  mst_rule_spec nna = rule_spec("nna", 2);
  for (int k = 0; k < 3; k++) {
    rows x = rows_noisy(9, 100, true, 0), less = rows_make(8, 100, true);
    mst_mixer_spec m = mixer_spec(name[k], 2), lower = mixer_spec(name[k], 1);
    const mst_robust_options o = {.mixer = &m, .mixers = 1},
                             of_less = {.mixer = &lower, .mixers = 1};
    for (int64_t i = 0; i < 8; i++)
      for (int64_t c = 0; c < 100; c++) rows_set(&less, i, c, x.f64[(i + (i >= 2)) * 100 + c]);
    rows_set(&x, 2, 3, NAN);
    nna.byzantine = 2;
    nna.centre = 5;
    double *got = rows_aggregate(all, &x, &nna, o, NULL);
    nna.byzantine = 1;
    nna.centre = 4;
    double *want = rows_aggregate(all, &less, &nna, of_less, NULL);
    ck_assert_mem_eq(got, want, 100 * sizeof *got);
    nna.byzantine = 2;
    nna.centre = 2;
    expect_refused(&x, &nna, o, MST_ERR_NONFINITE, "vector 2, whose neighbours are asked for");
    nna.centre = 8; /* the last number of all, though one less are left */
    mst_free(rows_aggregate(all, &x, &nna, o, NULL));
    mst_free(want);
    mst_free(got);
    rows_free(&less);
    rows_free(&x);
  }
  rows x = rows_noisy(9, 100, true, 0);
  mst_mixer_spec chain[2] = {mixer_spec("nnm", 1), mixer_spec("bucketing", 1)};
  nna = rule_spec("nna", 1);
  for (int64_t size = 1; size <= 2; size++) {
    chain[1].size = size;
    expect_refused(&x, &nna, (mst_robust_options){.mixer = chain, .mixers = 2}, MST_ERR_INPUT,
                   "nna behind mixer bucketing: aggregate.centre is a client's number");
  }
  rows_free(&x);
}
END_TEST

START_TEST(multi_krum_selects_no_more_than_are_left) {
  rows x = rows_noisy(9, 100, true, 0), less = rows_make(7, 100, true);
  mst_rule_spec s = rule_spec("multi_krum", 2);
  for (int64_t i = 0; i < 7; i++)
    for (int64_t c = 0; c < 100; c++) rows_set(&less, i, c, x.f64[(i + 2) * 100 + c]);
  rows_set(&x, 0, 0, NAN);
  rows_set(&x, 1, 0, INFINITY);
  s.select = 8;
  mst_robust_report report;
  double *got = rows_aggregate(all, &x, &s, plain, &report);
  s.select = 7;
  s.byzantine = 0;
  double *want = rows_aggregate(all, &less, &s, plain, NULL);
  ck_assert_mem_eq(got, want, 100 * sizeof *got);
  for (int64_t i = 0; i < 9; i++) ck_assert_double_eq(report.weight[i], i < 2 ? 0 : 1.0 / 7);
  mst_robust_report_clear(&report);
  mst_free(want);
  mst_free(got);
  s = rule_spec("multi_krum", 2);
  s.select = 5; /* buckets of all 9; of the 7 that are left there are 4 */
  mst_mixer_spec m = mixer_spec("bucketing", 2);
  mst_free(rows_aggregate(all, &x, &s, (mst_robust_options){.mixer = &m, .mixers = 1}, NULL));
  s.select = 10;
  expect_refused(&x, &s, plain, MST_ERR_INPUT, "aggregate.select is 10");
  rows_free(&less);
  rows_free(&x);
}
END_TEST

/* Each allocation of one rank in turn: all ranks end with the same status, and no rank waits. */
START_TEST(memory_that_one_rank_lacks_ends_the_call_on_all) {
  static const char *const name[] = {"trimmed_mean", "dnc", "signguard"};
  rows x = rows_noisy(9, 200, false, 1);
  mst_mixer_spec nnm = mixer_spec("nnm", 1);
  for (int k = 0; k < 3; k++) {
    mst_rule_spec s = rule_spec(name[k], 1);
    int failed = 0;
    for (int64_t at = 1;; at++) {
      mst_robust_report report;
      if (mst_team_rank(all) == mst_team_size(all) - 1) mst_memory_fail_at(at);
      mst_status st = rows_try(all, &x, &s, (mst_robust_options){.mixer = &nnm, .mixers = k == 2},
                               result, &report);
      mst_memory_fail_at(0);
      mst_robust_report_clear(&report);
      int64_t code[2] = {st, -(int64_t)st};
      ck_ok(mst_max_i64(all, code, 2));
      ck_assert_int_eq(code[0], -code[1]);
      if (st == MST_OK) break;
      ck_assert_int_eq(st, MST_ERR_MEMORY);
      failed++;
    }
    ck_assert_int_gt(failed, 10);
  }
  rows_free(&x);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust refusals");
  TCase *c = tcase_create("refusals");
  tcase_set_timeout(c, 0);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, too_few_vectors_and_unknown_names_are_refused);
  tcase_add_test(c, a_bucket_that_leaves_too_few_vectors_is_refused);
  tcase_add_test(c, ranks_that_disagree_are_told_in_what);
  tcase_add_test(c, what_a_rule_lacks_or_does_not_take_is_refused);
  tcase_add_test(c, nothing_can_be_made_of_no_finite_vector);
  tcase_add_test(c, a_centre_behind_a_mixer_is_the_client_or_refused);
  tcase_add_test(c, multi_krum_selects_no_more_than_are_left);
  tcase_add_test(c, memory_that_one_rank_lacks_ends_the_call_on_all);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
