/* UCB1: without contexts, the arm of the largest mean + (2 log n / n_a)^(1/2) (Auer, Cesa-Bianchi,
 * Fischer 2002, figure 1), times the noise; an arm that was not played comes first. An arm's
 * statistics are of width 1: V = lambda + n_a, b = the sum of its rewards. */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  double n = 0;
  (void)stream;
  for (int64_t a = 0; a < arms->n; a++) n += known->v[a] - known->lambda;
  for (int64_t a = 0; a < arms->n; a++) {
    const double played = known->v[a] - known->lambda;
    arms->mean[a] =
        played < 0.5 ? INFINITY : known->b[a] / played + s->noise * sqrt(2 * log(n) / played);
  }
  choice->arm = mst_policy_largest(arms->n, arms->mean);
  return MST_OK;
}

const mst_policy_ops mst_policy_ucb1 = {
    .name = "ucb1",
    .summary = "the largest upper confidence bound of an arm's own mean, without contexts",
    .contextless = true,
    .choose = choose,
};
