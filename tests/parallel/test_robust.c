/* Robust aggregation over ranks: published outputs, the same bits however vectors are spread and
 * numbered, vectors that are not finite, what is copied and what is carried on. */
#define MST_TEST_MPI
#include "comm/share.h"
#include "tests/parallel/robust_rows.h"

static const mst_robust_options plain = {.mixer = NULL};

static rows golden_rows(void) {
  vectors v = vectors_golden();
  rows x = rows_make(GOLDEN_N, GOLDEN_D, true);
  memcpy(x.f64, v.x, (size_t)(GOLDEN_N * GOLDEN_D) * sizeof *x.f64);
  vectors_free(&v);
  return x;
}

static void expect_published(const mst_rule_spec *s, const char *mixer, const char *golden) {
  rows x = golden_rows();
  mst_mixer_spec m = {.name = mixer};
  if (mixer != NULL) m = mixer_spec(mixer, GOLDEN_F);
  mst_robust_options o = {.mixer = &m, .mixers = mixer != NULL};
  void *together = rows_aggregate(all, &x, s, o, NULL);
  void *single = rows_aggregate(alone, &x, s, o, NULL);
  expect_golden(golden, x.d, together);
  ck_assert_msg(memcmp(together, single, vector_bytes(&x)) == 0, "%s: bits", golden);
  mst_free(single);
  mst_free(together);
  rows_free(&x);
}

START_TEST(published_outputs_are_met_on_any_number_of_ranks) {
  static const struct {
    const char *rule, *mixer, *golden;
    int64_t iterations; /* 0 = the default */
    double tau;
  } known[] = {{"mean", NULL, "Average", 0, 0},
               {"median", NULL, "Median", 0, 0},
               {"trimmed_mean", NULL, "TrMean", 0, 0},
               {"meamed", NULL, "Meamed", 0, 0},
               {"krum", NULL, "Krum", 0, 0},
               {"multi_krum", NULL, "MultiKrum", 0, 0},
               {"nna", NULL, "MoNNA", 0, 0},
               {"geometric_median", NULL, "GeometricMedian_nup1_T3", 3, 0},
               {"geometric_median", NULL, "GeometricMedian_T8", 8, 0},
               {"centered_clipping", NULL, "CenteredClipping_L1_tau100", 1, 100},
               {"centered_clipping", NULL, "CenteredClipping_L3_tau100", 3, 100},
               {"centered_clipping", NULL, "CenteredClipping_L3_tau10", 3, 10},
               {"krum", "nnm", "NNM_Krum", 0, 0},
               {"geometric_median", "nnm", "NNM_GeometricMedian", 3, 0},
               {"trimmed_mean", "nnm", "NNM_TrMean", 0, 0}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    mst_rule_spec s = rule_spec(known[i].rule, GOLDEN_F);
    if (known[i].iterations > 0) s.iterations = known[i].iterations;
    if (known[i].tau > 0) s.tau = known[i].tau;
    expect_published(&s, known[i].mixer, known[i].golden);
  }
}
END_TEST

static double diameter(const vectors *v, const double *weight) {
  double most = 0;
  for (int64_t i = 0; i < v->n; i++)
    for (int64_t j = 0; j < v->n; j++)
      if (weight[i] != 0 && weight[j] != 0) most = fmax(most, v->distance[i * v->points + j]);
  return most;
}

/* Several sets of the published vectors have the least diameter; which one is taken is a matter of
 * their order, which is not the vectors' numbers here. */
START_TEST(mda_takes_vectors_of_the_published_diameter) {
  vectors v = vectors_golden();
  rows x = golden_rows();
  mst_rule_spec s = rule_spec("mda", GOLDEN_F);
  mst_robust_report report;
  mst_free(rows_aggregate(all, &x, &s, plain, &report));
  run_rule(&s, &v);
  expect_golden("MDA", v.d, v.result);
  int64_t taken = 0;
  for (int64_t i = 0; i < v.n; i++) taken += report.weight[i] != 0;
  ck_assert_int_eq(taken, GOLDEN_N - GOLDEN_F);
  ck_assert_double_eq(diameter(&v, report.weight), diameter(&v, v.weight));
  mst_robust_report_clear(&report);
  rows_free(&x);
  vectors_free(&v);
}
END_TEST

/* Chains of mixers by number; false past the last. */
static bool chain_at(int i, mst_mixer_spec chain[2], int *n) {
  static const char *const name[][2] = {
      {NULL, NULL}, {"nnm", NULL}, {"bucketing", NULL}, {"arc", "nnm"}, {"clipping", "bucketing"}};
  if (i >= 5) return false;
  for (*n = 0; *n < 2 && name[i][*n] != NULL; ++*n) chain[*n] = mixer_spec(name[i][*n], 1);
  return true;
}

static bool is_ordered(const mst_rule_ops *rule, const mst_mixer_spec *chain, int n) {
  bool ordered = (rule->needs & MST_RULE_ORDERED) != 0;
  for (int i = 0; i < n; i++)
    ordered = ordered || (mst_mixer_find(chain[i].name)->needs & MST_RULE_ORDERED) != 0;
  return ordered;
}

/* The same vectors, with what belongs to them, in another order. */
static rows rows_permuted(const rows *x) {
  rows y = rows_make(x->n, x->d, x->wide);
  if (x->loss != NULL) ck_ok(mst_alloc(&y.loss, x->n, sizeof *y.loss, "test"));
  if (x->weight != NULL) ck_ok(mst_alloc(&y.weight, x->n, sizeof *y.weight, "test"));
  for (int64_t i = 0; i < x->n; i++) {
    int64_t from = (7 * i + 3) % x->n;
    if (x->loss != NULL) y.loss[i] = x->loss[from];
    if (x->weight != NULL) y.weight[i] = x->weight[from];
    for (int64_t c = 0; c < x->d; c++) rows_set(&y, i, c, x->f64[from * x->d + c]);
  }
  for (int k = 0; k < 2; k++) {
    const void *from = k == 0 ? x->root : x->previous;
    void *to = NULL;
    if (from == NULL) continue;
    ck_ok(mst_alloc(&to, x->d, sizeof(double), "test"));
    memcpy(to, from, vector_bytes(x));
    if (k == 0)
      y.root = to;
    else
      y.previous = to;
  }
  return y;
}

static void expect_same_bits(const mst_rule_ops *rule, bool wide, int chain_number) {
  const int64_t bucket[] = {0, 1};
  mst_mixer_spec chain[2];
  int mixers = 0;
  ck_assert(chain_at(chain_number, chain, &mixers));
  if (mixers > 0 && (rule->needs & MST_RULE_LOSSES) != 0) return;
  if (strcmp(rule->name, "nna") == 0 && is_ordered(mst_rule_find("mean"), chain, mixers)) return;
  rows x = rows_noisy(12, 8001, wide, 1);
  rows_give(&x, rule->needs);
  rows y = rows_permuted(&x);
  mst_rule_spec s = rule_spec(rule->name, 1);
  mst_robust_options o = {.mixer = chain, .mixers = mixers};
  void *single = rows_aggregate(alone, &x, &s, o, NULL);
  for (int b = chain_number > 0; b < 2; b++) {
    o.bucket_bytes = bucket[b];
    void *together = rows_aggregate(all, &x, &s, o, NULL);
    ck_assert_msg(memcmp(single, together, vector_bytes(&x)) == 0, "%s, chain %d, bucket %lld",
                  rule->name, chain_number, (long long)bucket[b]);
    mst_free(together);
  }
  if (!is_ordered(rule, chain, mixers)) {
    void *permuted = rows_aggregate(all, &y, &s, o, NULL);
    ck_assert_msg(memcmp(single, permuted, vector_bytes(&x)) == 0, "%s, chain %d, permuted",
                  rule->name, chain_number);
    mst_free(permuted);
  }
  mst_free(single);
  rows_free(&y);
  rows_free(&x);
}

START_TEST(bits_depend_neither_on_ranks_nor_buckets_nor_numbers) {
  int tried = 0;
  for (int i = 0; mst_rule_at(i) != NULL; i++)
    for (int chain = 0; chain < 5; chain++)
      for (int wide = 0; wide < 2; wide++) {
        if (mst_rule_at(i)->least(1) > 6 && chain >= 2) continue; /* too few buckets */
        if (wide != 0 && chain % 2 == 0 && chain > 0) continue;   /* there is no end to it */
        expect_same_bits(mst_rule_at(i), wide != 0, chain);
        tried++;
      }
  ck_assert_int_gt(tried, 80);
}
END_TEST

/* Equal vectors of clients that differ in weight or loss alone are told apart by that. */
START_TEST(equal_vectors_are_ordered_by_what_else_is_known) {
  static const char *const name[] = {"mean", "geometric_median", "centered_clipping", "fltrust",
                                     "zeno"};
  for (int k = 0; k < 5; k++) {
    rows x = rows_noisy(11, 300, true, 2);
    rows_give(&x, mst_rule_find(name[k])->needs);
    for (int64_t c = 0; c < x.d; c++)
      for (int64_t i = 4; i <= 8; i += 4) rows_set(&x, i, c, x.f64[x.d + c]);
    if (k < 4) ck_ok(mst_alloc(&x.weight, x.n, sizeof *x.weight, "test"));
    for (int64_t i = 0; i < x.n && k < 4; i++) x.weight[i] = 1 + 0.37 * (double)((5 * i) % x.n);
    rows y = rows_permuted(&x);
    mst_rule_spec s = rule_spec(name[k], 2);
    void *got = rows_aggregate(all, &y, &s, plain, NULL),
         *want = rows_aggregate(all, &x, &s, plain, NULL);
    ck_assert_msg(memcmp(got, want, vector_bytes(&x)) == 0, "%s", name[k]);
    mst_free(want);
    mst_free(got);
    rows_free(&y);
    rows_free(&x);
  }
}
END_TEST

/* One entry of a vector is not finite, or too large for float32; the call must end like one without
 * that vector and one Byzantine vector less. */
static void expect_left_out(const char *name, bool wide, double bad) {
  rows x = rows_noisy(11, 5000, wide, 2), less = rows_make(9, 5000, wide);
  int64_t from = 0;
  for (int64_t i = 0; i < 11; i++) {
    if (i == 2 || i == 10) continue;
    for (int64_t c = 0; c < x.d; c++) rows_set(&less, from, c, x.f64[i * x.d + c]);
    from++;
  }
  rows_set(&x, 2, 4999, bad);
  rows_set(&x, 10, 0, (double)-INFINITY);
  mst_rule_spec s = rule_spec(name, 2), lower = rule_spec(name, 0);
  mst_robust_report report;
  void *got = rows_aggregate(all, &x, &s, plain, &report);
  void *want = rows_aggregate(all, &less, &lower, plain, NULL);
  ck_assert_msg(memcmp(got, want, vector_bytes(&x)) == 0, "%s without two vectors", name);
  ck_assert_int_eq(report.n, 11);
  ck_assert_int_eq(report.byzantine, 0);
  ck_assert_int_eq(report.excluded, 2);
  ck_assert_int_eq(report.excluded_row[0], 2);
  ck_assert_int_eq(report.excluded_row[1], 10);
  if (mst_rule_find(name)->weigh != NULL) {
    ck_assert_double_eq(report.weight[2], 0);
    ck_assert_double_eq(report.weight[10], 0);
    ck_assert_int_eq(report.vector_bytes, 11 * 5000 * (wide ? 8 : 4));
  } else {
    ck_assert_ptr_null(report.weight);
  }
  mst_robust_report_clear(&report);
  mst_free(want);
  mst_free(got);
  rows_free(&less);
  rows_free(&x);
}

START_TEST(vectors_that_are_not_finite_never_reach_the_result) {
  static const char *const name[] = {"mean", "median",           "trimmed_mean",
                                     "krum", "geometric_median", "mda"};
  for (int i = 0; i < 6; i++)
    for (int wide = 0; wide < 2; wide++) {
      expect_left_out(name[i], wide != 0, NAN);
      expect_left_out(name[i], wide != 0, wide ? 1e39 : (double)INFINITY);
    }
}
END_TEST

/* Of more vectors that are not finite than f, none does harm either. */
START_TEST(f_does_not_fall_below_zero) {
  rows x = rows_noisy(9, 300, true, 0);
  for (int64_t i = 3; i < 7; i++) rows_set(&x, i, i, NAN);
  mst_rule_spec s = rule_spec("trimmed_mean", 1), mean = rule_spec("mean", 0);
  mst_robust_report report;
  double *got = rows_aggregate(all, &x, &s, plain, &report);
  double *want = rows_aggregate(all, &x, &mean, plain, NULL);
  ck_assert_int_eq(report.byzantine, 0);
  ck_assert_int_eq(report.excluded, 4);
  for (int64_t c = 0; c < x.d; c++) ck_assert_double_eq_tol(got[c], want[c], 1e-14);
  mst_robust_report_clear(&report);
  mst_free(want);
  mst_free(got);
  rows_free(&x);
}
END_TEST

START_TEST(krum_copies_one_vector_bit_for_bit) {
  rows x = rows_noisy(9, 7000, false, 2);
  mst_rule_spec s = rule_spec("krum", 2);
  mst_robust_report report;
  for (int64_t i = 0; i < 9; i++) {
    x.f32[i * x.d + 1] = 1e-42f; /* below the normal numbers */
    x.f32[i * x.d + 2] = -0.0f;
  }
  float *got = rows_aggregate(all, &x, &s, plain, &report);
  int64_t chosen = -1;
  for (int64_t i = 0; i < 9; i++)
    if (report.weight[i] != 0) chosen = i;
  ck_assert_int_ge(chosen, 0);
  ck_assert_int_lt(chosen, 7);
  ck_assert_double_eq(report.weight[chosen], 1);
  ck_assert(memcmp(got, x.f32 + chosen * x.d, vector_bytes(&x)) == 0);
  mst_robust_report_clear(&report);
  mst_free(got);
  rows_free(&x);
}
END_TEST

/* The last result may lie where the next one goes: three rounds in place are three rounds apart. */
START_TEST(the_last_result_may_be_overwritten) {
  rows x = rows_noisy(9, 9000, false, 2);
  mst_rule_spec s = rule_spec("centered_clipping", 2);
  s.tau = 30;
  float *in_place = NULL, *before = NULL;
  ck_ok(mst_alloc(&in_place, x.d, sizeof *in_place, "test"));
  for (int round = 0; round < 3; round++) {
    x.previous = before;
    float *apart = rows_aggregate(all, &x, &s, plain, NULL);
    x.previous = round > 0 ? in_place : NULL;
    ck_ok(rows_try(all, &x, &s, plain, in_place, NULL));
    ck_assert(memcmp(apart, in_place, vector_bytes(&x)) == 0);
    if (before != NULL) ck_assert(memcmp(apart, before, vector_bytes(&x)) != 0);
    mst_free(before);
    before = apart;
  }
  x.previous = NULL;
  mst_free(before);
  mst_free(in_place);
  rows_free(&x);
}
END_TEST

START_TEST(weights_of_clients_go_with_their_vectors) {
  rows x = rows_noisy(9, 3000, true, 0);
  mst_rule_spec s = rule_spec("mean", 2);
  ck_ok(mst_alloc(&x.weight, 9, sizeof *x.weight, "test"));
  double total = 0;
  for (int64_t i = 0; i < 9; i++) x.weight[i] = (double)(i * i + 1);
  rows_set(&x, 4, 0, NAN);
  double *got = rows_aggregate(all, &x, &s, plain, NULL);
  for (int64_t i = 0; i < 9; i++) total += i == 4 ? 0 : x.weight[i];
  for (int64_t c = 0; c < x.d; c++) {
    double want = 0;
    for (int64_t i = 0; i < 9; i++) want += i == 4 ? 0 : x.weight[i] / total * x.f64[i * x.d + c];
    ck_assert_double_eq_tol(got[c], want, 1e-14);
  }
  mst_free(got);
  rows_free(&x);
}
END_TEST

/* A large part that all vectors share costs no digit of the distances. */
START_TEST(a_common_shift_changes_no_choice) {
  rows x = rows_noisy(11, 6000, true, 2);
  mst_rule_spec s = rule_spec("krum", 2);
  mst_robust_report before, after;
  mst_free(rows_aggregate(all, &x, &s, plain, &before));
  for (int64_t i = 0; i < x.n; i++)
    for (int64_t c = 0; c < x.d; c++) rows_set(&x, i, c, x.f64[i * x.d + c] + 1e6);
  mst_free(rows_aggregate(all, &x, &s, plain, &after));
  ck_assert(memcmp(before.weight, after.weight, 11 * sizeof(double)) == 0);
  mst_robust_report_clear(&before);
  mst_robust_report_clear(&after);
  rows_free(&x);
}
END_TEST

/* Bytes that the ranks moved for krum and for the mean: between nodes, and within them. */
static void count_bytes(mst_team *team, const rows *x, int64_t sent[2], int64_t shared[2]) {
  mst_rule_spec krum = rule_spec("krum", 2), mean = rule_spec("mean", 2);
  for (int k = 0; k < 2; k++) {
    const mst_meter before = mst_team_meter(team);
    mst_free(rows_aggregate(team, x, k == 0 ? &krum : &mean, plain, NULL));
    const mst_meter after = mst_team_meter(team);
    sent[k] = after.mpi_bytes - before.mpi_bytes;
    shared[k] = after.shared_bytes - before.shared_bytes;
  }
  ck_ok(mst_sum_i64(team, sent, 2));
  ck_ok(mst_sum_i64(team, shared, 2));
}

/* What a rank sends follows from its vectors and buckets alone; rows of weight 0 stay where they
 * are. */
START_TEST(vectors_that_do_not_count_do_not_travel) {
  const mst_team_options apart = {.shared_memory = false};
  mst_team *team = NULL;
  rows x = rows_noisy(9, 40000, false, 2);
  int p = mst_team_size(all);
  const double vector = (double)vector_bytes(&x);
  int64_t bytes[2], shared[2];
  ck_ok(mst_team_create(MPI_COMM_WORLD, &apart, &team));
  count_bytes(team, &x, bytes, shared);
  mst_team_destroy(team);
  /* All vectors once, the result to all; for krum one vector more. */
  double away = (double)(p - 1) / p, once = 9 * vector * away, spread = vector * (p - 1);
  if (p == 1) {
    ck_assert_int_eq(bytes[1], 0);
  } else {
    ck_assert_double_eq_tol((double)bytes[1], once + spread, 0.2 * once + 4e4 * p);
    ck_assert_double_eq_tol((double)bytes[0], once + vector * away + spread, 0.2 * once + 8e4 * p);
  }
  /* Through shared memory the same vectors, and each column of the result once. */
  count_bytes(all, &x, bytes, shared);
  if (p > 1 && mst_team_domains(all) == 1) {
    ck_assert_double_eq_tol((double)shared[1], once + vector, 0.05 * once);
    ck_assert_double_eq_tol((double)shared[0], once + vector * away + vector,
                            0.05 * once + 3e4 * p);
    ck_assert_int_lt(bytes[1], (int64_t)vector / 10);
  }
  rows_free(&x);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust");
  TCase *c = tcase_create("robust");
  tcase_set_timeout(c, 0);
  tcase_add_unchecked_fixture(c, teams_open, teams_close);
  tcase_add_test(c, published_outputs_are_met_on_any_number_of_ranks);
  tcase_add_test(c, mda_takes_vectors_of_the_published_diameter);
  tcase_add_test(c, bits_depend_neither_on_ranks_nor_buckets_nor_numbers);
  tcase_add_test(c, equal_vectors_are_ordered_by_what_else_is_known);
  tcase_add_test(c, vectors_that_are_not_finite_never_reach_the_result);
  tcase_add_test(c, f_does_not_fall_below_zero);
  tcase_add_test(c, krum_copies_one_vector_bit_for_bit);
  tcase_add_test(c, the_last_result_may_be_overwritten);
  tcase_add_test(c, weights_of_clients_go_with_their_vectors);
  tcase_add_test(c, a_common_shift_changes_no_choice);
  tcase_add_test(c, vectors_that_do_not_count_do_not_travel);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
