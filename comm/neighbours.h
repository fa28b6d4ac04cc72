/* Neighbour exchange: rows on a graph, each of which its neighbours are to read.
 *
 * Rows lie in shares (comm/share.h), each in the domain of its home rank; there every rank reads
 * them where they are. What a domain needs of another's rows is copied over, each row once, while
 * the caller works: begin, work, finish. The copies lie in a share of the domain that needs them.
 */
#ifndef MST_COMM_NEIGHBOURS_H
#define MST_COMM_NEIGHBOURS_H

#include <stdint.h>

#include "comm/team.h"

/* Who reads whose row; the same on all ranks. Symmetric: j stands among the neighbours of i if i
 * stands among those of j. */
typedef struct mst_neighbour_graph {
  int64_t n;                /* rows                                                   */
  const int64_t *first;     /* (n + 1) where the neighbours of each row begin         */
  const int64_t *neighbour; /* (first[n])                                             */
  const int32_t *home;      /* (n) rank of each row                                   */
} mst_neighbour_graph;

typedef struct mst_neighbours mst_neighbours;

/** Plan the exchange of rows of row_bytes. The graph is not kept.
 *  \param what  names the copies in the error text.
 *  \return MST_OK; MST_ERR_INTERNAL (a neighbour or home that does not exist, rows of less than 1
 *          byte); MST_ERR_MEMORY; the same on all ranks. Collective on team; all arguments must
 *          agree.
 *  Memory: the copies, once a domain (mst_neighbours_copies), and 8 n bytes a rank. */
mst_status mst_neighbours_create(mst_team *team, const mst_neighbour_graph *graph,
                                 int64_t row_bytes, const char *what,
                                 mst_neighbours **out) MST_CHECKED;
/** Collective on team; NULL is allowed. What is under way is given up. */
void mst_neighbours_destroy(mst_neighbours *x);

/** Begin to send this rank's rows that other domains need, and to receive; returns at once. Rows
 *  must be in sync in their domain (mst_share_sync), and stay as they are until finish.
 *  \param row  where the row of a number is; asked for rows whose home is this rank.
 *  Local, but all ranks must begin and finish in the same order. An error is told by finish.
 *  Cost: a message for every row and domain that needs it, row_bytes each. */
void mst_neighbours_begin(mst_neighbours *x, const void *(*row)(void *context, int64_t row),
                          void *context);
/** Wait until the copies of this domain are whole.
 *  \return MST_OK or MST_ERR_COMM, the same on all ranks; then no copy is to be read. Collective on
 *          team. */
mst_status mst_neighbours_finish(mst_neighbours *x) MST_CHECKED;

/** This domain's copy of a row, good from finish to the next begin; NULL for rows of which it has
 *  none, because they are at home here or nobody here reads them. Local. */
const void *mst_neighbours_copy(const mst_neighbours *x, int64_t row);

/** Rows of which this domain has copies. Local. */
int64_t mst_neighbours_copies(const mst_neighbours *x);

#endif
