/* A dataset of sparse rows whose every entry follows from its place, for the tests of such files.
 */
#ifndef MST_TESTS_IO_SPARSE_SAMPLE_H
#define MST_TESTS_IO_SPARSE_SAMPLE_H

#include "io/dataset.h"
#include "tests/io/scratch.h"

enum {
  SPARSE_COLUMNS = 40
};

/* Row i has i % 5 entries, of which row 0 and every fifth has none. */
static inline int64_t entries_before(int64_t row) {
  int64_t n = 10 * (row / 5);
  for (int64_t i = row / 5 * 5; i < row; i++) n += i % 5;
  return n;
}
static inline int32_t column_of(int64_t row, int64_t k) {
  return (int32_t)(row % 7 + 8 * k);
}
static inline float value_of(int64_t row, int64_t k) {
  return 0.25f * (float)(row * 5 + k + 1);
}

/* Rows [first, first + count), to be freed. */
static inline mst_sparse_rows sample_rows(int64_t first, int64_t count) {
  mst_sparse_rows s;
  const int64_t before = entries_before(first);
  ck_ok(mst_sparse_rows_create(count, SPARSE_COLUMNS, entries_before(first + count) - before, &s));
  for (int64_t i = 0; i < count; i++) {
    s.start[i] = entries_before(first + i) - before;
    for (int64_t k = 0; k < (first + i) % 5; k++) {
      s.index[s.start[i] + k] = column_of(first + i, k);
      s.value[s.start[i] + k] = value_of(first + i, k);
    }
  }
  s.start[count] = entries_before(first + count) - before;
  return s;
}

static inline mst_dataset_info sparse_info(int64_t rows) {
  return (mst_dataset_info){.rows = rows,
                            .row_dims = 1,
                            .row_size = {SPARSE_COLUMNS},
                            .sparse = true,
                            .entries = entries_before(rows),
                            .has_client = true,
                            .source = "a test"};
}

static inline mst_status write_sparse(mst_dataset_writer *w, int64_t first, int64_t count) {
  static int32_t client[3000];
  mst_sparse_rows s = sample_rows(first, count);
  for (int64_t i = 0; i < count; i++) client[i] = (int32_t)(first + i);
  mst_status st =
      mst_dataset_write(w, first, count, NULL, NULL, NULL, count > 0 ? client : NULL, NULL, NULL);
  if (st == MST_OK) st = mst_dataset_write_sparse(w, first, entries_before(first), &s);
  mst_sparse_rows_free(&s);
  return st;
}

/* A file of n rows, of which ranks write unequal parts, in two calls. */
static inline void write_sparse_file(const char *path, int64_t n, int deflate) {
  const mst_dataset_info info = sparse_info(n);
  const mst_dataset_options options = {.deflate = deflate};
  const int64_t half = n / 3;
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, &options, &w));
  ck_ok(write_sparse(w, half * rank / size, half * (rank + 1) / size - half * rank / size));
  const int64_t left = n - half, from = left * rank * (rank + 1) / ((int64_t)size * (size + 1));
  const int64_t to = left * (rank + 1) * (rank + 2) / ((int64_t)size * (size + 1));
  ck_ok(write_sparse(w, half + from, to - from));
  ck_ok(mst_dataset_commit(w));
}

#endif
