/* Linear assignment: which row goes with which column, so that the sum of what the pairs give is
 * the largest that can be. Shortest augmenting paths with dual prices (Jonker and
 * Volgenant 1987, "A shortest augmenting path algorithm for dense and sparse linear assignment
 * problems", Computing 38), n^3 steps at most, in float64. */
#ifndef MST_CORE_MERGE_ASSIGNMENT_H
#define MST_CORE_MERGE_ASSIGNMENT_H

#include <stdint.h>

#include "core/base/status.h"

/** Give every row of value(n, n), whose rows lie `ld` apart, a column of its own, so that the sum
 * of value(i, column[i]) is the largest.
 *  \param column  (n) out: a permutation of 0 .. n-1. Of equal sums one is found that depends on
 *                 the values alone: paths take the lowest of equally near columns.
 *  \param total  out: that sum, added in the rows' order; may be NULL.
 *  \return MST_OK; MST_ERR_NONFINITE naming the row and the column; MST_ERR_MEMORY. Local. */
mst_status mst_assignment(int64_t n, const double *value, int64_t ld, int64_t *column,
                          double *total) MST_CHECKED;

#endif
