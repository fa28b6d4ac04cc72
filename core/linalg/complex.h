/* Small systems over the complex numbers: the shortest least-squares solution, for codes over the
 * unit circle. Sizes are bounded, so that no memory is taken. */
#ifndef MST_CORE_LINALG_COMPLEX_H
#define MST_CORE_LINALG_COMPLEX_H

#include <complex.h>
#include <stdint.h>

#include "core/base/status.h"

#define MST_COMPLEX_ORDER 64 /* most rows, and most columns */

/** x(columns) of least norm among those that minimise |A x - b|; a(rows, columns) ROW-MAJOR and
 *  b(rows) are read only. Singular values below 1e-15 of the largest are taken for 0. LAPACK zgelss
 *  (singular values).
 *  \return MST_OK; MST_ERR_SINGULAR when the iteration does not converge (also where an entry is
 *          not finite); then x is unspecified. 1 <= rows, columns <= MST_COMPLEX_ORDER. Local. */
mst_status mst_complex_least_squares(int64_t rows, int64_t columns, const double complex *a,
                                     const double complex *b, double complex *x) MST_CHECKED;

#endif
