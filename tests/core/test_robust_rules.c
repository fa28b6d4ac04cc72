/* Rules over weights: ByzFL's outputs, scores and selections against brute force, and what each
 * rule refuses. */
#include "core/robust/columns.h"
#include "tests/core/robust_vectors.h"

static void expect_rule(const mst_rule_spec *s, const char *golden) {
  vectors v = vectors_golden();
  run_rule(s, &v);
  expect_golden(golden, v.d, v.result);
  vectors_free(&v);
}

START_TEST(rules_give_what_byzfl_gives) {
  mst_rule_spec s = rule_spec("krum", GOLDEN_F);
  expect_rule(&s, "Krum");
  s = rule_spec("multi_krum", GOLDEN_F);
  expect_rule(&s, "MultiKrum");
  s = rule_spec("mda", GOLDEN_F);
  expect_rule(&s, "MDA");
  s = rule_spec("nna", GOLDEN_F);
  expect_rule(&s, "MoNNA");
  s = rule_spec("geometric_median", GOLDEN_F);
  expect_rule(&s, "GeometricMedian_nup1_T3");
  s.iterations = 8;
  expect_rule(&s, "GeometricMedian_T8");
  s = rule_spec("centered_clipping", GOLDEN_F);
  expect_rule(&s, "CenteredClipping_L1_tau100");
  s.iterations = 3;
  expect_rule(&s, "CenteredClipping_L3_tau100");
  s.tau = 10;
  expect_rule(&s, "CenteredClipping_L3_tau10");
}
END_TEST

/* Krum's score of vector i among those that are left, straight from its definition. */
static double plain_score(const vectors *v, const bool *left, int64_t i, int64_t k) {
  double near[64], sum = 0;
  int64_t m = 0;
  for (int64_t j = 0; j < v->n; j++)
    if (j != i && left[j]) near[m++] = square_between(v->d, row_of(v, i), row_of(v, j));
  qsort(near, (size_t)m, sizeof *near, compare_doubles);
  for (int64_t j = 0; j < k && j < m; j++) sum += near[j];
  return sum;
}

static int64_t plain_pick(const vectors *v, const bool *left, int64_t k) {
  int64_t best = -1;
  for (int64_t i = 0; i < v->n; i++)
    if (left[i] && (best < 0 || plain_score(v, left, i, k) < plain_score(v, left, best, k)))
      best = i;
  return best;
}

START_TEST(krum_is_brute_force_and_ignores_a_common_shift) {
  bool all[64];
  for (int i = 0; i < 64; i++) all[i] = true;
  int64_t differ = 0;
  for (int64_t t = 0; t < 60; t++) {
    mst_stream stream = draws(t, 1);
    const int64_t n = 5 + t % 20, f = (n - 3) / 2;
    vectors v = vectors_normal(n, 6, &stream);
    int64_t index[2];
    for (int p = 0; p < 2; p++) {
      mst_rule_spec s = rule_spec("krum", f);
      if (p == 1) s.neighbours = "published";
      ck_ok(mst_rule_check(&s, n));
      run_rule(&s, &v);
      index[p] = plain_pick(&v, all, n - f - 1 - p);
      for (int64_t i = 0; i < v.points; i++) ck_assert_double_eq(v.weight[i], i == index[p]);
    }
    differ += index[0] != index[1];
    for (int64_t i = 0; i < n; i++)
      for (int64_t k = 0; k < v.d; k++) row_of(&v, i)[k] += 1e4 * row_of(&v, n + 2)[k];
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("krum", f);
    run_rule(&s, &v);
    ck_assert_double_eq(v.weight[index[0]], 1);
    vectors_free(&v);
  }
  ck_assert_int_gt(differ, 0);
}
END_TEST

START_TEST(multi_krum_takes_the_lowest_scores) {
  bool all[64];
  for (int i = 0; i < 64; i++) all[i] = true;
  mst_stream stream = draws(0, 2);
  vectors v = vectors_normal(15, 4, &stream);
  for (int64_t select = 0; select <= 15; select++) {
    mst_rule_spec s = rule_spec("multi_krum", 4);
    s.select = select;
    ck_ok(mst_rule_check(&s, v.n));
    run_rule(&s, &v);
    const int64_t taken = select > 0 ? select : 11;
    double worst_in = 0, best_out = INFINITY;
    int64_t in = 0;
    for (int64_t i = 0; i < v.n; i++) {
      const double score = plain_score(&v, all, i, 10);
      if (v.weight[i] != 0) {
        ck_assert_double_eq(v.weight[i], 1 / (double)taken);
        worst_in = fmax(worst_in, score);
        in++;
      } else {
        best_out = fmin(best_out, score);
      }
    }
    ck_assert_int_eq(in, taken);
    ck_assert_double_lt(worst_in, best_out);
  }
  vectors_free(&v);
}
END_TEST

START_TEST(equal_vectors_are_taken_from_the_first) {
  vectors v = vectors_make(7, 2);
  for (int64_t i = 0; i < 7; i++) row_of(&v, i)[0] = 3;
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("multi_krum", 2);
  run_rule(&s, &v);
  for (int64_t i = 0; i < 7; i++) ck_assert_double_eq(v.weight[i], i < 5 ? 0.2 : 0);
  s = rule_spec("krum", 2);
  run_rule(&s, &v);
  ck_assert_double_eq(v.weight[0], 1);
  s = rule_spec("mda", 2);
  run_rule(&s, &v);
  for (int64_t i = 0; i < 7; i++) ck_assert_double_eq(v.weight[i], i < 5 ? 0.2 : 0);
  vectors_free(&v);
}
END_TEST

START_TEST(bulyan_is_krum_repeated_and_the_mean_around_the_median) {
  for (int64_t t = 0; t < 20; t++) {
    mst_stream stream = draws(t, 3);
    const int64_t f = t % 4, n = 4 * f + 3 + t % 3, picks = n - 2 * f;
    vectors v = vectors_normal(n, 5, &stream);
    mst_rule_spec s = rule_spec("bulyan", f);
    if (t % 2 == 1) s.neighbours = "published";
    ck_ok(mst_rule_check(&s, n));
    run_rule(&s, &v);
    bool left[64];
    for (int64_t i = 0; i < n; i++) left[i] = true;
    for (int64_t remaining = n; remaining > n - picks; remaining--) {
      const int64_t k = remaining - f - 1 - t % 2;
      left[plain_pick(&v, left, k > 1 ? k : 1)] = false;
    }
    const double *row[64];
    int64_t rows = 0;
    for (int64_t i = 0; i < n; i++) {
      ck_assert_double_eq(v.weight[i], left[i] ? 0 : 1 / (double)picks);
      if (!left[i]) row[rows++] = row_of(&v, i);
    }
    double out[5];
    mst_rule_find("bulyan")->columns_f64(&s, rows, v.d, row, NULL, out);
    for (int64_t k = 0; k < v.d; k++) {
      double value[64], sum = 0;
      for (int64_t i = 0; i < rows; i++) value[i] = row[i][k];
      qsort(value, (size_t)rows, sizeof *value, compare_doubles);
      const double median = 0.5 * (value[(rows - 1) / 2] + value[rows / 2]);
      double far[64];
      for (int64_t i = 0; i < rows; i++) far[i] = fabs(value[i] - median);
      qsort(far, (size_t)rows, sizeof *far, compare_doubles);
      const int64_t keep = n - 4 * f;
      int64_t kept = 0;
      for (int64_t i = 0; i < rows && kept < keep; i++)
        if (fabs(value[i] - median) <= far[keep - 1]) {
          sum += value[i];
          kept++;
        }
      ck_assert_double_eq_tol(out[k], sum / (double)keep, 1e-14);
    }
    vectors_free(&v);
  }
}
END_TEST

START_TEST(nna_averages_the_neighbours_of_its_centre) {
  mst_stream stream = draws(0, 4);
  vectors v = vectors_normal(11, 3, &stream);
  for (int64_t centre = 0; centre < 11; centre++)
    for (int64_t p = 1; p <= 2; p++) {
      mst_rule_spec s = rule_spec("nna", 3);
      s.centre = centre;
      s.nearest = p == 1 ? "n-f" : "n-2f";
      ck_ok(mst_rule_check(&s, v.n));
      run_rule(&s, &v);
      for (int64_t i = 0; i < v.n; i++) {
        int64_t nearer = 0;
        for (int64_t j = 0; j < v.n; j++)
          nearer += v.distance[centre * v.points + j] < v.distance[centre * v.points + i];
        ck_assert_double_eq(v.weight[i], nearer < 11 - 3 * p ? 1 / (double)(11 - 3 * p) : 0);
      }
    }
  vectors_free(&v);
}
END_TEST

/* A permutation of the vectors permutes the weights: but for ties, which mda commonly has, these
 * rules do not look at numbers. */
START_TEST(weights_follow_their_vectors) {
  static const char *const names[] = {
      "krum", "multi_krum", "bulyan", "geometric_median", "centered_clipping",
      "smea", "caf",        "fltrust"};
  for (int64_t t = 0; t < 8; t++) {
    mst_stream stream = draws(t, 8);
    vectors v = vectors_normal(11, 6, &stream), p = vectors_make(11, 6);
    int64_t order[11];
    mst_stream_permutation(&stream, 11, order);
    for (int64_t i = 0; i < p.points; i++)
      memcpy(row_of(&p, i), row_of(&v, i < 11 ? order[i] : i), 6 * sizeof(double));
    vectors_measure(&p);
    mst_rule_spec s = rule_spec(names[t], 2);
    s.tau = 1;
    run_rule(&s, &v);
    run_rule(&s, &p);
    for (int64_t i = 0; i < p.points; i++)
      ck_assert_double_eq_tol(p.weight[i], v.weight[i < 11 ? order[i] : i], 1e-10);
    vectors_free(&v);
    vectors_free(&p);
  }
}
END_TEST

static void refuse(mst_rule_spec s, int64_t n, const char *why) {
  ck_refused(mst_rule_check(&s, n), MST_ERR_INPUT, why);
}

START_TEST(settings_that_cannot_work_are_refused) {
  mst_rule_spec s = rule_spec("krum", 1);
  ck_ok(mst_rule_check(&s, 3));
  s.neighbours = "published";
  refuse(s, 3, "needs 4");
  ck_ok(mst_rule_check(&s, 4));
  s.neighbours = "all";
  refuse(s, 9, "others|published");
  s = rule_spec("krum", 0);
  ck_ok(mst_rule_check(&s, 1));
  s = rule_spec("bulyan", 2);
  refuse(s, 10, "at least 11");
  ck_ok(mst_rule_check(&s, 11));
  s = rule_spec("multi_krum", 2);
  s.select = 8;
  refuse(s, 7, "aggregate.select is 8");
  s = rule_spec("nna", 2);
  s.centre = 7;
  refuse(s, 7, "0 to 6");
  s = rule_spec("smea", 20);
  refuse(s, 60, "too many");
  s.byzantine = 4;
  ck_ok(mst_rule_check(&s, 20));
  s = rule_spec("dnc", 4);
  s.filter = 2.3;
  refuse(s, 10, "drops all");
  ck_ok(mst_rule_check(&s, 11));
  s = rule_spec("centered_clipping", 1);
  s.tau = 0;
  refuse(s, 5, "aggregate.tau");
  s = rule_spec("geometric_median", 3);
  refuse(s, 6, "at least 7");
  s = rule_spec("zeno", 3);
  refuse(s, 3, "at least 4");
  ck_ok(mst_rule_check(&s, 4));
}
END_TEST

START_TEST(defaults_of_all_members_are_allowed) {
  int rules = 0, mixers = 0;
  for (const mst_rule_ops *ops; (ops = mst_rule_at(rules)) != NULL; rules++) {
    mst_rule_spec s = rule_spec(ops->name, 2);
    ck_ok(mst_rule_check(&s, 20));
    ck_assert(ops->weigh != NULL || ops->columns_f32 != NULL);
    ck_assert_int_eq(ops->weigh != NULL, ops->work_doubles != NULL);
    ck_assert_int_eq(ops->columns_f32 != NULL, ops->columns_f64 != NULL);
  }
  for (const mst_mixer_ops *ops; (ops = mst_mixer_at(mixers)) != NULL; mixers++) {
    mst_mixer_spec s = mixer_spec(ops->name, 2);
    ck_ok(mst_mixer_check(&s, 20));
  }
  ck_assert_int_ge(rules, 17);
  ck_assert_int_ge(mixers, 4);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_rules");
  TCase *t = tcase_create("weights");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, rules_give_what_byzfl_gives);
  tcase_add_test(t, krum_is_brute_force_and_ignores_a_common_shift);
  tcase_add_test(t, multi_krum_takes_the_lowest_scores);
  tcase_add_test(t, equal_vectors_are_taken_from_the_first);
  tcase_add_test(t, bulyan_is_krum_repeated_and_the_mean_around_the_median);
  tcase_add_test(t, nna_averages_the_neighbours_of_its_centre);
  tcase_add_test(t, weights_follow_their_vectors);
  tcase_add_test(t, settings_that_cannot_work_are_refused);
  tcase_add_test(t, defaults_of_all_members_are_allowed);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
