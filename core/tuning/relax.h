/* Sequences of linear systems (A + c I) x = b with one sparse symmetric A, and the solvers whose
 * work depends on a relaxation omega in (0, 2): successive over-relaxation (SOR), and conjugate
 * gradients preconditioned by a symmetric sweep of it (SSOR).
 *
 * Young 1954, Axelsson 1972; doc/methods/tuning.md has the equations. All functions are Local. */
#ifndef MST_CORE_TUNING_RELAX_H
#define MST_CORE_TUNING_RELAX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* A square matrix by rows; every row has a diagonal entry, and columns ascend. Both triangles are
 * stored. */
typedef struct mst_sparse {
  int64_t n;
  int64_t *first;  /* (n + 1) where a row begins                      */
  int64_t *middle; /* (n) where its diagonal entry is                 */
  int32_t *column; /* (first[n])                                      */
  double *value;   /* (first[n])                                      */
} mst_sparse;

/** The five-point Laplacian of a side x side grid with fixed borders: 4 on the diagonal, -1 for
 * each of the four neighbours; n = side^2.
 *  \return MST_OK, MST_ERR_INPUT (side below 1 or above 4096), MST_ERR_MEMORY. */
mst_status mst_sparse_laplacian(int64_t side, mst_sparse *out) MST_CHECKED;

/** A dense symmetric a(n, n), given by its lower triangle, with all its entries.
 *  \return MST_OK, MST_ERR_INPUT (n below 1 or above 32768), MST_ERR_MEMORY, or MST_ERR_NONFINITE
 *          naming a row. */
mst_status mst_sparse_dense(int64_t n, const double *a, int64_t lda, mst_sparse *out) MST_CHECKED;

void mst_sparse_free(mst_sparse *a);

/** y(n) = (A + shift I) x(n). */
void mst_sparse_times(const mst_sparse *a, double shift, const double *x, double *y);

typedef struct mst_relax_options {
  bool conjugate;   /* conjugate gradients preconditioned by SSOR; else SOR               */
  double tolerance; /* the end: |b - (A + c I) x| <= tolerance |b|                        */
  int64_t most;     /* iterations at most                                                 */
} mst_relax_options;

/** \return MST_OK, or MST_ERR_INPUT for a tolerance outside (0, 1) or no iterations. */
mst_status mst_relax_check(const mst_relax_options *o) MST_CHECKED;

/** Numbers of work for mst_relax. */
int64_t mst_relax_work(const mst_sparse *a);

/** Solve (A + shift I) x = b, from the x(n) given.
 *  \param omega       in (0, 2).
 *  \param iterations  sweeps, or steps of conjugate gradients, that were taken; `most` + 1 when the
 *                     end was not reached: x is then what there was.
 *  \return MST_OK (whether or not the end was reached), MST_ERR_INPUT for another omega,
 *          MST_ERR_SINGULAR for a diagonal entry that is not positive, MST_ERR_NONFINITE. */
mst_status mst_relax(const mst_sparse *a, double shift, const double *b, double omega,
                     const mst_relax_options *o, double *x, double *work,
                     int64_t *iterations) MST_CHECKED;

/** The omega of the fastest SOR for consistently ordered matrices, by the spectral radius of the
 *  Jacobi iteration: 2 / (1 + (1 - radius^2)^(1/2)) (Young 1954). */
double mst_relax_best(double radius);

#endif
