/* A ridge from a list: keys analytic.ridges and analytic.holdout. */
#ifndef MST_JOBS_RIDGES_H
#define MST_JOBS_RIDGES_H

#include "jobs/data.h"
#include "parallel/analytic.h"

extern const mst_key_spec mst_keys_ridges[];

typedef struct mst_job_ridges {
  bool on; /* there is a list */
  int n;
  double *ridge, *loss; /* (n) */
  int best;
  double holdout;
  int64_t clients, rows; /* that were held out */
} mst_job_ridges;

/** \param plain  the sums are exact and open, and nothing but a training is asked for; a list is
 *  refused otherwise. MST_ERR_INPUT. Local. */
mst_status mst_job_ridges_read(mst_job_ridges *r, const mst_experiment *e, bool plain) MST_CHECKED;

/** Train on some clients at each ridge, score on the others, and train on all at the best: each row
 *  is summed once. \param sums  of all clients, to be kept; NULL: not kept. The clients of data are
 *  dealt as before when it returns. Collective. */
mst_status mst_job_ridges_train(mst_job_ridges *r, mst_job_data *data,
                                const mst_analytic_options *options, const mst_analytic_plan *plan,
                                mst_analytic_model *model, mst_gram_result *gram) MST_CHECKED;

/** Write /ridges and the headline figures. Collective. */
mst_status mst_job_ridges_record(const mst_job_ridges *r, mst_job_context *context) MST_CHECKED;
void mst_job_ridges_close(mst_job_ridges *r); /* Local */

#endif
