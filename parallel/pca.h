/* Principal components of sharded rows: X (n x d, centred or not) = U S V', of which the first k
 * columns of V are found on every rank. Either from the Gram matrix X'X, which is summed exactly
 * and decomposed by the tiled eigensolver; or by randomised subspace iteration, which holds a few
 * columns of length d in place of X'X (Halko, Martinsson and Tropp, "Finding structure with
 * randomness", SIAM Review 2011, algorithms 4.4 and 5.1, on X'). Equations: doc/methods/pca.md. */
#ifndef MST_PARALLEL_PCA_H
#define MST_PARALLEL_PCA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/observer.h"
#include "parallel/analytic.h"
#include "parallel/row_plan.h"

typedef struct mst_pca_options {
  int64_t components; /* k                                                                 */
  bool centre;        /* subtract the columns' means first: PCA; without: the SVD of X     */
  bool randomised;    /* subspace iteration in place of the Gram matrix                    */
  int64_t oversample; /* randomised: columns beside the k that are iterated on             */
  int64_t power;      /* randomised: iterations after the first                            */
  uint64_t seed;      /* randomised: of the test matrix                                    */
  bool fast;          /* Gram: floating-point sums and ScaLAPACK's own grid                */
} mst_pca_options;

typedef struct mst_pca {
  int64_t d, k, rows;
  double *components;   /* (k, d) rows are unit vectors, the largest entry positive          */
  double *mean;         /* (d) zeros when not centred                                         */
  double *singular;     /* (k) singular values, descending                                    */
  double *variance;     /* (k) their squares over n - 1, or over n when not centred            */
  double explained;     /* share of the k of the total variance                                */
  double residual;      /* |X - X V V'|_F / |X|_F, X centred likewise                          */
  double orthogonality; /* largest entry of |V'V - I|                                        */
} mst_pca;

/** Columns that the randomised method iterates on: k + oversample, at most d. Local. */
int64_t mst_pca_width(int64_t d, const mst_pca_options *options);

/** What can be refused once the shape is known: more components than features or rows.
 *  \return MST_OK or MST_ERR_INPUT. Local. */
mst_status mst_pca_check(int64_t rows, int64_t d, const mst_pca_options *options) MST_CHECKED;

/** Arrange the work; `held` bytes are in use already. Errors as mst_row_plan_make. Local. */
mst_status mst_pca_arrange(int ranks, int64_t rows, int64_t elements, const mst_features *features,
                           const mst_pca_options *options, int64_t memory, int64_t held,
                           mst_row_plan *plan) MST_CHECKED;

/** Decompose. Targets of data are not looked at. The result is the same on every rank, with the
 *  same bits for any number of them unless fast; free with mst_pca_free; on an error nothing is
 *  left to free.
 *  \return MST_OK; MST_ERR_INPUT (as mst_pca_check; rows that are all alike); MST_ERR_NONFINITE;
 *          MST_ERR_MEMORY; MST_ERR_INTERRUPTED; what the source of rows returns. Collective. */
mst_status mst_pca_train(mst_team *team, const mst_analytic_data *data, mst_features *features,
                         const mst_row_plan *plan, const mst_pca_options *options,
                         const mst_observer *observer, mst_pca *out) MST_CHECKED;
/** Local. */
void mst_pca_free(mst_pca *p);

/** |X - X V V'|_F / |X|_F of other rows, less p->mean. 0 where they all are the mean. Collective.
 */
mst_status mst_pca_residual(mst_team *team, const mst_analytic_data *data, mst_features *features,
                            const mst_row_plan *plan, const mst_pca *p,
                            const mst_observer *observer, double *residual) MST_CHECKED;

#endif
