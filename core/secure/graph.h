/* Who shares masks with whom: all with all, or a random graph in which everybody has as many
 * neighbours (Bell, Bonawitz, Gascon, Lepoint, Raykova: "Secure single-server aggregation with
 * (poly)logarithmic overhead", CCS 2020): clients in random order on a ring, each joined to the
 * nearest on both sides. All functions are Local. */
#ifndef MST_CORE_SECURE_GRAPH_H
#define MST_CORE_SECURE_GRAPH_H

#include <stdint.h>

#include "core/base/key.h"
#include "core/base/status.h"

typedef struct mst_secure_graph {
  int64_t n, degree; /* every client has `degree` neighbours */
  int64_t *order;    /* (n) clients along the ring            */
  int64_t *place;    /* (n) where each is                     */
} mst_secure_graph;

/** Neighbours of each of n clients when `asked` are asked for: n - 1 for 0 or more than there are,
 *  and the next even number where it is odd. */
int64_t mst_secure_degree(int64_t n, int64_t asked);

/** A graph of n >= 1 clients, drawn from the key. Free with mst_secure_graph_free.
 *  \return MST_OK or MST_ERR_MEMORY. Memory: 16 n bytes. */
mst_status mst_secure_graph_make(int64_t n, int64_t asked, mst_key key,
                                 mst_secure_graph *out) MST_CHECKED;
void mst_secure_graph_free(mst_secure_graph *g);

/** neighbour(degree) of client i. */
void mst_secure_graph_neighbours(const mst_secure_graph *g, int64_t i, int64_t *neighbour);

#endif
