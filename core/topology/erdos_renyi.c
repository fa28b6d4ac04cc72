/* The random graph of Erdos and Renyi (Gilbert 1959): each pair of nodes is an edge with the given
 * probability, from the key (seed, MST_PURPOSE_TOPOLOGY, i, 0) for the pairs i < j of node i in
 * the order of j. Connected with high probability where it is above ln(n) / n; a draw that is not
 * is refused like any graph that is not. */
#include "core/base/key.h"
#include "core/topology/member.h"

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  for (int64_t i = 0; i < s->nodes; i++) {
    mst_stream stream = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_TOPOLOGY, (uint64_t)i, 0));
    for (int64_t j = i + 1; j < s->nodes; j++)
      if (mst_stream_uniform(&stream) < s->probability) visit(user, i, j);
  }
}

static const mst_param params[] = {
    {.name = "probability",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_topology_spec, probability),
     .min = 0,
     .max = 1,
     .open_min = true,
     .unit = "",
     .help = "of each pair of nodes to be neighbours; above ln(n) / n to be connected"},
    {.name = NULL}};

const mst_topology_ops mst_topology_erdos_renyi = {
    .name = "erdos_renyi",
    .summary = "each pair of nodes beside each other with one probability",
    .params = params,
    .check = mst_topology_check_pairs,
    .walk = walk,
};
