/* DS-OFUL: OFUL that learns from an interaction only if its arm is uncertain, (x'V^-1 x)^(1/2) >=
 * Gamma (Zhang, He, Fan, Gu 2023, algorithm 1). What is learned is then a bounded number of
 * interactions, so a small misspecification cannot add up. */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const double beta = mst_policy_width(s, known);
  (void)stream;
  for (int64_t a = 0; a < arms->n; a++) arms->mean[a] += beta * sqrt(fmax(arms->spread[a], 0));
  choice->arm = mst_policy_largest(arms->n, arms->mean);
  choice->weight = arms->spread[choice->arm] >= s->gamma * s->gamma ? 1 : 0;
  return MST_OK;
}

static mst_status check(const mst_policy_spec *s) {
  if (s->gamma < 1 / sqrt(s->ridge)) return MST_OK;
  return mst_fail(
      MST_ERR_INPUT,
      "policy.gamma: with %g no arm of the unit ball would ever be learned; choose less "
      "than policy.ridge^(-1/2) = %g",
      s->gamma, 1 / sqrt(s->ridge));
}

static const mst_param params[] = {
    {.name = "gamma",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_policy_spec, gamma),
     .fallback = "0.05",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "learn from arms whose width is at least this; 0: from all"},
    MST_POLICY_BETA,
    MST_POLICY_DELTA,
    MST_POLICY_RIDGE,
    {.name = NULL}};

const mst_policy_ops mst_policy_ds_oful = {
    .name = "ds_oful",
    .summary = "the largest upper confidence bound, learned from uncertain arms alone (DS-OFUL)",
    .params = params,
    .reweighs = true,
    .check = check,
    .choose = choose,
};
