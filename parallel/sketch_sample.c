/* Coordinated samples over ranks: the level of each sample is the same everywhere, every rank keeps
 * its own rows by it, and what the pairs of kept rows add to the estimate is summed exactly.
 * doc/methods/sketch.md, equations (2) to (4). */
#include <math.h>
#include <stdlib.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/sketch/sample.h"
#include "parallel/sketch_internal.h"

typedef struct sampling {
  mst_sketching *s;
  mst_sample sample[2];
} sampling;

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Scores of this rank's rows that are not all zeros, ascending. */
static mst_status own_scores(const mst_sketching *s, const mst_sketch_part *part, double **out,
                             int64_t *n) {
  MST_TRY(mst_alloc(out, s->roster->count, sizeof **out, "scores of rows"));
  *n = 0;
  for (int64_t i = 0; i < s->roster->count; i++)
    if (part->square[i] > 0)
      (*out)[(*n)++] =
          mst_sketch_hash(&s->options->spec, mst_sketching_row(s, s->roster->first + i)) /
          part->square[i];
  if (*n > 0) qsort(*out, (size_t)*n, sizeof **out, ascending);
  return MST_OK;
}

/* The `most` least scores of all ranks' rows, or all there are. Collective. */
static mst_status least_scores(const mst_sketching *s, const mst_sketch_part *part, int64_t most,
                               double **out, int64_t *n) {
  const int p = mst_team_size(s->team);
  double *own = NULL;
  int64_t *bytes = NULL, mine = 0, total = 0;
  mst_status st = own_scores(s, part, &own, &mine);
  if (st == MST_OK) st = mst_alloc(&bytes, p, sizeof *bytes, "sizes of scores");
  st = mst_team_agree(s->team, st);
  mine = mst_least(mine, most);
  if (st == MST_OK) st = mst_gather_i64(s->team, mine * (int64_t)sizeof **out, bytes);
  for (int r = 0; st == MST_OK && r < p; r++) total += bytes[r] / (int64_t)sizeof **out;
  if (st == MST_OK) st = mst_team_agree(s->team, mst_alloc(out, total, sizeof **out, "scores"));
  if (st == MST_OK) st = mst_gather_all(s->team, own, bytes, *out);
  if (st == MST_OK) qsort(*out, (size_t)total, sizeof **out, ascending);
  *n = mst_least(total, most);
  mst_free(bytes);
  mst_free(own);
  return st;
}

static mst_status find_level(const mst_sketching *s, const mst_sketch_part *part, double *level) {
  const mst_sketch_spec *spec = &s->options->spec;
  const int64_t most = s->ops->scores(spec);
  double *least = NULL;
  int64_t n = 0;
  mst_status st = most > 0 ? least_scores(s, part, most, &least, &n) : MST_OK;
  if (st == MST_OK) *level = s->ops->level(spec, part->squares, n, least);
  mst_free(least);
  return st;
}

/* Room for what this rank keeps. */
static mst_status create_sample(const mst_sketching *s, const mst_sketch_part *part, double level,
                                mst_sample *out) {
  int64_t rows = 0, entries = 0;
  for (int64_t i = 0; i < s->roster->count; i++)
    if (mst_sample_keeps(&s->options->spec, level, mst_sketching_row(s, s->roster->first + i),
                         part->square[i])) {
      rows++;
      entries += part->entries[i];
    }
  return mst_sample_create(level, rows, part->width, entries, out);
}

static void add_rows(void *context, int64_t place, int64_t rows, const double *x) {
  sampling *w = context;
  const mst_sketching *s = w->s;
  for (int p = 0; p < s->parts; p++)
    for (int64_t i = 0; i < rows; i++) {
      const double square = s->part[p].square[place - s->roster->first + i];
      const int64_t row = mst_sketching_row(s, place + i);
      if (mst_sample_keeps(&s->options->spec, w->sample[p].level, row, square))
        mst_sample_add(&w->sample[p], row, square, x + i * s->walk.d + s->part[p].first);
    }
}

static mst_status take_samples(sampling *w) {
  mst_sketching *s = w->s;
  for (int p = 0; p < s->parts; p++) {
    double level = 0;
    MST_TRY(find_level(s, &s->part[p], &level));
    MST_TRY(mst_team_agree(s->team, create_sample(s, &s->part[p], level, &w->sample[p])));
  }
  return mst_row_walk_on(&s->walk, "sample", add_rows, w);
}

/* How many rows are in both samples, and a bound of every sum of what they add. Collective. */
static mst_status bound_pairs(const sampling *w, int64_t *pairs, double *bound) {
  const mst_sample *a = &w->sample[0], *b = &w->sample[w->s->parts - 1];
  mst_sample_pair at = {0};
  *pairs = 0;
  *bound = 0;
  for (; mst_sample_next(a, b, &at); ++*pairs)
    *bound = fmax(*bound, sqrt(a->square[at.a] * b->square[at.b]) / at.chance);
  MST_TRY(mst_sum_i64(w->s->team, pairs, 1));
  MST_TRY(mst_max_f64(w->s->team, bound, 1));
  *bound *= (double)*pairs;
  return MST_OK;
}

/* A_i' B_i / chance of every pair. Equation (4). */
static void add_pairs(const sampling *w, float *whole, mst_block_sums *sums) {
  const mst_sample *a = &w->sample[0], *b = &w->sample[w->s->parts - 1];
  const int64_t m = b->rows.columns;
  mst_sample_pair at = {0};
  while (mst_sample_next(a, b, &at)) {
    mst_sparse_rows_whole(&b->rows, at.b, whole);
    for (int64_t e = a->rows.start[at.a]; e < a->rows.start[at.a + 1]; e++) {
      const int64_t first = a->rows.index[e] * m;
      const double x = (double)a->rows.value[e] / at.chance;
      for (int64_t j = 0; j < m; j++) sums->block[first + j] = x * (double)whole[j];
      mst_block_sums_add_at(sums, first, m);
    }
  }
}

static mst_status sum_pairs(const sampling *w, mst_sketch_result *out) {
  mst_team *team = w->s->team;
  const int64_t m = w->s->part[w->s->parts - 1].width;
  mst_block_sums sums = {0};
  float *whole = NULL;
  double bound = 0;
  MST_TRY(bound_pairs(w, &out->sampled_both, &bound));
  if (out->sampled_both == 0) return MST_OK;
  mst_status st = mst_block_sums_create(out->d * m, bound, &sums);
  if (st == MST_OK) st = mst_alloc(&whole, m, sizeof *whole, "a sampled row");
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    add_pairs(w, whole, &sums);
    st = mst_block_sums_end(team, &sums);
  }
  for (int64_t i = 0; st == MST_OK && i < out->d * m; i++) out->product[i] = sums.block[i];
  mst_free(whole);
  mst_block_sums_free(&sums);
  return st;
}

mst_status mst_sketching_sampled(mst_sketching *s, mst_sketch_result *out) {
  sampling w = {.s = s};
  mst_status st = take_samples(&w);
  if (st == MST_OK) st = sum_pairs(&w, out);
  int64_t count[] = {w.sample[0].kept, w.sample[1].kept, w.sample[0].numbers, w.sample[1].numbers};
  if (st == MST_OK) st = mst_sum_i64(s->team, count, 4);
  if (st == MST_OK) {
    const bool apart = s->parts == 2;
    out->sampled_a = count[0];
    out->sampled_b = count[apart];
    out->numbers_a = count[2] + 1; /* the level */
    out->numbers_b = apart ? count[3] + 1 : 0;
  }
  for (int p = 0; p < 2; p++) mst_sample_free(&w.sample[p]);
  return st;
}
