/* EASE over ranks: the items' products are summed exactly over shards of users, inverted by the
 * tiled Cholesky factorisation, and judged on items that are held out (doc/methods/ease.md). */
#ifndef MST_PARALLEL_EASE_H
#define MST_PARALLEL_EASE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/observer.h"
#include "core/features/features.h"
#include "core/linalg/sparse_rows.h"
#include "parallel/roster.h"
#include "parallel/row_plan.h"
#include "parallel/rows.h"

/* Users, one a row: whole rows of a store, or sparse ones. */
typedef struct mst_ease_users {
  const mst_roster *roster;      /* in one piece for sparse rows: place i is row i              */
  mst_row_store *rows;           /* assigned to the roster ...                                  */
  mst_features *features;        /* ... and seen through this identity map                      */
  const mst_sparse_rows *sparse; /* this rank's places, from roster->first on; NULL: whole rows */
} mst_ease_users;

typedef struct mst_ease_options {
  double lambda; /* on the diagonal                                                    */
  bool cut;      /* ratings from threshold on are 1, others 0; otherwise they are 0 or 1 */
  double threshold;
  double holdout;  /* share of a user's items that is held out, below 1                  */
  uint64_t seed;   /* which items                                                        */
  bool hold_train; /* items are held out of the training users, who are judged           */
} mst_ease_options;

typedef struct mst_ease {
  int64_t d;
  double *weights; /* (d, d): B; a user's scores are her ratings times it */
} mst_ease;

typedef struct mst_ease_score {
  int64_t users; /* with items held out                       */
  int64_t held;  /* items that are held out, of all of them    */
  double recall; /* at MST_EASE_RECALL, mean over those users; NaN without any */
  double gain;   /* normalised, discounted, at MST_EASE_TOP; likewise          */
} mst_ease_score;

/** Arrange the work; `held` bytes are in use already. sparse: the training rows are; entries: of
 *  sparse rows, the most that a rank has, those of users who are judged too. Errors as
 *  mst_row_plan_make. Local. */
mst_status mst_ease_arrange(int ranks, int64_t rows, int64_t items, bool sparse, int64_t entries,
                            int64_t memory, int64_t held, mst_row_plan *plan) MST_CHECKED;

/** Train on users. The weights are on every rank, with the same bits for any number of them, and
 *  whether rows are whole or sparse; free with mst_ease_free;
 * on an error nothing is left to free.
 *  \param interactions  out: ratings that are not 0, held out ones left out.
 *  \return MST_OK; MST_ERR_INPUT (a rating that is none, naming user and item; no rating at all);
 *          MST_ERR_SINGULAR with advice; MST_ERR_MEMORY; what the source returns. Collective. */
mst_status mst_ease_train(mst_team *team, const mst_ease_users *users, const mst_row_plan *plan,
                          const mst_ease_options *options, const mst_observer *observer,
                          mst_ease *out, int64_t *interactions) MST_CHECKED;
/** Local. */
void mst_ease_free(mst_ease *m);

/** Judge on these users: scores from the items that are not held out, which are not recommended
 *  again. Sums are exact, so the figures have the same bits on any number of ranks. Errors as
 *  mst_ease_train. Collective. */
mst_status mst_ease_evaluate(mst_team *team, const mst_ease_users *users, const mst_row_plan *plan,
                             const mst_ease_options *options, const mst_ease *m,
                             const mst_observer *observer, mst_ease_score *score) MST_CHECKED;

#endif
