/* The federated job under a budget: what section `privacy` says of its rounds, the noise for it,
 * the ledger. doc/methods/private_training.md. */
#ifndef MST_JOBS_FEDERATED_PRIVATE_H
#define MST_JOBS_FEDERATED_PRIVATE_H

#include "jobs/data.h"
#include "jobs/privacy.h"
#include "parallel/federated.h"

extern const mst_key_spec mst_keys_federated_private[];

typedef struct mst_job_federated_private {
  bool on; /* the experiment has the section; nothing else is set where it has not */
  mst_privacy budget;
  mst_federated_privacy options;
  int64_t rounds;
  double rate;   /* of a client in a round                          */
  int64_t bound; /* discrete noise: a client's, in steps of the grid */
} mst_job_federated_private;

/** The section; `options` of the loop, read already, point to it from then on. MST_ERR_INPUT.
 * Local. */
mst_status mst_job_federated_private_read(mst_job_federated_private *p, mst_job_context *context,
                                          mst_federated_options *options) MST_CHECKED;

/** The sampler of opened data's clients, and the noise of the budget for a model of so many
 *  parameters. Collective. */
mst_status mst_job_federated_private_plan(mst_job_federated_private *p, const mst_job_data *data,
                                          int64_t parameters) MST_CHECKED;

/** Open the ledger, ask whether all rounds fit, make the secret. MST_ERR_BUDGET. Collective. */
mst_status mst_job_federated_private_open(mst_job_federated_private *p) MST_CHECKED;

/** Into a dry run's estimate: releases, and what mst_privacy_estimate says. Local. */
mst_status mst_job_federated_private_estimate(const mst_job_federated_private *p) MST_CHECKED;

void mst_job_federated_private_close(mst_job_federated_private *p); /* Local */

#endif
