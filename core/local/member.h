/* The members of the table of locally private methods, and what they share. Private to core/local;
 * all functions are Local. */
#ifndef MST_CORE_LOCAL_MEMBER_H
#define MST_CORE_LOCAL_MEMBER_H

#include "core/local/local.h"

/* No draw of mst_noise_gaussian is larger, in standard deviations. */
#define MST_LDP_REACH 8.6

extern const mst_ldp_ops mst_ldp_nldp, mst_ldp_nldp_public, mst_ldp_iht;

/* What both non-interactive methods can be told. */
extern const mst_param mst_ldp_solve_params[];

/** work(d) = the row, scaled by w = min(1, r / |x|); returns the response scaled by w too. What a
 *  user has is scaled as a whole, so the regression that is left is of the same theta. */
double mst_ldp_scale(const mst_ldp *m, const float *x, double y, double *work);

/** x limited to [-bound, bound]. */
double mst_ldp_clamp(double x, double bound);

/** theta = soft threshold of S^-1 b at lambda, S from packed moments (the lower triangle) and
 * ridge.
 *  \param deviation  of one entry of b - S theta: what lambda is made of where none is given.
 *  Errors of mst_ldp_close. */
mst_status mst_ldp_solve(mst_ldp *m, const double *packed, const double *b,
                         double deviation) MST_CHECKED;

#endif
