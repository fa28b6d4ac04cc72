/* The Gram phase against its limits, in one run: the rate of the same BLAS's dsyrk on as many
 * threads as there are ranks, one rank alone, and one client against a thousand.
 *
 *   mpirun -np P bench_gram [rows [features]]      (default 20000 2304) */
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/partition/partition.h"
#include "parallel/gram.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_team.h"

#define TARGETS 10
#define REPEATS 3

/* Rows in memory: any row will do, so all blocks share a few. */
typedef struct memory_rows {
  mst_roster *roster;
  int rank;
  int64_t d;
  float *features, *targets; /* (MST_BLOCK_ROWS * 16, d), (.., TARGETS) */
} memory_rows;

static mst_status load(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  const memory_rows *m = context;
  (void)group;
  *first = m->roster->rank_block[m->rank];
  *blocks = m->roster->rank_block[m->rank + 1] - *first;
  return MST_OK;
}

static mst_status block(void *context, int64_t b, const float **f, const float **t) {
  const memory_rows *m = context;
  int64_t at = b % 16 * MST_BLOCK_ROWS;
  *f = m->features + at * m->d;
  *t = m->targets + at * TARGETS;
  return MST_OK;
}

/* Seconds of the slowest rank for one Gram over the team; the best of REPEATS. */
static double gram_seconds(mst_team *team, int64_t rows, int64_t clients, memory_rows *m) {
  int32_t *client = NULL;
  int64_t k = 0, n = m->d + TARGETS + 1;
  double best = 1e300;
  mst_partition_spec spec = {.name = "iid", .seed = 1, .clients = clients};
  mst_gram_options options = {.gamma = 1, .shift = true};
  double *shift = NULL;
  mst_pipeline pipeline = mst_pipeline_sum();
  mst_gram_plan plan;
  need(mst_alloc(&shift, n, sizeof *shift, "shifts"));
  need(mst_alloc(&client, rows, sizeof *client, "clients"));
  for (int r = 0; r < REPEATS; r++) {
    mst_grid *grid = NULL;
    mst_tiles tiles;
    mst_gram_result result;
    need(mst_team_barrier(team));
    double start = MPI_Wtime();
    need(mst_partition_assign(&spec, rows, NULL, 0, NULL, client, &k));
    need(mst_roster_create(team, rows, client, k, false, &m->roster));
    m->rank = mst_team_rank(team);
    mst_gram_plan_make(n, mst_team_size(team), INT64_C(1) << 30, false, &plan);
    need(mst_grid_create(team, 0, &grid));
    need(mst_tiles_create(grid, n, &tiles));
    mst_block_source source = {.context = m, .features = m->d, .targets = TARGETS, .groups = 1,
                               .load = load, .block = block};
    need(mst_gram(team, m->roster, &source, &plan, &pipeline, &options, NULL, &tiles, shift, &result));
    need(mst_team_barrier(team));
    double seconds = MPI_Wtime() - start;
    if (seconds < best) best = seconds;
    mst_tiles_free(&tiles);
    mst_grid_destroy(grid);
    mst_roster_destroy(m->roster);
  }
  mst_free(shift);
  mst_free(client);
  return best;
}

/* GF/s of dsyrk (n^2 k counted once) with that many threads. */
static double syrk_rate(int64_t n, int threads) {
  const int64_t k = 4096;
  double *a = NULL, *c = NULL, best = 1e300;
  need(mst_alloc(&a, k * n, sizeof *a, "rows"));
  need(mst_alloc(&c, n * n, sizeof *c, "product"));
  for (int64_t i = 0; i < k * n; i++) a[i] = (double)(i % 97) / 97;
  set_blas_threads(threads);
  for (int r = 0; r < REPEATS; r++) {
    double start = MPI_Wtime();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)k, 1.0, a, (int)n, 0.0, c, (int)n);
    double seconds = MPI_Wtime() - start;
    if (seconds < best) best = seconds;
  }
  mst_blas_init();
  mst_free(a);
  mst_free(c);
  return (double)n * (double)n * (double)k / best * 1e-9;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  mst_blas_init();
  int64_t rows = argc > 1 ? atoll(argv[1]) : 20000;
  memory_rows m = {.d = argc > 2 ? atoll(argv[2]) : 2304};
  mst_team *world = NULL, *alone = NULL;
  mst_team_options options = mst_team_defaults();
  need(mst_team_create(MPI_COMM_WORLD, &options, &world));
  need(mst_team_create(MPI_COMM_SELF, &options, &alone));
  int rank = mst_team_rank(world), p = mst_team_size(world);
  int64_t n = m.d + TARGETS + 1;
  need(mst_alloc(&m.features, MST_BLOCK_ROWS * 16 * m.d, sizeof *m.features, "features"));
  need(mst_alloc(&m.targets, MST_BLOCK_ROWS * 16 * TARGETS, sizeof *m.targets, "targets"));
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < MST_BLOCK_ROWS * 16 * m.d; i++) m.features[i] = (float)mst_stream_uniform(&s);
  for (int64_t i = 0; i < MST_BLOCK_ROWS * 16; i++) m.targets[i * TARGETS + i % TARGETS] = 1;

  double peer = 0, one_rank = 0;
  if (rank == 0) {
    peer = syrk_rate(n, p);
    if (p > 1) one_rank = gram_seconds(alone, rows, 1, &m);
  }
  sleep_until_rank_0();
  double one = gram_seconds(world, rows, 1, &m);
  double thousand = gram_seconds(world, rows, 1000, &m);
  if (rank == 0) {
    double rate = (double)rows * (double)n * (double)n / one * 1e-9;
    printf("gram_vs_dsyrk_p%d  ours %.1f GF/s  peer %.1f GF/s  ratio %.2fx\n", p, rate, peer, rate / peer);
    if (p > 1)
      printf("gram_speedup_p%d  ours %.3f s  peer %.3f s (1 rank)  ratio %.2fx\n", p, one, one_rank, one_rank / one);
    printf("gram_1000_clients_p%d  ours %.3f s  peer %.3f s (1 client)  ratio %.2fx\n", p, thousand, one, one / thousand);
  }
  mst_free(m.features);
  mst_free(m.targets);
  mst_team_destroy(alone);
  mst_team_destroy(world);
  MPI_Finalize();
  return 0;
}
