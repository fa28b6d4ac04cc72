/* Scoring a model with parameters in one flat vector: on test rows that are divided over the ranks,
 * and on each client's own rows. Sums are exact over blocks that do not depend on the rank count.
 */
#ifndef MST_PARALLEL_SCORE_H
#define MST_PARALLEL_SCORE_H

#include <stdint.h>

#include "core/base/observer.h"
#include "core/base/summary.h"
#include "core/features/features.h"
#include "core/model/model.h"
#include "parallel/clients.h"
#include "parallel/rows.h"

/* Test rows: a store assigned to a roster of one client. */
typedef struct mst_test_rows {
  mst_row_store *rows; /* NULL = none                    */
  const mst_roster *roster;
  const int32_t *label;   /* (roster->rows) of each place, or NULL */
  mst_features *features; /* or NULL                        */
} mst_test_rows;

/** Visit this rank's blocks of the test rows, features in place of rows where there is a map.
 *  ready: what came of the caller's preparations; nothing is visited unless all ranks' went well.
 *  \return MST_OK, MST_ERR_MEMORY, or what reading, the map or a visit returns. Collective on team;
 *          a visit is local. */
mst_status mst_score_walk(mst_team *team, mst_status ready, const mst_test_rows *test,
                          void *context,
                          mst_status (*visit)(void *context, const mst_batch *batch)) MST_CHECKED;

typedef struct mst_score {
  double accuracy; /* NaN for values                          */
  double loss;     /* mean over rows                          */
} mst_score;

/** Score parameters w on the test rows. work takes batches of MST_BLOCK_ROWS.
 *  \return MST_OK, MST_ERR_MEMORY, or what reading returns. A loss that is not finite is NaN.
 *  Collective on team. */
mst_status mst_score_test(mst_team *team, const mst_model *model, const float *w,
                          const mst_test_rows *test, mst_model_work *work,
                          mst_score *score) MST_CHECKED;

/** confusion(classes, classes), on every rank: test rows of each class by the class that the model
 *  chooses. Collective on team; classes only. */
mst_status mst_score_confusion(mst_team *team, const mst_model *model, const float *w,
                               const mst_test_rows *test, mst_model_work *work, int64_t classes,
                               int64_t *confusion) MST_CHECKED;

/* The parameters that a client is scored with: *w(P), valid until the next call. Called on one rank
 * for each client. */
typedef struct mst_client_models {
  void *context;
  mst_status (*find)(void *context, int64_t client, const float **w);
} mst_client_models;

/** Score every client's model on its test rows (mst_clients_test), if it has some.
 *  accuracy(clients): scratch; out: each client's accuracy on every rank, NaN for clients without
 *  such rows; score: of the others.
 *  \return MST_OK, MST_ERR_MEMORY, or what models->find returns. Collective on team; classes only.
 */
mst_status mst_score_clients(mst_team *team, const mst_model *model,
                             const mst_client_models *models, const mst_clients *clients,
                             mst_model_work *work, double *accuracy,
                             mst_summary *score) MST_CHECKED;

#endif
