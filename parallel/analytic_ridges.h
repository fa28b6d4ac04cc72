/* Which ridge: models of the clients that train, scored on the statistics of clients that were held
 * out. Nothing but sums is needed for the mean squared residual. doc/methods/analytic.md, (25). */
#ifndef MST_PARALLEL_ANALYTIC_RIDGES_H
#define MST_PARALLEL_ANALYTIC_RIDGES_H

#include "parallel/analytic.h"
#include "parallel/gram_sums.h"

/** *loss: the model's mean squared residual over the rows and outputs of kept sums, with the same
 *  bits on every rank and any number of them; where it is smaller than these sums can tell, the
 *  least that they can, so that huge weights which cancel do not pass for a good fit.
 *  \return MST_OK; MST_ERR_INPUT (no row is in the sums); MST_ERR_MEMORY; MST_ERR_COMM. Collective
 *          on team. Memory beyond the sums: the matrix in tiles, 8 n^2 / p bytes a rank. */
mst_status mst_analytic_held_loss(mst_team *team, const mst_gram_sums *held,
                                  const mst_analytic_model *model, double *loss) MST_CHECKED;

#endif
