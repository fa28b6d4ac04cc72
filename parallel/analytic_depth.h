/* Depth for the analytic job: residual layers of random features, each solved in closed form from
 * sums over clients (core/analytic/depth.h), on a map of residual features
 * (core/features/residual.h). Equations: doc/methods/depth.md. */
#ifndef MST_PARALLEL_ANALYTIC_DEPTH_H
#define MST_PARALLEL_ANALYTIC_DEPTH_H

#include "parallel/analytic.h"

typedef struct mst_depth_options {
  mst_analytic_options head; /* ridge, gamma, standardize, save_seconds; with a bias, exact, open */
  double layer_ridge;        /* on a layer's matrix, > 0                                          */
} mst_depth_options;

/* How the work is arranged on one rank. Logical bytes are of all clients with rows. */
typedef struct mst_depth_plan {
  mst_analytic_plan head;     /* of the statistics of Phi; rank_bytes: peak of everything      */
  mst_gram_plan layer;        /* of those of a layer's random features                         */
  bool hidden;                /* random features of all rows are kept while their layer is solved */
  int64_t setup_uplink_bytes; /* sums that the inner map's features are standardised by        */
  int64_t setup_downlink_bytes;
  int64_t change_uplink_bytes; /* of a head after the first: what the layer has changed        */
  int64_t layer_uplink_bytes;  /* of a layer                                                   */
  int64_t layer_downlink_bytes;
} mst_depth_plan;

/** As mst_analytic_arrange, for a map of residual features and that many test rows. Local. */
mst_status mst_depth_arrange(int ranks, int64_t rows, int64_t row_elements, int64_t clients,
                             int64_t test_rows, const mst_features *map, int64_t outputs,
                             int64_t memory, int64_t held, mst_depth_plan *plan) MST_CHECKED;

/** Train all layers of the map, and the head on the last. Round t + 1 is the head on t layers: the
 *  observer gets its metrics (accuracy and loss where there are test rows, train_loss, depth) and
 *  the bytes of it ("uplink", "downlink") and of the layer that follows ("layer_uplink",
 *  "layer_downlink"). What the observer has kept after a round is gone on from.
 *  \param test  with its rows assigned to one client, or NULL.
 *  \param score, confusion  out: of the last head on the test rows, as mst_analytic_evaluate.
 *  \return MST_OK; MST_ERR_UNSUPPORTED (rows with weights); MST_ERR_INTERRUPTED; what
 *          mst_analytic_train returns. As there, model is freed on an error. Collective on team. */
mst_status mst_depth_train(mst_team *team, const mst_analytic_data *train,
                           const mst_analytic_data *test, mst_features *map,
                           const mst_depth_plan *plan, const mst_depth_options *options,
                           const mst_observer *observer, mst_analytic_model *model,
                           mst_gram_result *gram, mst_analytic_score *score,
                           int64_t *confusion) MST_CHECKED;

#endif
