/* The complete graph: W = 1 1' / n, so one round is the mean. */
#include "core/topology/member.h"

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  mst_topology_clique(0, s->nodes, visit, user);
}

const mst_topology_ops mst_topology_complete = {
    .name = "complete",
    .summary = "all nodes beside each other: one round of gossip is the mean",
    .check = mst_topology_check_pairs,
    .walk = walk,
};
