/* Eigenvalues and eigenvectors of a symmetric matrix: LAPACK dsyevd (divide and conquer) on the
 * column-major view, whose columns are our rows. */
#include <limits.h>
#include <math.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/lapack.h"
#include "core/linalg/lattice.h"

/* dsyevd's workspace, 1 + 6 n + 2 n^2 doubles, is counted in int. */
#define ORDER_MAX 32766

static mst_status check_matrix(int64_t n, const double *a, int64_t lda) {
  if (n > ORDER_MAX || lda > INT_MAX)
    return mst_fail(
        MST_ERR_INPUT,
        "the eigenvalues of a matrix of order %lld (row stride %lld) cannot be found on "
        "one rank (limit %d); spread it over more ranks",
        (long long)n, (long long)lda, ORDER_MAX);
  for (int64_t i = 0; i < n; i++)
    if (isinf(mst_lattice_magnitude(a + i * lda, i + 1)))
      return mst_fail(MST_ERR_NONFINITE,
                      "row %lld of a matrix of order %lld holds NaN or infinity, so it has no "
                      "eigenvalues; check the data it was made from",
                      (long long)i + 1, (long long)n);
  return MST_OK;
}

/* An eigenvector is defined up to its sign: make the first entry of largest magnitude positive. */
static void fix_sign(int64_t n, double *vector) {
  int64_t largest = 0;
  for (int64_t j = 1; j < n; j++)
    if (fabs(vector[j]) > fabs(vector[largest])) largest = j;
  if (vector[largest] >= 0) return;
  for (int64_t j = 0; j < n; j++) vector[j] = -vector[j];
}

static mst_status decompose(int64_t n, double *a, int64_t lda, bool vectors, double *values) {
  const char *job = vectors ? "V" : "N";
  int order = (int)n, stride = (int)lda, ask = -1, info = 0, integers_length = 0;
  double work_length = 0;
  dsyevd_(job, MST_LAPACK_LOWER, &order, a, &stride, values, &work_length, &ask, &integers_length,
          &ask, &info, 1, 1);
  double *work = NULL;
  int *integers = NULL;
  int length = (int)work_length;
  mst_status status = mst_alloc(&work, length, sizeof *work, "eigenvalue workspace");
  if (status == MST_OK)
    status = mst_alloc(&integers, integers_length, sizeof *integers, "eigenvalue workspace");
  if (status == MST_OK) {
    dsyevd_(job, MST_LAPACK_LOWER, &order, a, &stride, values, work, &length, integers,
            &integers_length, &info, 1, 1);
    if (info != 0)
      status = mst_fail(MST_ERR_SINGULAR,
                        "the eigenvalues of a matrix of order %lld did not converge (dsyevd code "
                        "%d); rescale the data it was made from",
                        (long long)n, info);
  }
  mst_free(work);
  mst_free(integers);
  return status;
}

mst_status mst_eigen_symmetric(int64_t n, double *a, int64_t lda, bool vectors, double *values) {
  if (n <= 0) return MST_OK;
  MST_TRY(check_matrix(n, a, lda));
  MST_TRY(decompose(n, a, lda, vectors, values));
  if (vectors)
    for (int64_t i = 0; i < n; i++) fix_sign(n, a + i * lda);
  return MST_OK;
}
