/* Doubly robust (Dudik, Langford, Li 2011), cross-fitted (Chernozhukov et al. 2018): the mean of
 *
 *     sum_a pi(a|x) q(x, a) + w (r - q(x, a_logged)),
 *
 * q learned on the other folds, so that no row is judged by a model that has seen it. Without bias
 * when the propensities are right, whatever q is. */
#include "core/ope/member.h"

static void add(const mst_ope_row *row, double *sum) {
  const double term = row->value + row->weight * (row->reward - row->predicted);
  sum[0] += term;
  sum[1] += term * term;
}

static mst_ope_moments close(int64_t n, const double *sum) {
  return mst_ope_mean(n, sum[0], sum[1]);
}

const mst_evaluator_ops mst_evaluator_dr = {
    .name = "dr",
    .summary = "a model of the rewards, and what it missed over propensities",
    .models = true,
    .overlap = true,
    .add = add,
    .close = close};
