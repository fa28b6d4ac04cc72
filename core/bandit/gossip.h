/* Gossip among the agents of a bandit: fixed arms, a graph, and no server.
 *
 * An agent keeps a record of numbers. In rounds that speak, its first 2 K numbers, sums of rewards
 * and counts of plays arm by arm, go to its neighbours, and it goes on from the weighted sum of its
 * own and theirs, W's row (core/topology/topology.h). W is doubly stochastic, so no sum over the
 * agents changes on the way. One file a member: coop_ucb.c, dducb.c. Equations and sources:
 * doc/methods/bandits.md. All functions are Local. */
#ifndef MST_CORE_BANDIT_GOSSIP_H
#define MST_CORE_BANDIT_GOSSIP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bandit/protocol.h"
#include "core/topology/topology.h"

/* What all agents know beforehand. */
typedef struct mst_gossip {
  mst_protocol_spec spec;
  const mst_gossip_ops *ops;
  int64_t arms; /* K                                                        */
  mst_graph graph;
  double rho;     /* of the graph: how fast it agrees                         */
  int64_t stage;  /* dducb: rounds of mixing after which a consensus is used  */
  double *weight; /* dducb: (stage) of accelerated consensus; NULL: plain     */
} mst_gossip;

struct mst_gossip_ops {
  int64_t (*width)(int64_t arms); /* numbers of a record, at least 2 K */
  /* Set what the member keeps of the graph, or NULL. */
  mst_status (*prepare)(mst_gossip *g);
  /* The arm to play in a round, from 0. */
  int64_t (*choose)(const mst_gossip *g, const double *record, int64_t round);
  /* Take in what it paid. */
  void (*learn)(const mst_gossip *g, double *record, int64_t round, int64_t arm, double y);
  /* Do messages go after the interactions of that round? */
  bool (*speaks)(const mst_gossip *g, int64_t round);
  /* Go on from mixed(2 K), the weighted sum of messages. */
  void (*mix)(const mst_gossip *g, double *record, int64_t round, const double *mixed);
};

/** For agents on that graph of spec->agents nodes.
 *  \return MST_OK; what mst_graph_make and mst_graph_spectrum_find return; MST_ERR_MEMORY. */
mst_status mst_gossip_create(const mst_protocol_spec *spec, const mst_topology_spec *topology,
                             int64_t arms, mst_gossip **out) MST_CHECKED;
void mst_gossip_destroy(mst_gossip *g); /* NULL is allowed */

/** Numbers of a message. */
static inline int64_t mst_gossip_message(int64_t arms) {
  return 2 * arms;
}

/** mixed(2 K) = sum_j W_ij of message j, of agent i itself first, then of its neighbours ascending.
 *  messages: (agents, stride) the messages of all, or records that begin with them. */
void mst_gossip_mixed(const mst_gossip *g, int64_t i, const double *messages, int64_t stride,
                      double *mixed);

#endif
