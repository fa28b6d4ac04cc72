/* Rules over columns, distances and sums of vectors on one core: 20 float32 vectors, 4 of which may
 * be anything. The limit is the time to read the vectors once, measured beside them; the peer of a
 * rule is the mean. Figures are medians of CPU times, taken in turn.
 *
 *   bench_robust_kernels [dimension ...]      (default 1000000) */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/robust/rule.h"
#include "core/robust/space.h"
#include "tests/bench/bench.h"

#define N         20
#define BYZANTINE 4
#define REPEATS   11
#define LANES     64 /* independent sums of the reading loop */

typedef struct vectors {
  int64_t d;
  float *x, *out; /* (N, d), (d) */
} vectors;

/* Rows at a block of columns. */
static int64_t block_of(const vectors *v, int64_t begin, const float **row) {
  for (int64_t i = 0; i < N; i++) row[i] = v->x + i * v->d + begin;
  return mst_least(MST_RULE_COLUMNS, v->d - begin);
}

static void run_reading(const vectors *v) {
  float sum[LANES] = {0};
  for (int64_t at = 0; at + LANES <= N * v->d; at += LANES)
    for (int k = 0; k < LANES; k++) sum[k] += v->x[at + k];
  for (int k = 0; k < LANES; k++) v->out[k] = sum[k];
}

static void run_rule(const vectors *v, const char *name) {
  const mst_rule_ops *ops = mst_rule_find(name);
  const mst_rule_spec s = {.name = name, .byzantine = BYZANTINE};
  const float *row[N];
  for (int64_t c = 0; c < v->d; c += MST_RULE_COLUMNS) {
    const int64_t m = block_of(v, c, row);
    ops->columns_f32(&s, N, m, row, NULL, v->out + c);
  }
}

static void run_distances(const vectors *v) {
  const float *row[N];
  double distance[N * N], sum[N * N] = {0};
  for (int64_t c = 0; c < v->d; c += MST_RULE_COLUMNS) {
    const int64_t m = block_of(v, c, row);
    mst_space_distances_f32(N, m, row, distance);
    for (int i = 0; i < N * N; i++) sum[i] += distance[i];
  }
  v->out[0] = (float)sum[1];
}

static void run_combine(const vectors *v) {
  const float *row[N];
  double weight[N];
  for (int i = 0; i < N; i++) weight[i] = (1.0 + i) / (N * (N + 1) / 2);
  for (int64_t c = 0; c < v->d; c += MST_RULE_COLUMNS) {
    const int64_t m = block_of(v, c, row);
    mst_space_combine_f32(N, m, row, weight, v->out + c);
  }
}

static const char *const WORK[] = {"reading", "mean",      "median", "trimmed_mean",
                                   "meamed",  "distances", "combine"};
enum {
  READING,
  MEAN,
  MEDIAN,
  TRIMMED_MEAN,
  MEAMED,
  DISTANCES,
  COMBINE,
  WORKS
};

static void run(const vectors *v, int work) {
  if (work == READING)
    run_reading(v);
  else if (work == DISTANCES)
    run_distances(v);
  else if (work == COMBINE)
    run_combine(v);
  else
    run_rule(v, WORK[work]);
}

static void measure(int64_t d) {
  vectors v = {.d = d};
  double seconds[WORKS][REPEATS], ms[WORKS];
  need(mst_alloc(&v.x, N * d, sizeof *v.x, "vectors"));
  need(mst_alloc(&v.out, d, sizeof *v.out, "result"));
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < N * d; i++)
    v.x[i] = (float)(mst_stream_uniform(&s) + mst_stream_uniform(&s) - 1.0);
  for (int work = 0; work < WORKS; work++) run(&v, work);
  for (int r = 0; r < REPEATS; r++)
    for (int work = 0; work < WORKS; work++) {
      double begin = cpu_seconds();
      run(&v, work);
      seconds[work][r] = cpu_seconds() - begin;
    }
  for (int work = 0; work < WORKS; work++) ms[work] = 1e3 * median(seconds[work], REPEATS);
  const double gigabytes = 1e-9 * (double)(N * d) * sizeof *v.x;
  for (int work = MEAN; work < WORKS; work++)
    printf(
        "robust_kernel_%s_n%d_d%lld  ours %.2f ms  limit %.2f ms (rows at %.1f GB/s)  ratio "
        "%.2fx\n",
        WORK[work], N, (long long)d, ms[work], ms[READING], gigabytes / ms[READING] * 1e3,
        ms[READING] / ms[work]);
  for (int work = MEDIAN; work <= MEAMED; work++)
    printf("robust_kernel_%s_vs_mean_d%lld  ours %.2f ms  peer %.2f ms (mean)  ratio %.2fx\n",
           WORK[work], (long long)d, ms[work], ms[MEAN], ms[MEAN] / ms[work]);
  mst_free(v.out);
  mst_free(v.x);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) measure(mst_most(LANES, atoll(argv[i])));
  if (argc == 1) measure(1000000);
  return 0;
}
