/* Sensitivities of correlated noise: what one record can change in all the noisy values of a tree
 * of sums or of a matrix factorisation A = B C together. Such a mechanism is one Gaussian event
 * with that sensitivity (mst_event.sensitivity). Source: doc/methods/accounting.md. Local. */
#ifndef MST_CORE_PRIVACY_SENSITIVITY_H
#define MST_CORE_PRIVACY_SENSITIVITY_H

#include <stdint.h>

#include "core/base/status.h"

/** Squared sensitivity of a binary tree of sums that starts anew whenever a record may come again:
 *  ceil(log2(steps + 1)), the levels that a leaf is part of. */
double mst_sensitivity_tree_restart(int64_t steps);

/** Squared sensitivity of a binary tree over `steps` leaves that goes on while a record takes part
 *  up to `participations` times, with at least `separation` steps between two of them: the most,
 * over all such patterns, of the sum over complete nodes of (leaves of the record below)^2. Exact
 * where the search is small, else an upper bound, level by level; *exact (may be NULL) says which.
 *  \return MST_OK, MST_ERR_INPUT for numbers below 1 (separation: 0), MST_ERR_MEMORY. */
mst_status mst_sensitivity_tree(int64_t participations, int64_t separation, int64_t steps,
                                int *exact, double *squared) MST_CHECKED;

/** coefficient(n) of (1 - x)^power: 1/sqrt of it (power -1/2) is the strategy matrix C of prefix
 * sums with the least greatest error, power +1/2 its inverse. */
void mst_toeplitz_root(int64_t n, double power, double *coefficient);

/** Squared sensitivity of a lower triangular Toeplitz strategy with non-negative coefficient(n)
 * that do not increase, for a record that takes part up to `participations` times, `separation`
 * steps between: the squared norm of the sum of those columns that start first.
 *  \return MST_OK, MST_ERR_INPUT for other coefficients, MST_ERR_MEMORY. */
mst_status mst_sensitivity_toeplitz(int64_t n, const double *coefficient, int64_t participations,
                                    int64_t separation, double *squared) MST_CHECKED;

#endif
