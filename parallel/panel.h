/* A panel of the factorisation on its way: one factored tile column, below its diagonal block,
 * copied into contiguous tiles and broadcast along the process rows and then down the process
 * columns. */
#ifndef MST_PARALLEL_PANEL_H
#define MST_PARALLEL_PANEL_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "parallel/tiles.h"

/* What the owner of the diagonal block found; it travels in front of the tiles, so that every rank
 * stops at the same panel. As long as one cache line. */
typedef struct mst_verdict {
  double bad;   /* 1 when a pivot failed, else 0 */
  double pivot; /* its number, from 0            */
  double value, original;
  double unused[4];
} mst_verdict;
#define MST_VERDICT_DOUBLES ((int64_t)(sizeof(mst_verdict) / sizeof(double)))

typedef struct mst_panel {
  const mst_tiles *t;
  int64_t k;        /* the tile column                                                      */
  int64_t width;    /* its factored columns: MST_TILE unless the factored part ends inside   */
  int64_t first;    /* tile row of the first row below them: k + 1, or k when it ends inside */
  int64_t row_base; /* local number of the first own tile row at or after `first`           */
  int64_t col_base; /* the same for tile columns                                            */
  int64_t row_tiles;   /* own tile rows from there on                                       */
  double *rows;        /* verdict, then the tiles L(i, k) of my process row                 */
  double *cols;        /* the tiles L(j, k) of my process column's own j; NULL when P = 1   */
  int64_t *slot;       /* (own tile columns) place of own tile column col_base + s in cols  */
  int64_t *group;      /* (P + 1) first place in cols that comes from each process row      */
  MPI_Request *request; /* (1 + P) along my row, and down my column from each process row   */
  bool rows_here, active; /* my row's tiles are here; requests may be outstanding           */
} mst_panel;

/** Buffers for any panel of t; free with mst_panel_free, after an error too.
 *  \return MST_OK or MST_ERR_MEMORY. Local. */
mst_status mst_panel_alloc(const mst_tiles *t, mst_panel *out) MST_CHECKED;
/** Local; nothing may be under way. */
void mst_panel_free(mst_panel *p);

/** Take the buffers for tile column k of a factorisation of order m, once what was sent from them
 *  before has left. Local, but completes earlier sends. */
mst_status mst_panel_begin(mst_panel *p, int64_t k, int64_t m) MST_CHECKED;

/** What travels in front of the tiles. Local. */
mst_verdict *mst_panel_verdict(const mst_panel *p);

/** Tile L(i, k) of an own tile row i, or L(j, k) of an own tile column j: MST_TILE apart in
 *  columns, rows where the matrix's tile has them. Local. */
double *mst_panel_row_tile(const mst_panel *p, int64_t i);
double *mst_panel_col_tile(const mst_panel *p, int64_t j);

/** Start the broadcasts, from process column k % Q, whose rows must be filled; counted in
 *  the team's meter.
 *  \return MST_OK or MST_ERR_COMM, as the functions below. Collective on the process row. */
mst_status mst_panel_send(mst_panel *p) MST_CHECKED;

/** Let the broadcasts move on; call it often between computations. Local. */
mst_status mst_panel_poke(mst_panel *p) MST_CHECKED;

/** Wait until all tiles are here. What this rank sends may still be under way. Local, but waits for
 *  ranks that send. */
mst_status mst_panel_wait(mst_panel *p) MST_CHECKED;

/** Wait until nothing is under way. Local, but waits for the ranks of the process row and
 *  column. */
mst_status mst_panel_finish(mst_panel *p) MST_CHECKED;

#endif
