/* One checkpoint file: written, looked at, read (doc/formats.md). Private to io. */
#ifndef MST_IO_CHECKPOINT_FILE_H
#define MST_IO_CHECKPOINT_FILE_H

#include "core/base/state.h"
#include "io/runfile.h"

#define MST_CHECKPOINT_VERSION 2 /* no other is read */

/** Write the state after `round` rounds, the experiment of r and its series so far to path: under a
 *  temporary name, with the space reserved first, brought to disk and renamed. On an error nothing
 *  appears under path, and what stood there stays.
 *  \return MST_OK; MST_ERR_INPUT or MST_ERR_IO (a place that cannot be written, a full disk);
 *          MST_ERR_MEMORY. Collective; arguments must agree. */
mst_status mst_checkpoint_write(mst_runfile *r, const char *path, int64_t round,
                                const mst_state *state) MST_CHECKED;

/* What a checkpoint says of itself. */
typedef struct mst_checkpoint_head {
  int64_t round;
  char *experiment;  /* resolved text                  */
  char *inputs;      /* "key digest\n" of each dataset */
  char program[128]; /* that wrote it                  */
  char kernel[64];   /* of its BLAS                    */
} mst_checkpoint_head;

/** Free what a head holds. Local. */
void mst_checkpoint_head_clear(mst_checkpoint_head *head);

/** Read the head; with `verify` read the rest as well and compare its digest. On an error the head
 *  holds nothing.
 *  \return MST_OK; MST_ERR_FORMAT (truncated, damaged, foreign), MST_ERR_UNSUPPORTED (another
 *          version), MST_ERR_INPUT (not there), MST_ERR_IO, MST_ERR_MEMORY. Local. */
mst_status mst_checkpoint_look(const char *path, bool verify,
                               mst_checkpoint_head *head) MST_CHECKED;

/** Fill the arrays of state and the series of r, which are replaced. The datasets of r must have
 *  been told it (mst_runfile_input).
 *  \return MST_OK; MST_ERR_INPUT when the arrays are not those of the file, or a dataset of r does
 *          not say what it said then; MST_ERR_INTERNAL when r was not told of one; errors of
 *          mst_checkpoint_look. Collective. */
mst_status mst_checkpoint_read(mst_runfile *r, const char *path, mst_state *state) MST_CHECKED;

#endif
