/* What a run finds of earlier starts of itself: a complete run file, or checkpoints to go on
 * from. */
#ifndef MST_JOBS_RESUME_H
#define MST_JOBS_RESUME_H

#include <stdbool.h>

#include <jansson.h>

#include "io/checkpoint.h"
#include "io/experiment.h"
#include "io/runfile.h"

/** With --resume, where the run file exists already: verify it and take its outcome.
 *  An option that muster had not when the file was written stands at its default there. A dataset
 *  of another name is read, and must say what that of the run said.
 *  \return MST_OK; MST_ERR_INPUT when it belongs to another experiment (the keys that differ are
 *          listed) or to other datasets; errors of mst_runfile_outcome and mst_dataset_digest_file.
 *          outcome is to be cleared after MST_OK. Collective. */
mst_status mst_resume_complete(mst_team *team, const char *run_path,
                               const mst_experiment *experiment, mst_outcome *outcome) MST_CHECKED;

/** Add an outcome's figures to a JSON object, as the run had them. MST_ERR_MEMORY. Local. */
mst_status mst_resume_result(const mst_outcome *outcome, json_t *result) MST_CHECKED;

/** Remove what a complete run of this experiment has left of checkpoints, having been killed before
 *  it could. Errors of mst_checkpoints_open. Collective. */
mst_status mst_resume_tidy(mst_team *team, const char *run_path,
                           const char *experiment) MST_CHECKED;

/** Look for checkpoints. With `resume` choose the one to go on from, and say what is passed over
 *  and, unless quiet, where the run goes on; without, say that there are some. Errors of
 *  mst_checkpoints_open and mst_checkpoints_choose. Collective. */
mst_status mst_resume_begin(mst_team *team, const char *run_path, const char *experiment,
                            bool resume, bool quiet, mst_checkpoints **out) MST_CHECKED;

#endif
