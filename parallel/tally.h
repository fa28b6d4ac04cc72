/* Tally: exact sums of contributions whose size is not known beforehand, one after the other, over
 * all ranks.
 *
 * Terms are rounded to one fixed grid of two limbs, wide enough for anything a contribution may
 * hold: entries up to MST_TALLY_BOUND, sums of up to 2^22 such terms, and steps of 2^-60. So a
 * client's vector can be added as soon as it is there, on any rank and in any order, and the sum
 * has the same bits. For float32 entries above 2^-36 in magnitude nothing is rounded at all. */
#ifndef MST_PARALLEL_TALLY_H
#define MST_PARALLEL_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/status.h"

#define MST_TALLY_BOUND 0x1p20 /* largest magnitude of an entry of one term */

typedef struct mst_tally {
  int64_t n;
  int64_t *hi, *lo; /* (n) this rank's part */
} mst_tally;

/** Zero sums of n entries. Memory: 16 n bytes. Local. */
mst_status mst_tally_create(int64_t n, const char *what, mst_tally *t) MST_CHECKED;
void mst_tally_free(mst_tally *t); /* Local */
/** Back to zero. Local. */
void mst_tally_clear(mst_tally *t);

/** Add x(n) to the entries first .. first + n. |x| at most MST_TALLY_BOUND, checked by the caller.
 *  Local. */
void mst_tally_add(mst_tally *t, int64_t first, int64_t n, const double *x);
/** weight * x(n), in double: for float32 x and a weight of at most 29 bits no product rounds.
 *  Local. */
void mst_tally_add_f32(mst_tally *t, int64_t first, int64_t n, const float *x, double weight);

/* For terms without a bound, such as losses: one entry for every 30 binary orders of magnitude. */
#define MST_TALLY_SCALES 10

/** Add x to the sum that the MST_TALLY_SCALES entries from `first` on hold together: to the one in
 *  whose units it is at most MST_TALLY_BOUND.
 *  \return whether it was added: not when x is not finite or beyond 2^290. Local. */
bool mst_tally_add_scaled(mst_tally *t, int64_t first, double x);
/** That sum, from the totals of those entries; without terms beyond MST_TALLY_BOUND it is the
 *  first of them. Local. */
double mst_tally_scaled(const double *total);

/** total(n): the sums over the team, on every rank. The tally is left with them. Collective. */
mst_status mst_tally_total(mst_team *team, mst_tally *t, double *total) MST_CHECKED;

/** The sums of entries first .. first + sum of count, of which rank r gets its part of count[r]
 *  entries, in rank order. part(count[rank]) out; hi, lo: scratch of that size. Collective. */
mst_status mst_tally_scatter(mst_team *team, const mst_tally *t, int64_t first,
                             const int64_t *count, int64_t *hi, int64_t *lo,
                             double *part) MST_CHECKED;

/** Total over ranks of n terms a rank, exact: the grid comes from the largest term and `terms`, the
 *  number of all of them, so the bits do not depend on how they are divided. *total is not finite
 *  when a term is not. Collective. */
mst_status mst_tally_terms(mst_team *team, const double *term, int64_t n, int64_t terms,
                           double *total) MST_CHECKED;

#endif
