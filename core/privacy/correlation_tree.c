/* A binary tree of sums (Dwork et al. 2010, Chan et al. 2011; DP-FTRL: Kairouz et al. 2021). Every
 * complete node has a draw of its own; the noise of the first n steps together is that of the nodes
 * of n's binary digits, and a step's is the difference of two such sums: one node that it completes
 * less those that this one takes the place of. A node is named by its level and its last step. */
#include <stddef.h>

#include "core/privacy/correlation_member.h"
#include "core/privacy/sensitivity.h"

#define LEVEL_BITS 56 /* where a node's level stands in its name; steps are below */

static mst_status prepare(mst_correlation *c, int64_t participations, int64_t between) {
  if (participations == 1) {
    c->squared = mst_sensitivity_tree_restart(c->period);
    return MST_OK;
  }
  return mst_sensitivity_tree(participations, between, c->period, NULL, &c->squared);
}

static bool term(const mst_correlation *c, int64_t base, int64_t at, int64_t i,
                 mst_correlation_term *out) {
  (void)c;
  int64_t level = 0, n = at + 1;
  while ((n >> level & 1) == 0) level++;
  int64_t of = i == 0 ? level : i - 1; /* the node's level; the others are below the new one's */
  int64_t last = i == 0 ? at : (at & ~((INT64_C(1) << of) - 1)) - 1;
  *out = (mst_correlation_term){.purpose = MST_NOISE_LEAF,
                                .step = (uint64_t)of << LEVEL_BITS | (uint64_t)(base + last),
                                .weight = i == 0 ? 1 : -1};
  return i <= level;
}

static double variance(const mst_correlation *c, int64_t at) {
  double nodes = 0;
  (void)c;
  for (int64_t n = at + 1; n > 0; n &= n - 1) nodes++;
  return nodes;
}

static const mst_param params[] = {
    {.name = "restart",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_correlation_spec, restart),
     .fallback = "true",
     .unit = "",
     .help = "a new tree for every cycle of the sampler; false: one for the run"},
    {.name = NULL}};

const mst_correlation_ops mst_correlation_tree = {
    .name = "tree",
    .summary = "a binary tree of sums, one draw a node (DP-FTRL)",
    .params = params,
    .whole = true,
    .prepare = prepare,
    .term = term,
    .variance = variance,
};
