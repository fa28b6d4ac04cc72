/* What tests of robust aggregation share: a team of all ranks and one of this rank alone, vectors
 * that every rank can make, spread over ranks as unevenly as can be, and a call on either team. */
#ifndef MST_TESTS_PARALLEL_ROBUST_ROWS_H
#define MST_TESTS_PARALLEL_ROBUST_ROWS_H

#include "comm/sum.h"
#include "parallel/robust.h"
#include "tests/core/robust_vectors.h"

static mst_team *all, *alone;

static void teams_open(void) {
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
}

static void teams_close(void) {
  mst_team_destroy(alone);
  mst_team_destroy(all);
}

/* n vectors, of which a rank has a part. Every rank has all, to compare with. */
typedef struct rows {
  int64_t n, d;
  bool wide;
  double *f64;           /* (n, d) */
  float *f32;            /* likewise */
  double *weight, *loss; /* (n) or NULL */
  void *previous, *root; /* (d) or NULL */
} rows;

static inline rows rows_make(int64_t n, int64_t d, bool wide) {
  rows x = {.n = n, .d = d, .wide = wide};
  ck_ok(mst_alloc(&x.f64, n * d, sizeof *x.f64, "test"));
  ck_ok(mst_alloc(&x.f32, n * d, sizeof *x.f32, "test"));
  return x;
}

static inline void rows_free(rows *x) {
  mst_free(x->f64);
  mst_free(x->f32);
  mst_free(x->weight);
  mst_free(x->loss);
  mst_free(x->previous);
  mst_free(x->root);
}

/* Set an entry, in both types, to a number that both can hold. */
static inline void rows_set(rows *x, int64_t i, int64_t c, double value) {
  x->f32[i * x->d + c] = (float)value;
  x->f64[i * x->d + c] = x->wide ? value : (double)x->f32[i * x->d + c];
}

/* A common vector and noise; the last `hostile` vectors are minus the common one, and longer. */
static inline rows rows_noisy(int64_t n, int64_t d, bool wide, int64_t hostile) {
  rows x = rows_make(n, d, wide);
  for (int64_t i = 0; i < n; i++) {
    mst_stream common = draws(0, 77), own = draws(i + 1, 77);
    for (int64_t c = 0; c < d; c++) {
      double base = mst_stream_normal(&common), noise = mst_stream_normal(&own);
      rows_set(&x, i, c, i < n - hostile ? base + 0.5 * noise : -1.5 * base + 0.1 * noise);
    }
  }
  return x;
}

/* How many of n vectors rank r of p has: a few, of three ranks or more rank 1 none, the last the
 * rest. */
static inline int64_t part_of(int64_t n, int r, int p) {
  int64_t few = n / (2 * p);
  if (r == p - 1) return n - few * (p > 2 ? p - 2 : p - 1);
  return p > 2 && r == 1 ? 0 : few;
}

static inline void *vector_of(const rows *x, double scale, int key) {
  void *to = NULL;
  mst_stream s = draws(key, 78), common = draws(0, 77);
  ck_ok(mst_alloc(&to, x->d, sizeof(double), "test"));
  for (int64_t c = 0; c < x->d; c++) {
    double value = scale * mst_stream_normal(&common) + 0.1 * mst_stream_normal(&s);
    if (x->wide)
      ((double *)to)[c] = value;
    else
      ((float *)to)[c] = (float)value;
  }
  return to;
}

/* What the rule needs besides vectors. */
static inline void rows_give(rows *x, int needs) {
  if ((needs & MST_RULE_ROOT) != 0) x->root = vector_of(x, 1, 1);
  if ((needs & MST_RULE_PREVIOUS) != 0) x->previous = vector_of(x, 0.9, 2);
  if ((needs & MST_RULE_LOSSES) == 0) return;
  ck_ok(mst_alloc(&x->loss, x->n, sizeof *x->loss, "test"));
  for (int64_t i = 0; i < x->n; i++) x->loss[i] = (double)((5 * i) % x->n) - 0.25 * (double)x->n;
}

/* The rule on a team; the result, (d) of the vectors' type, is to be freed. Mixers and bucket bytes
 * come from options, all else from x. */
static inline mst_status rows_try(mst_team *team, const rows *x, const mst_rule_spec *rule,
                                  mst_robust_options o, void *out, mst_robust_report *report) {
  int64_t first = 0;
  int p = mst_team_size(team), rank = mst_team_rank(team);
  for (int r = 0; r < rank; r++) first += part_of(x->n, r, p);
  o.previous = x->previous;
  o.root = x->root;
  if (x->weight != NULL) o.weight = x->weight + first;
  if (x->loss != NULL) o.loss = x->loss + first;
  int64_t mine = part_of(x->n, rank, p);
  return x->wide ? mst_aggregate_f64(team, rule, &o, mine, x->d, x->f64 + first * x->d, out, report)
                 : mst_aggregate(team, rule, &o, mine, x->d, x->f32 + first * x->d, out, report);
}

static inline void *rows_aggregate(mst_team *team, const rows *x, const mst_rule_spec *rule,
                                   mst_robust_options o, mst_robust_report *report) {
  void *out = NULL;
  ck_ok(mst_alloc(&out, x->d, sizeof(double), "test"));
  ck_ok(rows_try(team, x, rule, o, out, report));
  return out;
}

static inline size_t vector_bytes(const rows *x) {
  return (size_t)x->d * (x->wide ? sizeof(double) : sizeof(float));
}

static inline double entry_of(const rows *x, const void *vector, int64_t c) {
  return x->wide ? ((const double *)vector)[c] : (double)((const float *)vector)[c];
}

#endif
