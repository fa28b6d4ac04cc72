/* Mechanisms that answer a question: their odds against exact ones, the sparse vector technique,
 * the reusable holdout and the query server. */
#include <stdlib.h>

#include "core/base/key.h"
#include "core/privacy/mechanism.h"
#include "core/privacy/query_server.h"
#include "core/privacy/sparse_vector.h"
#include "tests/core/noise_check.h"

#define N 40000

static mst_noise_cursor cursor(uint64_t step) {
  const mst_noise noise = test_noise(step);
  mst_noise_cursor c;
  mst_noise_open(&c, &noise, 0, 512);
  return c;
}

START_TEST(randomised_response_tells_the_truth_with_its_odds) {
  const double epsilon[] = {0, 0.7, 3};
  for (int e = 0; e < 3; e++)
    for (int64_t k = 2; k <= 5; k += 3) {
      double count[5] = {0}, expected[5];
      mst_noise_cursor c = cursor((uint64_t)(10 * e + k));
      for (int i = 0; i < N; i++) {
        int64_t answer;
        ck_ok(mst_randomised_response(&c, epsilon[e], k, 1, &answer));
        count[answer]++;
      }
      for (int i = 0; i < k; i++)
        expected[i] = N * (i == 1 ? exp(epsilon[e]) : 1) / (exp(epsilon[e]) + (double)k - 1);
      check_counts((int)k, count, expected, "randomised response");
    }
  /* Expected counts of shares .5, .3, .2 give those shares back. */
  const double share[3] = {0.5, 0.3, 0.2}, p = exp(2) / (exp(2) + 2), q = 1 / (exp(2) + 2);
  int64_t count[3];
  double found[3];
  for (int i = 0; i < 3; i++) count[i] = (int64_t)rint(1e12 * (share[i] * p + (1 - share[i]) * q));
  mst_randomised_response_estimate(2, 3, count, found);
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(found[i], share[i], 1e-11);
  int64_t answer;
  mst_noise_cursor c = cursor(1);
  ck_refused(mst_randomised_response(&c, 1, 3, 3, &answer), MST_ERR_INPUT, "value 3 of 3");
  ck_refused(mst_randomised_response(&c, -1, 3, 0, &answer), MST_ERR_INPUT, "epsilon");
}
END_TEST

/* P(candidate chosen) by permute-and-flip: over all orders of three. */
static void permute_and_flip(const double *accept, double *p) {
  static const int ORDER[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int i = 0; i < 3; i++) p[i] = 0;
  for (int o = 0; o < 6; o++) {
    double left = 1.0 / 6;
    for (int i = 0; i < 3; i++) {
      p[ORDER[o][i]] += left * accept[ORDER[o][i]];
      left *= 1 - accept[ORDER[o][i]];
    }
  }
}

START_TEST(choices_have_their_odds) {
  const double utility[3] = {2, 5, 4.5}, sensitivity = 0.5, epsilon = 0.8;
  double accept[3], total = 0, expected[2][3], count[2][3] = {{0}};
  for (int i = 0; i < 3; i++) total += accept[i] = exp(epsilon * (utility[i] - 5) / 1);
  for (int i = 0; i < 3; i++) expected[0][i] = N * accept[i] / total;
  permute_and_flip(accept, expected[1]);
  for (int i = 0; i < 3; i++) expected[1][i] *= N;
  mst_noise_cursor c = cursor(50);
  for (int i = 0; i < N; i++) {
    int64_t choice;
    ck_ok(mst_exponential(&c, 3, utility, sensitivity, epsilon, &choice));
    count[0][choice]++;
    ck_ok(mst_noisy_max(&c, 3, utility, sensitivity, epsilon, &choice));
    count[1][choice]++;
  }
  check_counts(3, count[0], expected[0], "exponential");
  check_counts(3, count[1], expected[1], "noisy max");
  const double bad[2] = {1, NAN};
  int64_t choice;
  ck_refused(mst_exponential(&c, 2, bad, 1, 1, &choice), MST_ERR_NONFINITE, "candidate 1");
  ck_refused(mst_noisy_max(&c, 0, bad, 1, 1, &choice), MST_ERR_INPUT, "0 candidates");
  ck_refused(mst_noisy_max(&c, 1, bad, 0, 1, &choice), MST_ERR_INPUT, "sensitivity");
}
END_TEST

START_TEST(duchis_randomiser_has_its_norm_and_mean) {
  enum {
    D = 10,
    DRAWS = 40000
  };
  ck_assert_double_eq_tol(mst_duchi_norm(D, 1, 1), 8.365046665637692, 1e-13);
  const double v[D] = {0.6, 0, -0.2}, b = mst_duchi_norm(D, 1, 1);
  double mean[D] = {0}, out[D];
  for (uint64_t i = 0; i < DRAWS; i++) {
    const mst_noise noise = test_noise(1000 + i);
    ck_ok(mst_duchi(&noise, D, v, 1, 1, out));
    double square = 0;
    for (int k = 0; k < D; k++) {
      square += out[k] * out[k];
      mean[k] += out[k] / DRAWS;
    }
    ck_assert_double_eq_tol(sqrt(square), b, 1e-13 * b);
  }
  for (int k = 0; k < D; k++)
    ck_assert_double_eq_tol(mean[k], v[k], 4.5 * b / sqrt((double)D * DRAWS));
  /* Too long: as its point on the ball. In place: the same bits. Not finite: as zero. */
  const mst_noise noise = test_noise(7);
  double far[2] = {300, 400}, near[2] = {0.6, 0.8}, from[2], place[2] = {300, 400};
  ck_ok(mst_duchi(&noise, 2, far, 1, 2, out));
  ck_ok(mst_duchi(&noise, 2, near, 1, 2, from));
  ck_ok(mst_duchi(&noise, 2, place, 1, 2, place));
  ck_assert_double_eq_tol(out[0], from[0], 1e-14);
  ck_assert_mem_eq(place, out, sizeof place);
  double broken[2] = {NAN, 1}, zero[2] = {0, 0};
  ck_ok(mst_duchi(&noise, 2, broken, 1, 2, broken));
  ck_ok(mst_duchi(&noise, 2, zero, 1, 2, zero));
  ck_assert_mem_eq(broken, zero, sizeof zero);
  ck_refused(mst_duchi(&noise, 2, far, 0, 2, out), MST_ERR_INPUT, "radius");
}
END_TEST

START_TEST(sparse_vector_says_above_as_often_as_it_may) {
  const mst_secret secret = mst_secret_test(3);
  mst_sparse_vector v;
  ck_ok(mst_sparse_vector_make(&secret, 0, 10, 0.01, 2, &v));
  bool above;
  for (int i = 0; i < 500; i++) {
    ck_ok(mst_sparse_vector_ask(&v, 9, &above));
    ck_assert(!above);
  }
  for (int i = 0; i < 2; i++) {
    const int64_t before = v.noisy;
    ck_ok(mst_sparse_vector_ask(&v, 11, &above));
    ck_assert(above);
    ck_assert_int_ne(v.noisy, before); /* a noisy threshold says "above" once */
  }
  ck_refused(mst_sparse_vector_ask(&v, 9, &above), MST_ERR_BUDGET, "2 times");
  ck_assert_double_eq_tol(mst_sparse_vector_epsilon(&v, 2, 0.003), 0.6, 1e-5);
  ck_assert_double_gt(mst_sparse_vector_epsilon(&v, 2, 0.003), 0.6); /* rounding is charged */
  mst_sparse_vector_free(&v);
  ck_refused(mst_sparse_vector_make(&secret, 0, 1, 0, 2, &v), MST_ERR_INPUT, "sigma");
  mst_sparse_vector_free(&v);
}
END_TEST

/* P(value + Lap(4) > threshold + Lap(2)), both noises of mean 0: with z their difference,
 * P(z > t) = (a^2 e^(-t/a) - b^2 e^(-t/b)) / (2 (a^2 - b^2)) for t > 0. */
START_TEST(sparse_vector_compares_with_its_two_noises) {
  enum {
    RUNS = 4000
  };
  int above_count = 0;
  for (uint64_t i = 0; i < RUNS; i++) {
    const mst_secret secret = mst_secret_test(i);
    mst_sparse_vector v;
    bool above;
    ck_ok(mst_sparse_vector_make(&secret, 5, 3, 1, 1, &v));
    ck_ok(mst_sparse_vector_ask(&v, 0, &above));
    above_count += above;
    mst_sparse_vector_free(&v);
  }
  check_share(above_count, RUNS, (16 * exp(-3.0 / 4) - 4 * exp(-3.0 / 2)) / (2 * 12), "above");
}
END_TEST

/* Labels are coins. An analyst keeps the features that agree with the labels of both halves and
 * votes with them: the naive holdout reports much more than 1/2, the reusable one does not. */
START_TEST(the_reusable_holdout_is_not_fooled) {
  enum {
    ROWS = 1000,
    FEATURES = 1000
  };
  static signed char x[2 * ROWS][FEATURES], y[2 * ROWS];
  mst_stream s = mst_stream_of(mst_key_make(5, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < 2 * ROWS; i++) {
    y[i] = mst_stream_u32(&s) & 1 ? 1 : -1;
    for (int f = 0; f < FEATURES; f++) x[i][f] = mst_stream_u32(&s) & 1 ? 1 : -1;
  }
  const mst_secret secret = mst_secret_test(6);
  mst_sparse_vector v;
  ck_ok(mst_sparse_vector_make(&secret, 1, 0.04, 0.01, 400, &v));
  ck_assert_double_eq_tol(mst_thresholdout_epsilon(&v, 10, ROWS, 0), 2 * 10 / (0.01 * ROWS), 1e-4);
  ck_assert_double_eq_tol(mst_thresholdout_epsilon(&v, 400, ROWS, 1e-6),
                          sqrt(32 * 400 * log(2e6)) / (0.01 * ROWS), 1e-3);
  double vote[2][2 * ROWS] = {{0}};
  for (int f = 0; f < FEATURES; f++) {
    double agree[2] = {0}, answer;
    for (int i = 0; i < 2 * ROWS; i++) agree[i / ROWS] += x[i][f] == y[i] ? 1.0 / ROWS : 0;
    ck_ok(mst_thresholdout_ask(&v, agree[0], agree[1], &answer, NULL));
    const double seen[2] = {agree[1], answer};
    for (int who = 0; who < 2; who++) {
      const bool same = (agree[0] > 0.5) == (seen[who] > 0.5);
      const double weight = same && fabs(agree[0] - 0.5) > 0.01 ? (agree[0] > 0.5 ? 1 : -1) : 0;
      for (int i = 0; i < 2 * ROWS; i++) vote[who][i] += weight * x[i][f];
    }
  }
  double right[2][2] = {{0}}, answer;
  for (int who = 0; who < 2; who++)
    for (int i = 0; i < 2 * ROWS; i++)
      right[who][i / ROWS] += (vote[who][i] > 0) == (y[i] > 0) ? 1.0 / ROWS : 0;
  bool overfit;
  ck_ok(mst_thresholdout_ask(&v, right[1][0], right[1][1], &answer, &overfit));
  ck_assert_double_gt(right[0][1], 0.6); /* what a holdout that is read in the clear reports */
  ck_assert(overfit);
  ck_assert_double_lt(fabs(answer - 0.5), 0.06);
  ck_refused(mst_thresholdout_ask(&v, 0.5, 1.5, &answer, NULL), MST_ERR_INPUT, "[0, 1]");
  mst_sparse_vector_free(&v);
}
END_TEST

START_TEST(the_query_server_answers_within_its_error_and_stops) {
  const mst_secret secret = mst_secret_test(9);
  mst_query_server s;
  ck_assert_double_eq(mst_transfer_rows(0.1, 0.05), ceil(1200 * log(80)));
  ck_refused(mst_query_server_make(&secret, 0, 5000, 0.1, 0.05, 3, &s), MST_ERR_INPUT, "5259");
  ck_refused(mst_query_server_make(&secret, 0, 5000, 1.1, 0.05, 3, &s), MST_ERR_INPUT, "tau");
  enum {
    QUERIES = 2000
  };
  ck_ok(mst_query_server_make(&secret, 0, 10000000, 0.1, 0.05, QUERIES, &s));
  /* All answers together stay within tau / 2, rounding included. */
  ck_assert_double_le(QUERIES * (1e-7 + s.step) / s.scale, 0.05 * (1 + 1e-12));
  const double bound = s.scale * log(1 / s.beta) + s.step;
  ck_assert_double_eq_tol(mst_query_server_error(&s), 0.1 + bound, 1e-15);
  int beyond = 0;
  for (int i = 0; i < QUERIES; i++) {
    double answer;
    ck_ok(mst_query_server_ask(&s, 0.25, &answer));
    beyond += fabs(answer - 0.25) > bound;
  }
  check_share(beyond, QUERIES, 0.05, "answers beyond the error");
  double answer;
  ck_refused(mst_query_server_ask(&s, 0.25, &answer), MST_ERR_BUDGET, "2000");
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("choices");
  TCase *c = tcase_create("choices");
  tcase_add_test(c, randomised_response_tells_the_truth_with_its_odds);
  tcase_add_test(c, choices_have_their_odds);
  tcase_add_test(c, duchis_randomiser_has_its_norm_and_mean);
  tcase_add_test(c, sparse_vector_says_above_as_often_as_it_may);
  tcase_add_test(c, sparse_vector_compares_with_its_two_noises);
  tcase_add_test(c, the_reusable_holdout_is_not_fooled);
  tcase_add_test(c, the_query_server_answers_within_its_error_and_stops);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
