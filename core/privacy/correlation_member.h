/* The table of correlations' entries, and what Toeplitz members share. Private to core/privacy. */
#ifndef MST_CORE_PRIVACY_CORRELATION_MEMBER_H
#define MST_CORE_PRIVACY_CORRELATION_MEMBER_H

#include "core/privacy/correlation.h"

extern const mst_correlation_ops mst_correlation_independent, mst_correlation_tree,
    mst_correlation_toeplitz, mst_correlation_banded;

/** Room for coefficient(period) and sum(period). */
mst_status mst_correlation_room(mst_correlation *c) MST_CHECKED;

/** sum = running sums of the squares of B = A C^-1's coefficients, in place of those in it; and the
 *  sensitivity of coefficient. */
mst_status mst_correlation_measure(mst_correlation *c, int64_t participations,
                                   int64_t between) MST_CHECKED;

/** The member's `variance` from sum. */
double mst_correlation_summed(const mst_correlation *c, int64_t at);

/** beta(n) = coefficients of 1 / ((1 - x) c(x)), c of `bands` coefficients with c_0 = 1. */
void mst_correlation_prefix(int64_t bands, const double *coefficient, int64_t n, double *beta);

/** The coefficients c(bands), c_0 = 1, not negative and not increasing, for which the mean of the
 *  variances of n prefix sums, times the squared sensitivity |c|^2 of a record that takes part at
 *  least `bands` steps apart, is least: conjugate gradients from the root's. MST_ERR_MEMORY. */
mst_status mst_correlation_optimise(int64_t bands, int64_t n, double *coefficient) MST_CHECKED;

#endif
