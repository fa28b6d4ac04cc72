/* Matrices for the tests of linear algebra: normal entries, and Gram matrices of such rows. */
#ifndef MST_TESTS_CORE_RANDOM_MATRIX_H
#define MST_TESTS_CORE_RANDOM_MATRIX_H

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "tests/harness.h"

static inline double *random_matrix(int64_t rows, int64_t columns, uint64_t client) {
  mst_stream s = mst_stream_of(mst_key_make(2, MST_PURPOSE_TEST, client, 0));
  double *a;
  ck_ok(mst_alloc(&a, rows * columns, sizeof *a, "random matrix"));
  for (int64_t i = 0; i < rows * columns; i++) a[i] = mst_stream_normal(&s);
  return a;
}

/* X'X of k random rows, full; definite when k >= n. */
static inline double *random_gram(int64_t n, int64_t k, uint64_t client) {
  double *x = random_matrix(k, n, client), *a;
  ck_ok(mst_alloc(&a, n * n, sizeof *a, "Gram matrix"));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      for (int64_t r = 0; r < k; r++) a[i * n + j] += x[r * n + i] * x[r * n + j];
  mst_free(x);
  return a;
}

#endif
