/* Inverse propensity scores (Horvitz, Thompson 1952): the mean of w r, w = pi(a|x) / p; without
 * bias unless weights are clipped (Bottou et al. 2013). */
#include <math.h>

#include "core/ope/member.h"

static void add(const mst_ope_row *row, double *sum) {
  const double term = row->weight * row->reward;
  sum[0] += term;
  sum[1] += term * term;
}

static mst_ope_moments close(int64_t n, const double *sum) {
  return mst_ope_mean(n, sum[0], sum[1]);
}

static double range(const mst_ope_rule *r) {
  if (r->clip == 0) return INFINITY;
  return r->clip * (fmax(0, r->reward_most) - fmin(0, r->reward_least));
}

const mst_evaluator_ops mst_evaluator_ips = {.name = "ips",
                                             .summary = "mean of rewards over propensities",
                                             .overlap = true,
                                             .add = add,
                                             .close = close,
                                             .range = range};
