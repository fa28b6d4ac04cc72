/* Rows of a dataset as the environment of the bandit job: environment.kind rows, data.train. */
#ifndef MST_JOBS_BANDIT_ROWS_H
#define MST_JOBS_BANDIT_ROWS_H

#include "core/bandit/rows.h"
#include "jobs/job.h"
#include "parallel/bandit.h"

extern const mst_key_spec mst_keys_bandit_rows[]; /* of the optional section `data` */

typedef struct mst_job_bandit_rows {
  mst_bandit_rows rows;
  float *x, *value;
  int32_t *label;
  int64_t bytes; /* that a rank holds of them, with their orders */
} mst_job_bandit_rows;

/** Read data.train whole, on every rank, and point options->environment to it: its width, its arms
 *  and its rows; nothing where the environment is another. options were read, not checked. A dry
 * run reads no rows. Clear in every case.
 *  \return MST_OK; MST_ERR_INPUT (no data, keys that mean nothing beside rows); MST_ERR_NONFINITE
 *          with the row; MST_ERR_MEMORY when they do not fit resources.memory; what reading
 * returns. Collective. */
mst_status mst_job_bandit_rows_read(mst_job_bandit_rows *r, mst_job_context *context,
                                    mst_bandit_options *options) MST_CHECKED;
void mst_job_bandit_rows_clear(mst_job_bandit_rows *r); /* Local */

#endif
