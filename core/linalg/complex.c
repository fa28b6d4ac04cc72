/* Least squares over the complex numbers, by LAPACK zgelss on a column-major copy. */
#include "core/linalg/complex.h"

#include <string.h>

#include "core/base/arithmetic.h"
#include "core/linalg/lapack.h"

enum {
  ORDER = MST_COMPLEX_ORDER,
  WORK = 8 * MST_COMPLEX_ORDER,
  REALS = 5 * MST_COMPLEX_ORDER
};

mst_status mst_complex_least_squares(int64_t rows, int64_t columns, const double complex *a,
                                     const double complex *b, double complex *x) {
  double complex copy[ORDER * ORDER], right[ORDER] = {0}, work[WORK];
  double singular[ORDER], reals[REALS], least = 1e-15;
  const int m = (int)rows, n = (int)columns, one = 1, length = WORK;
  const int longer = (int)mst_most(rows, columns);
  int rank = 0, info = 0;
  for (int64_t i = 0; i < rows; i++) {
    right[i] = b[i];
    for (int64_t j = 0; j < columns; j++) copy[j * rows + i] = a[i * columns + j];
  }
  zgelss_(&m, &n, &one, copy, &m, right, &longer, singular, &least, &rank, work, &length, reals,
          &info);
  if (info != 0)
    return mst_fail(MST_ERR_SINGULAR,
                    "a complex system of %lld equations in %lld unknowns was not solved (zgelss "
                    "code %d)",
                    (long long)rows, (long long)columns, info);
  memcpy(x, right, (size_t)columns * sizeof *x);
  return MST_OK;
}
