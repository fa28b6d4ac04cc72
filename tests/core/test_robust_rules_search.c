/* Rules that search sets and spectra: mda and smea against all subsets, caf and dnc against the
 * covariance matrix of the vectors themselves, and how long they may take. */
#include "core/linalg/blas.h"
#include "tests/core/robust_vectors.h"

/* The next set of as many members in lexicographic order; false past the last. */
static bool next_set(int64_t n, int64_t size, int64_t *set) {
  int64_t i = size - 1;
  while (i >= 0 && set[i] == n - size + i) i--;
  if (i < 0) return false;
  set[i]++;
  for (int64_t j = i + 1; j < size; j++) set[j] = set[j - 1] + 1;
  return true;
}

static double diameter(const vectors *v, int64_t size, const int64_t *set) {
  double most = 0;
  for (int64_t i = 0; i < size; i++)
    for (int64_t j = 0; j < i; j++) most = fmax(most, v->distance[set[i] * v->points + set[j]]);
  return most;
}

/* Covariance of the vectors with weights of sum 1, its eigenvectors as rows and eigenvalues, and
 * the mean. Returns the largest eigenvalue. */
static double covariance(const vectors *v, const double *share, double *mean, double *matrix,
                         double *values) {
  const int64_t d = v->d;
  combine(v, share, mean);
  memset(matrix, 0, (size_t)(d * d) * sizeof *matrix);
  for (int64_t i = 0; i < v->n; i++)
    for (int64_t k = 0; k < d; k++)
      for (int64_t l = 0; l < d; l++)
        matrix[k * d + l] += share[i] * (row_of(v, i)[k] - mean[k]) * (row_of(v, i)[l] - mean[l]);
  ck_ok(mst_eigen_symmetric(d, matrix, d, true, values));
  return values[d - 1];
}

static double set_spread(const vectors *v, int64_t size, const int64_t *set) {
  double share[32] = {0}, mean[8], matrix[64], values[8];
  for (int64_t i = 0; i < size; i++) share[set[i]] = 1 / (double)size;
  return covariance(v, share, mean, matrix, values);
}

/* Of all subsets of n - f, the first with the least value; the rule must answer with it. */
static void expect_exhaustive(const char *rule, vectors *v, int64_t f,
                              double (*value)(const vectors *, int64_t, const int64_t *)) {
  const int64_t size = v->n - f;
  int64_t set[32], best[32];
  for (int64_t i = 0; i < size; i++) set[i] = i;
  double least = INFINITY;
  do {
    const double now = value(v, size, set);
    if (now < least) {
      least = now;
      memcpy(best, set, sizeof best);
    }
  } while (next_set(v->n, size, set));
  mst_rule_spec s = rule_spec(rule, f);
  ck_ok(mst_rule_check(&s, v->n));
  run_rule(&s, v);
  for (int64_t i = 0, at = 0; i < v->points; i++) {
    const bool in = at < size && best[at] == i;
    at += in;
    ck_assert_double_eq(v->weight[i], in ? 1 / (double)size : 0);
  }
}

/* Random vectors; some of them in a second place, or equal. */
static vectors clustered(int64_t n, int64_t d, int64_t t, mst_stream *stream) {
  vectors v = vectors_normal(n, d, stream);
  for (int64_t i = 0; i < n; i++) {
    if (t % 3 == 1 && i % 3 == 0) row_of(&v, i)[0] += 4;
    if (t % 5 == 2 && i % 4 == 3) memcpy(row_of(&v, i), row_of(&v, i - 1), (size_t)d * sizeof *v.x);
  }
  vectors_measure(&v);
  return v;
}

START_TEST(mda_is_the_best_of_all_subsets) {
  for (int64_t t = 0; t < 300; t++) {
    mst_stream stream = draws(t, 30);
    const int64_t n = 3 + t % 10, f = t / 10 % ((n - 1) / 2 + 1);
    vectors v = clustered(n, 1 + t % 4, t, &stream);
    expect_exhaustive("mda", &v, f, diameter);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(mda_finds_forty_vectors_with_eight_hostile) {
  for (int64_t t = 0; t < 20; t++) {
    mst_stream stream = draws(t, 31);
    vectors v = vectors_normal(40, 2 + 10 * (t % 4), &stream);
    const bool planted = t % 2 == 0;
    for (int64_t i = 0; i < 8 && planted; i++) row_of(&v, 5 * i)[0] += 30;
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("mda", 8);
    run_rule(&s, &v);
    for (int64_t i = 0; i < 8 && planted; i++) ck_assert_double_eq(v.weight[5 * i], 0);
    int64_t in = 0, set[64], swapped[64];
    for (int64_t i = 0; i < 40; i++)
      if (v.weight[i] > 0) set[in++] = i;
    ck_assert_int_eq(in, 32);
    /* No exchange of one vector gives a smaller diameter. */
    const double least = diameter(&v, in, set);
    for (int64_t i = 0; i < in; i++)
      for (int64_t j = 0; j < 40; j++) {
        if (v.weight[j] > 0) continue;
        memcpy(swapped, set, sizeof set);
        swapped[i] = j;
        ck_assert_double_ge(diameter(&v, in, swapped), least);
      }
    vectors_free(&v);
  }
}
END_TEST

/* Distances without any order leave the search nothing to hold on to. */
START_TEST(mda_gives_up_in_bounded_time_and_says_so) {
  mst_stream stream = draws(0, 32);
  vectors v = vectors_make(400, 1);
  vectors_measure(&v);
  for (int64_t i = 0; i < v.n; i++)
    for (int64_t j = 0; j < i; j++)
      v.distance[i * v.points + j] = v.distance[j * v.points + i] = mst_stream_uniform(&stream);
  mst_rule_spec s = rule_spec("mda", 180);
  const mst_rule_ops *ops = mst_rule_find("mda");
  double *work = take_memory(ops->work_doubles(v.n, v.points));
  ck_refused(ops->weigh(&s, &v.view, work, v.weight), MST_ERR_INPUT, "the 220 of 400 vectors");
  mst_free(work);
  vectors_free(&v);
}
END_TEST

START_TEST(smea_is_the_best_of_all_subsets) {
  for (int64_t t = 0; t < 60; t++) {
    mst_stream stream = draws(t, 33);
    const int64_t n = 5 + t % 8, f = t / 8 % ((n - 1) / 2 + 1);
    vectors v = clustered(n, 4 + t % 3, 0, &stream);
    if (t % 2 == 1)
      for (int64_t i = 0; i < f; i++) row_of(&v, 2 * i)[1] += 5 * (double)(i + 1);
    vectors_measure(&v);
    expect_exhaustive("smea", &v, f, set_spread);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(smea_compares_the_sets_of_twenty_vectors) {
  mst_stream stream = draws(0, 34);
  vectors v = vectors_normal(20, 30, &stream);
  for (int64_t i = 0; i < 4; i++)
    for (int64_t k = 0; k < v.d; k++) row_of(&v, 3 * i)[k] += 3;
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("smea", 4);
  run_rule(&s, &v);
  for (int64_t i = 0; i < 4; i++) ck_assert_double_eq(v.weight[3 * i], 0);
  vectors_free(&v);
}
END_TEST

/* The filter on the vectors themselves, with the covariance's own eigenvectors. */
static void plain_caf(const vectors *v, int64_t f, double *result) {
  double keep[32], share[32] = {0}, mean[8], matrix[64], values[8], least = INFINITY, left;
  for (int64_t i = 0; i < v->n; i++) keep[i] = 1;
  do {
    double total = 0, farthest = 0, square[32];
    for (int64_t i = 0; i < v->n; i++) total += keep[i];
    for (int64_t i = 0; i < v->n; i++) share[i] = keep[i] / total;
    const double largest = covariance(v, share, mean, matrix, values);
    if (largest < least) {
      least = largest;
      memcpy(result, mean, (size_t)v->d * sizeof *result);
    }
    for (int64_t i = 0; i < v->n; i++) {
      double along = 0;
      for (int64_t k = 0; k < v->d; k++)
        along += (row_of(v, i)[k] - mean[k]) * matrix[(v->d - 1) * v->d + k];
      square[i] = along * along;
      if (keep[i] > 0) farthest = fmax(farthest, square[i]);
    }
    left = 0;
    for (int64_t i = 0; i < v->n; i++)
      left += keep[i] *= keep[i] > 0 ? 1 - square[i] / farthest : 0;
  } while (left > (double)(v->n - 2 * f));
}

START_TEST(caf_is_the_filter_on_the_covariance) {
  for (int64_t t = 0; t < 40; t++) {
    mst_stream stream = draws(t, 35);
    const int64_t n = 6 + t % 15, f = (n - 1) / 2 - t % 2;
    vectors v = vectors_normal(n, 3 + t % 6, &stream);
    for (int64_t i = 0; i < f; i++) row_of(&v, i)[t % 3] += 3 * (double)(t % 4);
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("caf", f);
    double want[8];
    plain_caf(&v, f, want);
    run_rule(&s, &v);
    for (int64_t k = 0; k < v.d; k++) ck_assert_double_eq_tol(v.result[k], want[k], 1e-9);
    vectors_free(&v);
  }
}
END_TEST

/* A pass for each hostile vector at most, and the others' mean, however long they are. */
START_TEST(caf_is_not_stalled_by_long_vectors) {
  for (int exponent = 0; exponent <= 12; exponent++) {
    mst_stream stream = draws(0, 36);
    vectors v = vectors_normal(20, 10, &stream);
    for (int64_t i = 0; i < 4; i++)
      for (int64_t k = 0; k < v.d; k++)
        row_of(&v, i)[k] *= pow(10, i < 2 ? exponent : exponent / 2.0);
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("caf", 4);
    run_rule(&s, &v);
    ck_assert_double_lt(length_of(v.d, v.result), 2);
    if (exponent > 3)
      for (int64_t i = 0; i < 4; i++) ck_assert_double_lt(v.weight[i], 1e-3);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(equal_vectors_have_no_direction) {
  vectors v = vectors_make(7, 3);
  for (int64_t i = 0; i < 7; i++) row_of(&v, i)[1] = 5;
  vectors_measure(&v);
  static const char *const names[] = {"caf", "smea", "geometric_median"};
  for (int r = 0; r < 3; r++) {
    mst_rule_spec s = rule_spec(names[r], 3);
    run_rule(&s, &v);
    ck_assert_double_eq_tol(v.result[1], 5, 1e-14);
  }
  vectors_free(&v);
}
END_TEST

enum {
  SAMPLES = 5,
  SAMPLED = 6
};

/* distance(SAMPLES, n, n) over some columns of v, and the vectors that dnc should keep. */
static void sample_columns(const vectors *v, int64_t drop, mst_stream *stream, double *distance,
                           bool *good) {
  for (int64_t i = 0; i < v->n; i++) good[i] = true;
  for (int64_t t = 0; t < SAMPLES; t++) {
    int64_t column[SAMPLED];
    mst_stream_subset(stream, v->d, SAMPLED, column);
    vectors part = vectors_make(v->n, SAMPLED);
    for (int64_t i = 0; i < v->n; i++)
      for (int64_t k = 0; k < SAMPLED; k++) row_of(&part, i)[k] = row_of(v, i)[column[k]];
    vectors_measure(&part);
    double share[32] = {0}, mean[SAMPLED], matrix[SAMPLED * SAMPLED], values[SAMPLED];
    for (int64_t i = 0; i < v->n; i++) share[i] = 1 / (double)v->n;
    covariance(&part, share, mean, matrix, values);
    double score[32], sorted[32];
    for (int64_t i = 0; i < v->n; i++) {
      score[i] = 0;
      for (int64_t k = 0; k < SAMPLED; k++)
        score[i] += (row_of(&part, i)[k] - mean[k]) * matrix[(SAMPLED - 1) * SAMPLED + k];
      score[i] = sorted[i] = fabs(score[i]);
      for (int64_t j = 0; j < v->n; j++)
        distance[(t * v->n + i) * v->n + j] = part.distance[i * part.points + j];
    }
    qsort(sorted, (size_t)v->n, sizeof *sorted, compare_doubles);
    for (int64_t i = 0; i < v->n; i++)
      if (score[i] >= sorted[v->n - drop]) good[i] = false;
    vectors_free(&part);
  }
}

START_TEST(dnc_keeps_what_no_sample_drops) {
  for (int64_t t = 0; t < 30; t++) {
    mst_stream stream = draws(t, 37);
    vectors v = vectors_normal(16, 30, &stream);
    for (int64_t i = 0; i < 3; i++)
      for (int64_t k = 0; k < v.d; k++) row_of(&v, i)[k] += t % 2 == 0 ? 4 : 0;
    vectors_measure(&v);
    mst_rule_spec s = rule_spec("dnc", 3);
    s.filter = t % 3 == 0 ? 1 : 0.5; /* 3 vectors, or 1.5 rounded up */
    const int64_t drop = t % 3 == 0 ? 3 : 2;
    double distance[SAMPLES * 16 * 16];
    bool good[16];
    sample_columns(&v, drop, &stream, distance, good);
    v.view.sampled = distance;
    vectors_measure(&v);
    ck_assert_int_eq(s.iterations, SAMPLES);
    ck_ok(mst_rule_check(&s, v.n));
    run_rule(&s, &v);
    int64_t left = 0;
    for (int64_t i = 0; i < v.n; i++) left += good[i];
    ck_assert_int_gt(left, 0);
    for (int64_t i = 0; i < v.n; i++)
      ck_assert_double_eq(v.weight[i], good[i] ? 1 / (double)left : 0);
    for (int64_t i = 0; i < 3 && t % 6 == 0; i++) ck_assert(!good[i]);
    vectors_free(&v);
  }
}
END_TEST

START_TEST(dnc_answers_when_every_vector_was_dropped) {
  /* On a line, at 0, 1, 10 in one sample and at 0, 9, -1 in the other: the first keeps vector 1,
   * the second vector 0. */
  const double distance[2 * 9] = {0, 1, 100, 1, 0, 81, 100, 81, 0, 0, 81, 1, 81, 0, 100, 1, 100, 0};
  vectors v = vectors_make(3, 1);
  v.view.sampled = distance;
  vectors_measure(&v);
  mst_rule_spec s = rule_spec("dnc", 1);
  s.filter = 2;
  s.iterations = 2;
  ck_ok(mst_rule_check(&s, 3));
  run_rule(&s, &v);
  for (int64_t i = 0; i < 3; i++) ck_assert_double_eq(v.weight[i], i < 2 ? 0.5 : 0);
  vectors_free(&v);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("robust_rules_search");
  TCase *t = tcase_create("search");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, mda_is_the_best_of_all_subsets);
  tcase_add_test(t, mda_finds_forty_vectors_with_eight_hostile);
  tcase_add_test(t, mda_gives_up_in_bounded_time_and_says_so);
  tcase_add_test(t, smea_is_the_best_of_all_subsets);
  tcase_add_test(t, smea_compares_the_sets_of_twenty_vectors);
  tcase_add_test(t, caf_is_the_filter_on_the_covariance);
  tcase_add_test(t, caf_is_not_stalled_by_long_vectors);
  tcase_add_test(t, equal_vectors_have_no_direction);
  tcase_add_test(t, dnc_keeps_what_no_sample_drops);
  tcase_add_test(t, dnc_answers_when_every_vector_was_dropped);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
