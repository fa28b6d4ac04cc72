/* Exact sums of terms without a unit, many at a time: squared distances may be 1e-30 or 1e+60, and
 * nothing is known of them beforehand, so the one fixed grid of a tally (parallel/tally.h) does not
 * serve.
 *
 * The axis of magnitudes is cut into limbs of 30 bits at fixed places. A sum keeps the three limbs
 * below its largest term and adds to each the term's part of it, as an integer; when a larger term
 * comes, lower limbs are dropped. What is kept of a term depends on the largest term alone, so the
 * sum has the same bits in any order and however the terms are spread over ranks: at least 59 bits
 * of the largest term. */
#ifndef MST_PARALLEL_ROBUST_SUMS_H
#define MST_PARALLEL_ROBUST_SUMS_H

#include <stdint.h>

#include "comm/team.h"

#define MST_ROBUST_LARGEST 0x1p980 /* of a term's magnitude */
#define MST_ROBUST_PLACES  67      /* of limbs on the axis */

typedef struct mst_robust_sums {
  int64_t n;
  int64_t *top;  /* (n) the place of the largest term     */
  int64_t *limb; /* (3, n) from the highest to the lowest */
  double most[MST_ROBUST_PLACES], scale[MST_ROBUST_PLACES]; /* of each place: the largest term, and
                                                               1 / unit of the highest limb */
} mst_robust_sums;

/** n sums of 0. Memory: 32 n bytes. Local. */
mst_status mst_robust_sums_create(int64_t n, mst_robust_sums *s) MST_CHECKED;
void mst_robust_sums_free(mst_robust_sums *s); /* Local */

/** Add term(n), each at most MST_ROBUST_LARGEST in magnitude, to the sums from `first` on; a sum
 * takes up to 2^32 terms. Local. */
void mst_robust_sums_add(mst_robust_sums *s, int64_t first, int64_t n, const double *term);

/** total(n): the sums over the team, on every rank; s is left with them. Collective. */
mst_status mst_robust_sums_total(mst_team *team, mst_robust_sums *s, double *total) MST_CHECKED;

/** Sums of 0 for each pair of points. Local. */
mst_status mst_robust_pairs_create(int64_t points, mst_robust_sums *s) MST_CHECKED;

/** Add what is above the diagonal of term(points, points). Local. */
void mst_robust_pairs_add(mst_robust_sums *s, int64_t points, const double *term);

/** matrix(points, points) = the sums over the team in both halves, on every rank; its diagonal is
 *  left alone. \return MST_OK, MST_ERR_MEMORY, MST_ERR_COMM. Collective. */
mst_status mst_robust_pairs_total(mst_team *team, mst_robust_sums *s, int64_t points,
                                  double *matrix) MST_CHECKED;

#endif
