/* Binomial tails by the incomplete beta function's continued fraction, bounds by bisection. */
#include "core/privacy/audit.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/normal.h"
#include "core/privacy/saddle.h"

#define TERMS 100000

/* The continued fraction of the incomplete beta function (Lentz; DLMF 8.17.22), for x below the
 * mean. */
static double fraction(double a, double b, double x) {
  double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), value = d;
  for (int m = 1; m < TERMS; m++) {
    const double e = a + 2 * m;
    const double even = m * (b - m) * x / ((e - 1) * e);
    const double odd = -(a + m) * (a + b + m) * x / (e * (e + 1));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= c * d;
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    value *= c * d;
    if (fabs(c * d - 1) < 1e-16) break;
  }
  return value;
}

/* P(Binomial(n, p) = k), 0 < p < 1, by Loader's saddle point. */
static double at_exactly(double n, double p, double k) {
  if (k == 0) return exp(n * log1p(-p));
  if (k == n) return exp(n * log(p));
  return exp(mst_stirling_error(n) - mst_stirling_error(k) - mst_stirling_error(n - k) -
             mst_deviance(k, n * p) - mst_deviance(n - k, n * (1 - p))) *
         sqrt(n / (6.28318530717958647692 * k * (n - k)));
}

double mst_binomial_at_least(int64_t n, double p, int64_t k) {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  /* I_p(k, n - k + 1); its leading term p^k (1-p)^(n-k+1) / (k B(k, n-k+1)) is (1 - p) P(= k). */
  const double a = (double)k, b = (double)(n - k + 1);
  if (p < (a + 1) / (a + b + 2))
    return fmin(1, (1 - p) * at_exactly((double)n, p, a) * fraction(a, b, p));
  /* 1 - I_(1-p)(b, a): leading term p P(= k - 1). */
  return fmax(0, 1 - p * at_exactly((double)n, p, a - 1) * fraction(b, a, 1 - p));
}

double mst_proportion_lower(int64_t k, int64_t n, double error) {
  double low = 0, high = n > 0 ? (double)k / (double)n : 0;
  for (int i = 0; i < 100 && low < high; i++) {
    const double p = 0.5 * (low + high);
    if (mst_binomial_at_least(n, p, k) <= error)
      low = p;
    else
      high = p;
  }
  return low;
}

double mst_proportion_upper(int64_t k, int64_t n, double error) {
  return 1 - mst_proportion_lower(n - k, n, error);
}

static mst_status check(double delta, double confidence) {
  if (delta >= 0 && delta < 1 && confidence > 0 && confidence < 1) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "audit: delta %g at confidence %g; delta is in [0, 1), confidence in (0, 1)",
                  delta, confidence);
}

static double log_ratio(double above, double delta, double below) {
  return above > delta && below > 0 ? fmax(0, log((above - delta) / below)) : 0;
}

mst_status mst_audit_test(int64_t k0, int64_t n0, int64_t k1, int64_t n1, double delta,
                          double confidence, double *epsilon) {
  MST_TRY(check(delta, confidence));
  if (n0 < 1 || n1 < 1 || k0 < 0 || k0 > n0 || k1 < 0 || k1 > n1)
    return mst_fail(MST_ERR_INPUT, "audit: %lld of %lld and %lld of %lld", (long long)k0,
                    (long long)n0, (long long)k1, (long long)n1);
  const double error = (1 - confidence) / 4;
  const double p0 = mst_proportion_upper(k0, n0, error), p1 = mst_proportion_lower(k1, n1, error);
  *epsilon = fmax(log_ratio(p1, delta, p0), log_ratio(1 - p0, delta, 1 - p1));
  return MST_OK;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The threshold whose test on n and n sorted scores has the best bound, roughly: shares moved by z
 * standard deviations of a count. */
static double best_threshold(int64_t n, const double *s0, const double *s1, double delta,
                             double z) {
  double best = -1, threshold = 0;
  int64_t i0 = 0;
  for (int64_t i1 = 0; i1 < n; i1++) {
    while (i0 < n && s0[i0] < s1[i1]) i0++;
    /* At or above s1[i1]: n - i0 of the first, n - i1 of the second. */
    const double above0 = (double)(n - i0), above1 = (double)(n - i1), share = 1 / (double)n;
    const double p0 = (above0 + z * sqrt(above0) + z * z) * share;
    const double p1 = (above1 - z * sqrt(above1)) * share;
    const double q0 = ((double)i0 - z * sqrt((double)i0)) * share;
    const double q1 = ((double)i1 + z * sqrt((double)i1) + z * z) * share;
    const double found = fmax(log_ratio(p1, delta, p0), log_ratio(q0, delta, q1));
    if (found > best) {
      best = found;
      threshold = s1[i1];
    }
  }
  return threshold;
}

static int64_t count_at_least(int64_t n, const double *score, double threshold) {
  int64_t count = 0;
  for (int64_t i = 1; i < n; i += 2) count += score[i] >= threshold;
  return count;
}

mst_status mst_audit_scores(int64_t n, const double *score0, const double *score1, double delta,
                            double confidence, double *epsilon) {
  MST_TRY(check(delta, confidence));
  if (n < 2) return mst_fail(MST_ERR_INPUT, "audit: scores of %lld runs", (long long)n);
  const int64_t even = mst_ceil_div(n, 2);
  double *half;
  MST_TRY(mst_alloc(&half, 2 * even, sizeof *half, "scores of an audit"));
  for (int64_t i = 0; i < even; i++) {
    half[i] = isnan(score0[2 * i]) ? -INFINITY : score0[2 * i];
    half[even + i] = isnan(score1[2 * i]) ? -INFINITY : score1[2 * i];
  }
  qsort(half, (size_t)even, sizeof *half, ascending);
  qsort(half + even, (size_t)even, sizeof *half, ascending);
  const double threshold =
      best_threshold(even, half, half + even, delta, -mst_normal_quantile((1 - confidence) / 4));
  mst_free(half);
  return mst_audit_test(count_at_least(n, score0, threshold), n / 2,
                        count_at_least(n, score1, threshold), n / 2, delta, confidence, epsilon);
}

double mst_audit_one_run_chance(int64_t m, int64_t guesses, int64_t correct, double epsilon,
                                double delta) {
  const double q = 1 / (1 + exp(-epsilon));
  double window = 0, steepest = 0;
  for (int64_t i = 1; delta > 0 && i <= correct; i++) {
    const double term = at_exactly((double)guesses, q, (double)(correct - i));
    window += term;
    steepest = fmax(steepest, window / (double)i);
    /* Below the mode the terms fall: one below the window's mean is followed by lesser means. */
    if ((double)(correct - i) < q * (double)guesses - 1 && term * (double)i < window) break;
  }
  return fmin(1, mst_binomial_at_least(guesses, q, correct) + 2 * (double)m * delta * steepest);
}

mst_status mst_audit_one_run(int64_t m, int64_t guesses, int64_t correct, double delta,
                             double confidence, double *epsilon) {
  MST_TRY(check(delta, confidence));
  if (correct < 0 || correct > guesses || guesses > m)
    return mst_fail(MST_ERR_INPUT, "audit: %lld of %lld guesses about %lld records are right",
                    (long long)correct, (long long)guesses, (long long)m);
  double low = 0, high = 64;
  for (int i = 0; i < 60; i++) {
    const double middle = 0.5 * (low + high);
    if (mst_audit_one_run_chance(m, guesses, correct, middle, delta) <= 1 - confidence)
      low = middle;
    else
      high = middle;
  }
  *epsilon = low;
  return MST_OK;
}

typedef struct scored {
  double score;
  int64_t record;
} scored;

static int by_score(const void *a, const void *b) {
  const scored *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return (x->record > y->record) - (x->record < y->record);
}

mst_status mst_audit_guess(int64_t m, const double *score, const signed char *in, int64_t guesses,
                           int64_t *correct) {
  const int64_t half = guesses / 2;
  if (half < 1 || 2 * half > m)
    return mst_fail(MST_ERR_INPUT, "audit: %lld guesses about %lld records", (long long)guesses,
                    (long long)m);
  scored *order;
  MST_TRY(mst_alloc(&order, m, sizeof *order, "scores of an audit"));
  for (int64_t i = 0; i < m; i++) order[i] = (scored){isnan(score[i]) ? -INFINITY : score[i], i};
  qsort(order, (size_t)m, sizeof *order, by_score);
  *correct = 0;
  for (int64_t i = 0; i < half; i++)
    *correct += !in[order[i].record] + !!in[order[m - 1 - i].record];
  mst_free(order);
  return MST_OK;
}
