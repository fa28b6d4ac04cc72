/* Section `personal` of the analytic job: heads of clients' own, scored beside the head of all on
 * rows that clients hold out. doc/methods/personal_heads.md. */
#ifndef MST_JOBS_ANALYTIC_PERSONAL_H
#define MST_JOBS_ANALYTIC_PERSONAL_H

#include "jobs/data.h"
#include "jobs/weights.h"
#include "parallel/analytic_personal.h"

extern const mst_key_spec mst_keys_analytic_personal[];

typedef struct mst_job_personal {
  bool on; /* there is a section */
  mst_personal_options options;
  mst_head_statistics statistics;
  mst_personal_result result;
  int64_t clients;
} mst_job_personal;

/** MST_ERR_INPUT with the reason where there can be no such heads. Local. */
mst_status mst_job_personal_read(mst_job_personal *p, const mst_experiment *e,
                                 const mst_job_weights_use *use) MST_CHECKED;

/** Rows are held out when data, which is open, is dealt. Local. */
void mst_job_personal_open(const mst_job_personal *p, mst_job_data *data);

/** Add what the heads take to the plan: memory, and bytes down to the clients. data is dealt.
 *  MST_ERR_MEMORY. Local. */
mst_status mst_job_personal_plan(const mst_job_personal *p, const mst_job_data *data,
                                 mst_analytic_plan *plan) MST_CHECKED;

/** Solve and score, for the model that was trained of p->statistics. Rows are dealt as before when
 * it returns. Collective. */
mst_status mst_job_personal_run(mst_job_personal *p, mst_job_data *data,
                                const mst_analytic_plan *plan,
                                const mst_analytic_model *model) MST_CHECKED;

#define MST_JOB_PERSONAL_METRICS 8

/** Append metrics, at most so many, to metric(*n). Local. */
void mst_job_personal_metrics(const mst_job_personal *p, mst_metric *metric, int *n);

/** Write /clients/accuracy (of classes, each client's own head), and /personal: scores of both
 * heads and, if they are kept, heads (clients, d + 1, c); figures beside the metrics. Collective.
 */
mst_status mst_job_personal_record(const mst_job_personal *p, mst_job_context *context) MST_CHECKED;
void mst_job_personal_close(mst_job_personal *p); /* Local */

/** Mark the rows that clients hold out, of `rows` dealt ones, as no client's. Local. */
mst_status mst_job_personal_hold_out(const mst_job_data *data, int64_t rows,
                                     int32_t *client) MST_CHECKED;

#endif
