/* What a job writes into its run file beside the model and the metrics, for `muster report` and
 * `muster predict`: of what shape the rows were, who held what, and how the model does on whom. */
#ifndef MST_JOBS_RECORD_H
#define MST_JOBS_RECORD_H

#include "jobs/data.h"
#include "parallel/score.h"

#define MST_RECORD_CLASSES 1000 /* most classes of a confusion matrix that is kept */

/** Write one list of arrays below a group that nothing else writes ("nodes"), whatever came of its
 *  making; it is cleared in every case. Collective. */
mst_status mst_record_group(mst_team *team, mst_runfile *file, mst_status made, const char *group,
                            mst_state *state) MST_CHECKED;

/** Write /data/row_shape (of a raw row: 3 sizes, 0 behind its last dimension), /data/n_classes (0
 *  for values), /data/outputs. Collective. */
mst_status mst_record_shape(mst_team *team, mst_runfile *file, const mst_row_shape *shape,
                            int64_t n_classes, int64_t outputs) MST_CHECKED;

/** Write what mst_record_shape does, /clients/rows(clients) and, for classes,
 * /clients/labels(clients, classes): rows of each class, unless they are more than four million
 * numbers; nothing of clients where there are none. After mst_job_data_read. Collective. */
mst_status mst_record_data(const mst_job_data *d) MST_CHECKED;

/** Write /clients/accuracy(clients), on each client's own rows, NaN for those without rows, the
 *  same on all ranks. Collective. */
mst_status mst_record_accuracy(mst_job_context *context, int64_t clients,
                               const double *accuracy) MST_CHECKED;

/** A zero confusion matrix (classes, classes) for the test rows: NULL where there are none, or no
 *  classes, or too many. Free with mst_free. Collective. */
mst_status mst_record_room(const mst_job_data *d, int64_t **confusion) MST_CHECKED;

/** Write /evaluation/confusion(classes, classes): test rows of each class by the class that the
 *  model chose, the same on all ranks; nothing for NULL. Collective. */
mst_status mst_record_confusion(const mst_job_data *d, const int64_t *confusion) MST_CHECKED;

/** The same of what `count` makes of such a matrix, if there is room for one: `model` is handed on
 *  to it, and it returns what the call returns then. Collective. */
mst_status mst_record_test(const mst_job_data *d, const mst_test_rows *test,
                           mst_status (*count)(void *model, const mst_test_rows *test,
                                               int64_t classes, int64_t *confusion),
                           void *model) MST_CHECKED;

#endif
