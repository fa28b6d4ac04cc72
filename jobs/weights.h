/* What rows count for in the analytic job: keys analytic.weights (the dataset's /weight) and
 * analytic.clients (clients alike, however many rows they have). doc/methods/analytic.md,
 * "Weights". */
#ifndef MST_JOBS_WEIGHTS_H
#define MST_JOBS_WEIGHTS_H

#include "jobs/data.h"

extern const mst_key_spec mst_keys_weights[];

/* How the sums are made, as far as it decides which weights and heads of clients are honest. */
typedef struct mst_job_weights_use {
  bool masks, privacy, robust, kept;
} mst_job_weights_use;

/** Ask for the weights in data, which is open and not dealt yet.
 *  \return MST_OK, or MST_ERR_INPUT: data.train has none that are asked for, or they cannot be in
 *          such sums. Local; says on rank 0 that rows have weights. */
mst_status mst_job_weights_read(mst_job_data *data, const mst_job_weights_use *use) MST_CHECKED;

/** Do the weights of the dataset that this key names count? Local. */
bool mst_job_weights_count(const mst_experiment *e, const char *key);

/** The weights of data's training rows, by place, for the roster at hand; nothing where all
 * count 1. MST_ERR_MEMORY, or what reading returns. Collective. */
mst_status mst_job_weights_place(mst_job_data *data) MST_CHECKED;
/** The same of another set, by its /weight alone. Collective. */
mst_status mst_job_weights_place_set(mst_job_set *d) MST_CHECKED;

/** Make x of rows [first, first + count), of which x(count, row_elements) was read, not finite
 * where their weight is negative or not finite: they are refused, or left out, as rows that are
 * not. Collective. */
mst_status mst_job_weights_mark(mst_job_set *d, int64_t first, int64_t count, float *x) MST_CHECKED;

/** Bytes of a rank. Local. */
int64_t mst_job_weights_bytes(const mst_job_data *data);

#endif
