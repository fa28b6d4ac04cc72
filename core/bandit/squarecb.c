/* SquareCB (Foster, Rakhlin 2020, algorithm 1) with ridge regression as its oracle: an arm whose
 * estimate is g below the best one's is played with probability 1 / (K + gamma g), the best one
 * with what is left. gamma = (K t / R)^(1/2), R the oracle's regret so far: the square of the width
 * of the self-normalised bound, which follows from log det V. */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const int64_t best = mst_policy_largest(arms->n, arms->mean);
  const double n = (double)arms->n;
  const double gamma =
      s->greed * sqrt(n * (double)(arms->round + 1)) / mst_policy_bound(s, known, s->noise);
  double u = mst_stream_uniform(stream);
  choice->arm = best;
  for (int64_t a = 0; a < arms->n; a++) {
    if (a == best) continue;
    u -= 1 / (n + gamma * (arms->mean[best] - arms->mean[a]));
    if (u >= 0) continue;
    choice->arm = a;
    break;
  }
  return MST_OK;
}

static const mst_param params[] = {
    {.name = "greed",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_policy_spec, greed),
     .fallback = "1",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "factor of gamma, by which worse arms become rare; 0: any arm"},
    MST_POLICY_DELTA,
    MST_POLICY_RIDGE,
    MST_POLICY_DISJOINT,
    {.name = NULL}};

const mst_policy_ops mst_policy_squarecb = {
    .name = "squarecb",
    .summary = "arms at random, in inverse proportion to their gap (SquareCB)",
    .params = params,
    .choose = choose,
};
