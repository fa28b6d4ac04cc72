/* Kept sums: the whole numbers of a Gram on its lattice, together with the shifts and scales of its
 * columns. What clients have added to them can be taken out again, or more be added, and nothing of
 * it is rounded: after both they are the numbers that they were. doc/methods/unlearning.md. */
#ifndef MST_PARALLEL_GRAM_SUMS_H
#define MST_PARALLEL_GRAM_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/state.h"
#include "parallel/tiles.h"

/* Columns are those of [features | targets | 1]. */
typedef struct mst_gram_sums {
  mst_team *team;
  int64_t features, targets, n; /* n = features + targets + 1                               */
  int64_t elements;             /* tile columns, each row by row from its diagonal tile down */
  int64_t first, mine;          /* this rank's part of them                                  */
  int64_t *word;                /* (mine)                                                    */
  double *shift, *scale;        /* (n) of the columns, on every rank                          */
  bool known;                   /* shift and scale are set: rows are taken with them          */
  int room;       /* bits that new scales leave free: squares of a column may grow 4^room times  */
  uint8_t *used;  /* (n) 1: rows have been there, though they may have left: the scale stands  */
  double *filled; /* (n) of other sums that these are to be added to: how far their columns' squares
                     have come, 1 being the most that they hold, and -1 where no row has ever had
                     anything; NULL: no look at the room                                          */
} mst_gram_sums;

/** Zero sums. Free with mst_gram_sums_free, after an error too.
 *  \return MST_OK or MST_ERR_MEMORY, agreed. Collective on team. Memory: 4 n^2 / p bytes a rank. */
mst_status mst_gram_sums_create(mst_team *team, int64_t features, int64_t targets,
                                mst_gram_sums *s) MST_CHECKED;
void mst_gram_sums_free(mst_gram_sums *s); /* Local */

/** Bytes that a rank holds of sums of order n. Local. */
int64_t mst_gram_sums_bytes(int64_t n, int ranks);

/** Zero sums with the columns of `of`, for rows that have `targets` of its targets or more: what is
 *  to be taken from it, or (joins) added to it. Free as above. Collective. */
mst_status mst_gram_sums_part(mst_gram_sums *of, int64_t targets, bool joins,
                              mst_gram_sums *part) MST_CHECKED;

/** Add part to s, or (joins = false) take it out. Both get the targets of the one that has more; a
 *  column of s that was never used takes the scale of part's.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_COMM, or MST_ERR_INTERNAL (columns of two kinds).
 *          Collective. */
mst_status mst_gram_sums_merge(mst_gram_sums *s, mst_gram_sums *part, bool joins) MST_CHECKED;

/** More targets, of which there is nothing yet, or fewer, when there is nothing of the last ones:
 *  MST_ERR_INTERNAL otherwise. Collective. */
mst_status mst_gram_sums_resize(mst_gram_sums *s, int64_t targets) MST_CHECKED;

/** filled(n): the sums' diagonal, at most 1, on every rank. Collective. */
mst_status mst_gram_sums_diagonal(const mst_gram_sums *s, double *filled) MST_CHECKED;

/** out (of order n, on a grid of the team) = the Gram of the shifted columns. Collective. */
mst_status mst_gram_sums_tiles(const mst_gram_sums *s, mst_tiles *out) MST_CHECKED;

/** The arrays, to be written or, after a create of the same sizes, read: word int64 (elements),
 *  shift and scale float64 (n), used uint8 (n). Local. */
mst_status mst_gram_sums_state(mst_gram_sums *s, mst_state *state) MST_CHECKED;

#endif
