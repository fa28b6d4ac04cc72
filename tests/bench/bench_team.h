/* What benchmarks over ranks share: timing a step of all of them, and a peer on rank 0 alone. */
#ifndef MST_TESTS_BENCH_BENCH_TEAM_H
#define MST_TESTS_BENCH_BENCH_TEAM_H

#include <mpi.h>
#include <unistd.h>

#include "config.h"
#include "core/linalg/blas.h"

#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
void openblas_set_num_threads(int);
#endif

/* Threads of the next BLAS calls; mst_blas_init goes back to one. */
static inline void set_blas_threads(int threads) {
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
  openblas_set_num_threads(threads);
#else
  (void)threads;
#endif
}

/* Wait for rank 0 without using its cores. */
static inline void sleep_until_rank_0(void) {
  MPI_Request request;
  int done = 0;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  while (!done) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (!done) usleep(2000);
  }
}

#endif
