/* Self-normalised inverse propensity scores (Swaminathan, Joachims 2015): V = sum w r / sum w. Its
 * influence function is w (r - V) / E w. */
#include "core/ope/member.h"

enum {
  WR,
  W,
  WRWR,
  WWR,
  WW
};

static void add(const mst_ope_row *row, double *sum) {
  const double w = row->weight, wr = w * row->reward;
  sum[WR] += wr;
  sum[W] += w;
  sum[WRWR] += wr * wr;
  sum[WWR] += w * wr;
  sum[WW] += w * w;
}

static mst_ope_moments close(int64_t n, const double *sum) {
  if (!(sum[W] > 0)) return (mst_ope_moments){.count = 0};
  const double v = sum[WR] / sum[W], mean = sum[W] / (double)n;
  const double squares = (sum[WRWR] - 2 * v * sum[WWR] + v * v * sum[WW]) / (mean * mean);
  mst_ope_moments m = mst_ope_mean(n, 0, squares); /* sum w (r - V) is 0 */
  m.value = v;
  return m;
}

const mst_evaluator_ops mst_evaluator_snips = {
    .name = "snips",
    .summary = "the same over the mean of the weights: a weighted mean of rewards",
    .overlap = true,
    .add = add,
    .close = close};
