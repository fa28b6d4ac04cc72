/* OFUL for rewards whose variance is known and differs (Zhou, Gu 2022, algorithm 1): an interaction
 * weighs 1 / max(sigma(x), alpha, gamma |x|^(1/2))^2, |x| in the norm of V^-1. Weighted rewards
 * have noise of at most 1, so the self-normalised bound holds with sigma = 1. gamma is of use where
 * rewards are bounded and no more is known of their law than the variance. */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const double beta = s->beta > 0 ? s->beta : mst_policy_bound(s, known, 1);
  (void)stream;
  for (int64_t a = 0; a < arms->n; a++) {
    arms->spread[a] = sqrt(fmax(arms->spread[a], 0));
    arms->mean[a] += beta * arms->spread[a];
  }
  const int64_t arm = mst_policy_largest(arms->n, arms->mean);
  const double sigma = arms->sigma != NULL ? arms->sigma[arm] : s->noise;
  const double noise = fmax(fmax(sigma, s->least_noise), s->damping * sqrt(arms->spread[arm]));
  choice->arm = arm;
  choice->weight = 1 / (noise * noise);
  return MST_OK;
}

static const mst_param params[] = {
    {.name = "least_noise",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_policy_spec, least_noise),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .open_min = true,
     .unit = "",
     .help = "alpha: standard deviations below this count as this"},
    {.name = "damping",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_policy_spec, damping),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "gamma: uncertain arms weigh less, as if their noise were gamma |x|^(1/2)"},
    MST_POLICY_BETA,
    MST_POLICY_DELTA,
    MST_POLICY_RIDGE,
    {.name = NULL}};

const mst_policy_ops mst_policy_weighted_oful = {
    .name = "weighted_oful",
    .summary = "the largest upper confidence bound, interactions weighted by known variances",
    .params = params,
    .reweighs = true,
    .choose = choose,
};
