/* What jobs share that train one flat vector of parameters on placed rows: the model made from the
 * experiment, the rows where they are trained on and scored, the model handed over at the end. */
#ifndef MST_JOBS_MODEL_H
#define MST_JOBS_MODEL_H

#include "core/model/model.h"
#include "jobs/data.h"
#include "parallel/clients.h"
#include "parallel/score.h"

/** Create the model that `spec` says for what the feature map makes of a row, and for the targets.
 *  \return MST_OK, or what mst_model_create returns, with the key named. Collective. */
mst_status mst_job_model_create(const mst_job_data *d, const mst_model_spec *spec,
                                mst_model **out) MST_CHECKED;

/** A batch of more rows than any client has is each one's whole: no room is taken for more. After
 *  the rows were dealt. Local. */
void mst_job_bound_batch(const mst_job_data *d, int64_t *batch);

/** Bring the training rows, as they were dealt, to their nodes in that many groups; the rows as
 *  they were read are given up. holdout, seed, spill: as mst_clients_create. Collective. */
mst_status mst_job_place_rows(mst_job_data *d, int64_t groups, double holdout, uint64_t seed,
                              const mst_clients_spill *spill, mst_clients **out) MST_CHECKED;

/** Place the test rows and set *test to them; to none where the experiment names none. They stay
 *  the data's. Collective. */
mst_status mst_job_test_rows(mst_job_data *d, mst_test_rows *test) MST_CHECKED;

/** Add the tensors that lie in the first `count` parameters of w to a state list. Local. */
mst_status mst_job_list_tensors(const mst_model *m, const float *w, int64_t count,
                                mst_state *state) MST_CHECKED;

/** Hand the model to the observer after context->rounds rounds: the list, what the feature map was
 *  fitted to. made: whether the list could be made; it is cleared in every case. Collective. */
mst_status mst_job_report_model(const mst_job_data *d, mst_status made,
                                mst_state *state) MST_CHECKED;

#endif
