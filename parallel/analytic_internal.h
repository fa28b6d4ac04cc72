/* What the ways to train by statistics share, private to them: the solution, whatever made the
 * statistics. doc/methods/analytic.md, equations (10) to (16). */
#ifndef MST_PARALLEL_ANALYTIC_INTERNAL_H
#define MST_PARALLEL_ANALYTIC_INTERNAL_H

#include "parallel/analytic.h"
#include "parallel/tiles.h"

/** The model of the statistics t of order d + c + 1, whose last row is the columns' sums and the
 *  number of rows; t is destroyed. model's d, c and arrays are the caller's, the arrays filled with
 *  the same bits on every rank.
 *  \param shift  (order) what was subtracted from each column before the products.
 *  \return MST_OK; MST_ERR_INPUT (no row is left); MST_ERR_SINGULAR with a ridge that would do;
 *          MST_ERR_MEMORY; MST_ERR_COMM. Collective on t's grid's team. */
mst_status mst_analytic_solve(mst_tiles *t, const double *shift,
                              const mst_analytic_options *options,
                              mst_analytic_model *model) MST_CHECKED;

/** Fill options->statistics (freed first) with the centred and scaled statistics t, on every rank.
 *  \param sum, inverse  (order) of the shifted columns, and 1 / deviation of features.
 *  \return MST_OK, MST_ERR_MEMORY or MST_ERR_COMM. Collective on t's grid's team. */
mst_status mst_analytic_keep_statistics(const mst_tiles *t, const mst_analytic_options *options,
                                        int64_t d, double rows, const double *shift,
                                        const double *sum, const double *inverse) MST_CHECKED;

/** Centre and scale the statistics t of order n, whose last row is the columns' sums, in place: with
 *  a bias, the first d columns to deviation 1.
 *  \param shift  (n) as above; mean(n), inverse(n) out: of the columns, 1 / deviation of the first d
 *                (0 for constant ones) and 1 of the others.
 *  \return MST_OK; MST_ERR_INPUT (no row is left); MST_ERR_MEMORY; MST_ERR_COMM. Collective on t's
 *          grid's team. */
mst_status mst_analytic_standardise(mst_tiles *t, int64_t d, const double *shift, double *mean,
                                    double *inverse) MST_CHECKED;

/** mst_analytic_evaluate on blocks of any source, over the roster of data. Collective on team. */
mst_status mst_analytic_evaluate_blocks(mst_team *team, const mst_analytic_data *data,
                                        const mst_block_source *source,
                                        const mst_analytic_model *model,
                                        const mst_observer *observer, mst_analytic_score *score,
                                        int64_t *confusion) MST_CHECKED;

/** *least = the smallest eigenvalue of the d features' part of the centred and scaled statistics,
 *  without a ridge, or 0 if that is smaller; t is destroyed. Needs 3 n^2 doubles on rank 0.
 *  \return what mst_tiles_eigen returns. Collective on t's grid's team. */
mst_status mst_analytic_least_eigenvalue(mst_tiles *t, int64_t d,
                                         const mst_analytic_options *options,
                                         double *least) MST_CHECKED;

#endif
