/* The model that a run file holds, rebuilt from the file alone: from the experiment's text and the
 * arrays. */
#ifndef MST_JOBS_REBUILD_H
#define MST_JOBS_REBUILD_H

#include "io/dataset.h"
#include "io/runfile.h"
#include "jobs/job.h"
#include "jobs/options.h"
#include "parallel/predict.h"

typedef struct mst_rebuilt {
  const char *path; /* of the run file; not owned                    */
  mst_outcome outcome;
  char *named; /* how errors call its experiment                     */
  const mst_job_ops *job;
  mst_job_schema schema;
  mst_experiment *experiment;
  int64_t row_shape[3]; /* of the run's data; 0 where there is no such dimension */
  int64_t n_classes;    /* 0: values                                 */
  int64_t outputs;

  mst_features *features;
  mst_analytic_model analytic;
  mst_model *model;
  float *w;            /* (model->parameters)                                   */
  mst_trained trained; /* what is applied; points to the above       */
} mst_rebuilt;

/** Verify the run file at path and read what its model is; the arrays are left where they are. m is
 *  zero before; clear it also after an error.
 *  \return MST_OK; MST_ERR_UNSUPPORTED (a run whose model is for nobody else's rows);
 *          what mst_runfile_outcome returns. Collective. */
mst_status mst_rebuilt_open(mst_team *team, const char *path, mst_rebuilt *m) MST_CHECKED;

/** Can the model be applied to that dataset, called `name` in errors: rows of the shape that it was
 *  trained on, targets as it gives them, or none? MST_ERR_INPUT otherwise. Local. */
mst_status mst_rebuilt_check(const mst_rebuilt *m, const char *name,
                             const mst_dataset_info *data) MST_CHECKED;

/** Read the arrays: m->trained is complete then.
 *  \return MST_OK, MST_ERR_FORMAT or MST_ERR_MEMORY. Collective. */
mst_status mst_rebuilt_load(mst_team *team, mst_rebuilt *m) MST_CHECKED;

/** Are the loaded models of a and b of one kind and shape, behind the same feature map?
 *  MST_ERR_INPUT naming both files otherwise; MST_ERR_MEMORY. Local. */
mst_status mst_rebuilt_check_same(const mst_rebuilt *a, const mst_rebuilt *b) MST_CHECKED;

void mst_rebuilt_clear(mst_rebuilt *m); /* Local */

#endif
