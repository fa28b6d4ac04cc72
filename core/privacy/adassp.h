/* Private ridge regression from second moments that are released once with noise, after Wang,
 * "Revisiting differentially private linear regression" (UAI 2018), with eigenvalues shrunk as
 * Donoho, Gavish and Johnstone (2018) do for spiked matrices. doc/methods/private_analytic.md.
 *
 * Rows x of d numbers have |x| <= clip, their targets y |y| <= bound. One row more or less moves
 * X'X by xx', of Frobenius norm at most clip^2, and X'Y by xy', of norm at most clip bound. In the
 * orthonormal coordinates of symmetric matrices, off-diagonal entries times sqrt 2, that norm is
 * Euclidean: so independent noise of deviation s on the diagonal and of s / sqrt 2 above it is the
 * Gaussian mechanism, with half the variance that an equal treatment of all entries would take. All
 * functions are Local. */
#ifndef MST_CORE_PRIVACY_ADASSP_H
#define MST_CORE_PRIVACY_ADASSP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/event.h"
#include "core/privacy/noise.h"

/* How the noisy matrix is made invertible. */
typedef enum mst_adassp_kind {
  MST_ADASSP_SHRINK, /* eigenvalues inside the noise become 0, the others lose what noise gave them
                      */
  MST_ADASSP_RIDGE   /* all are moved up alike, no further than the least of them asks for        */
} mst_adassp_kind;

/** The two releases at noise factor 1, of which the Gram's takes `share` (0 < share < 1) of the
 *  square of mu: whatever the share, together they are as private as one Gaussian release of noise
 *  1. Their noise is in units of clip^2 and clip bound. */
void mst_adassp_events(double share, mst_event *gram, mst_event *moments);

/** |y| of one-hot targets of c classes less 1/c each: sqrt(1 - 1/c). */
double mst_adassp_class_bound(int64_t classes);

/** out(n) = x(n), shortened to `length` where it is longer, rounding included; 0 where x has an
 *  entry that is not finite (false). x and out may be the same memory. */
bool mst_adassp_clip(int64_t n, const float *x, double length, float *out);

/** out(n) = noise of entries (row, first .. first + n) of the lower triangle of X'X, first + n <=
 *  row + 1, of deviation sd on the diagonal. */
void mst_adassp_gram_noise(const mst_noise *noise, double sd, int64_t row, int64_t first, int64_t n,
                           double *out);

/** Where the eigenvalues of that noise end, for order d: sqrt(2 d) sd. */
double mst_adassp_edge(int64_t d, double sd);

/** value(d), ascending eigenvalues of the noisy Gram, become those of what is inverted, all of them
 *  at least floor e, e = mst_adassp_edge(d, sd):
 *  shrink: (v + sqrt(v^2 - e^2)) / 2 for v > e, else 0, and floor e on top;
 *  ridge: v + max(0, floor e - value[0]). */
void mst_adassp_regularise(int64_t d, double *value, double sd, mst_adassp_kind kind, double floor);

/** weights(d, c) = (regularised Gram)^-1 moments(d, c). gram(d, d), of row stride ld, is given by
 *  its lower triangle and destroyed.
 *  \param condition  out: largest over least eigenvalue of what was inverted; may be NULL.
 *  \return MST_OK, MST_ERR_INPUT (floor or sd that leave nothing to invert by), MST_ERR_MEMORY, and
 *          the errors of mst_eigen_symmetric. Cost: about 9 d^3 flops. */
mst_status mst_adassp_solve(int64_t d, int64_t c, double *gram, int64_t ld, const double *moments,
                            double sd, mst_adassp_kind kind, double floor, double *weights,
                            double *condition) MST_CHECKED;

#endif
