/* Transposition: vectors that lie whole on ranks, brought to where whole columns can be worked on,
 * a bucket of columns at a time.
 *
 * Columns are cut into blocks of a fixed width counted from column 0, so that a block does not
 * depend on the number of ranks; of each bucket every rank gets some consecutive blocks, of all
 * vectors. What a rank holds is the vectors times a bucket's share, never the vectors times all
 * columns. On one rank nothing is copied: the columns are those of the caller's memory; nor are
 * vectors that lie in memory that the ranks share. */
#ifndef MST_PARALLEL_TRANSPOSE_H
#define MST_PARALLEL_TRANSPOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/share.h"
#include "comm/team.h"

/* Bytes of vectors that a rank sends and holds at a time, where none are asked: as many as stay in
 * the caches of common processors, and enough for a network. */
#define MST_TRANSPOSE_BUCKET ((int64_t)1 << 20)

typedef struct mst_transpose mst_transpose;

/* A bucket, of which this rank has columns [first, first + count) of every vector. */
typedef struct mst_transposed {
  int64_t first, count;
  const char *const *row; /* (vectors) where these columns of each begin, in the vectors' order */
} mst_transposed;

/** Begin before the first bucket. The vectors are numbered in the order of the ranks.
 *  \param row  (n_mine) where each of this rank's vectors begins; used until the end.
 *  \param d, element, block, bucket_bytes  entries of a vector, bytes of an entry, columns of a
 *         block, bytes of vectors that a rank sends and holds at a time (0 = MST_TRANSPOSE_BUCKET;
 *         at least a block for each rank is taken); must agree.
 *  \return MST_OK or MST_ERR_MEMORY (which says how much shared memory a node must offer), or
 *          MST_ERR_COMM. Collective on team; n_mine need not agree.
 *  Memory: two to four times bucket_bytes a rank; nothing on one rank. */
mst_status mst_transpose_create(mst_team *team, const char *const *row, int64_t n_mine, int64_t d,
                                int64_t element, int64_t block, int64_t bucket_bytes,
                                mst_transpose **out) MST_CHECKED;
/** The same of vectors that all ranks have laid in a share of this team: if the team is one node's,
 *  they are read there. They may change again after the last mst_transpose_next.
 *  \param share  on every rank, or NULL on every rank. Collective on team. */
mst_status mst_transpose_create_in(mst_team *team, mst_share *share, const char *const *row,
                                   int64_t n_mine, int64_t d, int64_t element, int64_t block,
                                   int64_t bucket_bytes, mst_transpose **out) MST_CHECKED;
/** Collective on the team; NULL on every rank is allowed. */
void mst_transpose_destroy(mst_transpose *t);

/** The next bucket, valid until the call after this; *more is false past the last. This rank's
 *  share may be empty. Collective. Cost: each vector's columns go to their rank,
 *  once: within a node through shared memory, between nodes in one stream a node. */
mst_status mst_transpose_next(mst_transpose *t, mst_transposed *bucket, bool *more) MST_CHECKED;

/** Of a vector out(d), every rank has filled in its columns of the bucket; afterwards all ranks
 *  have all of the bucket's columns. Collective. */
mst_status mst_transpose_gather(mst_transpose *t, void *out) MST_CHECKED;
/** The same of a vector out(d) whose entries have other bytes. Collective. */
mst_status mst_transpose_gather_of(mst_transpose *t, int64_t element, void *out) MST_CHECKED;

#endif
