/* Row-major matrices of float64 and float32 that own their memory, and views of their rows.
 *
 * Every row begins on a cache line: the row stride is the number of columns rounded up to whole
 * lines, and what lies between is zero. An aligned vector needs no type of its own: it is what
 * mst_alloc gives. */
#ifndef MST_CORE_BASE_MATRIX_H
#define MST_CORE_BASE_MATRIX_H

#include <stdint.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/status.h"

typedef struct mst_matrix {
  int64_t rows, cols;
  int64_t stride; /* elements from one row to the next, at least cols */
  double *a;      /* (rows, stride)                                   */
} mst_matrix;

typedef struct mst_matrix_f32 {
  int64_t rows, cols, stride;
  float *a;
} mst_matrix_f32;

/** The row stride of a created matrix: cols, at least 1, rounded up to whole cache lines of float64
 *  (or float32). Local. */
static inline int64_t mst_matrix_stride(int64_t cols) {
  const int64_t line = MST_ALIGNMENT / (int64_t)sizeof(double);
  return mst_most(mst_ceil_div(cols, line), 1) * line;
}
static inline int64_t mst_matrix_stride_f32(int64_t cols) {
  const int64_t line = MST_ALIGNMENT / (int64_t)sizeof(float);
  return mst_most(mst_ceil_div(cols, line), 1) * line;
}

/** A zero matrix of rows x cols; `what` names it in the error text. Free with mst_matrix_free.
 *  \return MST_OK, MST_ERR_INPUT (a negative size, or more than can be addressed) or
 *          MST_ERR_MEMORY; on an error out is an empty matrix. Local. */
mst_status mst_matrix_create(int64_t rows, int64_t cols, const char *what,
                             mst_matrix *out) MST_CHECKED;
mst_status mst_matrix_create_f32(int64_t rows, int64_t cols, const char *what,
                                 mst_matrix_f32 *out) MST_CHECKED;

/** Free a created matrix, which is empty afterwards; an empty one is allowed, a view is not.
 *  Local. */
void mst_matrix_free(mst_matrix *m);
void mst_matrix_free_f32(mst_matrix_f32 *m);

/** Row i, (cols) elements. Local. */
static inline double *mst_matrix_row(const mst_matrix *m, int64_t i) {
  return m->a + i * m->stride;
}
static inline float *mst_matrix_row_f32(const mst_matrix_f32 *m, int64_t i) {
  return m->a + i * m->stride;
}

/** A view of rows [first, first + count), which must lie in the matrix: it shares the memory, is
 *  valid as long as this, and is not freed. Local. */
static inline mst_matrix mst_matrix_rows(const mst_matrix *m, int64_t first, int64_t count) {
  return (mst_matrix){count, m->cols, m->stride, mst_matrix_row(m, first)};
}
static inline mst_matrix_f32 mst_matrix_rows_f32(const mst_matrix_f32 *m, int64_t first,
                                                 int64_t count) {
  return (mst_matrix_f32){count, m->cols, m->stride, mst_matrix_row_f32(m, first)};
}

/** Copy a to out, which has its shape. Local. */
void mst_matrix_copy(const mst_matrix *a, mst_matrix *out);

/** A contiguous array a(rows, cols) as a matrix: a view too. Local. */
static inline mst_matrix mst_matrix_view(int64_t rows, int64_t cols, double *a) {
  return (mst_matrix){rows, cols, cols, a};
}

#endif
