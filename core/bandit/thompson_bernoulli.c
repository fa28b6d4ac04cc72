/* Thompson sampling without contexts for rewards 0 or 1: each arm's mean is drawn from its
 * posterior Beta(1 + ones, 1 + zeros), and the arm of the largest draw is played (Chapelle, Li
 * 2011, algorithm 2). With g, h Gamma draws the Beta draw is g / (g + h), which grows with log g -
 * log h. An arm's statistics are of width 1: V = lambda + n_a, b = its ones. */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  (void)s;
  for (int64_t a = 0; a < arms->n; a++) {
    const double ones = known->b[a], zeros = known->v[a] - known->lambda - ones;
    const double g = mst_stream_log_gamma_draw(stream, 1 + fmax(ones, 0));
    arms->mean[a] = g - mst_stream_log_gamma_draw(stream, 1 + fmax(zeros, 0));
  }
  choice->arm = mst_policy_largest(arms->n, arms->mean);
  return MST_OK;
}

const mst_policy_ops mst_policy_thompson_bernoulli = {
    .name = "thompson_bernoulli",
    .summary = "the best arm under draws of the means of 0 or 1 rewards, without contexts",
    .contextless = true,
    .binary = true,
    .own_scores = true,
    .choose = choose,
};
