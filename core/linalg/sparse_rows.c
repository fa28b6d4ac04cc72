/* Compressed rows: their memory, what makes them sound, and one of them with its zeros. */
#include "core/linalg/sparse_rows.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

mst_status mst_sparse_rows_create(int64_t rows, int64_t columns, int64_t entries,
                                  mst_sparse_rows *s) {
  *s = (mst_sparse_rows){.rows = rows, .columns = columns};
  MST_TRY(mst_alloc(&s->start, rows + 1, sizeof *s->start, "places of sparse rows"));
  MST_TRY(mst_alloc(&s->index, entries, sizeof *s->index, "columns of sparse rows"));
  return mst_alloc(&s->value, entries, sizeof *s->value, "values of sparse rows");
}

void mst_sparse_rows_free(mst_sparse_rows *s) {
  mst_free(s->start);
  mst_free(s->index);
  mst_free(s->value);
  *s = (mst_sparse_rows){0};
}

int64_t mst_sparse_rows_bytes(int64_t rows, int64_t entries) {
  return (rows + 1) * (int64_t)sizeof(int64_t) +
         entries * (int64_t)(sizeof(int32_t) + sizeof(float));
}

static mst_status check_row(const mst_sparse_rows *s, const char *what, int64_t i, int64_t number) {
  const long long row = number;
  for (int64_t k = s->start[i]; k < s->start[i + 1]; k++) {
    const long long column = s->index[k];
    if (column < 0 || column >= s->columns)
      return mst_fail(MST_ERR_FORMAT,
                      "%s: row %lld has an entry in column %lld; they are 0 to %lld", what, row,
                      column, (long long)s->columns - 1);
    if (k > s->start[i] && s->index[k - 1] == s->index[k])
      return mst_fail(MST_ERR_FORMAT, "%s: row %lld has two entries in column %lld", what, row,
                      column);
    if (k > s->start[i] && s->index[k - 1] > s->index[k])
      return mst_fail(MST_ERR_FORMAT,
                      "%s: row %lld has column %lld behind column %lld; columns must increase",
                      what, row, column, (long long)s->index[k - 1]);
    if (!isfinite(s->value[k]))
      return mst_fail(MST_ERR_NONFINITE,
                      "%s: row %lld, column %lld is %g; finite numbers are needed", what, row,
                      column, (double)s->value[k]);
  }
  return MST_OK;
}

mst_status mst_sparse_rows_check(const mst_sparse_rows *s, const char *what, int64_t first) {
  for (int64_t i = 0; i < s->rows; i++) MST_TRY(check_row(s, what, i, first + i));
  return MST_OK;
}

void mst_sparse_rows_whole(const mst_sparse_rows *s, int64_t i, float *x) {
  memset(x, 0, (size_t)s->columns * sizeof *x);
  for (int64_t k = s->start[i]; k < s->start[i + 1]; k++) x[s->index[k]] = s->value[k];
}
