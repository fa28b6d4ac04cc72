/* Gossip: x_i <- sum_j W_ij x_j. Keeps the mean of the nodes; one hostile neighbour moves it
 * anywhere. */
#include "core/decentralised/member.h"

static void conclude(mst_mixing_plan *p) {
  mst_mixing_take_weights(p);
}

const mst_mixing_ops mst_mixing_gossip = {
    .name = "gossip",
    .summary = "the weighted mean of the own vector and the neighbours'",
    .passes = 1,
    .conclude = conclude,
};
