/* The exponential graph, undirected: node i beside i + 2^k and i - 2^k (mod n) for all 2^k < n. A
 * node has about 2 log2 n neighbours, and the gap falls only as 1 / log n. Static exponential graph
 * of Ying, Yuan, Chen, Hu, Pan, Yin, NeurIPS 2021. */
#include "core/topology/member.h"

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  for (int64_t i = 0; i < s->nodes; i++)
    for (int64_t away = 1; away < s->nodes; away *= 2) visit(user, i, (i + away) % s->nodes);
}

const mst_topology_ops mst_topology_exponential = {
    .name = "exponential",
    .summary = "each node beside those 1, 2, 4, 8, ... before and after it",
    .walk = walk,
};
