/* The table of topologies and the checks that hold for all of them. */
#include "core/topology/topology.h"

#include "core/base/registry.h"
#include "core/topology/member.h"

static const mst_topology_ops *const TABLE[] = {
    &mst_topology_ring,     &mst_topology_torus,       &mst_topology_star,
    &mst_topology_complete, &mst_topology_exponential, &mst_topology_erdos_renyi,
    &mst_topology_dumbbell, &mst_topology_list,
};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_topology_ops *mst_topology_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_topology_ops *mst_topology_find(const char *name) {
  return mst_topology_at(mst_registry_find(name_at, name));
}

mst_status mst_topology_check(const mst_topology_spec *s) {
  const mst_topology_ops *ops = mst_topology_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "topology.kind", s->kind);
  if (s->nodes < 1 || s->nodes > INT32_MAX)
    return mst_fail(MST_ERR_INPUT, "a topology of %lld nodes; choose 1 .. %d", (long long)s->nodes,
                    INT32_MAX);
  MST_TRY(mst_param_check(ops->params, s, "topology"));
  return ops->check != NULL ? ops->check(s) : MST_OK;
}

mst_status mst_topology_check_pairs(const mst_topology_spec *s) {
  if (s->nodes * (s->nodes - 1) / 2 <= INT32_MAX) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "topology.kind: %s looks at every pair of nodes, too many for %lld nodes "
                  "(at most 65536); choose ring, torus, star, exponential or list",
                  s->kind, (long long)s->nodes);
}

void mst_topology_clique(int64_t begin, int64_t end, mst_topology_visit visit, void *user) {
  for (int64_t i = begin; i < end; i++)
    for (int64_t j = i + 1; j < end; j++) visit(user, i, j);
}
