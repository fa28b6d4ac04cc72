/* The analytic job under a privacy budget: what section `privacy` says, the noise for it, and the
 * map of bounded features. doc/methods/private_analytic.md. */
#ifndef MST_JOBS_ANALYTIC_PRIVATE_H
#define MST_JOBS_ANALYTIC_PRIVATE_H

#include "jobs/data.h"
#include "jobs/privacy.h"
#include "parallel/analytic_private.h"

extern const mst_key_spec mst_keys_analytic_private[];

typedef struct mst_job_analytic_private {
  bool on; /* the experiment has the section; nothing else is set where it has not */
  mst_privacy budget;
  mst_analytic_privacy options;
  mst_features *bounded;
  int64_t project;
  double share; /* of the budget that the Gram has */
} mst_job_analytic_private;

/** The section, and refusals of what looks at rows without noise. MST_ERR_INPUT. Local. */
mst_status mst_job_analytic_private_read(mst_job_analytic_private *p,
                                         mst_job_context *context) MST_CHECKED;

/** The bounded map of opened data, and the noise of the budget. Collective. */
mst_status mst_job_analytic_private_plan(mst_job_analytic_private *p,
                                         const mst_job_data *data) MST_CHECKED;

/** Open the ledger, before rows are read; the secret. MST_ERR_BUDGET where both releases do not
 * fit. Collective. */
mst_status mst_job_analytic_private_open(mst_job_analytic_private *p) MST_CHECKED;

/** Charge both releases of a run whose statistics will be summed next. MST_ERR_BUDGET. Collective.
 */
mst_status mst_job_analytic_private_charge(mst_job_analytic_private *p) MST_CHECKED;

void mst_job_analytic_private_close(mst_job_analytic_private *p); /* Local */

#endif
