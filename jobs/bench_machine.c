/* What cores and memory give: one rank alone, with the others asleep, then all side by side. Memory
 * is read, copied and combined in arrays that no cache should hold; products are held against
 * chains of fused operations in registers. All ranks together are held against so many times the
 * one. */
#include "jobs/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/base/peak.h"
#include "core/linalg/blas.h"

#define ORDER_MOST  1024   /* of products: beyond it their rate hardly grows */
#define FUSED_STEPS 100000 /* of a chain: a fraction of a millisecond        */
#define REPEATS     1000

typedef struct kernel {
  mst_bench *bench;
  int64_t n;     /* elements of an array, or order of a product        */
  double amount; /* bytes or operations of one run                     */
  double sink;   /* results, so that no compiler leaves the work out   */
} kernel;

static mst_status read_memory(void *context) {
  kernel *k = context;
  for (int i = 0; i < 3; i++) k->sink += (double)mst_peak_read(k->n, k->bench->work[i]);
  return MST_OK;
}

static mst_status copy_memory(void *context) {
  kernel *k = context;
  mst_peak_copy(k->n, k->bench->work[0], k->bench->work[1]);
  return MST_OK;
}

static mst_status combine_memory(void *context) {
  kernel *k = context;
  mst_peak_triad(k->n, 0.5, k->bench->work[0], k->bench->work[1], k->bench->work[2]);
  return MST_OK;
}

static mst_status fuse(void *context) {
  kernel *k = context;
  double result;
  k->amount = (double)mst_peak_fuse(FUSED_STEPS, 0.999, 0.1, &result);
  k->sink += result;
  return MST_OK;
}

static mst_status multiply_f32(void *context) {
  kernel *k = context;
  mst_sgemm(false, false, k->n, k->n, k->n, 1, (const float *)k->bench->work[0], k->n,
            (const float *)k->bench->work[1], k->n, 0, (float *)k->bench->work[2], k->n);
  return MST_OK;
}

static mst_status multiply_f64(void *context) {
  kernel *k = context;
  mst_gemm(false, false, k->n, k->n, k->n, 1, k->bench->work[0], k->n, k->bench->work[1], k->n, 0,
           k->bench->work[2], k->n);
  return MST_OK;
}

static mst_status multiply_symmetric(void *context) {
  kernel *k = context;
  mst_syrk_at_a(k->n, k->n, 1, k->bench->work[0], k->n, 0, k->bench->work[2], k->n);
  return MST_OK;
}

/* What a kernel moves or does, and what one rank of it is held against. */
static const struct machine {
  const char *name;
  mst_status (*run)(void *context);
  bool flops;
  double each;       /* bytes an element; operations an n^3  */
  int arrays;        /* of which the row's size is           */
  const char *limit; /* row of one rank                      */
  double limit_times;
  const char *limit_of;
} machines[] = {
    {"memory_read", read_memory, false, 24, 3, NULL, 0, ""},
    {"memory_copy", copy_memory, false, 16, 2, "memory_read_one", 1, "reading"},
    {"memory_triad", combine_memory, false, 24, 3, "memory_read_one", 1, "reading"},
    {"fma", fuse, true, 0, 0, NULL, 0, ""},
    {"dgemm", multiply_f64, true, 2, 3, "fma_one", 1, "fused operations"},
    {"sgemm", multiply_f32, true, 2, 3, "fma_one", 2, "fused operations, twice"},
    {"syrk", multiply_symmetric, true, 1, 2, "dgemm_one", 1, "dgemm"},
};

static const struct machine *find(const char *name) {
  for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
    if (strcmp(machines[i].name, name) == 0) return &machines[i];
  return NULL;
}

/* Values that neither overflow nor become denormal in products and chains. */
static mst_status fill_arrays(void *context) {
  kernel *k = context;
  mst_bench *b = k->bench;
  for (int a = 0; a < 3; a++)
    for (int64_t i = 0; i < b->size / 8; i++) b->work[a][i] = (double)((i * 7919 + a) % 97) / 97;
  return MST_OK;
}
static mst_status fill_floats(void *context) {
  kernel *k = context;
  for (int a = 0; a < 3; a++) {
    float *x = (float *)k->bench->work[a];
    for (int64_t i = 0; i < k->bench->size / 4; i++) x[i] = (float)((i * 7919 + a) % 97) / 97;
  }
  return MST_OK;
}

/* The slowest rank, and how much longer than the fastest it takes. */
static mst_status find_slowest(mst_team *team, double own, mst_bench_row *row) {
  int64_t *all = NULL, p = mst_team_size(team);
  MST_TRY(mst_team_agree(team, mst_alloc(&all, p, sizeof *all, "the ranks' times")));
  mst_status st = mst_gather_i64(team, (int64_t)(own * 1e9) + 1, all);
  int64_t least = all[0];
  row->slowest = 0;
  for (int r = 1; r < p && st == MST_OK; r++) {
    if (all[r] > all[row->slowest]) row->slowest = r;
    if (all[r] < least) least = all[r];
  }
  if (st == MST_OK) row->spread = (double)all[row->slowest] / (double)least;
  mst_free(all);
  return st;
}

/* STREAM's rule: memory is measured with arrays of four times the last cache. Where the system does
 * not tell that cache's size nothing is said. */
static bool may_be_cached(int64_t bytes, int ranks) {
#ifdef _SC_LEVEL3_CACHE_SIZE
  return bytes * ranks < 4 * (int64_t)sysconf(_SC_LEVEL3_CACHE_SIZE);
#else
  return (void)bytes, (void)ranks, false;
#endif
}

static mst_status measure(mst_bench *b, const struct machine *m, kernel *k, bool alone) {
  mst_trial trial = {.run = m->run, .context = k};
  mst_pace pace = {
      .seconds = b->seconds, .fewest = 3, .most = REPEATS, .warm = true, .alone = alone};
  mst_measured t;
  MST_TRY(mst_measure(b->team, &trial, 1, &pace, &t));
  MST_TRY(mst_team_bcast(b->team, &k->amount, sizeof k->amount, 0));
  if (k->amount == 0) return MST_OK;
  int p = alone ? 1 : mst_team_size(b->team);
  mst_bench_row row = {.ranks = p,
                       .bytes = m->arrays * (m->flops ? 8 * k->n * k->n : 8 * k->n),
                       .repeats = t.repeats,
                       .seconds = t.seconds,
                       .flops = m->flops,
                       .rate = k->amount * p / t.seconds * 1e-9,
                       .busy = t.busy,
                       .cached = !m->flops && may_be_cached(m->arrays * 8 * k->n, p),
                       .slowest = -1};
  snprintf(row.name, sizeof row.name, "%s_%s", m->name, alone ? "one" : "all");
  if (m->run == multiply_f32) row.bytes /= 2;
  if (!alone) {
    char one[sizeof row.name];
    snprintf(one, sizeof one, "%s_one", m->name);
    row.limit = p * mst_bench_rate(b, one);
    snprintf(row.limit_of, sizeof row.limit_of, "%d times one rank", p);
    MST_TRY(find_slowest(b->team, t.own, &row));
  } else if (m->limit != NULL) {
    row.limit = m->limit_times * mst_bench_rate(b, m->limit);
    snprintf(row.limit_of, sizeof row.limit_of, "%s", m->limit_of);
  }
  if (row.limit == 0) row.limit_of[0] = '\0';
  mst_bench_add(b, &row);
  return MST_OK;
}

mst_status mst_bench_machine(mst_bench *b, const char *name) {
  const struct machine *m = find(name);
  kernel k = {.bench = b, .n = b->size / 8};
  if (m->flops) {
    k.n = (int64_t)sqrt((double)k.n);
    if (k.n > ORDER_MOST) k.n = ORDER_MOST;
    k.amount = m->each * (double)k.n * (double)k.n * (double)k.n;
  } else {
    k.amount = m->each * (double)k.n;
  }
  MST_TRY(m->run == multiply_f32 ? fill_floats(&k) : fill_arrays(&k));
  MST_TRY(measure(b, m, &k, true));
  return mst_team_size(b->team) > 1 ? measure(b, m, &k, false) : MST_OK;
}
