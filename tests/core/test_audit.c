/* Audits: the bounds against exact ones; every mechanism stays below what it claims, and programs
 * that are broken in the usual ways do not. Keys are fixed. */
#include <stdlib.h>

#include "core/base/key.h"
#include "core/privacy/audit.h"
#include "core/privacy/mechanism.h"
#include "core/privacy/sparse_vector.h"
#include "core/privacy/whole.h"
#include "tests/core/noise_check.h"

#define RUNS       160000 /* of either neighbour        */
#define CONFIDENCE 0.999
#define SIGMA      3.73063163481594 /* of epsilon 1 at delta 1e-5, sensitivity 1 */
#define DELTA      1e-5

static double out[2][RUNS];

/* The bound from the scores in out(2, n). */
static double bound(int64_t n, double delta) {
  double epsilon;
  ck_ok(mst_audit_scores(n, out[0], out[1], delta, CONFIDENCE, &epsilon));
  return epsilon;
}

static double exactly(int n, double p, int k) {
  return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p));
}

START_TEST(binomial_tails_are_their_sums) {
  const double p[] = {1e-6, 0.03, 0.5, 0.731, 0.999};
  for (int n = 1; n <= 1000; n *= 10)
    for (int i = 0; i < 5; i++)
      for (int k = 1; k <= n; k += 1 + n / 13) {
        double sum = 0;
        for (int j = n; j >= k; j--) sum += exactly(n, p[i], j);
        ck_assert_double_eq_tol(mst_binomial_at_least(n, p[i], k), sum, 1e-11 * sum + 1e-15);
      }
  ck_assert_double_eq(mst_binomial_at_least(10, 0.3, 0), 1);
  ck_assert_double_eq(mst_binomial_at_least(10, 0.3, 11), 0);
}
END_TEST

START_TEST(proportions_have_clopper_and_pearsons_bounds) {
  ck_assert_double_eq_tol(mst_proportion_lower(5, 10, 0.025), 0.187086, 1e-6);
  ck_assert_double_eq_tol(mst_proportion_upper(5, 10, 0.025), 0.812914, 1e-6);
  ck_assert_double_eq_tol(mst_proportion_upper(0, 50, 0.01), 1 - pow(0.01, 1.0 / 50), 1e-12);
  ck_assert_double_eq_tol(mst_proportion_lower(50, 50, 0.01), pow(0.01, 1.0 / 50), 1e-12);
  ck_assert_double_eq(mst_proportion_lower(0, 50, 0.01), 0);
  /* At the bound, as many or more come with just that probability. */
  const double p = mst_proportion_lower(700, 100000, 1e-4);
  ck_assert_double_eq_tol(mst_binomial_at_least(100000, p, 700), 1e-4, 1e-13);
}
END_TEST

START_TEST(one_run_bounds_are_those_of_the_theorem) {
  double epsilon;
  for (int v = 60; v <= 100; v += 10)
    for (double delta = 0; delta <= 1e-3; delta = 10 * delta + 1e-6) {
      const double e = 0.8, q = 1 / (1 + exp(-e));
      double tail = 0, window = 0, steepest = 0;
      for (int j = v; j <= 100; j++) tail += exactly(100, q, j);
      for (int i = 1; i <= v; i++) {
        window += exactly(100, q, v - i);
        steepest = fmax(steepest, window / i);
      }
      ck_assert_double_eq_tol(mst_audit_one_run_chance(500, 100, v, e, delta),
                              fmin(1, tail + 2 * 500 * delta * steepest), 1e-12);
    }
  /* All right and delta 0: q^r = 1 - confidence. */
  ck_ok(mst_audit_one_run(64, 64, 64, 0, 0.95, &epsilon));
  const double q = pow(0.05, 1.0 / 64);
  ck_assert_double_eq_tol(epsilon, log(q / (1 - q)), 1e-12);
  ck_ok(mst_audit_one_run(64, 64, 30, 0, 0.95, &epsilon));
  ck_assert_double_eq_tol(epsilon, 0, 1e-12);
  ck_refused(mst_audit_one_run(64, 65, 30, 0, 0.95, &epsilon), MST_ERR_INPUT, "65 guesses");
  ck_refused(mst_audit_test(5, 4, 0, 4, 0, 0.9, &epsilon), MST_ERR_INPUT, "5 of 4");
  ck_refused(mst_audit_test(1, 4, 0, 4, 0, 1, &epsilon), MST_ERR_INPUT, "confidence 1");
}
END_TEST

START_TEST(noise_on_vectors_stays_below_its_claim) {
  static int64_t whole[RUNS];
  const struct {
    const char *name;
    double scale, delta;
  } claim[] = {{"gaussian", SIGMA, DELTA},
               {"laplace", 1, 0},
               {"discrete_gaussian", SIGMA, DELTA},
               {"discrete_laplace", 1, 0},
               {"skellam", SIGMA * 1.02, DELTA}}; /* a little more noise than a Gaussian's */
  const int64_t step = 64;                        /* of the grid in one sensitivity        */
  for (int m = 0; m < 5; m++) {
    for (int side = 0; side < 2; side++) {
      const mst_noise noise = test_noise((uint64_t)(2 * m + side));
      if (mst_mechanism_find(claim[m].name)->type == MST_MECHANISM_REAL) {
        for (int i = 0; i < RUNS; i++) out[side][i] = side;
        ck_ok(mst_mechanism_add_real(claim[m].name, claim[m].scale, &noise, 0, RUNS, out[side]));
      } else {
        for (int i = 0; i < RUNS; i++) whole[i] = side * step;
        ck_ok(mst_mechanism_add_whole(claim[m].name, claim[m].scale * (double)step, &noise, 0, RUNS,
                                      whole));
        for (int i = 0; i < RUNS; i++) out[side][i] = (double)whole[i];
      }
    }
    const double epsilon = bound(RUNS, claim[m].delta);
    ck_assert_msg(epsilon <= 1, "%s: %g", claim[m].name, epsilon);
    ck_assert_msg(epsilon >= 0.4, "%s: the audit sees only %g", claim[m].name, epsilon);
  }
}
END_TEST

/* One answer of mechanism m about neighbour `side`, large where side 1 is more likely; the claim is
 * epsilon 1. */
static double answer_of(int m, int side, uint64_t run) {
  const mst_secret secret = mst_secret_test(77);
  const mst_noise noise =
      mst_noise_of(&secret, MST_NOISE_CHOICE, (uint64_t)m, 2 * run + (uint64_t)side);
  mst_noise_cursor c;
  mst_noise_open(&c, &noise, 0, 16);
  int64_t choice = 0;
  const double utility[2][3] = {{1, 0, 0}, {0, 1, 1}}, v[2][3] = {{-1, 0, 0}, {1, 0, 0}};
  double x[3] = {0};
  if (m == 0) ck_ok(mst_randomised_response(&c, 1, 2, side, &choice));
  if (m == 1) ck_ok(mst_exponential(&c, 3, utility[side], 1, 1, &choice));
  if (m == 2) ck_ok(mst_noisy_max(&c, 3, utility[side], 1, 1, &choice));
  if (m == 3) ck_ok(mst_duchi(&noise, 3, v[side], 1, 1, x));
  mst_noise_close(&c);
  return m == 3 ? x[0] : choice > 0;
}

START_TEST(choices_stay_below_their_claim) {
  enum {
    ANSWERS = 20000
  };
  const double seen[4] = {0.85, 0.3, 0.3, 0.8}; /* what the audit must see at least */
  for (int m = 0; m < 4; m++) {
    for (int side = 0; side < 2; side++)
      for (uint64_t i = 0; i < ANSWERS; i++) out[side][i] = answer_of(m, side, i);
    const double epsilon = bound(ANSWERS, 0);
    ck_assert_msg(epsilon <= 1 && epsilon >= seen[m], "mechanism %d: %g", m, epsilon);
  }
}
END_TEST

/* Two queries, one of which is above on one neighbour; the other on the other. The claim is 1. */
START_TEST(sparse_vector_stays_below_its_claim) {
  enum {
    ANSWERS = 3000
  };
  const double value[2][2] = {{0, 1}, {1, 0}};
  for (int side = 0; side < 2; side++)
    for (uint64_t i = 0; i < ANSWERS; i++) {
      const mst_secret secret = mst_secret_test(2 * i + (uint64_t)side);
      mst_sparse_vector v;
      bool first = false, second = false;
      ck_ok(mst_sparse_vector_make(&secret, 0, 0, 1, 1, &v));
      ck_assert_double_eq_tol(mst_sparse_vector_epsilon(&v, 1, 1), 1, 1e-5);
      ck_ok(mst_sparse_vector_ask(&v, value[side][0], &first));
      if (!first) ck_ok(mst_sparse_vector_ask(&v, value[side][1], &second));
      out[side][i] = first ? 2 : second ? 0 : 1;
      mst_sparse_vector_free(&v);
    }
  ck_assert_double_le(bound(ANSWERS, 0), 1);
}
END_TEST

/* The noise of `ranks` ranks, each of standard deviation `each`, summed. */
static void sum_of_shares(int ranks, double each, uint64_t step, double *sum) {
  static double part[RUNS];
  const mst_secret secret = mst_secret_test(31);
  for (int r = 0; r < ranks; r++) {
    const mst_noise noise = mst_noise_of(&secret, MST_NOISE_SUM, 1 + (uint64_t)r, step);
    mst_noise_gaussian(&noise, 0, RUNS, each, part);
    for (int i = 0; i < RUNS; i++) sum[i] += part[i];
  }
}

START_TEST(noise_divided_by_the_root_of_the_ranks_is_caught) {
  enum {
    RANKS = 4
  };
  for (int broken = 0; broken < 2; broken++) {
    for (int side = 0; side < 2; side++) {
      for (int i = 0; i < RUNS; i++) out[side][i] = side;
      sum_of_shares(RANKS, SIGMA / (broken ? RANKS : sqrt(RANKS)), (uint64_t)side, out[side]);
    }
    const double epsilon = bound(RUNS, DELTA);
    ck_assert_msg(broken ? epsilon > 1 : epsilon <= 1, "broken %d: %g", broken, epsilon);
  }
}
END_TEST

START_TEST(a_seed_that_is_used_twice_is_caught) {
  static double before[RUNS];
  for (int broken = 0; broken < 2; broken++) {
    for (int side = 0; side < 2; side++) {
      /* Two releases; a record joins before the second. */
      const uint64_t step = 10 + 2 * (uint64_t)side;
      memset(before, 0, sizeof before);
      sum_of_shares(1, SIGMA, step, before);
      for (int i = 0; i < RUNS; i++) out[side][i] = side;
      sum_of_shares(1, SIGMA, broken ? step : step + 1, out[side]);
      for (int i = 0; i < RUNS; i++) out[side][i] -= before[i];
    }
    const double epsilon = bound(RUNS, DELTA);
    ck_assert_msg(broken ? epsilon > 5 : epsilon <= 1, "broken %d: %g", broken, epsilon);
  }
}
END_TEST

START_TEST(clipping_after_the_sum_is_caught) {
  const double record[4] = {-1.5, -1, -0.5, 10};
  for (int broken = 0; broken < 2; broken++) {
    for (int side = 0; side < 2; side++) {
      double sum = 0;
      for (int i = 0; i < 3 + side; i++) {
        int64_t k;
        bool finite;
        ck_ok(mst_whole_clip(&record[i], 1, MST_WHOLE_L2, broken ? 1000 : 1, 30, &k, &finite));
        sum += ldexp((double)k, -30);
      }
      if (broken) sum = fmax(-1, fmin(1, sum));
      for (int i = 0; i < RUNS; i++) out[side][i] = sum;
      sum_of_shares(1, SIGMA, 20 + (uint64_t)side, out[side]);
    }
    const double epsilon = bound(RUNS, DELTA);
    ck_assert_msg(broken ? epsilon > 1 : epsilon <= 1, "broken %d: %g", broken, epsilon);
  }
}
END_TEST

/* One run with a canary in every entry, in or out by a coin: the sum is released once. */
static double one_run(double sigma, uint64_t step) {
  enum {
    GUESSES = 1000
  };
  static signed char in[RUNS];
  double epsilon;
  int64_t correct;
  mst_stream s = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, 0, 0));
  const mst_noise noise = test_noise(step);
  for (int i = 0; i < RUNS; i++) out[0][i] = in[i] = mst_stream_u32(&s) & 1;
  ck_ok(mst_mechanism_add_real("gaussian", sigma, &noise, 0, RUNS, out[0]));
  ck_ok(mst_audit_guess(RUNS, out[0], in, GUESSES, &correct));
  ck_ok(mst_audit_one_run(RUNS, GUESSES, correct, 1e-8, 0.95, &epsilon));
  return epsilon;
}

START_TEST(one_run_stays_below_a_right_claim_and_catches_a_wrong_one) {
  /* Epsilon 1 at delta 1e-8. */
  const double sigma = 5.10030878752993, right = one_run(sigma, 70),
               broken = one_run(sigma / 2, 70);
  ck_assert_msg(right <= 1 && right >= 0.2, "right: %g", right);
  ck_assert_msg(broken > 1, "broken: %g", broken);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("audits");
  TCase *c = tcase_create("audits");
  tcase_add_test(c, binomial_tails_are_their_sums);
  tcase_add_test(c, proportions_have_clopper_and_pearsons_bounds);
  tcase_add_test(c, one_run_bounds_are_those_of_the_theorem);
  tcase_add_test(c, noise_on_vectors_stays_below_its_claim);
  tcase_add_test(c, choices_stay_below_their_claim);
  tcase_add_test(c, sparse_vector_stays_below_its_claim);
  tcase_add_test(c, noise_divided_by_the_root_of_the_ranks_is_caught);
  tcase_add_test(c, a_seed_that_is_used_twice_is_caught);
  tcase_add_test(c, clipping_after_the_sum_is_caught);
  tcase_add_test(c, one_run_stays_below_a_right_claim_and_catches_a_wrong_one);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
