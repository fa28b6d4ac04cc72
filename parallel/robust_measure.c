/* The first pass: everything that rules and mixers look at, from one walk over all columns. Terms
 * of blocks are summed exactly (robust_sums.h), so that no bit depends on which rank had which
 * block. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/robust_internal.h"
#include "parallel/robust_sums.h"

typedef struct measure {
  mst_robust *r;
  int64_t samples; /* of columns                  */
  double *term;    /* (points, points) of a block */
  bool spoiled;    /* by one that is not finite   */
  mst_robust_sums distance, product;
  mst_robust_sums *sampled;         /* (samples)                                     */
  int64_t *sampled_columns;         /* (samples) in each                             */
  int64_t *sign;                    /* (n, 2) positive, negative                     */
  char *compact;                    /* (points, MST_RULE_COLUMNS) a sample's entries */
  mst_robust_rows compact_row;      /* (points) where they are                       */
  int64_t column[MST_RULE_COLUMNS]; /* of a block that are in a sample               */
} measure;

/* Columns of a block that are in a sample: each by a word of the generator, four to its block. */
static int64_t choose_columns(const mst_rule_spec *s, int64_t sample, int64_t first, int64_t m,
                              int64_t *column) {
  mst_key key = mst_key_make(s->seed, MST_PURPOSE_RULE, (uint64_t)(1 + sample), (uint64_t)s->round);
  const double limit = s->fraction * 0x1p32;
  uint32_t word[4] = {0};
  int64_t n = 0;
  for (int64_t c = 0; c < m; c++) { /* blocks begin at multiples of four */
    if (c % 4 == 0) mst_key_block(key, (uint64_t)((first + c) / 4), word);
    if ((double)word[c % 4] < limit) column[n++] = c;
  }
  return n;
}

static void compact(const measure *k, const mst_robust_rows *row, int64_t i, int64_t n) {
  void *to = k->compact + i * MST_RULE_COLUMNS * k->r->element;
  float *f32 = to;
  double *f64 = to;
  if (k->r->wide)
    for (int64_t c = 0; c < n; c++) f64[c] = row->f64[i][k->column[c]];
  else
    for (int64_t c = 0; c < n; c++) f32[c] = row->f32[i][k->column[c]];
  mst_robust_rows_set(k->r, &k->compact_row, i, to);
}

static void visit_sample(measure *k, int64_t sample, int64_t first, int64_t m,
                         const mst_robust_rows *row) {
  const mst_robust *r = k->r;
  int64_t n = choose_columns(&r->spec, sample, first, m, k->column);
  k->sampled_columns[sample] += n;
  if (n == 0) return;
  for (int64_t i = 0; i < r->points; i++) compact(k, row, i, n);
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

static void visit(void *context, int64_t first, int64_t m, const mst_robust_rows *row, void *out) {
  measure *k = context;
  const mst_robust *r = k->r;
  (void)out;
  if (k->spoiled) return;
  mst_robust_distances(r, r->points, m, row, k->term);
  /* The first vector's tell of all of them. */
  for (int64_t j = 1; j < r->points; j++) k->spoiled = k->spoiled || !isfinite(k->term[j]);
  if (k->spoiled) return;
  mst_robust_pairs_add(&k->distance, r->points, k->term);
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
  MST_TRY(mst_robust_pairs_create(p, &k->distance));
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

/* A sample without columns, which happens where there are few, is all of them. */
static mst_status total_samples(measure *k) {
  mst_robust *r = k->r;
  int64_t square = r->points * r->points;
  MST_TRY(mst_sum_i64(r->team, k->sampled_columns, k->samples));
  for (int64_t t = 0; t < k->samples; t++) {
    double *to = r->sampled + t * square;
    MST_TRY(mst_robust_pairs_total(r->team, &k->sampled[t], r->points, to));
    if (k->sampled_columns[t] == 0) memcpy(to, r->distance, (size_t)square * sizeof *to);
  }
  return MST_OK;
}

static mst_status total(measure *k) {
  mst_robust *r = k->r;
  MST_TRY(mst_robust_pairs_total(r->team, &k->distance, r->points, r->distance));
  if (k->samples > 0) MST_TRY(total_samples(k));
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
    st = open_measure(k);
    for (int64_t i = 0; i < r->points; i++) every[i] = i;
  }
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_robust_walk(r, r->points, every, visit, k, NULL);
  if (st == MST_OK) st = mst_team_any(r->team, k->spoiled, &r->spoiled);
  if (st == MST_OK && !r->spoiled) st = total(k);
  if (k != NULL) close_measure(k);
  mst_free(k);
  mst_free(every);
  return st;
}
