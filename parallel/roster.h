/* Roster: clients to ranks, and rows to their owners.
 *
 * Rows are put in client order (client 0's rows by their number in the dataset, then client 1's,
 * ...). That sequence is cut into blocks that do not depend on the rank count; ranks own
 * consecutive blocks, balanced by rows. */
#ifndef MST_PARALLEL_ROSTER_H
#define MST_PARALLEL_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/status.h"

#define MST_BLOCK_ROWS 512 /* rows of a block; part of the same-bits contract */
#define MST_NO_CLIENT INT32_MIN /* the client of a row that is left out */

typedef struct mst_block {
  int64_t first, rows; /* in the client-ordered sequence; rows is never 0    */
  int64_t client;      /* the client, or -1 when a block may mix clients      */
} mst_block;

typedef struct mst_roster {
  int64_t rows, clients;
  int64_t *client_first;  /* (clients + 1) first row of each client in the sequence           */
  int64_t rows_given;     /* those left out included                                          */
  int64_t *order;         /* (rows) dataset row at each place of the sequence                 */
  bool single;            /* blocks end at client borders, because a stage needs single
                             contributions                                                    */
  int64_t blocks;
  mst_block *block;       /* (blocks)                                                         */
  int64_t *rank_block;    /* (p + 1) first block of each rank                                 */
  int64_t first, count;   /* this rank's places in the sequence                               */
} mst_roster;

/** Make the roster from the client of each dataset row (the same on all ranks). single = true
 *  keeps each client whole on one rank. Rank r's blocks begin at the border nearest to
 *  rows * r / p, so that a rank is within one block (single: one client) of rows / p; ranks may
 *  stay empty. Local, with the same result on every rank.
 *  \param client  (rows) each in [0, clients), or MST_NO_CLIENT: such a row is in no block and is
 *                 brought nowhere; the roster's `rows` are the others.
 *  \return MST_OK, MST_ERR_INPUT naming the row whose client is out of range, MST_ERR_MEMORY.
 *  Memory: 8 (rows + clients) bytes and 24 a block; as much again for the clients while it is
 *  made. Cost: O(rows + clients). */
mst_status mst_roster_create(const mst_team *team, int64_t rows, const int32_t *client,
                             int64_t clients, bool single, mst_roster **out) MST_CHECKED;
/** Local; NULL is allowed. */
void mst_roster_destroy(mst_roster *r);

/** The place at which block b begins; for b = blocks, the number of rows. Local. */
int64_t mst_roster_block_place(const mst_roster *r, int64_t b);

#endif
