/* Graphs: neighbours in one array, Metropolis weights, connectedness. A topology's edges are walked
 * twice, to count and to write, so no list of them is kept. */
#include <stdlib.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/topology/member.h"

static void count_edge(void *user, int64_t i, int64_t j) {
  mst_graph *g = user;
  if (i == j) return;
  g->first[i + 1]++;
  g->first[j + 1]++;
}

/* first[i + 1] is where node i is written next, and so begins as where it starts. */
static void write_edge(void *user, int64_t i, int64_t j) {
  mst_graph *g = user;
  if (i == j) return;
  g->neighbour[g->first[i + 1]++] = j;
  g->neighbour[g->first[j + 1]++] = i;
}

static int ascending(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Sort every node's neighbours and take each once. */
static void order_neighbours(mst_graph *g) {
  int64_t begin = 0, kept = 0;
  for (int64_t i = 0; i < g->nodes; i++) {
    const int64_t end = g->first[i + 1], start = kept;
    if (end > begin)
      qsort(g->neighbour + begin, (size_t)(end - begin), sizeof *g->neighbour, ascending);
    for (int64_t e = begin; e < end; e++)
      if (kept == start || g->neighbour[e] != g->neighbour[kept - 1])
        g->neighbour[kept++] = g->neighbour[e];
    begin = end;
    g->first[i + 1] = kept;
  }
  g->edges = kept / 2;
}

static mst_status find_neighbours(const mst_topology_ops *ops, const mst_topology_spec *s,
                                  mst_graph *g) {
  MST_TRY(mst_alloc(&g->first, g->nodes + 1, sizeof *g->first, "graph"));
  ops->walk(s, count_edge, g);
  int64_t ends = 0;
  for (int64_t i = 0; i < g->nodes; i++) {
    const int64_t degree = g->first[i + 1];
    g->first[i + 1] = ends;
    ends += degree;
  }
  MST_TRY(mst_alloc(&g->neighbour, ends, sizeof *g->neighbour, "neighbours of a graph"));
  ops->walk(s, write_edge, g);
  order_neighbours(g);
  return MST_OK;
}

/* reached(nodes) = the nodes that node 0 reaches. queue(nodes). */
static void reach(const mst_graph *g, bool *reached, int64_t *queue) {
  int64_t n = 0;
  reached[0] = true;
  queue[n++] = 0;
  for (int64_t at = 0; at < n; at++) {
    const int64_t i = queue[at];
    for (int64_t e = g->first[i]; e < g->first[i + 1]; e++) {
      const int64_t j = g->neighbour[e];
      if (reached[j]) continue;
      reached[j] = true;
      queue[n++] = j;
    }
  }
}

/* *lost = the first node that node 0 does not reach, -1 when there is none. */
static mst_status find_lost(const mst_graph *g, int64_t *lost) {
  *lost = -1;
  bool *reached = NULL;
  int64_t *queue = NULL;
  mst_status status = mst_alloc(&reached, g->nodes, sizeof *reached, "nodes that are reached");
  if (status == MST_OK)
    status = mst_alloc(&queue, g->nodes, sizeof *queue, "nodes that are reached");
  if (status == MST_OK) {
    reach(g, reached, queue);
    for (int64_t i = 0; i < g->nodes && *lost < 0; i++)
      if (!reached[i]) *lost = i;
  }
  mst_free(reached);
  mst_free(queue);
  return status;
}

static mst_status refuse_disconnected(const mst_topology_spec *s, int64_t lost) {
  const bool drawn = mst_topology_find(s->kind) == &mst_topology_erdos_renyi;
  return mst_fail(MST_ERR_INPUT,
                  "topology.kind: %s of %lld nodes is not connected: node 0 does not reach node "
                  "%lld, so they would never agree; %s",
                  s->kind, (long long)s->nodes, (long long)lost,
                  drawn ? "choose a larger topology.probability (above ln(n) / n) or another seed"
                        : "add edges");
}

/* Metropolis weights, from the neighbours. */
static void weigh(mst_graph *g) {
  for (int64_t i = 0; i < g->nodes; i++) {
    double sum = 0;
    for (int64_t e = g->first[i]; e < g->first[i + 1]; e++) {
      const int64_t most = mst_most(mst_graph_degree(g, i), mst_graph_degree(g, g->neighbour[e]));
      g->weight[e] = 1.0 / (double)(1 + most);
      sum += g->weight[e];
    }
    g->self[i] = 1 - sum;
  }
}

mst_status mst_graph_make(const mst_topology_spec *s, mst_graph *out) {
  *out = (mst_graph){.nodes = 0};
  MST_TRY(mst_topology_check(s));
  out->nodes = s->nodes;
  MST_TRY(find_neighbours(mst_topology_find(s->kind), s, out));
  MST_TRY(mst_alloc(&out->weight, 2 * out->edges, sizeof *out->weight, "weights of a graph"));
  MST_TRY(mst_alloc(&out->self, out->nodes, sizeof *out->self, "weights of a graph"));
  weigh(out);
  int64_t lost = -1;
  MST_TRY(find_lost(out, &lost));
  return lost < 0 ? MST_OK : refuse_disconnected(s, lost);
}

void mst_graph_free(mst_graph *g) {
  mst_free(g->first);
  mst_free(g->neighbour);
  mst_free(g->weight);
  mst_free(g->self);
  *g = (mst_graph){.nodes = 0};
}
