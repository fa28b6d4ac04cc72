/* A ring in random order; where it is closed, every other client is a neighbour. */
#include "core/secure/graph.h"

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

int64_t mst_secure_degree(int64_t n, int64_t asked) {
  const int64_t even = asked + asked % 2;
  return asked == 0 ? n - 1 : mst_least(even, n - 1);
}

mst_status mst_secure_graph_make(int64_t n, int64_t asked, mst_key key, mst_secure_graph *out) {
  *out = (mst_secure_graph){.n = n, .degree = mst_secure_degree(n, asked)};
  mst_status st = mst_alloc(&out->order, n, sizeof *out->order, "clients along the ring");
  if (st == MST_OK) st = mst_alloc(&out->place, n, sizeof *out->place, "clients along the ring");
  if (st != MST_OK) {
    mst_secure_graph_free(out);
    return st;
  }
  mst_stream s = mst_stream_of(key);
  mst_stream_permutation(&s, n, out->order);
  for (int64_t k = 0; k < n; k++) out->place[out->order[k]] = k;
  return MST_OK;
}

void mst_secure_graph_free(mst_secure_graph *g) {
  mst_free(g->order);
  mst_free(g->place);
  *g = (mst_secure_graph){.n = 0};
}

/* Half of them on either side. With all as neighbours and an odd number of them, the last step up
 * is the one right across. */
void mst_secure_graph_neighbours(const mst_secure_graph *g, int64_t i, int64_t *neighbour) {
  int64_t count = 0;
  for (int64_t step = 1; count < g->degree; step++) {
    neighbour[count++] = g->order[(g->place[i] + step) % g->n];
    if (count < g->degree) neighbour[count++] = g->order[(g->place[i] + g->n - step) % g->n];
  }
}
