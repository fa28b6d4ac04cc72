/* What the topologies share: their names, entries of their parameter tables, cliques. Private to
 * core/topology; all functions are Local. */
#ifndef MST_CORE_TOPOLOGY_MEMBER_H
#define MST_CORE_TOPOLOGY_MEMBER_H

#include <stddef.h>

#include "core/base/arithmetic.h"
#include "core/topology/topology.h"

extern const mst_topology_ops mst_topology_ring, mst_topology_torus, mst_topology_star,
    mst_topology_complete, mst_topology_exponential, mst_topology_erdos_renyi,
    mst_topology_dumbbell, mst_topology_list;

#define MST_TOPOLOGY_INT(field, default_, min_, unit_, help_)                            \
  {                                                                                      \
    .name = #field, .type = MST_PARAM_INT, .offset = offsetof(mst_topology_spec, field), \
    .fallback = (default_), .min = (min_), .max = 1e9, .unit = (unit_), .help = (help_)  \
  }

/** Refuse graphs that look at more than 2^31-1 pairs of nodes. */
mst_status mst_topology_check_pairs(const mst_topology_spec *s) MST_CHECKED;

/** Visit the edges between all of the nodes begin .. end - 1. */
void mst_topology_clique(int64_t begin, int64_t end, mst_topology_visit visit, void *user);

#endif
