/* The solve against its limits, in one run: LAPACK's dpotrf on as many threads as there are ranks,
 * and the solve of `reduce: fast` on the same grid: ScaLAPACK's, or LAPACK's on one rank. Ours is the whole solve, factorisation and back
 * substitution of 10 right-hand sides; all rates count d^3/3 operations. The three are measured in
 * turn, so that other load meets all, and the best of REPEATS is taken.
 *
 *   mpirun -np P bench_solve [d]      (default 8000; rank 0 needs 2 x 8 d^2 bytes) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "core/base/memory.h"
#include "parallel/tiles.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_team.h"

#define SIDES   10
#define REPEATS 5

extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);

/* Entries in (-1/2, 1/2), with a diagonal that makes the matrix definite. */
static double entry(int64_t n, int64_t i, int64_t j) {
  uint64_t h = (uint64_t)(i * 1000003 + j * 7919) * UINT64_C(0x9E3779B97F4A7C15);
  return (double)(h >> 40) / (double)(1 << 24) - 0.5 + (i == j ? (double)n : 0.0);
}

static void fill(mst_tiles *t) {
  for (int64_t c = 0; c < t->local_cols; c++)
    for (int64_t r = 0; r < t->local_rows; r++) {
      int64_t i = (r / MST_TILE * t->grid->rows + t->grid->row) * MST_TILE + r % MST_TILE;
      int64_t j = (c / MST_TILE * t->grid->cols + t->grid->col) * MST_TILE + c % MST_TILE;
      t->a[c * t->lld + r] = entry(t->n, i, j);
    }
}

/* Seconds of the slowest rank for one solve. */
static double solve_seconds(mst_tiles *t, int64_t d, bool scalapack, double *x) {
  mst_team *team = t->grid->team;
  fill(t);
  need(mst_team_barrier(team));
  double start = MPI_Wtime();
  if (scalapack) {
    need(mst_tiles_solve_fast(t, d, x));
  } else {
    need(mst_tiles_cholesky(t, d));
    need(mst_tiles_back_solve(t, d, x));
  }
  need(mst_team_barrier(team));
  return MPI_Wtime() - start;
}

static double lapack_seconds(int64_t d, int threads, double *a) {
  int n = (int)d, info = 0;
  for (int64_t j = 0; j < d; j++)
    for (int64_t i = 0; i < d; i++) a[j * d + i] = entry(d, i, j);
  set_blas_threads(threads);
  double start = MPI_Wtime();
  dpotrf_("L", &n, a, &n, &info);
  double seconds = MPI_Wtime() - start;
  mst_blas_init();
  return info == 0 ? seconds : 1e300;
}

static double smaller(double a, double b) {
  return a < b ? a : b;
}

static void report(const char *name, int p, int64_t d, double ours, double peer) {
  double work = (double)d * (double)d * (double)d / 3.0 * 1e-9;
  printf("%s_p%d_d%lld  ours %.1f GF/s  peer %.1f GF/s  ratio %.2fx\n", name, p, (long long)d,
         work / ours, work / peer, peer / ours);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  mst_blas_init();
  int64_t d = argc > 1 ? atoll(argv[1]) : 8000;
  mst_team *world = NULL;
  mst_grid *grid = NULL;
  mst_tiles t;
  double *x = NULL, *a = NULL, ours = 1e300, lapack = 1e300, scalapack = 1e300;
  need(mst_team_create(MPI_COMM_WORLD, NULL, &world));
  need(mst_grid_create(world, 0, &grid));
  need(mst_tiles_create(grid, d + SIDES, &t));
  need(mst_alloc(&x, d * SIDES, sizeof *x, "solution"));
  int rank = mst_team_rank(world), p = mst_team_size(world);
  if (rank == 0) need(mst_alloc(&a, d * d, sizeof *a, "LAPACK's matrix"));
  for (int r = 0; r < REPEATS; r++) {
    ours = smaller(ours, solve_seconds(&t, d, false, x));
    if (rank == 0) lapack = smaller(lapack, lapack_seconds(d, p, a));
    sleep_until_rank_0();
    scalapack = smaller(scalapack, solve_seconds(&t, d, true, x));
  }
  if (rank == 0) {
    report("solve_vs_dpotrf", p, d, ours, lapack);
    report("solve_vs_scalapack", p, d, ours, scalapack);
  }
  mst_free(a);
  mst_free(x);
  mst_tiles_free(&t);
  mst_grid_destroy(grid);
  mst_team_destroy(world);
  MPI_Finalize();
  return 0;
}
