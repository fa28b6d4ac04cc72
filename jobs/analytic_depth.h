/* Depth of the analytic job: keys analytic.depth, .width, .layer_ridge, .start and .activation.
 * doc/methods/depth.md. */
#ifndef MST_JOBS_ANALYTIC_DEPTH_H
#define MST_JOBS_ANALYTIC_DEPTH_H

#include "jobs/data.h"
#include "parallel/analytic_depth.h"

extern const mst_key_spec mst_keys_depth[];

typedef struct mst_job_depth {
  bool on; /* there are layers */
  int64_t depth;
  mst_depth_options options;
  mst_depth_plan plan;
} mst_job_depth;

/** \param reason  against layers, from what else the experiment asks for; NULL: none. MST_ERR_INPUT
 *  for settings that cannot be. Local. */
mst_status mst_job_depth_read(mst_job_depth *d, const mst_experiment *e,
                              const mst_analytic_options *head, const char *reason) MST_CHECKED;

/** Put a map of residual features over *map, if the experiment asks for layers. Local. */
mst_status mst_job_depth_wrap(const mst_experiment *e, int64_t outputs,
                              mst_features **map) MST_CHECKED;

/** The map that is fitted on rows: what lies below the layers, or the map itself. Local. */
mst_features *mst_job_depth_below(const mst_features *map);

/** Arrange the work for `clients` that send; `head` becomes the plan of the head. Local. */
mst_status mst_job_depth_arrange(mst_job_depth *d, const mst_job_data *data, int64_t clients,
                                 mst_analytic_plan *head) MST_CHECKED;

/** Train; the rows of data are assigned, those to test on are placed here.
 *  \param up, down  bytes of all that precedes the layers, for the ledger.
 *  \param score, confusion  as mst_depth_train. Collective. */
mst_status mst_job_depth_train(mst_job_depth *d, mst_job_data *data, int64_t up, int64_t down,
                               mst_analytic_model *model, mst_gram_result *gram,
                               mst_analytic_score *score, int64_t *confusion) MST_CHECKED;

/** Bytes of all rounds, of all clients. Local. */
int64_t mst_job_depth_uplink(const mst_job_depth *d);
int64_t mst_job_depth_downlink(const mst_job_depth *d);

#endif
