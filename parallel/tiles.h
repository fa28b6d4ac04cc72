/* Tiled matrices: a symmetric d x d matrix in 2-D block-cyclic layout over a process grid.
 *
 * The layout is ScaLAPACK's (column-major local arrays, square blocks of MST_TILE), so one matrix
 * serves both our tile algorithms, whose bits do not depend on the grid, and ScaLAPACK's own
 * (`reduce: fast`). Tile (i, j) lives on process row i % P, process column j % Q. Only the lower
 * triangle (tiles i >= j, and in diagonal tiles the lower half) is defined. */
#ifndef MST_PARALLEL_TILES_H
#define MST_PARALLEL_TILES_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/arithmetic.h"
#include "core/base/status.h"

#define MST_TILE 256 /* rows and columns of a tile; part of the same-bits contract */

/* The process grid: P x Q = team size, as square as possible with P <= Q, rank = prow * Q + pcol
 * (row-major, as BLACS "Row"). */
typedef struct mst_grid {
  mst_team *team;
  int rows, cols; /* P, Q           */
  int row, col;   /* this process   */
  MPI_Comm row_comm, col_comm; /* ranks of my process row (ordered by column) and column */
} mst_grid;

/** P and Q for that many ranks: P is the largest divisor that is at most the square root. Local. */
void mst_grid_shape(int ranks, int *rows, int *cols);

/** The grid with its communicators, whose traffic is counted in the team's meter. grid_rows = 0
 *  chooses as mst_grid_shape does; otherwise it must divide the team's size and agree on all ranks.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY or MST_ERR_COMM. Collective on team. */
mst_status mst_grid_create(mst_team *team, int grid_rows, mst_grid **out) MST_CHECKED;
/** NULL is allowed. Collective on the team. */
void mst_grid_destroy(mst_grid *grid);

typedef struct mst_tiles {
  mst_grid *grid;
  int64_t n;           /* order of the matrix (global)             */
  int64_t tiles;       /* ceil(n / MST_TILE)                       */
  int64_t local_rows, local_cols; /* numroc of the layout          */
  int64_t lld;         /* leading dimension: local_rows (at least 1), rounded up to whole cache
                          lines, so that every tile column starts on one on any grid */
  double *a;           /* (lld x local_cols) column-major          */
} mst_tiles;

/** Zero matrix of order n, which must agree on all ranks; free with mst_tiles_free.
 *  \return MST_OK, MST_ERR_INPUT (an impossible order) or MST_ERR_MEMORY. Collective on the grid's
 *          team. */
mst_status mst_tiles_create(mst_grid *grid, int64_t n, mst_tiles *out) MST_CHECKED;
/** An empty matrix is allowed. Local. */
void mst_tiles_free(mst_tiles *t);

/** Rows of tile i when n rows are cut into tiles: MST_TILE but for the last. Local. */
static inline int64_t mst_tile_extent(int64_t n, int64_t i) {
  return mst_least(n - i * MST_TILE, MST_TILE);
}

/** Rank of the owner of tile (i, j); its first element (column-major, stride lld) when that is this
 *  rank; rows of tile i of the matrix. Local. */
int mst_tiles_owner(const mst_grid *grid, int64_t i, int64_t j);
double *mst_tiles_at(const mst_tiles *t, int64_t i, int64_t j);
static inline int64_t mst_tiles_extent(const mst_tiles *t, int64_t i) {
  return mst_tile_extent(t->n, i);
}

/** Copy the lower triangle to a full row-major symmetric matrix out(n, n) on root (NULL on
 *  others), or from it into tiles. For tests and small matrices.
 *  \return MST_OK, MST_ERR_MEMORY or MST_ERR_COMM. Collective on the grid's team; root must
 *          agree. */
mst_status mst_tiles_gather(const mst_tiles *t, int root, double *out) MST_CHECKED;
mst_status mst_tiles_scatter(mst_tiles *t, int root, const double *in) MST_CHECKED;

/** out(rows, cols) row-major, on every rank: entries [row, row + rows) x [col, col + cols), which lie
 *  in the matrix. symmetric: of which the lower triangle is defined; otherwise all tiles are. The
 *  same bits everywhere. MST_ERR_COMM. Collective on the grid's team. */
mst_status mst_tiles_part(const mst_tiles *t, bool symmetric, int64_t row, int64_t rows,
                          int64_t col, int64_t cols, double *out) MST_CHECKED;

/** Copy the lower triangle of the leading m x m block to that of another matrix on the same grid;
 *  both are of order m at least. Local. */
void mst_tiles_copy(const mst_tiles *from, int64_t m, mst_tiles *to);

/** diagonal(n) out, on every rank. Collective on the grid's team. */
mst_status mst_tiles_diagonal(const mst_tiles *t, double *diagonal) MST_CHECKED;

/** Factor the leading m x m block (m <= n) as L L' by right-looking tile operations with one
 *  step of look-ahead, carrying the rows m..n-1 along: on return they hold B L'^-1 (the forward
 *  substitution of n-m right-hand sides stored as rows), and the trailing (n-m)^2 block holds
 *  the Schur complement. m need not be a multiple of MST_TILE. Every tile meets the same BLAS
 *  calls in the same order whoever owns it, so the bits do not depend on the grid.
 *  \return MST_OK, or MST_ERR_SINGULAR on all ranks, naming (from 1) the first pivot that is not
 *          positive or below m times the rounding unit of its original diagonal entry.
 *  Collective on the grid's team. Memory beyond t: two panels of at most (n/P + n/Q) x MST_TILE
 *  doubles, rounded up to whole tiles, one tile, and m doubles. Cost: m^3/3 + m^2 (n-m) flops over
 *  p ranks; a rank receives (n^2/2)(1/P + 1/Q) * 8 bytes. Source: doc/methods/solve.md. */
mst_status mst_tiles_cholesky(mst_tiles *t, int64_t m) MST_CHECKED;

/** After mst_tiles_cholesky(t, m): solve L' X = Z where Z(m, n-m) is the transpose of the rows
 *  carried along. x(m, n-m) row-major, complete on every rank. Same bits on any grid.
 *  \return MST_OK, or MST_ERR_NONFINITE on all ranks, naming the first entry that is not finite.
 *  Collective on the grid's team. Memory beyond t and x: (n-m) x MST_TILE doubles, twice at
 *  most. */
mst_status mst_tiles_back_solve(const mst_tiles *t, int64_t m, double *x) MST_CHECKED;

/** The same two steps in as few calls as can be, for `reduce: fast`: by ScaLAPACK (pdpotrf, pdtrsm)
 *  on the matrix's own grid, or by LAPACK (dpotrf, dtrsm) when one rank holds it all. Bits follow
 *  the grid. x as above; on return the trailing block of t holds the Schur complement.
 *  \return as mst_tiles_cholesky and mst_tiles_back_solve; MST_ERR_UNSUPPORTED for more elements on
 *          a rank than ScaLAPACK counts. Collective on the grid's team. What ScaLAPACK itself sends
 *          is not metered. Memory beyond t and x: 2 n doubles, and what the library takes. */
mst_status mst_tiles_solve_fast(mst_tiles *t, int64_t m, double *x) MST_CHECKED;

/** Eigenvalues (ascending, on every rank) and, unless vectors is NULL, eigenvectors as a tiled
 *  n x n general matrix (all tiles defined), of the whole symmetric matrix; t's entries are
 *  destroyed. vectors is created here (free with mst_tiles_free); its column i is the i-th unit
 *  eigenvector, with the sign of mst_eigen_symmetric.
 *  fast = false: one LAPACK call on rank 0, whose result is spread, so that the bits do not
 *  depend on the grid; needs 3 n^2 doubles there. fast = true: ScaLAPACK pdsyevd on the grid.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_NONFINITE naming an entry, MST_ERR_SINGULAR when the
 *          iteration does not converge. Collective on the grid's team. */
mst_status mst_tiles_eigen(mst_tiles *t, bool fast, double *values, mst_tiles *vectors) MST_CHECKED;

#endif
