/* The bandit job under a budget: what section `privacy` says of its batches, the noise for it, the
 * ledger, and the secret, which another start of the run goes on with: batches that it makes once
 * more are then the same releases. doc/methods/bandits.md. */
#ifndef MST_JOBS_BANDIT_PRIVATE_H
#define MST_JOBS_BANDIT_PRIVATE_H

#include "core/privacy/correlation.h"
#include "io/secret.h"
#include "jobs/privacy.h"
#include "parallel/bandit.h"

extern const mst_key_spec mst_keys_bandit_private[];

typedef struct mst_job_bandit_private {
  bool on; /* the experiment has the section; nothing else is set where it has not */
  mst_privacy budget;
  mst_bandit_privacy options;
  int64_t releases;      /* of interactions one, of agents one a batch    */
  mst_sampler *sampler;  /* online: which batch an interaction is in      */
  mst_correlation *tree; /* online: of an agent's releases; else NULL     */
  mst_secret_file *file; /* NULL with privacy.test_key                    */
  mst_text path;         /* of the file                                   */
} mst_job_bandit_private;

/** The section; `options`, read already, point to it from then on. MST_ERR_INPUT. Local. */
mst_status mst_job_bandit_private_read(mst_job_bandit_private *p, mst_job_context *context,
                                       mst_bandit_options *options) MST_CHECKED;

/** The noise of the budget. options were checked. Collective. */
mst_status mst_job_bandit_private_plan(mst_job_bandit_private *p,
                                       const mst_bandit_options *options) MST_CHECKED;

/** Open the ledger, ask whether all batches fit, find or make the secret. MST_ERR_BUDGET.
 *  Collective. */
mst_status mst_job_bandit_private_open(mst_job_bandit_private *p) MST_CHECKED;

/** Into a dry run's estimate: releases, and what mst_privacy_estimate says. Local. */
mst_status mst_job_bandit_private_estimate(const mst_job_bandit_private *p) MST_CHECKED;

/** /privacy of the run file; the run has ended, and nothing needs the secret any more.
 *  Collective. */
mst_status mst_job_bandit_private_end(mst_job_bandit_private *p) MST_CHECKED;

void mst_job_bandit_private_close(mst_job_bandit_private *p); /* Local */

#endif
