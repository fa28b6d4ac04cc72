/* G-optimal designs of several clients, each with arms of its own, for one vector that all share
 * (Huang, Wu, Yang, Shen 2021). Private to core/bandit; all functions are Local. */
#ifndef MST_CORE_BANDIT_CLIENT_DESIGN_H
#define MST_CORE_BANDIT_CLIENT_DESIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

/* Clients by kind: count(kinds) of them have the arms x(kinds, arms, d), of which keep(kinds, arms)
 * are left, at least one of each. */
typedef struct mst_client_arms {
  int64_t kinds, arms, d;
  const int64_t *count;
  const double *x;
  const bool *keep;
} mst_client_arms;

/** Numbers of work. */
int64_t mst_client_design_work(const mst_client_arms *c);

/** weight(kinds, arms), which sum to 1 for each kind, such that with V = sum count sum weight x x'
 *
 *      sum over clients of max x'V^-1 x <= (1 + gap) sum count sum weight x'V^-1 x,
 *
 *  whose right side is (1 + gap) times the dimension that all arms span, and the least that there
 *  is. Client after client moves weight between two of its arms, by as much as is best for log det
 *  V, beginning with one arm for each dimension, so that few arms have any.
 *  \param reached  receives the gap that the weights are certified for, above `gap` only if many
 *                  steps do not suffice; may be NULL.
 *  \return MST_OK, or MST_ERR_SINGULAR when arms are not finite or all 0. */
mst_status mst_client_design_find(const mst_client_arms *c, double gap, double *weight,
                                  double *work, double *reached) MST_CHECKED;

#endif
