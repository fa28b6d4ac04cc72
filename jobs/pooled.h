/* What the jobs share that train one model on all rows together, without clients: what that takes,
 * and what is handed over at the end. */
#ifndef MST_JOBS_POOLED_H
#define MST_JOBS_POOLED_H

#include "jobs/data.h"
#include "parallel/train.h"

/** Bytes of one read of rows; the groups in which that many ranks bring rows to their nodes.
 *  Local. */
int64_t mst_pooled_window(const mst_job_data *d);
int64_t mst_pooled_groups(const mst_job_data *d, int ranks);

/** Bytes of a rank: of reading, or of the steps, which take `more` than mst_train_plan says, and
 *  its test rows, whichever is more; and of a node: its rows, with what its ranks share. Local. */
void mst_pooled_plan(const mst_job_data *d, const mst_model *model,
                     const mst_train_options *options, int64_t more, int64_t *rank_bytes,
                     int64_t *node_bytes);

/** MST_ERR_MEMORY where they are more than a rank may use. Local. */
mst_status mst_pooled_check_memory(const mst_job_data *d, int64_t rank_bytes,
                                   int64_t node_bytes) MST_CHECKED;

/** The confusion matrix of the test rows into the run file, and the model to the observer.
 *  Collective. */
mst_status mst_pooled_record_test(const mst_job_data *d, const mst_test_rows *test,
                                  mst_train *train) MST_CHECKED;
mst_status mst_pooled_report_model(const mst_job_data *d, const mst_model *model,
                                   const mst_train *train) MST_CHECKED;

#endif
