/* The star: node 0 beside all others. With Metropolis weights 1/n on each edge the second
 * eigenvalue is 1 - 1/n. */
#include "core/topology/member.h"

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  for (int64_t i = 1; i < s->nodes; i++) visit(user, 0, i);
}

const mst_topology_ops mst_topology_star = {
    .name = "star",
    .summary = "node 0 beside all others",
    .walk = walk,
};
