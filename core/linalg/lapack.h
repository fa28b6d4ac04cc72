/* The LAPACK routines that muster calls, by their Fortran symbols: column-major, 32-bit counts,
 * and the hidden length of each character argument at the end. Private to core/linalg. */
#ifndef MST_CORE_LINALG_LAPACK_H
#define MST_CORE_LINALG_LAPACK_H

#include <complex.h>
#include <stddef.h>

/* The lower triangle of a row-major matrix, as LAPACK sees it. */
#define MST_LAPACK_LOWER "U"

extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info,
                    size_t uplo_length);
extern void dpocon_(const char *uplo, const int *n, const double *a, const int *lda,
                    const double *norm, double *rcond, double *work, int *integers, int *info,
                    size_t uplo_length);
extern double dlansy_(const char *norm, const char *uplo, const int *n, const double *a,
                      const int *lda, double *work, size_t norm_length, size_t uplo_length);
extern void dsyevd_(const char *job, const char *uplo, const int *n, double *a, const int *lda,
                    double *values, double *work, const int *work_length, int *integers,
                    const int *integers_length, int *info, size_t job_length, size_t uplo_length);
extern void dgelqf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
                    const int *work_length, int *info);
extern void dorglq_(const int *m, const int *n, const int *k, double *a, const int *lda,
                    const double *tau, double *work, const int *work_length, int *info);
extern void zgelss_(const int *m, const int *n, const int *right, double complex *a, const int *lda,
                    double complex *b, const int *ldb, double *singular, const double *rcond,
                    int *rank, double complex *work, const int *work_length, double *reals,
                    int *info);

#endif
