/* Row store: the dataset's rows on their way from contiguous parallel reads to their clients'
 * owners, in as many groups as memory asks for.
 *
 * parallel knows no files: rows come through a reader that jobs connects to io. The store first
 * looks at every row (non-finite ones are found before any work starts), then delivers rows in
 * the roster's order, group by group. */
#ifndef MST_PARALLEL_ROWS_H
#define MST_PARALLEL_ROWS_H

#include <stdint.h>

#include "comm/team.h"
#include "parallel/roster.h"

#define MST_ROWS_PIECE_BYTES ((int64_t)16 << 20) /* of rows that a rank sends at once */

typedef struct mst_row_reader {
  void *context;
  int64_t rows;         /* in the dataset                        */
  int64_t row_elements; /* floats of one row of x                */
  int64_t outputs;      /* columns of value; 0 = classes, no values */
  /* Collective. Rows [first, first + count) of this rank into x(count, row_elements) and
   * value(count, outputs). */
  mst_status (*read)(void *context, int64_t first, int64_t count, float *x, float *value);
} mst_row_reader;

typedef struct mst_row_store mst_row_store;

/** Look at every row once. window_bytes bounds a read of one rank; when its whole share fits, the
 *  share is kept for the delivery and the file is not read again.
 *  \return MST_OK, MST_ERR_MEMORY, or what the reader returns. Collective on team; the reader's
 *          rows and shapes must agree. */
mst_status mst_rows_create(mst_team *team, const mst_row_reader *reader, int64_t window_bytes,
                           mst_row_store **out) MST_CHECKED;
/** Local; NULL is allowed. */
void mst_rows_destroy(mst_row_store *s);

/** Rows with a NaN or an infinity in x or value; *first is the lowest such dataset row (-1 if
 *  there is none). Local; the same on all ranks. */
int64_t mst_rows_nonfinite(const mst_row_store *s, int64_t *first);

/** Rows that take part (all but the non-finite ones) and the dataset row of the i-th. Local. */
int64_t mst_rows_kept(const mst_row_store *s);
/** Floats of a row of x; columns of value (0 = classes). Local. */
int64_t mst_rows_elements(const mst_row_store *s);
int64_t mst_rows_outputs(const mst_row_store *s);
int64_t mst_rows_dataset_row(const mst_row_store *s, int64_t i);

/** Copy the kept rows index[0..m-1] (increasing, the same on all ranks) to root's out
 *  (m, row_elements); NULL on the others.
 *  \return MST_OK, MST_ERR_MEMORY, what the reader returns, or MST_ERR_INTERNAL (rows that did not
 *          arrive). Collective on the store's team. */
mst_status mst_rows_sample(mst_row_store *s, int64_t m, const int64_t *index, int root,
                           float *out) MST_CHECKED;

/** Deliver to this roster (over the kept rows) from now on, in that many groups (the same on all
 *  ranks). The roster must outlive the store. Local. */
void mst_rows_assign(mst_row_store *s, const mst_roster *roster, int64_t groups);

/** The number of groups assigned. Local. */
int64_t mst_rows_groups(const mst_row_store *s);

/** This rank's blocks of a group. Local. */
void mst_rows_group(const mst_row_store *s, int64_t group, int64_t *first_block, int64_t *blocks);

/** Bring a group's rows here: x(places, row_elements), value(places, outputs) in sequence order,
 *  from the first place of the group's first block. Valid until the next load. Loading the group
 *  that is loaded already does nothing. Errors as mst_rows_sample. Collective on the store's
 *  team. */
mst_status mst_rows_load(mst_row_store *s, int64_t group, const float **x,
                         const float **value) MST_CHECKED;

/** Bring all rows of the roster to memory of the caller, x(places, row_elements) and value(places,
 *  outputs; NULL for classes) of this rank, reading each once, a window at a time. Assigned in one
 *  group; what is loaded stays. Errors as mst_rows_sample. Collective on the store's team. */
mst_status mst_rows_deliver(mst_row_store *s, float *x, float *value) MST_CHECKED;

/** Let go of the loaded x (after features of all rows are kept elsewhere); value stays valid until
 *  the next load. Local. */
void mst_rows_release(mst_row_store *s);

#endif
