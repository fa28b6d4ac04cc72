/* The first pass: everything that rules and mixers look at, from one walk over all columns. Terms
 * of blocks are summed exactly (robust_sums.h), so that no bit depends on which rank had which
 * block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/robust_internal.h"
#include "parallel/robust_sums.h"

#define LINE 64 /* bytes that a processor brings at once */

typedef struct measure {
  mst_robust *r;
  bool all;                          /* distances of all points, not those to the hubs alone */
  int64_t hub[MST_ROBUST_EXTRA + 1]; /* points that distances are taken to                   */
  int64_t hubs;
  int64_t samples;          /* of columns                                            */
  double *term;             /* (points, points) of a block                           */
  bool spoiled;             /* by one that is not finite                             */
  mst_robust_sums distance; /* of all pairs, or (hubs, points)                       */
  mst_robust_sums product;
  mst_robust_sums *sampled;         /* (samples)                                     */
  int64_t *sampled_columns;         /* (samples) in each                             */
  int64_t *sign;                    /* (n, 2) positive, negative                     */
  char *compact;                    /* (points, MST_RULE_COLUMNS) a sample's entries */
  mst_robust_rows compact_row;      /* (points) where they are                       */
  uint32_t word[MST_RULE_COLUMNS];  /* of the generator, one for each column         */
  int32_t column[MST_RULE_COLUMNS]; /* of a block that are in a sample               */
} measure;

/* Whether rule and mixers look at distances to the hubs alone, or at none. */
static bool looks_further(const mst_robust *r) {
  if (r->mixers == 0) return r->rule->further != NULL && r->rule->further(&r->spec);
  return r->mixers == 1 && r->rule->weigh == NULL && mst_mixer_find(r->mixer[0].name)->further;
}

static void find_hubs(measure *k) {
  const mst_robust *r = k->r;
  k->all = !looks_further(r);
  if (k->all) return;
  for (int64_t i = r->n; i < r->points; i++) k->hub[k->hubs++] = i;
  if (r->mixers == 0 && mst_robust_has_centre(r->rule)) k->hub[k->hubs++] = r->spec.centre;
}

/* Columns of a block that are in a sample: each by a word of the generator, four to its block. */
static int64_t choose_columns(measure *k, int64_t sample, int64_t first, int64_t m) {
  const mst_rule_spec *s = &k->r->spec;
  mst_key key = mst_key_make(s->seed, MST_PURPOSE_RULE, (uint64_t)(1 + sample), (uint64_t)s->round);
  const uint64_t limit = (uint64_t)ceil(s->fraction * 0x1p32);
  const int64_t half = m / 2;
  int32_t *column = k->column, *rest = column + half;
  int64_t n = 0, more = 0;
  mst_key_blocks(key, (uint64_t)first / 4, mst_ceil_div(m, 4), k->word); /* first % 4 is 0 */
  /* Without a branch, none could be foreseen; two halves, as each column waits for the last. */
  for (int64_t c = 0; c < half; c++) {
    column[n] = (int32_t)c;
    n += k->word[c] < limit;
    rest[more] = (int32_t)(half + c);
    more += k->word[half + c] < limit;
  }
  if (m % 2 != 0) {
    rest[more] = (int32_t)(m - 1);
    more += k->word[m - 1] < limit;
  }
  memmove(column + n, rest, (size_t)more * sizeof *column);
  return n + more;
}

/* The next block of row i is asked for, a part with each sample, while there is work on this one;
 * what is past the end of a row is asked for in vain. */
static inline __attribute__((always_inline)) void ask_ahead(const measure *k,
                                                            const mst_robust_rows *row, int64_t i,
                                                            int64_t sample) {
  const int64_t bytes = MST_RULE_COLUMNS * k->r->element, part = mst_ceil_div(bytes, k->samples);
  const uintptr_t next = (k->r->wide ? (uintptr_t)row->f64[i] : (uintptr_t)row->f32[i]) +
                         (uintptr_t)(bytes + sample * part);
  for (int64_t b = 0; b < part; b += LINE)
    __builtin_prefetch((const void *)(next + (uintptr_t)b), 0, 2);
}

/* to(n) = entries of a row, in fours: single ones would wait for one another's storing. */
#define COMPACT(type, real)                                                                        \
  static void compact_##type(int64_t n, const int32_t *column, const real *from, real to[]) {      \
    int64_t c = 0;                                                                                 \
    for (; c + 4 <= n; c += 4) {                                                                   \
      const int32_t *at = column + c;                                                              \
      const real four __attribute__((vector_size(4 * sizeof(real)))) = {from[at[0]], from[at[1]],  \
                                                                        from[at[2]], from[at[3]]}; \
      memcpy(to + c, &four, sizeof four);                                                          \
    }                                                                                              \
    for (; c < n; c++) to[c] = from[column[c]];                                                    \
  }
COMPACT(f32, float)
COMPACT(f64, double)

static void compact(const measure *k, const mst_robust_rows *row, int64_t i, int64_t n) {
  void *to = k->compact + i * MST_RULE_COLUMNS * k->r->element;
  if (k->r->wide)
    compact_f64(n, k->column, row->f64[i], to);
  else
    compact_f32(n, k->column, row->f32[i], to);
  mst_robust_rows_set(k->r, &k->compact_row, i, to);
}

static void visit_sample(measure *k, int64_t sample, int64_t first, int64_t m,
                         const mst_robust_rows *row) {
  const mst_robust *r = k->r;
  int64_t n = choose_columns(k, sample, first, m);
  k->sampled_columns[sample] += n;
  if (n == 0) return;
  for (int64_t i = 0; i < r->points; i++) {
    compact(k, row, i, n);
    ask_ahead(k, row, i, sample);
  }
  mst_robust_distances(r, r->points, n, &k->compact_row, k->term);
  mst_robust_pairs_add(&k->sampled[sample], r->points, k->term);
}

static double inner(const mst_robust *r, const mst_robust_rows *row, int64_t i, int64_t m) {
  return r->wide ? mst_space_inner_f64(m, row->f64[i], row->f64[r->root])
                 : mst_space_inner_f32(m, row->f32[i], row->f32[r->root]);
}

void mst_robust_count_signs(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                            int64_t *count) {
  for (int64_t i = 0; i < n; i++) {
    int64_t here[2];
    if (r->wide)
      mst_space_signs_f64(m, row->f64[i], here);
    else
      mst_space_signs_f32(m, row->f32[i], here);
    count[2 * i] += here[0];
    count[2 * i + 1] += here[1];
  }
}

mst_status mst_robust_share_signs(const mst_robust *r, int64_t n, int64_t *count, double *sign) {
  MST_TRY(mst_sum_i64(r->team, count, 2 * n));
  for (int64_t i = 0; i < n; i++) {
    int64_t positive = count[2 * i], negative = count[2 * i + 1];
    sign[3 * i] = (double)positive / (double)r->d;
    sign[3 * i + 1] = (double)(r->d - positive - negative) / (double)r->d;
    sign[3 * i + 2] = (double)negative / (double)r->d;
  }
  return MST_OK;
}

/* Whether one point's distances, which tell of all vectors, are finite. */
static bool all_finite(const mst_robust *r, const double *term) {
  for (int64_t j = 0; j < r->points; j++)
    if (!isfinite(term[j])) return false;
  return true;
}

static void visit_pairs(measure *k, int64_t m, const mst_robust_rows *row) {
  const mst_robust *r = k->r;
  mst_robust_distances(r, r->points, m, row, k->term);
  k->spoiled = !all_finite(r, k->term);
  if (!k->spoiled) mst_robust_pairs_add(&k->distance, r->points, k->term);
}

static void visit_hubs(measure *k, int64_t m, const mst_robust_rows *row) {
  const mst_robust *r = k->r;
  for (int64_t h = 0; h < k->hubs && !k->spoiled; h++) {
    mst_robust_away(r, r->points, m, row, k->hub[h], k->term + h * r->points);
    k->spoiled = !all_finite(r, k->term + h * r->points);
  }
  for (int64_t i = 0; i < r->points && k->hubs == 0 && !r->wide; i++)
    k->spoiled = k->spoiled || !mst_space_finite_f32(m, row->f32[i]);
  if (!k->spoiled) mst_robust_sums_add(&k->distance, 0, k->hubs * r->points, k->term);
}

static void visit(void *context, int64_t first, int64_t m, const mst_robust_rows *row, void *out) {
  measure *k = context;
  const mst_robust *r = k->r;
  (void)out;
  if (k->spoiled) return;
  if (k->all)
    visit_pairs(k, m, row);
  else
    visit_hubs(k, m, row);
  if (k->spoiled) return;
  for (int64_t t = 0; t < k->samples; t++) visit_sample(k, t, first, m, row);
  if (k->sign != NULL) mst_robust_count_signs(r, r->n, m, row, k->sign);
  for (int64_t i = 0; i < k->product.n; i++) {
    double term = inner(r, row, i, m);
    mst_robust_sums_add(&k->product, i, 1, &term);
  }
}

static mst_status open_samples(measure *k) {
  mst_robust *r = k->r;
  if ((r->rule->needs & MST_RULE_SAMPLED) == 0) return MST_OK;
  k->samples = r->spec.iterations;
  MST_TRY(mst_alloc(&k->sampled, k->samples, sizeof *k->sampled, "samples of columns"));
  MST_TRY(mst_alloc(&k->sampled_columns, k->samples, sizeof *k->sampled_columns, "samples"));
  for (int64_t t = 0; t < k->samples; t++)
    MST_TRY(mst_robust_pairs_create(r->points, &k->sampled[t]));
  MST_TRY(
      mst_alloc(&k->compact, r->points * MST_RULE_COLUMNS, (size_t)r->element, "sampled columns"));
  MST_TRY(mst_robust_rows_create(r->points, &k->compact_row));
  return mst_alloc(&r->sampled, k->samples * r->points * r->points, sizeof *r->sampled,
                   "distances in samples");
}

static mst_status open_measure(measure *k) {
  mst_robust *r = k->r;
  int64_t p = r->points;
  MST_TRY(mst_alloc(&k->term, p * p, sizeof *k->term, "distances of a block"));
  MST_TRY(mst_alloc(&r->distance, p * p, sizeof *r->distance, "distances"));
  MST_TRY(k->all ? mst_robust_pairs_create(p, &k->distance)
                 : mst_robust_sums_create(k->hubs * p, &k->distance));
  if ((r->rule->needs & MST_RULE_SIGNS) != 0 && r->mixers == 0) {
    MST_TRY(mst_alloc(&k->sign, 2 * r->n, sizeof *k->sign, "signs"));
    MST_TRY(mst_alloc(&r->sign, 3 * r->n, sizeof *r->sign, "signs"));
  }
  if ((r->rule->needs & MST_RULE_PRODUCTS) != 0) {
    MST_TRY(mst_robust_sums_create(p, &k->product));
    MST_TRY(mst_alloc(&r->product, p, sizeof *r->product, "inner products"));
  }
  return open_samples(k);
}

static void close_measure(measure *k) {
  mst_free(k->term);
  mst_robust_sums_free(&k->distance);
  mst_robust_sums_free(&k->product);
  for (int64_t t = 0; k->sampled != NULL && t < k->samples; t++)
    mst_robust_sums_free(&k->sampled[t]);
  mst_free(k->sampled);
  mst_free(k->sampled_columns);
  mst_free(k->sign);
  mst_free(k->compact);
  mst_robust_rows_free(&k->compact_row);
}

/* Distances of the vectors vector(used), which are in order, by themselves. */
typedef struct few {
  const mst_robust *r;
  int64_t used;
  double *term; /* (used, used) of a block */
  mst_robust_sums sum;
} few;

static void visit_few(void *context, int64_t first, int64_t m, const mst_robust_rows *row,
                      void *out) {
  few *f = context;
  (void)first;
  (void)out;
  mst_robust_distances(f->r, f->used, m, row, f->term);
  mst_robust_pairs_add(&f->sum, f->used, f->term);
}

static mst_status measure_few(mst_robust *r, int64_t used, const int64_t *vector) {
  few f = {.r = r, .used = used};
  mst_status st = mst_alloc(&f.term, used * used, sizeof *f.term, "distances of a block");
  if (st == MST_OK) st = mst_robust_pairs_create(used, &f.sum);
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_robust_walk(r, used, vector, visit_few, &f, NULL);
  if (st == MST_OK) st = mst_robust_pairs_total(r->team, &f.sum, used, f.term);
  for (int64_t i = 0; i < used && st == MST_OK; i++)
    for (int64_t j = 0; j < used; j++)
      if (i != j) r->distance[vector[i] * r->points + vector[j]] = f.term[i * used + j];
  mst_robust_sums_free(&f.sum);
  mst_free(f.term);
  return st;
}

typedef struct placed {
  const double *distance; /* (hubs) */
  int64_t hubs, vector;
} placed;

static int compare_placed(const void *a, const void *b) {
  const placed *x = a, *y = b;
  for (int64_t h = 0; h < x->hubs; h++)
    if (x->distance[h] != y->distance[h]) return x->distance[h] < y->distance[h] ? -1 : 1;
  return 0;
}

/* vector(*used) = those that are as far from every hub as another one is, in order. The same on
 * every rank. */
static mst_status find_alike(const measure *k, int64_t *vector, int64_t *used) {
  const mst_robust *r = k->r;
  placed *list = NULL;
  bool *alike = NULL;
  mst_status st = mst_alloc(&list, r->n, sizeof *list, "order of vectors");
  if (st == MST_OK) st = mst_alloc(&alike, r->n, sizeof *alike, "order of vectors");
  for (int64_t i = 0; i < r->n && st == MST_OK; i++)
    list[i] = (placed){r->distance + i * r->points + k->hub[0], k->hubs, i};
  if (st == MST_OK) qsort(list, (size_t)r->n, sizeof *list, compare_placed);
  for (int64_t i = 1; i < r->n && st == MST_OK; i++)
    if (compare_placed(&list[i - 1], &list[i]) == 0)
      alike[list[i - 1].vector] = alike[list[i].vector] = true;
  for (int64_t i = 0; i < r->n && st == MST_OK; i++)
    if (alike[i]) vector[(*used)++] = i;
  mst_free(list);
  mst_free(alike);
  return st;
}

/* Distances to the hubs put the vectors in order; those that they do not tell apart are compared
 * with each other. Hubs are further points here, which follow each other. */
static mst_status tell_apart(measure *k) {
  mst_robust *r = k->r;
  int64_t *vector = NULL, used = 0;
  if (k->hubs == 0 || mst_robust_is_ordered(r)) return MST_OK;
  mst_status st = mst_alloc(&vector, r->n, sizeof *vector, "order of vectors");
  if (st == MST_OK) st = find_alike(k, vector, &used);
  st = mst_team_agree(r->team, st);
  if (st == MST_OK && used > 0) st = measure_few(r, used, vector);
  mst_free(vector);
  return st;
}

static mst_status total_hubs(measure *k) {
  mst_robust *r = k->r;
  const int64_t p = r->points;
  double *away = NULL;
  mst_status st = mst_alloc(&away, k->hubs * p, sizeof *away, "distances");
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_robust_sums_total(r->team, &k->distance, away);
  for (int64_t h = 0; h < k->hubs && st == MST_OK; h++)
    for (int64_t i = 0; i < p; i++)
      r->distance[k->hub[h] * p + i] = r->distance[i * p + k->hub[h]] = away[h * p + i];
  mst_free(away);
  return st == MST_OK ? tell_apart(k) : st;
}

/* Samples of a rule that looks at nothing else stand for the distances, by which the vectors are
 * put in order. A sample without columns, which happens where there are few, is all of them. */
static mst_status total_samples(measure *k, const int64_t *every) {
  mst_robust *r = k->r;
  const int64_t square = r->points * r->points;
  bool lacks = false;
  MST_TRY(mst_sum_i64(r->team, k->sampled_columns, k->samples));
  for (int64_t t = 0; t < k->samples; t++) {
    MST_TRY(mst_robust_pairs_total(r->team, &k->sampled[t], r->points, r->sampled + t * square));
    lacks = lacks || k->sampled_columns[t] == 0;
  }
  if (!k->all && lacks) MST_TRY(measure_few(r, r->points, every));
  for (int64_t t = 0; t < k->samples; t++) {
    double *to = r->sampled + t * square;
    if (k->sampled_columns[t] == 0) memcpy(to, r->distance, (size_t)square * sizeof *to);
    for (int64_t i = 0; i < square && !k->all && !lacks; i++) r->distance[i] += to[i];
  }
  return MST_OK;
}

static mst_status total(measure *k, const int64_t *every) {
  mst_robust *r = k->r;
  if (k->all)
    MST_TRY(mst_robust_pairs_total(r->team, &k->distance, r->points, r->distance));
  else
    MST_TRY(total_hubs(k));
  if (k->samples > 0) MST_TRY(total_samples(k, every));
  if (k->sign != NULL) MST_TRY(mst_robust_share_signs(r, r->n, k->sign, r->sign));
  return r->product != NULL ? mst_robust_sums_total(r->team, &k->product, r->product) : MST_OK;
}

mst_status mst_robust_measure(mst_robust *r) {
  measure *k = NULL;
  int64_t *every = NULL;
  mst_status st = mst_alloc(&k, 1, sizeof *k, "measures of vectors");
  if (st == MST_OK) st = mst_alloc(&every, r->points, sizeof *every, "points");
  if (st == MST_OK) {
    k->r = r;
    find_hubs(k);
    st = open_measure(k);
    for (int64_t i = 0; i < r->points; i++) every[i] = i;
  }
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_robust_walk(r, r->points, every, visit, k, NULL);
  if (st == MST_OK) st = mst_team_any(r->team, k->spoiled, &r->spoiled);
  if (st == MST_OK && !r->spoiled) st = total(k, every);
  if (k != NULL) close_measure(k);
  mst_free(k);
  mst_free(every);
  return st;
}
