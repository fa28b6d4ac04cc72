/* Lattice sums against MPI_Allreduce of the same doubles, in one run: 1 to 64 MiB, with shared
 * memory switched on and off. A figure is the median over repetitions of the slowest rank's time,
 * each after a barrier; the two are measured in turn, so that other load meets both. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/sum.h"
#include "comm/team.h"
#include "core/base/memory.h"
#include "tests/bench/bench.h"

#define REPEATS 15

static void fill(double *x, int64_t n, int rank) {
  for (int64_t i = 0; i < n; i++) x[i] = (double)((i * 7919 + rank * 104729) % 65537) / 65537 - 0.5;
}

static mst_status sum_ours(mst_team *team, double *x, int64_t n) {
  return mst_sum_lattice(team, x, n, 1024);
}

static mst_status sum_peer(mst_team *team, double *x, int64_t n) {
  MPI_Allreduce(MPI_IN_PLACE, x, (int)n, MPI_DOUBLE, MPI_SUM, mst_team_comm(team));
  return MST_OK;
}

static mst_status time_once(mst_team *team, mst_status (*sum)(mst_team *, double *, int64_t),
                            double *x, int64_t n, double *seconds) {
  fill(x, n, mst_team_rank(team));
  MST_TRY(mst_team_barrier(team));
  double start = MPI_Wtime();
  MST_TRY(sum(team, x, n));
  *seconds = MPI_Wtime() - start;
  return mst_max_f64(team, seconds, 1);
}

static mst_status measure(mst_team *team, int mib, bool shared) {
  int64_t n = (int64_t)mib << 17;
  double *x = NULL, ours[REPEATS], peer[REPEATS], warm;
  MST_TRY(mst_team_agree(team, mst_alloc(&x, n, sizeof *x, "terms")));
  mst_status status = time_once(team, sum_ours, x, n, &warm);
  if (status == MST_OK) status = time_once(team, sum_peer, x, n, &warm);
  for (int i = 0; i < REPEATS && status == MST_OK; i++) {
    status = time_once(team, sum_ours, x, n, &ours[i]);
    if (status == MST_OK) status = time_once(team, sum_peer, x, n, &peer[i]);
  }
  mst_free(x);
  if (status != MST_OK || mst_team_rank(team) != 0) return status;
  double o = median(ours, REPEATS) * 1e3, p = median(peer, REPEATS) * 1e3;
  printf("sum_lattice_%dMiB_%s_p%d  ours %.3f ms  peer %.3f ms  ratio %.2fx\n", mib,
         shared ? "shared" : "mpi", mst_team_size(team), o, p, p / o);
  fflush(stdout);
  return MST_OK;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  mst_status status = MST_OK;
  for (int shared = 1; shared >= 0 && status == MST_OK; shared--) {
    mst_team_options options = mst_team_defaults();
    options.shared_memory = shared;
    mst_team *team = NULL;
    status = mst_team_create(MPI_COMM_WORLD, &options, &team);
    for (int mib = 1; mib <= 64 && status == MST_OK; mib *= 4) status = measure(team, mib, shared);
    mst_team_destroy(team);
  }
  if (status != MST_OK) fprintf(stderr, "bench_sum: %s\n", mst_status_detail());
  MPI_Finalize();
  return status == MST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
