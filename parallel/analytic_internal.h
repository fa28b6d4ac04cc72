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

/** *least = the smallest eigenvalue of the d features' part of the centred and scaled statistics,
 *  without a ridge, or 0 if that is smaller; t is destroyed. Needs 3 n^2 doubles on rank 0.
 *  \return what mst_tiles_eigen returns. Collective on t's grid's team. */
mst_status mst_analytic_least_eigenvalue(mst_tiles *t, int64_t d,
                                         const mst_analytic_options *options,
                                         double *least) MST_CHECKED;

#endif
