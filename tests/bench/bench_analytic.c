/* What closed-form jobs spend their time on, on all ranks at once, beside its limit in one run:
 *
 *   scattering of 28 x 28 images (J = 2, L = 8), beside 475 s for 70,000 images, which numpy and
 *     scipy (single precision) took on two cores of such a machine;
 *   convolutional features, beside the matrix products in them;
 *   the eigenvectors of principal components, `reduce: exact` and `reduce: fast`, beside LAPACK's
 *     dsyevd and dsyevr on as many threads as there are ranks.
 *
 *   mpirun -np P bench_analytic              (the best of REPEATS)
 *   bench_analytic write FILE N              N images and their scattering, as float32, and the
 *                                            seconds: for bench_analytic.sh */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/features/conv.h"
#include "core/features/features.h"
#include "parallel/tiles.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_team.h"
#include "tests/core/images.h"

#define REPEATS        5
#define SCATTERED_ROWS 4000 /* a rank */
#define CONV_ROWS      1000 /* a rank */
#define SIDE           28
#define ALL_IMAGES     70000.0
#define NUMPY_SECONDS  475.0

extern void dsyevd_(const char *job, const char *uplo, const int *n, double *a, const int *lda,
                    double *values, double *work, const int *reals, int *more, const int *integers,
                    int *info);
extern void dsyevr_(const char *job, const char *range, const char *uplo, const int *n, double *a,
                    const int *lda, const double *low, const double *high, const int *first,
                    const int *last, const double *tolerance, int *found, double *values,
                    double *vectors, const int *ldz, int *support, double *work, const int *reals,
                    int *more, const int *integers, int *info);

static mst_features *make_map(const char *kind, int64_t filters) {
  mst_features_spec spec = mst_features_defaults(kind);
  mst_row_shape shape = {2, {SIDE, SIDE}};
  mst_features *f = NULL;
  if (filters > 0) spec.filters = filters;
  need(mst_features_create(&spec, &shape, &f));
  return f;
}

/* Seconds of the slowest rank for `step`, the best of REPEATS. */
static double best_seconds(void (*step)(void *), void *context) {
  double best = INFINITY;
  for (int r = 0; r < REPEATS; r++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    step(context);
    MPI_Barrier(MPI_COMM_WORLD);
    best = fmin(best, MPI_Wtime() - start);
  }
  return best;
}

typedef struct batch {
  mst_features *map;
  int64_t n;
  float *rows, *features;
} batch;

static batch make_batch(mst_features *map, int64_t n) {
  batch b = {map, n, make_images(n, SIDE, SIDE, 1), NULL};
  need(mst_alloc(&b.features, n * map->width, sizeof *b.features, "features"));
  return b;
}

static void batch_free(batch *b) {
  free(b->rows);
  mst_free(b->features);
  mst_features_destroy(b->map);
}

static void transform(void *context) {
  batch *b = context;
  need(mst_features_apply(b->map, b->rows, b->n, b->features));
}

static void bench_scattering(int rank, int p) {
  batch b = make_batch(make_map("scattering", 0), SCATTERED_ROWS);
  double rate = (double)p * SCATTERED_ROWS / best_seconds(transform, &b);
  if (rank == 0)
    printf(
        "scattering_p%d  ours %.2f s  peer %.0f s (70,000 images; numpy and scipy on two cores, at "
        "another time)  ratio %.0fx\n",
        p, ALL_IMAGES / rate, NUMPY_SECONDS, NUMPY_SECONDS * rate / ALL_IMAGES);
  batch_free(&b);
}

/* The products of one image, as the map makes them. */
static void multiply(void *context) {
  const batch *b = context;
  const mst_conv_map *map = (const mst_conv_map *)b->map;
  for (int64_t i = 0; i < b->n; i++)
    for (int64_t g = 0; g < map->grid; g++) {
      int64_t end = (g + 1) * map->rows_of / map->grid;
      for (int64_t y = g * map->rows_of / map->grid; y < end; y += map->block_rows) {
        int64_t rows = y + map->block_rows < end ? map->block_rows : end - y;
        int64_t positions = rows * map->columns_of;
        mst_sgemm(true, false, positions, map->lanes, map->elements, 1.0f, map->columns, positions,
                  map->bank_lanes, map->lanes, 0.0f, map->response, map->lanes);
      }
    }
}

static void bench_conv(int rank, int p, int64_t filters) {
  batch b = make_batch(make_map("conv", filters), CONV_ROWS);
  need(mst_features_fit(b.map, b.rows, b.n));
  double ours = best_seconds(transform, &b), limit = best_seconds(multiply, &b);
  double us = 1e6 / (double)CONV_ROWS;
  if (rank == 0)
    printf(
        "conv_%lld_p%d  ours %.1f us  limit %.1f us (an image a rank; its own sgemm, kernel %s)  "
        "ratio %.2fx\n",
        (long long)filters, p, us * ours, us * limit, mst_blas_kernel(), limit / ours);
  batch_free(&b);
}

/* A full spectrum: entries in (-1/2, 1/2), and a diagonal that rises. */
static double entry(int64_t i, int64_t j) {
  int64_t low = i < j ? i : j, high = i < j ? j : i;
  uint64_t h = (uint64_t)(low * 1000003 + high * 7919) * UINT64_C(0x9E3779B97F4A7C15);
  return (double)(h >> 40) / (double)(1 << 24) - 0.5 + (i == j ? 0.01 * (double)i : 0.0);
}

typedef struct matrix {
  mst_grid *grid;
  int64_t n;
  double *values;
  double *a, *vectors, *work; /* LAPACK's, on rank 0 */
  int *more;
  int64_t room;
} matrix;

/* Seconds of the slowest rank for all eigenvectors of a matrix that lies over the ranks. */
static double tiles_seconds(const matrix *m, bool fast) {
  mst_tiles t, v;
  need(mst_tiles_create(m->grid, m->n, &t));
  for (int64_t j = m->grid->col; j < t.tiles; j += m->grid->cols)
    for (int64_t i = j; i < t.tiles; i++) {
      if (i % m->grid->rows != m->grid->row) continue;
      double *tile = mst_tiles_at(&t, i, j);
      for (int64_t c = 0; c < mst_tiles_extent(&t, j); c++)
        for (int64_t r = 0; r < mst_tiles_extent(&t, i); r++)
          tile[c * t.lld + r] = entry(i * MST_TILE + r, j * MST_TILE + c);
    }
  MPI_Barrier(MPI_COMM_WORLD);
  double start = MPI_Wtime();
  need(mst_tiles_eigen(&t, fast, m->values, &v));
  MPI_Barrier(MPI_COMM_WORLD);
  double seconds = MPI_Wtime() - start;
  mst_tiles_free(&v);
  mst_tiles_free(&t);
  return seconds;
}

static double lapack_seconds(const matrix *m, bool relative, int threads) {
  const int n = (int)m->n, reals = (int)m->room, integers = 10 * n + 10, none = 0;
  const double zero = 0.0;
  int info = 0, found = 0;
  for (int64_t j = 0; j < m->n; j++)
    for (int64_t i = 0; i < m->n; i++) m->a[j * m->n + i] = entry(i, j);
  set_blas_threads(threads);
  double start = MPI_Wtime();
  if (relative)
    dsyevr_("V", "A", "L", &n, m->a, &n, &zero, &zero, &none, &none, &zero, &found, m->values,
            m->vectors, &n, m->more + integers, m->work, &reals, m->more, &integers, &info);
  else
    dsyevd_("V", "L", &n, m->a, &n, m->values, m->work, &reals, m->more, &integers, &info);
  double seconds = MPI_Wtime() - start;
  mst_blas_init();
  return info == 0 ? seconds : INFINITY;
}

static void bench_eigen(mst_grid *grid, int rank, int p, int64_t n) {
  double exact = INFINITY, fast = INFINITY, dsyevd = INFINITY, dsyevr = INFINITY, alone = INFINITY;
  matrix m = {.grid = grid, .n = n, .room = 1 + 6 * n + 2 * n * n};
  need(mst_alloc(&m.values, n, sizeof *m.values, "eigenvalues"));
  if (rank == 0) {
    need(mst_alloc(&m.a, n * n, sizeof *m.a, "LAPACK's matrix"));
    need(mst_alloc(&m.vectors, n * n, sizeof *m.vectors, "LAPACK's vectors"));
    need(mst_alloc(&m.work, m.room, sizeof *m.work, "LAPACK's workspace"));
    need(mst_alloc(&m.more, 12 * n + 10, sizeof *m.more, "LAPACK's workspace"));
  }
  for (int r = 0; r < 3; r++) {
    exact = fmin(exact, tiles_seconds(&m, false));
    fast = fmin(fast, tiles_seconds(&m, true));
    if (rank == 0) {
      dsyevd = fmin(dsyevd, lapack_seconds(&m, false, p));
      alone = fmin(alone, lapack_seconds(&m, false, 1));
      dsyevr = fmin(dsyevr, lapack_seconds(&m, true, p));
    }
    sleep_until_rank_0();
  }
  if (rank == 0) {
    const char *line = "eigen_%s_p%d_d%lld  ours %.3f s  peer %.3f s (%s)  ratio %.2fx\n";
    long long d = n;
    printf(line, "exact", p, d, exact, alone, "dsyevd, one thread", alone / exact);
    printf(line, "exact_dsyevd", p, d, exact, dsyevd, "dsyevd, a thread a rank", dsyevd / exact);
    printf(line, "exact_dsyevr", p, d, exact, dsyevr, "dsyevr, a thread a rank", dsyevr / exact);
    printf(line, "fast_dsyevd", p, d, fast, dsyevd, "dsyevd, a thread a rank", dsyevd / fast);
    printf(line, "fast_dsyevr", p, d, fast, dsyevr, "dsyevr, a thread a rank", dsyevr / fast);
  }
  mst_free(m.values);
  mst_free(m.a);
  mst_free(m.vectors);
  mst_free(m.work);
  mst_free(m.more);
}

static void write_scattering(const char *path, int64_t n) {
  batch b = make_batch(make_map("scattering", 0), n);
  FILE *file = fopen(path, "wb");
  double seconds = best_seconds(transform, &b);
  size_t rows = (size_t)(n * SIDE * SIDE), features = (size_t)(n * b.map->width);
  if (file == NULL || fwrite(b.rows, sizeof *b.rows, rows, file) != rows ||
      fwrite(b.features, sizeof *b.features, features, file) != features || fclose(file) != 0) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  printf("scattering_seconds %.6f\n", seconds);
  batch_free(&b);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  mst_blas_init();
  if (argc == 4 && strcmp(argv[1], "write") == 0) {
    write_scattering(argv[2], atoll(argv[3]));
    MPI_Finalize();
    return 0;
  }
  mst_team *world = NULL;
  mst_grid *grid = NULL;
  need(mst_team_create(MPI_COMM_WORLD, NULL, &world));
  need(mst_grid_create(world, 0, &grid));
  int rank = mst_team_rank(world), p = mst_team_size(world);
  bench_scattering(rank, p);
  bench_conv(rank, p, 128);
  bench_conv(rank, p, 512);
  bench_eigen(grid, rank, p, 1000);
  bench_eigen(grid, rank, p, 2000);
  mst_grid_destroy(grid);
  mst_team_destroy(world);
  MPI_Finalize();
  return 0;
}
