/* What the files of EASE share: users' ratings as they are walked over. Not installed. */
#ifndef MST_PARALLEL_EASE_INTERNAL_H
#define MST_PARALLEL_EASE_INTERNAL_H

#include "parallel/ease.h"
#include "parallel/feature_source.h"
#include "parallel/tiles.h"

/* Users' ratings as 0 and 1, with the items that are held out. */
typedef struct mst_ratings {
  const mst_ease_options *options;
  const mst_ease_users *users;
  mst_analytic_data data; /* of whole rows, with ...             */
  mst_feature_source whole;
  mst_block_source inner; /* ... their blocks                    */
  int64_t groups;         /* in which users come                 */
  int64_t d;
  float *block;     /* (MST_BLOCK_ROWS, d) of whole rows: without what is held out */
  int64_t *item;    /* (d) of one user, increasing         */
  int64_t *scratch; /* (d)                                 */
  bool *held;       /* (d) of item[]                       */
  int64_t count;    /* items of the last user              */
} mst_ratings;

/** Free with mst_ratings_free, after an error too. MST_ERR_MEMORY. Local. */
mst_status mst_ratings_create(const mst_ease_users *users, const mst_row_plan *plan,
                              const mst_ease_options *options, mst_ratings *r) MST_CHECKED;
void mst_ratings_free(mst_ratings *r); /* Local */

/** This rank's blocks of a group: [first, first + blocks). What the rows' source returns.
 *  Collective. */
mst_status mst_ratings_load(mst_ratings *r, int64_t group, int64_t *first,
                            int64_t *blocks) MST_CHECKED;
/** Block b is walked over next. Local. */
mst_status mst_ratings_block(mst_ratings *r, int64_t b, const float **raw) MST_CHECKED;
/** The user at a place of that block: r->item(count) and which of them are held out.
 *  MST_ERR_INPUT for a rating that is none, naming user and item. Local. */
mst_status mst_ratings_user(mst_ratings *r, int64_t b, int64_t place, const float *raw) MST_CHECKED;

/** whole, zero tiles of order d + 1: its leading d x d block becomes X'X, without what is held out
 * of training users. The same bits of either kind of rows. Collective. */
mst_status mst_ease_products(mst_team *team, mst_ratings *r, const mst_observer *observer,
                             mst_tiles *whole) MST_CHECKED;

/** Most bytes that it has in use on a rank, the tiles (matrix_bytes when full) included. Local. */
int64_t mst_ease_products_bytes(int64_t items, int ranks, bool sparse, int64_t matrix_bytes);

#endif
