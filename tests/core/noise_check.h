/* What tests of noise share: streams under fixed test keys, and how far counts are from a law. */
#ifndef MST_TESTS_CORE_NOISE_CHECK_H
#define MST_TESTS_CORE_NOISE_CHECK_H

#include <math.h>
#include <string.h>

#include "core/privacy/noise.h"
#include "tests/harness.h"

/* The noise of one step of a public seed. */
static inline mst_noise test_noise(uint64_t step) {
  const mst_secret secret = mst_secret_test(20261123);
  return mst_noise_of(&secret, MST_NOISE_TEST, 0, step);
}

/* Fails when Pearson's statistic of the counts, whose expectations are all at least 5, is
 * beyond 4.5 standard deviations in Wilson and Hilferty's approximation: once in 3e5. */
static inline void check_counts(int bins, const double *count, const double *expected,
                                const char *what) {
  double statistic = 0;
  const double freedom = bins - 1;
  for (int i = 0; i < bins; i++) {
    ck_assert_msg(expected[i] >= 5, "%s: bin %d expects %g", what, i, expected[i]);
    statistic += (count[i] - expected[i]) * (count[i] - expected[i]) / expected[i];
  }
  const double v = 2 / (9 * freedom), z = (cbrt(statistic / freedom) - (1 - v)) / sqrt(v);
  ck_assert_msg(z < 4.5, "%s: chi-square %g of %g", what, statistic, freedom);
}

/* Fails when k of n is more than 4.5 standard deviations from the probability p. */
static inline void check_share(double k, double n, double p, const char *what) {
  const double off = (k - n * p) / sqrt(n * p * (1 - p));
  ck_assert_msg(fabs(off) < 4.5, "%s: %g of %g for a probability of %.9g", what, k, n, p);
}

#endif
