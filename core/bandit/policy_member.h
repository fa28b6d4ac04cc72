/* What the policies share: their names, entries of their parameter tables, the largest of some
 * numbers. Private to core/bandit. */
#ifndef MST_CORE_BANDIT_POLICY_MEMBER_H
#define MST_CORE_BANDIT_POLICY_MEMBER_H

#include <math.h>
#include <stddef.h>

#include "core/bandit/policy.h"

extern const mst_policy_ops mst_policy_linucb, mst_policy_thompson, mst_policy_epsilon_greedy,
    mst_policy_ucb1, mst_policy_ds_oful, mst_policy_suplinucb, mst_policy_squarecb,
    mst_policy_glm_ucb, mst_policy_weighted_oful, mst_policy_thompson_bernoulli,
    mst_policy_misspecified_sparse;

#define MST_POLICY_RIDGE                                                                 \
  {                                                                                      \
    .name = "ridge", .type = MST_PARAM_REAL, .offset = offsetof(mst_policy_spec, ridge), \
    .fallback = "1", .min = 0, .max = 1e12, .open_min = true, .unit = "",                \
    .help = "lambda: what the diagonal of the statistics begins with"                    \
  }
#define MST_POLICY_DISJOINT                                                                    \
  {                                                                                            \
    .name = "disjoint", .type = MST_PARAM_BOOL, .offset = offsetof(mst_policy_spec, disjoint), \
    .fallback = "false", .unit = "", .help = "a vector of its own for every arm"               \
  }
#define MST_POLICY_DELTA                                                                 \
  {                                                                                      \
    .name = "delta", .type = MST_PARAM_REAL, .offset = offsetof(mst_policy_spec, delta), \
    .fallback = "0.01", .min = 0, .max = 1, .open_min = true, .unit = "",                \
    .help = "probability with which the confidence bound may fail, where beta is 0"      \
  }
#define MST_POLICY_BETA                                                                \
  {                                                                                    \
    .name = "beta", .type = MST_PARAM_REAL, .offset = offsetof(mst_policy_spec, beta), \
    .fallback = "0", .min = 0, .max = 1e6, .unit = "",                                 \
    .help = "width of the confidence set; 0: from the self-normalised bound"           \
  }

/** The width of the self-normalised bound where weighted rewards have noise sigma. Local. */
double mst_policy_bound(const mst_policy_spec *s, const mst_ridge *known, double sigma);

/** The first of the largest of x(n). Local. */
static inline int64_t mst_policy_largest(int64_t n, const double *x) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

#endif
