/* What the files of the tiled matrix share: places in the block-cyclic layout, checked MPI calls on
 * the grid's communicators, and moving tile columns between one rank and the grid. */
#ifndef MST_PARALLEL_TILES_INTERNAL_H
#define MST_PARALLEL_TILES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "parallel/tiles.h"

#define MST_TILE_ELEMENTS ((int64_t)MST_TILE * MST_TILE)

/** MST_OK for MPI_SUCCESS, else MST_ERR_COMM with MPI's own words after `what`. Local. */
mst_status mst_grid_check(int code, const char *what) MST_CHECKED;

/** Copy x(count) from one process of my process row (`of` its column) to all of it, or of my
 *  process column; `what` as above. No message where the row or column is one process. Collective
 *  on the process row (column). */
mst_status mst_grid_bcast_row(const mst_grid *g, double *x, int64_t count, int of,
                              const char *what) MST_CHECKED;
mst_status mst_grid_bcast_col(const mst_grid *g, double *x, int64_t count, int of,
                              const char *what) MST_CHECKED;

/** Count one operation by which this rank sends `bytes` bytes; a broadcast of count doubles among p
 *  processes counts 8 count (p - 1) / p on each of them, as in comm/team.h. Local. */
static inline void mst_grid_meter(const mst_grid *g, int64_t bytes) {
  mst_team_meter_add(g->team, 1, bytes);
}
static inline void mst_grid_meter_bcast(const mst_grid *g, int p, int64_t count) {
  mst_grid_meter(g, (int64_t)sizeof(double) * count * (p - 1) / p);
}

/** Tiles 0 .. tiles-1 that belong to process `who` of `of` (a process row of P, or a column of Q);
 *  in particular the local number of the first own tile at or after `tiles`. Local. */
static inline int64_t mst_own_tiles(int64_t tiles, int who, int of) {
  return (tiles + of - 1 - who) / of;
}

/** Rows (or columns) 0 .. n-1 that belong to process `who` of `of`: ScaLAPACK's numroc. Local. */
static inline int64_t mst_own_rows(int64_t n, int who, int of) {
  int64_t whole = n / MST_TILE;
  return mst_own_tiles(whole, who, of) * MST_TILE + (whole % of == who ? n % MST_TILE : 0);
}

/** Fill tiles from in(n, n) on root (NULL on others): element (r, c) at in[r * row_stride +
 *  c * col_stride]; only the lower triangle when lower. Tile column by tile column.
 *  \return MST_OK, MST_ERR_MEMORY or MST_ERR_COMM. Collective on the grid's team. */
mst_status mst_tiles_spread(mst_tiles *t, int root, const double *in, int64_t row_stride,
                            int64_t col_stride, bool lower) MST_CHECKED;

/** x(m, n-m), row-major: on process row `row`, the block of 256 rows k of x becomes the transpose
 *  of the rows m .. n-1 of tile column k, for the process's own tile columns k. Other blocks and
 *  other process rows: unchanged.
 *  \return MST_OK, MST_ERR_MEMORY or MST_ERR_COMM. Collective on the grid's team. */
mst_status mst_tiles_carried(const mst_tiles *t, int64_t m, int row, double *x) MST_CHECKED;

/** The sentence of a pivot that failed: number `pivot` (here from 0, in the text from 1) of m, its
 *  value, and the diagonal entry that it came from. Returns MST_ERR_SINGULAR. Local. */
mst_status mst_pivot_fail(int64_t pivot, int64_t m, double value, double original) MST_CHECKED;

/** Whether a pivot is too small beside its original diagonal entry for a factorisation of order m,
 *  not positive, or not a number. Local. */
bool mst_pivot_bad(double value, double original, int64_t m);

/** MST_OK if x(n), the same on all ranks, is finite; else MST_ERR_NONFINITE. Local. */
mst_status mst_solution_check(const double *x, int64_t rows, int64_t cols) MST_CHECKED;

/* ScaLAPACK's view of a tiled matrix: a BLACS grid on the team's communicator, and the
 * descriptor. */
typedef struct mst_blacs {
  int handle, context;
  int desc[9];
} mst_blacs;

/** MST_ERR_COMM when there is no grid, and then nothing to close. Collective on the grid's team. */
mst_status mst_blacs_open(const mst_tiles *t, mst_blacs *out) MST_CHECKED;
/** Collective on the grid's team. */
void mst_blacs_close(mst_blacs *b);

#endif
