/* Replay (Li, Chu, Langford, Wang 2011): the target draws an arm at every logged row, and the row
 * counts if it is the logged one. What counts is then distributed as if the target had been online,
 * where arms were logged uniformly; otherwise a row counts with probability p_min / p besides,
 * which makes it so. */
#include "core/ope/member.h"

static void add(const mst_ope_row *row, double *sum) {
  if (!row->accepted) return;
  sum[0] += row->reward;
  sum[1] += row->reward * row->reward;
  sum[2] += 1;
}

static mst_ope_moments close(int64_t n, const double *sum) {
  (void)n;
  return mst_ope_mean((int64_t)sum[2], sum[0], sum[1]);
}

static double range(const mst_ope_rule *r) {
  return r->reward_most - r->reward_least;
}

const mst_evaluator_ops mst_evaluator_replay = {
    .name = "replay",
    .summary = "mean reward of the rows at which the target plays the logged arm",
    .overlap = true,
    .add = add,
    .close = close,
    .range = range};
