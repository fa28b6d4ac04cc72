/* The dumbbell: two complete graphs, of the first half of the nodes (the larger where n is odd) and
 * of the second, with `bridges` edges between: the b-th node of one beside the b-th of the other.
 * The graph on which information is stopped most easily (He, Karimireddy, Jaggi 2022). */
#include "core/topology/member.h"

static int64_t half(const mst_topology_spec *s) {
  return mst_ceil_div(s->nodes, 2);
}

static mst_status check(const mst_topology_spec *s) {
  MST_TRY(mst_topology_check_pairs(s));
  const int64_t second = s->nodes - half(s);
  if (s->nodes > 1 && s->bridges <= second) return MST_OK;
  if (s->nodes < 2)
    return mst_fail(MST_ERR_INPUT, "topology.kind: dumbbell has two halves: needs 2 nodes or more");
  return mst_fail(MST_ERR_INPUT,
                  "topology.bridges is %lld; choose at most %lld, the nodes of the second half",
                  (long long)s->bridges, (long long)second);
}

static void walk(const mst_topology_spec *s, mst_topology_visit visit, void *user) {
  mst_topology_clique(0, half(s), visit, user);
  mst_topology_clique(half(s), s->nodes, visit, user);
  for (int64_t b = 0; b < s->bridges; b++) visit(user, b, half(s) + b);
}

static const mst_param params[] = {
    MST_TOPOLOGY_INT(bridges, "1", 1, "edges", "between the two halves"), {.name = NULL}};

const mst_topology_ops mst_topology_dumbbell = {
    .name = "dumbbell",
    .summary = "two complete halves with few edges between them",
    .params = params,
    .check = check,
    .walk = walk,
};
