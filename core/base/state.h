/* State list: a job's state as named arrays.
 *
 * Run files and checkpoints are written from this list by io, whatever the job; algorithms in
 * parallel fill it and know no files. The list owns nothing: it points into the job's arrays,
 * which must outlive it. */
#ifndef MST_CORE_BASE_STATE_H
#define MST_CORE_BASE_STATE_H

#include <stdint.h>

#include "core/base/status.h"

typedef enum mst_dtype {
  MST_F32,
  MST_F64,
  MST_I32,
  MST_I64,
  MST_U8
} mst_dtype;

/** Bytes of one element; the type's name as in "float32". Local. */
int64_t mst_dtype_size(mst_dtype t);
const char *mst_dtype_name(mst_dtype t);

#define MST_STATE_DIMS 4

/* How an array lies over the team. */
typedef enum mst_layout {
  MST_REPLICATED, /* every rank holds the whole array, with the same bits                 */
  MST_SHARDED,    /* rank r holds rows [first, first + count) of the first dimension; the
                     shards follow each other in rank order and cover it without gaps; a
                     shard may be empty */
  MST_STREAMED    /* no rank holds it: its rows are made when they are written */
} mst_layout;

#define MST_STATE_WINDOW (8 << 20) /* bytes that are made at a time */

/* Make rows [first, first + rows) of a streamed array, at most MST_STATE_WINDOW bytes, in `window`
 * of rank `to`; other ranks' windows are scratch. Collective, with an agreed status. */
typedef mst_status (*mst_state_bring)(void *context, int64_t first, int64_t rows, int to,
                                      void *window);

typedef struct mst_state_item {
  char name[64];               /* path below the list's root, e.g. "weights"              */
  mst_dtype type;
  int dims;                    /* 1 .. MST_STATE_DIMS                                     */
  int64_t shape[MST_STATE_DIMS]; /* of the whole array; row-major                          */
  mst_layout layout;
  int64_t first, count;        /* this rank's rows when sharded; 0, shape[0] otherwise    */
  void *data;                  /* this rank's part; streamed: what bring is given         */
  mst_state_bring bring;       /* of a streamed array                                     */
} mst_state_item;

typedef struct mst_state {
  int n, capacity;
  mst_state_item *item;
} mst_state;

/** Make an empty list; forget a list's items (not the arrays that they point to), after which it is
 *  empty. Local. */
void mst_state_init(mst_state *s);
void mst_state_clear(mst_state *s);

/** Add a replicated array, or rank-local rows [first, first+count) of a sharded one. Names are
 *  unique within a list. Local; every rank of a team must add the same names in the same order
 *  with the same types and whole shapes.
 *  \return MST_OK, MST_ERR_MEMORY, or MST_ERR_INTERNAL (name taken or too long, bad shape). */
mst_status mst_state_add(mst_state *s, const char *name, mst_dtype type, int dims,
                         const int64_t *shape, void *data) MST_CHECKED;
mst_status mst_state_add_shard(mst_state *s, const char *name, mst_dtype type, int dims,
                               const int64_t *shape, int64_t first, int64_t count,
                               void *data) MST_CHECKED;

/** The same of an array that is too large to be held once more to be saved. It can be digested and
 *  written, not read: for that, add it with room as the shards that it is to lie in. */
mst_status mst_state_add_stream(mst_state *s, const char *name, mst_dtype type, int dims,
                                const int64_t *shape, mst_state_bring bring,
                                void *context) MST_CHECKED;

/** The item of that name, or NULL. Local. */
mst_state_item *mst_state_find(const mst_state *s, const char *name);

/** Elements of one row of the first dimension; of this rank's part. Local. */
int64_t mst_state_row_elements(const mst_state_item *item);
int64_t mst_state_local_elements(const mst_state_item *item);

#endif
