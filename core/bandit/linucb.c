/* LinUCB / OFUL: the arm of the largest upper confidence bound <theta, x> + beta (x'V^-1 x)^(1/2)
 * (Li et al. 2010, algorithm 1; Abbasi-Yadkori, Pal, Szepesvari 2011). */
#include "core/bandit/policy_member.h"

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const double beta = mst_policy_width(s, known);
  (void)stream;
  for (int64_t a = 0; a < arms->n; a++) arms->mean[a] += beta * sqrt(fmax(arms->spread[a], 0));
  choice->arm = mst_policy_largest(arms->n, arms->mean);
  return MST_OK;
}

static const mst_param params[] = {
    MST_POLICY_BETA, MST_POLICY_DELTA, MST_POLICY_RIDGE, MST_POLICY_DISJOINT, {.name = NULL}};

const mst_policy_ops mst_policy_linucb = {
    .name = "linucb",
    .summary = "the largest upper confidence bound of a linear mean (LinUCB, OFUL)",
    .params = params,
    .choose = choose,
};
