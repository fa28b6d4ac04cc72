/* The ring: node i beside i - 1 and i + 1. lambda_k = (1 + 2 cos(2 pi k / n)) / 3 for n >= 3, so
 * the gap falls as 1 / n^2. */
#include "core/topology/member.h"

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  for (int64_t i = 0; i < s->nodes; i++) visit(user, i, (i + 1) % s->nodes);
}

const mst_topology_ops mst_topology_ring = {
    .name = "ring",
    .summary = "each node beside the one before and the one after",
    .walk = walk,
};
