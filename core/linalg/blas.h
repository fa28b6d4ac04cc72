/* The BLAS and LAPACK face: 64-bit sizes in, status out, one place for the Fortran interface.
 *
 * Matrices here are ROW-MAJOR with a row stride (ld); LAPACK's column-major calls are made on
 * the transposed view. Products take any size; factorisations above INT_MAX rows or row stride are
 * refused with MST_ERR_INPUT. OpenBLAS's threads are switched to one by mst_blas_init, so that the
 * sequence of operations, and with it every bit, does not depend on the number of cores. */
#ifndef MST_CORE_LINALG_BLAS_H
#define MST_CORE_LINALG_BLAS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/** One BLAS thread for this process. Call once, before any other function here. Local. */
void mst_blas_init(void);

/** OpenBLAS's kernel family in use, e.g. "SkylakeX"; "unknown" with another BLAS. Local. */
const char *mst_blas_kernel(void);

/** C(m,n) = alpha op(A) op(B) + beta C, op(A) is (m,k), op(B) is (k,n); row-major. Local. */
void mst_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
              const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
              int64_t ldc);
void mst_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
               const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
               int64_t ldc);

/** The lower triangle of C(n,n) = alpha A'A + beta C for row-major A(k,n). Local. */
void mst_syrk_at_a(int64_t n, int64_t k, double alpha, const double *a, int64_t lda, double beta,
                   double *c, int64_t ldc);

/** X(m,n) <- alpha X L with the lower triangle L of L(n,n), in place; half the work of a product
 *  with a full matrix. n and the strides below 2^31. Local. */
void mst_trmm_right_lower(int64_t m, int64_t n, double alpha, const double *l, int64_t ldl,
                          double *x, int64_t ldx);

/** Factor the symmetric positive definite A(n,n), given by its lower triangle, as L L'; L
 *  replaces the lower triangle.
 *  \return MST_OK, or MST_ERR_SINGULAR naming the pivot that was not positive. Local. */
mst_status mst_cholesky(int64_t n, double *a, int64_t lda) MST_CHECKED;

/** Solve L X = B in place of B(n,m), with L from mst_cholesky: half of mst_cholesky_solve. Local. */
void mst_forward_solve(int64_t n, int64_t m, const double *l, int64_t ldl, double *b, int64_t ldb);

/** Solve L L' X = B in place of B(n,m), with L from mst_cholesky. Local. */
void mst_cholesky_solve(int64_t n, int64_t m, const double *l, int64_t ldl, double *b, int64_t ldb);

/** Solve (A + ridge I) W = B for symmetric A(n,n) (lower triangle read; left unchanged) and
 *  B(n,m); W(n,m) contiguous, undefined on error. Works on a copy of A (8 n^2 bytes).
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_INPUT (ridge negative or not finite),
 *          MST_ERR_NONFINITE naming a row, or MST_ERR_SINGULAR, whose text names the pivot and
 *          suggests a ridge: a pivot is not positive, or the reciprocal condition of the matrix
 *          scaled to a diagonal near 1 is that of rounding noise (LAPACK dpocon). Local. */
mst_status mst_ridge_solve(int64_t n, int64_t m, const double *a, int64_t lda, const double *b,
                           int64_t ldb, double ridge, double *w) MST_CHECKED;

/** Eigenvalues, ascending, and (when vectors) eigenvectors of the symmetric A(n,n), given by its
 *  lower triangle. Row i of A becomes the i-th unit eigenvector, with the sign that makes its
 *  entry of largest magnitude positive (the first such entry on a tie). LAPACK dsyevd.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_NONFINITE naming the row that holds NaN or infinity,
 *          MST_ERR_INPUT above order 32766 (LAPACK's workspace is counted in int), or
 *          MST_ERR_SINGULAR when the iteration does not converge. Local. */
mst_status mst_eigen_symmetric(int64_t n, double *a, int64_t lda, bool vectors,
                               double *values) MST_CHECKED;

/** The same in a workspace of the caller, so without MST_ERR_MEMORY: work(mst_eigen_work_doubles(n,
 *  vectors)). Local. */
mst_status mst_eigen_symmetric_in(int64_t n, double *a, int64_t lda, bool vectors, double *values,
                                  double *work) MST_CHECKED;
int64_t mst_eigen_work_doubles(int64_t n, bool vectors);

/** Replace A(n,m), m <= n, by Q(n,m) with orthonormal columns and A = Q R for an upper triangular R
 *  whose diagonal is not negative. Q's columns are orthonormal also where A's are dependent.
 *  LAPACK dgelqf, dorglq.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_INPUT (m > n, or a size above INT_MAX), or
 *          MST_ERR_NONFINITE where an entry is NaN or infinite. Local. */
mst_status mst_orthonormalise(int64_t n, int64_t m, double *a, int64_t lda) MST_CHECKED;

#endif
