/* Numbers that a job gives by name: its headline figures, and what it will need. */
#ifndef MST_JOBS_FIGURES_H
#define MST_JOBS_FIGURES_H

#include "jobs/data.h"

/* Lists of figures end with a name that is NULL. */
typedef struct mst_job_count {
  const char *name;
  int64_t value;
} mst_job_count;

/** Put a headline figure into the result: a whole number, or a real (null when not finite).
 *  Local. */
mst_status mst_job_result(mst_job_context *context, const char *name, double value,
                          bool whole) MST_CHECKED;

/** The same of a list of whole numbers. Local. */
mst_status mst_job_results(mst_job_context *context, const mst_job_count *figure) MST_CHECKED;

/** How a model scored: accuracy (left out when it was not measured) and loss on test rows, if there
 *  are any, and the training loss. Local. */
mst_status mst_job_scores(const mst_job_data *d, double accuracy, double loss,
                          double train_loss) MST_CHECKED;

/** Put a list of figures into the estimate. Local. */
mst_status mst_job_estimate(mst_job_context *context, const mst_job_count *figure) MST_CHECKED;

/** The same of one figure that is no whole number. Local. */
mst_status mst_job_estimate_real(mst_job_context *context, const char *name,
                                 double value) MST_CHECKED;

#endif
