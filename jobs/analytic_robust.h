/* The analytic job's sections `aggregate` and `attack`. */
#ifndef MST_JOBS_ANALYTIC_ROBUST_H
#define MST_JOBS_ANALYTIC_ROBUST_H

#include "jobs/data.h"
#include "parallel/analytic_robust.h"

typedef struct mst_job_analytic_robust {
  bool on;
  mst_analytic_robust options;
  mst_stage stage;          /* of the pipeline, where there is a rule   */
  mst_analytic_trust trust; /* what came of it                          */
  int64_t bytes;            /* of a rank, beyond the plain job's        */
} mst_job_analytic_robust;

/** Read the sections and put a rule into the pipeline, in the place of the sum. r must outlive it.
 *  \param privacy  whether there is a section of that name.
 *  \return MST_OK; MST_ERR_INPUT naming the key; what mst_pipeline_put returns. Local. */
mst_status mst_job_analytic_robust_read(mst_job_analytic_robust *r, const mst_experiment *e,
                                        bool privacy, mst_pipeline *pipeline) MST_CHECKED;

/** Check it against the dealt clients, count what it takes, and say where it is not to be trusted.
 *  \return what mst_analytic_robust_check returns. Local. */
mst_status mst_job_analytic_robust_plan(mst_job_analytic_robust *r, const mst_job_data *data,
                                        const mst_analytic_options *options) MST_CHECKED;

/** The headline figures. Local. */
mst_status mst_job_analytic_robust_results(const mst_job_analytic_robust *r,
                                           mst_job_context *context) MST_CHECKED;

#endif
