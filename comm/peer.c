/* MPI's own collectives, for comparison. */
#include "comm/peer.h"

#include <inttypes.h>

#include "comm/internal.h"

static mst_status check_elements(int64_t n) {
  return n <= MST_PEER_ELEMENTS
             ? MST_OK
             : mst_fail(MST_ERR_INPUT, "%" PRId64 " elements in one call of MPI; it takes %" PRId64,
                        n, (int64_t)MST_PEER_ELEMENTS);
}

mst_status mst_peer_sum(mst_team *team, double *x, int64_t n) {
  MST_TRY(check_elements(n));
  return mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, x, (int)n, MPI_DOUBLE, MPI_SUM, team->comm),
                        "MPI_Allreduce");
}

mst_status mst_peer_sum_scatter(mst_team *team, const double *send, const int *counts,
                                double *recv) {
  return mst_comm_check(MPI_Reduce_scatter(send, recv, counts, MPI_DOUBLE, MPI_SUM, team->comm),
                        "MPI_Reduce_scatter");
}

mst_status mst_peer_gather(mst_team *team, const double *mine, int64_t n, double *recv) {
  MST_TRY(check_elements(n));
  return mst_comm_check(
      MPI_Allgather(mine, (int)n, MPI_DOUBLE, recv, (int)n, MPI_DOUBLE, team->comm),
      "MPI_Allgather");
}
