/* Matrices for the tests of the tiled algebra: keyed random ones, in full on every rank, and every
 * process grid that the ranks allow. */
#ifndef MST_TESTS_PARALLEL_MATRICES_H
#define MST_TESTS_PARALLEL_MATRICES_H

#include <math.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "parallel/tiles.h"

static mst_team *all, *alone; /* every rank, and this rank by itself */

static void teams_open(void) {
  mst_blas_init();
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &all));
  ck_ok(mst_team_create(MPI_COMM_SELF, NULL, &alone));
}

static void teams_close(void) {
  mst_team_destroy(alone);
  mst_team_destroy(all);
}

static inline int rank_of_all(void) {
  return mst_team_rank(all);
}

/* What rank 0 found, on every rank: a check that fails on one rank alone would leave the others
 * waiting for it. */
static inline double as_on_rank_0(double value) {
  ck_ok(mst_team_bcast(all, &value, sizeof value, 0));
  return value;
}

/* The grid with the first row count above `rows` that divides the ranks, or NULL when none is
 * left: all grids, from 0. */
static inline mst_grid *next_grid(int rows) {
  int p = mst_team_size(all);
  mst_grid *grid = NULL;
  for (rows++; rows <= p && grid == NULL; rows++)
    if (p % rows == 0) ck_ok(mst_grid_create(all, rows, &grid));
  return grid;
}

/* A symmetric positive definite row-major matrix with a condition number of about n: the identity
 * plus a random matrix of low rank, with columns of different scales when `scaled`. */
static inline double *random_spd(int64_t n, bool scaled) {
  const int64_t rank = 24;
  double *a = NULL, *g = NULL;
  ck_ok(mst_alloc(&a, n * n, sizeof *a, "test matrix"));
  ck_ok(mst_alloc(&g, n * rank, sizeof *g, "test factor"));
  mst_stream s = mst_stream_of(mst_key_make(11, MST_PURPOSE_TEST, (uint64_t)n, 0));
  for (int64_t i = 0; i < n * rank; i++) g[i] = mst_stream_normal(&s) / 5.0;
  mst_gemm(false, true, n, n, rank, 1.0, g, rank, g, rank, 0.0, a, n);
  for (int64_t i = 0; i < n; i++) a[i * n + i] += 1.0;
  for (int64_t i = 0; scaled && i < n; i++)
    for (int64_t j = 0; j < n; j++) a[i * n + j] *= ldexp(1.0, (int)(i % 7 + j % 7));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++) a[i * n + j] = a[j * n + i];
  mst_free(g);
  return a;
}

/* Tiles of a full matrix that rank 0 has. */
static inline mst_tiles tiles_of(mst_grid *grid, int64_t n, const double *a) {
  mst_tiles t;
  ck_ok(mst_tiles_create(grid, n, &t));
  ck_ok(mst_tiles_scatter(&t, 0, mst_team_rank(grid->team) == 0 ? a : NULL));
  return t;
}

/* The lower triangle in full on rank 0 (of the grid's team); NULL elsewhere. */
static inline double *full_of(const mst_tiles *t) {
  double *out = NULL;
  if (mst_team_rank(t->grid->team) == 0)
    ck_ok(mst_alloc(&out, t->n * t->n, sizeof *out, "gathered test matrix"));
  ck_ok(mst_tiles_gather(t, 0, out));
  return out;
}

typedef struct fingerprint {
  char hex[MST_DIGEST_HEX];
} fingerprint;

static inline fingerprint fingerprint_of(const double *x, int64_t n) {
  fingerprint f;
  mst_digest d;
  mst_digest_start(&d);
  mst_digest_add(&d, x, n * (int64_t)sizeof *x);
  mst_digest_hex(&d, f.hex);
  return f;
}

#endif
