/* The graph whose edges the caller lists. */
#include "core/topology/member.h"

static mst_status check(const mst_topology_spec *s) {
  if (s->edges < 0 || (s->edges > 0 && s->edge == NULL))
    return mst_fail(MST_ERR_INPUT, "topology.kind: list was given no edges");
  for (int64_t e = 0; e < s->edges; e++) {
    const int64_t i = s->edge[2 * e], j = s->edge[2 * e + 1];
    if (i < 0 || j < 0 || i >= s->nodes || j >= s->nodes)
      return mst_fail(MST_ERR_INPUT,
                      "edge %lld of the list is between %lld and %lld; nodes are 0 .. %lld",
                      (long long)e + 1, (long long)i, (long long)j, (long long)s->nodes - 1);
    if (i == j)
      return mst_fail(MST_ERR_INPUT,
                      "edge %lld of the list joins node %lld to itself; leave it out",
                      (long long)e + 1, (long long)i);
  }
  return MST_OK;
}

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  for (int64_t e = 0; e < s->edges; e++) visit(user, s->edge[2 * e], s->edge[2 * e + 1]);
}

const mst_topology_ops mst_topology_list = {
    .name = "list",
    .summary = "the edges that a file lists",
    .listed = true,
    .check = check,
    .walk = walk,
};
