/* A residual layer in closed form. Of the head's weights W (d, c), random features F (n, h) and the
 * head's residuals R (n, c), the layer's matrix Omega (h, d) minimises
 *
 *     |R - F Omega W|^2 + gamma |Omega|^2.
 *
 * W has rank c at most, so Omega = Q W' with Q (h, c), which falls apart into one ridge system for
 * each eigenvector of W'W. Statistics F'F and F'R are all that is needed. Equations:
 * doc/methods/depth.md. */
#ifndef MST_CORE_ANALYTIC_DEPTH_H
#define MST_CORE_ANALYTIC_DEPTH_H

#include <stdint.h>

#include "core/base/status.h"

/** Eigenvalues value(c) of W'W for w(d, c), ascending, and unit eigenvectors, the rows of
 *  vector(c, c). Values that are rounding of the largest become 0. MST_ERR_MEMORY,
 *  MST_ERR_NONFINITE. Local. */
mst_status mst_depth_directions(int64_t d, int64_t c, const double *w, double *value,
                                double *vector) MST_CHECKED;

/** column(h) = Q v for one eigenvector v(c) of W'W and its value s: the solution of
 *  (s F'F + gamma I) q = F'R v, or 0 where s is 0.
 *  \param gram  (h, h) F'F, its lower triangle; moment (h, c) F'R; b(h) is scratch.
 *  \return MST_OK; what mst_ridge_solve returns. Local. */
mst_status mst_depth_column(int64_t h, int64_t c, const double *gram, const double *moment,
                            double gamma, double s, const double *v, double *b,
                            double *column) MST_CHECKED;

/** q(h, c) = Q from the columns, rows of column(c, h), and the eigenvectors vector(c, c). Local. */
void mst_depth_assemble(int64_t h, int64_t c, const double *column, const double *vector,
                        double *q);

#endif
