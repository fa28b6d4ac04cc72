/* Topologies: who is whose neighbour in decentralised training, and with which weight.
 *
 * A graph is undirected, connected and without loops; its neighbours ascend. Its weights are
 * Metropolis' (Xiao, Boyd, Kim 2007): with the numbers of neighbours d_i
 *
 *     W_ij = 1 / (1 + max(d_i, d_j)) on edges,    W_ii = 1 - sum_j W_ij,
 *
 * symmetric and doubly stochastic, so x <- W x keeps the mean of the nodes' x and shrinks what is
 * not the mean by rho = max(|lambda_2|, |lambda_n|) < 1 at least. Chebyshev polynomials of W shrink
 * it by 1 / T_k(1 / rho) in k rounds, about the square of the rate.
 *
 * One file a member; the table is in topology.c. Equations and sources:
 * doc/methods/decentralised.md. All functions are Local. */
#ifndef MST_CORE_TOPOLOGY_TOPOLOGY_H
#define MST_CORE_TOPOLOGY_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says. Members read the fields that their params name. */
typedef struct mst_topology_spec {
  const char *kind;      /* registry name                                                  */
  int64_t nodes;         /* n >= 1                                                         */
  uint64_t seed;         /* erdos_renyi: of the draw                                       */
  double probability;    /* erdos_renyi: of each pair to be an edge                        */
  int64_t rows, columns; /* torus: 0 = the most even that multiply to n                    */
  int64_t bridges;       /* dumbbell: edges between the two cliques                        */
  int64_t edges;         /* list: how many, and                                            */
  const int64_t *edge;   /* (edges, 2) the pairs of nodes; either direction, or both        */
} mst_topology_spec;

/* Takes one edge of a graph; the same edge may come more than once. */
typedef void (*mst_topology_visit)(void *user, int64_t i, int64_t j);

typedef struct mst_topology_ops {
  const char *name;
  const char *summary; /* one line for `muster list topologies` */
  const mst_param *params;
  bool listed; /* reads spec.edge, which the caller finds in a file */
  /* What it demands of settings that are in range, or NULL. */
  mst_status (*check)(const mst_topology_spec *s);
  /* Call visit for every edge, i != j; the same edges in every call. */
  void (*walk)(const mst_topology_spec *s, mst_topology_visit visit, void *user);
} mst_topology_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_topology_ops *mst_topology_find(const char *name);
const mst_topology_ops *mst_topology_at(int i);

/** Check a spec.
 *  \return MST_OK; MST_ERR_INPUT for an unknown name, nodes outside 1 .. 2^31-1, a setting out of
 *          range, or a list that names a node that there is not. Whether the graph is connected is
 *          found when it is made. */
mst_status mst_topology_check(const mst_topology_spec *s) MST_CHECKED;

typedef struct mst_graph {
  int64_t nodes, edges;
  int64_t *first;     /* (nodes + 1) where each node's neighbours begin     */
  int64_t *neighbour; /* (2 edges) ascending within a node                  */
  double *weight;     /* (2 edges) W_ij, in the order of `neighbour`        */
  double *self;       /* (nodes) W_ii                                       */
} mst_graph;

/** The graph of a spec, with Metropolis weights.
 *  \return MST_OK; what mst_topology_check returns; MST_ERR_INPUT when it is not connected, naming
 *          a node that node 0 does not reach; MST_ERR_MEMORY. Free with mst_graph_free in every
 *          case. Memory: 32 bytes an edge, 16 a node. */
mst_status mst_graph_make(const mst_topology_spec *s, mst_graph *out) MST_CHECKED;
void mst_graph_free(mst_graph *g);

/** Node i's neighbours: how many, which (ascending), with which weights. Pointers into g. */
static inline int64_t mst_graph_degree(const mst_graph *g, int64_t i) {
  return g->first[i + 1] - g->first[i];
}
static inline const int64_t *mst_graph_neighbours(const mst_graph *g, int64_t i) {
  return g->neighbour + g->first[i];
}
static inline const double *mst_graph_weights(const mst_graph *g, int64_t i) {
  return g->weight + g->first[i];
}
static inline double mst_graph_self(const mst_graph *g, int64_t i) {
  return g->self[i];
}

/* Eigenvalues of W beside the 1 of the mean. */
typedef struct mst_graph_spectrum {
  double second; /* lambda_2, the largest of them                */
  double least;  /* lambda_n                                     */
  double rho;    /* max(|second|, |least|), 0 for one node       */
  double gap;    /* 1 - rho                                      */
} mst_graph_spectrum;

#define MST_GRAPH_SPECTRUM_NODES 4096

/** The spectrum of W, by LAPACK on the dense matrix (8 nodes^2 bytes).
 *  \return MST_OK; MST_ERR_INPUT above MST_GRAPH_SPECTRUM_NODES; MST_ERR_MEMORY; what
 *          mst_eigen_symmetric returns. */
mst_status mst_graph_spectrum_find(const mst_graph *g, mst_graph_spectrum *out) MST_CHECKED;

/** Rounds of x <- W x after which what is not the mean is no more than `share` of what it was:
 *  the least k >= 1 with rho^k <= share.
 *  \param rho  in [0, 1);  share in (0, 1).
 *  \return MST_OK, or MST_ERR_INPUT outside of these. */
mst_status mst_gossip_rounds(double rho, double share, int64_t *rounds) MST_CHECKED;

/** The same of accelerated consensus: the least k >= 1 with 1 / T_k(1 / rho) <= share. */
mst_status mst_chebyshev_rounds(double rho, double share, int64_t *rounds) MST_CHECKED;

/** omega(rounds): the weights of accelerated consensus (Golub, Varga 1961),
 *
 *      x_{k+1} = omega_{k+1} W x_k + (1 - omega_{k+1}) x_{k-1},
 *      omega_1 = 1, omega_2 = 1 / (1 - rho^2 / 2), omega_{k+1} = 1 / (1 - rho^2 omega_k / 4),
 *
 *  so that x_k = T_k(W / rho) / T_k(1 / rho) x_0. omega[k] is omega_{k+1}. Steps:
 *  mst_step_chebyshev_f32 (core/decentralised/steps.h). 0 <= rho < 1. */
void mst_chebyshev_weights(double rho, int64_t rounds, double *omega);

#endif
