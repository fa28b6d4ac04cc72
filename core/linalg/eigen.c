/* Eigenvalues and eigenvectors of a symmetric matrix: LAPACK dsyevd (divide and conquer) on the
 * column-major view, whose columns are our rows. */
#include <limits.h>
#include <math.h>

#include "core/base/arithmetic.h"
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

/* Lengths of dsyevd's two workspaces. */
static void ask_lengths(int64_t n, bool vectors, int *reals, int *integers) {
  const char *job = vectors ? "V" : "N";
  const int order = (int)n, ask = -1;
  int info = 0;
  double best = 0, none = 0;
  dsyevd_(job, MST_LAPACK_LOWER, &order, &none, &order, &none, &best, &ask, integers, &ask, &info,
          1, 1);
  *reals = (int)best;
}

static mst_status decompose(int64_t n, double *a, int64_t lda, bool vectors, double *values,
                            double *work, int reals, int *more, int integers) {
  const char *job = vectors ? "V" : "N";
  const int order = (int)n, stride = (int)lda;
  int info = 0;
  dsyevd_(job, MST_LAPACK_LOWER, &order, a, &stride, values, work, &reals, more, &integers, &info,
          1, 1);
  if (info != 0)
    return mst_fail(MST_ERR_SINGULAR,
                    "the eigenvalues of a matrix of order %lld did not converge (dsyevd code "
                    "%d); rescale the data it was made from",
                    (long long)n, info);
  if (vectors)
    for (int64_t i = 0; i < n; i++) fix_sign(n, a + i * lda);
  return MST_OK;
}

mst_status mst_eigen_symmetric(int64_t n, double *a, int64_t lda, bool vectors, double *values) {
  if (n <= 0) return MST_OK;
  MST_TRY(check_matrix(n, a, lda));
  int reals = 0, integers = 0;
  ask_lengths(n, vectors, &reals, &integers);
  double *work = NULL;
  int *more = NULL;
  mst_status status = mst_alloc(&work, reals, sizeof *work, "eigenvalue workspace");
  if (status == MST_OK) status = mst_alloc(&more, integers, sizeof *more, "eigenvalue workspace");
  if (status == MST_OK) status = decompose(n, a, lda, vectors, values, work, reals, more, integers);
  mst_free(work);
  mst_free(more);
  return status;
}

int64_t mst_eigen_work_doubles(int64_t n, bool vectors) {
  if (n <= 0 || n > ORDER_MAX) return 0;
  int reals = 0, integers = 0;
  ask_lengths(n, vectors, &reals, &integers);
  return reals + mst_ceil_div((int64_t)integers * (int64_t)sizeof(int), sizeof(double));
}

mst_status mst_eigen_symmetric_in(int64_t n, double *a, int64_t lda, bool vectors, double *values,
                                  double *work) {
  if (n <= 0) return MST_OK;
  MST_TRY(check_matrix(n, a, lda));
  int reals = 0, integers = 0;
  ask_lengths(n, vectors, &reals, &integers);
  return decompose(n, a, lda, vectors, values, work, reals, (int *)(void *)(work + reals),
                   integers);
}
