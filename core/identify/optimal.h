/* Designs beyond G-optimality: how often to pull which arm so that differences of arms are known
 * well (XY), or a hidden vector is in every direction (E), or arms are that the contexts allow (G
 * over policies). Frank-Wolfe steps with a lower bound on the optimum, so that the gap that is
 * reported is certain. Private to core/identify; all functions are Local. */
#ifndef MST_CORE_IDENTIFY_OPTIMAL_H
#define MST_CORE_IDENTIFY_OPTIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* What a design came to. */
typedef struct mst_optimal {
  double value; /* XY: the most of |y|^2 in A^-1; E: 1 / least eigenvalue of A; G: the mean most */
  double gap;   /* certified: value <= (1 + gap) times the optimum                              */
} mst_optimal;

/** Numbers of work for n arms of d numbers. */
int64_t mst_optimal_work(int64_t n, int64_t d);

/** weight(n), sum 1, on all arms of x(n, d), for which the largest |x_a - x_b|^2 in A^-1 over kept
 * a and b is small; A = sum weight x x'. Stops at the gap, or after a fixed number of steps. Arms
 *  that do not span are designed for in their span.
 *  \return MST_OK, or MST_ERR_SINGULAR when the arms are not finite or all 0. */
mst_status mst_optimal_xy(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                          double *weight, double *work, mst_optimal *out) MST_CHECKED;

/** weight(groups, n), sum 1 / groups in each group, for which the least eigenvalue of A is large:
 *  x(groups, n, d).
 *  \return MST_OK, or MST_ERR_SINGULAR when the arms do not span. */
mst_status mst_optimal_e(int64_t groups, int64_t n, int64_t d, const double *x, double gap,
                         double *weight, double *work, mst_optimal *out) MST_CHECKED;

/** The same for which the mean over groups of the largest |x|^2 in A^-1 is small; at the optimum it
 *  is the dimension that the arms span. */
mst_status mst_optimal_g(int64_t groups, int64_t n, int64_t d, const double *x, double gap,
                         double *weight, double *work, mst_optimal *out) MST_CHECKED;

#endif
