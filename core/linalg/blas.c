/* The BLAS face: products of row-major matrices of any 64-bit size.
 *
 * BLAS counts in int. Longer loops are cut into pieces that fit; a matrix whose row stride does
 * not fit is taken one row at a time, where the stride has no meaning. At ordinary sizes there is
 * one piece and the call is the BLAS call. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "core/linalg/blas.h"

#include <limits.h>
#include <cblas.h>

void mst_blas_init(void) {
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
  openblas_set_num_threads(1);
#endif
}

const char *mst_blas_kernel(void) {
#ifdef HAVE_OPENBLAS_GET_CORENAME
  return openblas_get_corename();
#else
  return "unknown";
#endif
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The most rows of a matrix of this stride that one call can take. */
static int64_t rows_at_once(int64_t ld) {
  return ld > INT_MAX ? 1 : INT_MAX;
}

static int stride(int64_t ld) {
  return (int)smaller(ld, INT_MAX);
}

/* How far a call may reach along m, n and k. */
typedef struct reach {
  int64_t m, n, k;
} reach;

static reach reach_of(bool transpose_a, bool transpose_b, int64_t lda, int64_t ldb, int64_t ldc) {
  reach r = {rows_at_once(ldc), INT_MAX, INT_MAX};
  if (transpose_a)
    r.k = smaller(r.k, rows_at_once(lda));
  else
    r.m = smaller(r.m, rows_at_once(lda));
  if (transpose_b)
    r.n = smaller(r.n, rows_at_once(ldb));
  else
    r.k = smaller(r.k, rows_at_once(ldb));
  return r;
}

/* Where op(A) begins at row i and column j. */
static int64_t offset(bool transpose, int64_t i, int64_t j, int64_t ld) {
  return transpose ? j * ld + i : i * ld + j;
}

static CBLAS_TRANSPOSE operation(bool transpose) {
  return transpose ? CblasTrans : CblasNoTrans;
}

void mst_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
              const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
              int64_t ldc) {
  reach r = reach_of(transpose_a, transpose_b, lda, ldb, ldc);
  for (int64_t i = 0; i < m; i += r.m)
    for (int64_t j = 0; j < n; j += r.n) {
      int64_t l = 0;
      do { /* at least once: with k = 0 the product is beta C */
        cblas_dgemm(CblasRowMajor, operation(transpose_a), operation(transpose_b),
                    (int)smaller(r.m, m - i), (int)smaller(r.n, n - j), (int)smaller(r.k, k - l),
                    alpha, a + offset(transpose_a, i, l, lda), stride(lda),
                    b + offset(transpose_b, l, j, ldb), stride(ldb), l == 0 ? beta : 1.0,
                    c + i * ldc + j, stride(ldc));
        l += r.k;
      } while (l < k);
    }
}

void mst_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
               int64_t ldc) {
  reach r = reach_of(transpose_a, transpose_b, lda, ldb, ldc);
  for (int64_t i = 0; i < m; i += r.m)
    for (int64_t j = 0; j < n; j += r.n) {
      int64_t l = 0;
      do {
        cblas_sgemm(CblasRowMajor, operation(transpose_a), operation(transpose_b),
                    (int)smaller(r.m, m - i), (int)smaller(r.n, n - j), (int)smaller(r.k, k - l),
                    alpha, a + offset(transpose_a, i, l, lda), stride(lda),
                    b + offset(transpose_b, l, j, ldb), stride(ldb), l == 0 ? beta : 1.0f,
                    c + i * ldc + j, stride(ldc));
        l += r.k;
      } while (l < k);
    }
}

void mst_syrk_at_a(int64_t n, int64_t k, double alpha, const double *a, int64_t lda, double beta,
                   double *c, int64_t ldc) {
  if (n > INT_MAX || ldc > INT_MAX) {
    for (int64_t i = 0; i < n; i++)
      mst_gemm(true, false, 1, i + 1, k, alpha, a + i, lda, a, lda, beta, c + i * ldc, ldc);
    return;
  }
  int64_t l = 0, rows = rows_at_once(lda);
  do {
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)smaller(rows, k - l), alpha,
                a + l * lda, stride(lda), l == 0 ? beta : 1.0, c, (int)ldc);
    l += rows;
  } while (l < k);
}

void mst_trmm_right_lower(int64_t m, int64_t n, double alpha, const double *l, int64_t ldl,
                          double *x, int64_t ldx) {
  const int64_t rows = rows_at_once(ldx);
  for (int64_t i = 0; i < m; i += rows)
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit,
                (int)smaller(rows, m - i), (int)n, alpha, l, (int)ldl, x + i * ldx, (int)ldx);
}
