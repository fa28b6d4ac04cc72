/* Orthonormal bases of a few columns: LAPACK's Householder reflections on the column-major view,
 * where our columns are rows and the factorisation is LQ. */
#include <limits.h>
#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/lapack.h"
#include "core/linalg/lattice.h"

static mst_status check(int64_t n, int64_t m, const double *a, int64_t lda) {
  if (m > n || n > INT_MAX || lda > INT_MAX)
    return mst_fail(MST_ERR_INPUT, "%lld columns of %lld numbers cannot be made orthonormal",
                    (long long)m, (long long)n);
  for (int64_t i = 0; i < n; i++)
    if (isinf(mst_lattice_magnitude(a + i * lda, m)))
      return mst_fail(MST_ERR_NONFINITE,
                      "row %lld of the columns to be made orthonormal holds NaN or infinity",
                      (long long)i);
  return MST_OK;
}

/* The larger of what the two routines ask for. */
static int work_doubles(int m, int n, int lda) {
  const int ask = -1;
  double factor = 0, form = 0, none = 0;
  int info = 0;
  dgelqf_(&m, &n, &none, &lda, &none, &factor, &ask, &info);
  dorglq_(&m, &n, &m, &none, &lda, &none, &form, &ask, &info);
  return (int)fmax(fmax(factor, form), 1);
}

mst_status mst_orthonormalise(int64_t n, int64_t m, double *a, int64_t lda) {
  MST_TRY(check(n, m, a, lda));
  if (m == 0) return MST_OK;
  const int rows = (int)m, columns = (int)n, stride = (int)lda;
  const int length = work_doubles(rows, columns, stride);
  double *reflector = NULL, *work = NULL;
  bool *turned = NULL;
  int info = 0;
  mst_status st = mst_alloc(&reflector, m, sizeof *reflector, "reflectors");
  if (st == MST_OK) st = mst_alloc(&work, length, sizeof *work, "workspace of an LQ factorisation");
  if (st == MST_OK) st = mst_alloc(&turned, m, sizeof *turned, "signs of columns");
  if (st == MST_OK) {
    dgelqf_(&rows, &columns, a, &stride, reflector, work, &length, &info);
    for (int64_t j = 0; j < m; j++) turned[j] = a[j * lda + j] < 0;
    if (info == 0) dorglq_(&rows, &columns, &rows, a, &stride, reflector, work, &length, &info);
    if (info != 0)
      st = mst_fail(MST_ERR_INTERNAL, "LAPACK refused an LQ factorisation (code %d)", info);
  }
  for (int64_t i = 0; st == MST_OK && i < n; i++)
    for (int64_t j = 0; j < m; j++)
      if (turned[j]) a[i * lda + j] = -a[i * lda + j];
  mst_free(turned);
  mst_free(work);
  mst_free(reflector);
  return st;
}
