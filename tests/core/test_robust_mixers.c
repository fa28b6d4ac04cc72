/* Mixers: ByzFL's outputs alone and before rules, and what each keeps or bounds. */
#include "tests/core/robust_vectors.h"

START_TEST(mixers_give_what_byzfl_gives) {
  static const char *const names[] = {"nnm", "arc", "clipping"};
  static const char *const golden[] = {"NNM", "ARC", "Clipping_c2"};
  vectors v = vectors_golden();
  for (int i = 0; i < 3; i++) {
    mst_mixer_spec s = mixer_spec(names[i], GOLDEN_F);
    ck_ok(mst_mixer_check(&s, v.n));
    vectors m = vectors_mixed(&s, &v);
    ck_assert_int_eq(m.n, v.n);
    expect_golden(golden[i], m.n * m.d, m.x);
    vectors_free(&m);
  }
  vectors_free(&v);
}
END_TEST

START_TEST(rules_after_nnm_give_what_byzfl_gives) {
  vectors v = vectors_golden();
  mst_mixer_spec mixer = mixer_spec("nnm", GOLDEN_F);
  vectors m = vectors_mixed(&mixer, &v);
  mst_rule_spec s = rule_spec("krum", GOLDEN_F);
  run_rule(&s, &m);
  expect_golden("NNM_Krum", m.d, m.result);
  s = rule_spec("geometric_median", GOLDEN_F);
  run_rule(&s, &m);
  expect_golden("NNM_GeometricMedian", m.d, m.result);
  double *out = take_memory(m.d);
  trimmed_mean(&m, GOLDEN_F, out);
  expect_golden("NNM_TrMean", m.d, out);
  mst_free(out);
  vectors_free(&m);
  vectors_free(&v);
}
END_TEST

START_TEST(nnm_takes_the_nearest_and_itself) {
  mst_stream stream = draws(0, 40);
  vectors v = vectors_normal(12, 3, &stream);
  mst_mixer_spec s = mixer_spec("nnm", 5);
  double *matrix = mixer_matrix(&s, &v);
  for (int64_t i = 0; i < v.n; i++) {
    const double *row = v.distance + i * v.points;
    for (int64_t j = 0; j < v.points; j++) {
      int64_t nearer = 0;
      for (int64_t l = 0; l < v.n; l++) nearer += row[l] < row[j];
      ck_assert_double_eq(matrix[i * v.points + j], j < v.n && nearer < 7 ? 1.0 / 7 : 0);
    }
    ck_assert_double_gt(matrix[i * v.points + i], 0);
  }
  mst_free(matrix);
  vectors_free(&v);
}
END_TEST

START_TEST(buckets_are_a_permutation_that_depends_on_the_key_alone) {
  vectors v = vectors_make(12, 1);
  vectors_measure(&v);
  mst_mixer_spec s = mixer_spec("bucketing", 0);
  s.seed = 5;
  s.round = 3;
  s.size = 1;
  double *one = mixer_matrix(&s, &v), *again = mixer_matrix(&s, &v);
  ck_assert_mem_eq(one, again, sizeof(double) * 12 * 15);
  int64_t moved = 0;
  for (int64_t j = 0; j < 12; j++) {
    double in_rows = 0;
    for (int64_t i = 0; i < 12; i++) {
      const double entry = one[i * v.points + j];
      ck_assert(entry == 0 || entry == 1);
      in_rows += entry;
    }
    ck_assert_double_eq(in_rows, 1);
    moved += one[j * v.points + j] == 0;
  }
  ck_assert_int_gt(moved, 0);
  mst_free(again);
  s.round = 4;
  again = mixer_matrix(&s, &v);
  ck_assert_mem_ne(one, again, sizeof(double) * 12 * 15);
  mst_free(again);
  s.round = 3;
  s.seed = 6;
  again = mixer_matrix(&s, &v);
  ck_assert_mem_ne(one, again, sizeof(double) * 12 * 15);
  mst_free(again);
  mst_free(one);
  vectors_free(&v);
}
END_TEST

START_TEST(buckets_keep_the_average) {
  for (int64_t size = 1; size <= 13; size++) {
    mst_stream stream = draws(size, 41);
    vectors v = vectors_normal(12, 3, &stream);
    mst_mixer_spec s = mixer_spec("bucketing", 0);
    s.size = size;
    vectors m = vectors_mixed(&s, &v);
    ck_assert_int_eq(m.n, (12 + size - 1) / size);
    for (int64_t k = 0; k < 3; k++) {
      double before = 0, after = 0;
      for (int64_t i = 0; i < 12; i++) before += row_of(&v, i)[k] / 12;
      /* Of a last bucket that is not full, its members count. */
      for (int64_t i = 0; i < m.n; i++)
        after += row_of(&m, i)[k] * (double)(12 - i * size < size ? 12 - i * size : size) / 12;
      ck_assert_double_eq_tol(after, before, 1e-14);
    }
    vectors_free(&m);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(clipping_bounds_norms_and_keeps_directions) {
  mst_stream stream = draws(0, 42);
  vectors v = vectors_normal(9, 4, &stream);
  memset(row_of(&v, 0), 0, 4 * sizeof(double));
  for (int64_t k = 0; k < 4; k++) row_of(&v, 1)[k] *= 1e150;
  vectors_measure(&v);
  mst_mixer_spec s = mixer_spec("clipping", 3);
  ck_assert_double_eq(s.bound, 2);
  vectors m = vectors_mixed(&s, &v);
  for (int64_t i = 0; i < v.n; i++) {
    const double norm = length_of(4, row_of(&v, i)), factor = norm > 2 ? 2 / norm : 1;
    for (int64_t k = 0; k < 4; k++)
      ck_assert_double_eq_tol(row_of(&m, i)[k], factor * row_of(&v, i)[k], 1e-15);
  }
  vectors_free(&m);
  vectors_free(&v);
}
END_TEST

START_TEST(arc_shortens_k_vectors_to_the_next_norm) {
  for (int64_t t = 0; t < 60; t++) {
    mst_stream stream = draws(t, 43);
    const int64_t n = 3 + t % 20, f = t % ((n - 1) / 2 + 1), most = 2 * f * (n - f) / n;
    vectors v = vectors_normal(n, 3, &stream);
    if (t % 4 == 0) memcpy(row_of(&v, 0), row_of(&v, n - 1), 3 * sizeof(double));
    vectors_measure(&v);
    double norm[32];
    for (int64_t i = 0; i < n; i++) norm[i] = sqrt(v.distance[i * v.points + n]);
    qsort(norm, (size_t)n, sizeof *norm, compare_doubles);
    const double threshold = norm[n - most - 1];
    mst_mixer_spec s = mixer_spec("arc", f);
    ck_ok(mst_mixer_check(&s, n));
    double *matrix = mixer_matrix(&s, &v);
    int64_t clipped = 0;
    for (int64_t i = 0; i < n; i++) {
      const double own = sqrt(v.distance[i * v.points + n]), kept = matrix[i * v.points + i];
      clipped += kept < 1;
      ck_assert_double_eq(kept, own > threshold ? threshold / own : 1);
      ck_assert_double_eq(matrix[i * v.points + n], 1 - kept);
    }
    ck_assert_int_le(clipped, most);
    if (t % 4 != 0) ck_assert_int_eq(clipped, most);
    mst_free(matrix);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(mixers_refuse_what_they_cannot_do) {
  mst_mixer_spec s = {.name = "nmm", .byzantine = 1};
  ck_refused(mst_mixer_check(&s, 5), MST_ERR_INPUT, "nnm");
  s = mixer_spec("nnm", 3);
  ck_refused(mst_mixer_check(&s, 6), MST_ERR_INPUT, "at least 7");
  ck_ok(mst_mixer_check(&s, 7));
  s.byzantine = -1;
  ck_refused(mst_mixer_check(&s, 7), MST_ERR_INPUT, "-1");
  s.byzantine = INT64_MAX;
  ck_refused(mst_mixer_check(&s, 7), MST_ERR_INPUT, "needs at least");
  s = mixer_spec("bucketing", 1);
  s.size = 0;
  ck_refused(mst_mixer_check(&s, 7), MST_ERR_INPUT, "aggregate.size");
  s = mixer_spec("clipping", 1);
  s.bound = 0;
  ck_refused(mst_mixer_check(&s, 7), MST_ERR_INPUT, "aggregate.bound");
  s.bound = 1;
  ck_refused(mst_mixer_check(&s, MST_RULE_ROWS + 1), MST_ERR_INPUT, "at most 4096");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_mixers");
  TCase *t = tcase_create("mixers");
  tcase_add_test(t, mixers_give_what_byzfl_gives);
  tcase_add_test(t, rules_after_nnm_give_what_byzfl_gives);
  tcase_add_test(t, nnm_takes_the_nearest_and_itself);
  tcase_add_test(t, buckets_are_a_permutation_that_depends_on_the_key_alone);
  tcase_add_test(t, buckets_keep_the_average);
  tcase_add_test(t, clipping_bounds_norms_and_keeps_directions);
  tcase_add_test(t, arc_shortens_k_vectors_to_the_next_norm);
  tcase_add_test(t, mixers_refuse_what_they_cannot_do);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
