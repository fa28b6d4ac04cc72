/* Coordinated samples: rows are measured, kept, and found again in another sample. */
#include "core/sketch/sample.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

double mst_sample_measure(int64_t d, const double *x, int64_t *entries) {
  double square = 0;
  *entries = 0;
  for (int64_t j = 0; j < d; j++) {
    square += x[j] * x[j];
    *entries += x[j] != 0;
  }
  return square;
}

bool mst_sample_keeps(const mst_sketch_spec *s, double level, int64_t row, double square) {
  return square > 0 && mst_sketch_hash(s, row) / square < level;
}

mst_status mst_sample_create(double level, int64_t rows, int64_t d, int64_t entries,
                             mst_sample *out) {
  *out = (mst_sample){.level = level};
  MST_TRY(mst_alloc(&out->row, rows, sizeof *out->row, "numbers of sampled rows"));
  MST_TRY(mst_alloc(&out->square, rows, sizeof *out->square, "norms of sampled rows"));
  return mst_sparse_rows_create(rows, d, entries, &out->rows);
}

void mst_sample_free(mst_sample *s) {
  mst_free(s->row);
  mst_free(s->square);
  mst_sparse_rows_free(&s->rows);
  *s = (mst_sample){0};
}

void mst_sample_add(mst_sample *s, int64_t row, double square, const double *x) {
  mst_sparse_rows *r = &s->rows;
  const int64_t i = s->kept++, first = r->start[i];
  int64_t end = first;
  s->row[i] = row;
  s->square[i] = square;
  for (int64_t j = 0; j < r->columns; j++)
    if (x[j] != 0) {
      r->index[end] = (int32_t)j;
      r->value[end++] = (float)x[j];
    }
  r->start[i + 1] = end;
  s->numbers += 1 + mst_least(2 * (end - first), r->columns);
}

bool mst_sample_next(const mst_sample *a, const mst_sample *b, mst_sample_pair *pair) {
  int64_t i = pair->next_a, j = pair->next_b;
  while (i < a->kept && j < b->kept && a->row[i] != b->row[j])
    if (a->row[i] < b->row[j])
      i++;
    else
      j++;
  const bool found = i < a->kept && j < b->kept;
  *pair = (mst_sample_pair){.a = i, .b = j, .next_a = i + found, .next_b = j + found};
  if (found) pair->chance = fmin(1, fmin(a->level * a->square[i], b->level * b->square[j]));
  return found;
}
