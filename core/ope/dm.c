/* The direct method: the mean of sum_a pi(a|x) q(x, a), q one ridge regression an arm on all rows.
 * The variance counts the rows twice, as contexts and as what q was learned from, and holds where q
 * can be right; a q that cannot be right gives a bias that no interval covers. */
#include "core/ope/member.h"

static void add(const mst_ope_row *row, double *sum) {
  const double term = row->whole + row->correction;
  sum[0] += row->whole;
  sum[1] += term;
  sum[2] += term * term;
}

static mst_ope_moments close(int64_t n, const double *sum) {
  mst_ope_moments m = mst_ope_mean(n, sum[1], sum[2]);
  m.value = n > 0 ? sum[0] / (double)n : 0;
  return m;
}

const mst_evaluator_ops mst_evaluator_dm = {.name = "dm",
                                            .summary = "what a model of the rewards says, alone",
                                            .models = true,
                                            .add = add,
                                            .close = close};
