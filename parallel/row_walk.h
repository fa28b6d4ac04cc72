/* Walks over all rows as float64 blocks, and exact sums of what blocks give. Not installed. */
#ifndef MST_PARALLEL_ROW_WALK_H
#define MST_PARALLEL_ROW_WALK_H

#include "core/base/observer.h"
#include "parallel/gram.h"
#include "parallel/roster.h"

/* A walk over all rows. Blocks do not depend on the rank count, and neither do their sums. */
typedef struct mst_row_walk {
  mst_team *team;
  const mst_roster *roster;
  mst_block_source source; /* without targets                            */
  const mst_observer *observer;
  int64_t d;
  double *centre; /* (d) subtracted from each row                       */
  double *x;      /* (MST_BLOCK_ROWS, d) the block less the centre      */
} mst_row_walk;

/** A walk about the centre 0. Free with mst_row_walk_free, after an error too. MST_ERR_MEMORY.
 * Local.
 */
mst_status mst_row_walk_create(mst_team *team, const mst_roster *roster, mst_block_source source,
                               const mst_observer *observer, mst_row_walk *w) MST_CHECKED;
void mst_row_walk_free(mst_row_walk *w); /* Local */

/** Give x(rows, d), less the centre, of each of this rank's blocks to add, which does not fail; the
 *  rows stand at places [place, place + rows) of the roster.
 *  \return MST_OK, MST_ERR_INTERRUPTED, or what the source returns. Collective. */
mst_status mst_row_walk_on(const mst_row_walk *w, const char *phase,
                           void (*add)(void *context, int64_t place, int64_t rows, const double *x),
                           void *context) MST_CHECKED;

/* Sums over blocks and ranks of vectors of n numbers, whose partial sums stay within a bound. */
typedef struct mst_block_sums {
  int64_t n;
  int shift;
  double *block;  /* (n) of one block                 */
  int64_t *limbs; /* (2, n) the sums so far, in limbs  */
} mst_block_sums;

/** bound: of every partial sum of every entry. MST_ERR_MEMORY. Local. */
mst_status mst_block_sums_create(int64_t n, double bound, mst_block_sums *s) MST_CHECKED;
void mst_block_sums_free(mst_block_sums *s);
/** Add s->block. Local. */
void mst_block_sums_add(mst_block_sums *s);
/** Add entries [first, first + n) of s->block alone. Local. */
void mst_block_sums_add_at(mst_block_sums *s, int64_t first, int64_t n);
/** s->block becomes the sums over all ranks, on every rank. Collective. */
mst_status mst_block_sums_end(mst_team *team, mst_block_sums *s) MST_CHECKED;

#endif
