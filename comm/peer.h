/* MPI's own collectives on the arguments of comm/sum.h, which are measured against them. They take
 * arrays of at most MST_PEER_ELEMENTS doubles, and are not metered. Private to muster. */
#ifndef MST_COMM_PEER_H
#define MST_COMM_PEER_H

#include <stdint.h>

#include "comm/team.h"

#define MST_PEER_ELEMENTS INT32_MAX

/** As mst_sum_fast, by MPI_Allreduce. Collective on team; n must agree.
 *  \return MST_OK, MST_ERR_INPUT (too many elements) or MST_ERR_COMM; as all below. */
mst_status mst_peer_sum(mst_team *team, double *x, int64_t n) MST_CHECKED;
/** As mst_sum_scatter_fast, by MPI_Reduce_scatter. counts(p) are the parts' elements. Collective on
 *  team; counts must agree. */
mst_status mst_peer_sum_scatter(mst_team *team, const double *send, const int *counts,
                                double *recv) MST_CHECKED;
/** As mst_gather_all of n doubles from every rank, by MPI_Allgather. Collective on team; n must
 *  agree. */
mst_status mst_peer_gather(mst_team *team, const double *mine, int64_t n, double *recv) MST_CHECKED;

#endif
