/* What gossip protocols share: the graph, how fast it agrees, the weighted sum of messages. */
#include "core/bandit/gossip.h"

#include "core/base/memory.h"

static mst_status prepare(mst_gossip *g, const mst_topology_spec *topology) {
  mst_graph_spectrum spectrum;
  MST_TRY(mst_graph_make(topology, &g->graph));
  if (g->ops->prepare == NULL) return MST_OK;
  MST_TRY(mst_graph_spectrum_find(&g->graph, &spectrum));
  g->rho = spectrum.rho;
  return g->ops->prepare(g);
}

mst_status mst_gossip_create(const mst_protocol_spec *spec, const mst_topology_spec *topology,
                             int64_t arms, mst_gossip **out) {
  mst_gossip *g = NULL;
  *out = NULL;
  MST_TRY(mst_alloc(&g, 1, sizeof *g, "a graph of agents"));
  g->spec = *spec;
  g->ops = mst_protocol_find(spec->kind)->gossip;
  g->arms = arms;
  mst_topology_spec nodes = *topology;
  nodes.nodes = spec->agents;
  const mst_status st = prepare(g, &nodes);
  if (st == MST_OK)
    *out = g;
  else
    mst_gossip_destroy(g);
  return st;
}

void mst_gossip_destroy(mst_gossip *g) {
  if (g == NULL) return;
  mst_graph_free(&g->graph);
  mst_free(g->weight);
  mst_free(g);
}

void mst_gossip_mixed(const mst_gossip *g, int64_t i, const double *messages, int64_t stride,
                      double *mixed) {
  const int64_t n = mst_gossip_message(g->arms), degree = mst_graph_degree(&g->graph, i);
  const int64_t *neighbour = mst_graph_neighbours(&g->graph, i);
  const double *weight = mst_graph_weights(&g->graph, i), *own = messages + i * stride;
  for (int64_t c = 0; c < n; c++) mixed[c] = mst_graph_self(&g->graph, i) * own[c];
  for (int64_t k = 0; k < degree; k++) {
    const double *other = messages + neighbour[k] * stride;
    for (int64_t c = 0; c < n; c++) mixed[c] += weight[k] * other[c];
  }
}
