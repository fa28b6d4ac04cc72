/* What every job that releases something under a privacy budget shares: the keys, the noise for the
 * budget, the ledger, the secret, /privacy of the run file. doc/methods/private_training.md.
 *
 * A job fills in the kinds of releases that it makes, with their noise at factor 1 and how often
 * each is made in the whole run; from mst_privacy_plan on their noise is what is added. It charges
 * a release before it makes it; in doubt one is charged that was never made. */
#ifndef MST_JOBS_PRIVACY_H
#define MST_JOBS_PRIVACY_H

#include "core/privacy/ledger.h"
#include "core/privacy/noise.h"
#include "io/ledger.h"
#include "io/text.h"
#include "jobs/job.h"

#define MST_PRIVACY_KINDS 6 /* of releases of one job, at most */

typedef struct mst_privacy {
  mst_job_context *context;
  mst_account_spec account;
  mst_budget budget; /* of this run; epsilon 0 where privacy.sigma is given */
  double sigma;      /* factor of the noise: privacy.sigma, or found        */
  double clip;
  bool hardened;
  mst_event kind[MST_PRIVACY_KINDS]; /* count: releases of the whole run */
  int kinds;
  mst_spent planned;  /* by all releases of the run                    */
  int64_t charged;    /* charges that earlier starts of this run made  */
  mst_secret secret;  /* the same on all ranks                         */
  mst_ledger *ledger; /* from mst_privacy_open on                      */
  mst_text ledger_path;
} mst_privacy;

/** What the keys say (mst_keys_privacy, mst_keys_ledger, family accountants). MST_ERR_INPUT for
 * both or none of epsilon and sigma. Local. */
mst_status mst_privacy_read(mst_privacy *p, mst_job_context *context) MST_CHECKED;
void mst_privacy_close(mst_privacy *p); /* wipes the secret */

/** The public number of records: privacy.population, by default `rows`. Local. */
int64_t mst_privacy_population(const mst_privacy *p, int64_t rows);

/** The factor of all kinds' noise from the budget (privacy.sigma as it is), and what they then
 *  spend together. Errors of mst_calibrate_noise; MST_ERR_INPUT for an accountant that only
 *  estimates, and for a budget of several runs without a ledger of theirs. Collective. */
mst_status mst_privacy_plan(mst_privacy *p) MST_CHECKED;

/** Open the ledger; noise that an earlier start of this run was charged with is kept. Then
 *  MST_ERR_BUDGET where what is still to come, n kinds each as often as its count, is more than is
 *  left; NULL: all kinds. Errors of mst_ledger_open. Collective. */
mst_status mst_privacy_open(mst_privacy *p) MST_CHECKED;
mst_status mst_privacy_allow(mst_privacy *p, const mst_event *left, int64_t n) MST_CHECKED;

/** Charge `count` releases of one kind, as the first of left[k] of each kind that are to come.
 *  Errors of mst_ledger_charge. Collective. */
mst_status mst_privacy_charge(mst_privacy *p, int kind, int64_t count,
                              const int64_t *left) MST_CHECKED;

/** The part of the delta which discrete noise on a grid may use that is counted as Gaussian; of a
 *  ledger's k-th run its share, so that those of all runs add up to one. Local. */
double mst_privacy_delta_kept(const mst_privacy *p);

/** The secret, from one rank's generator, or in tests from the seed, which is said. Collective. */
mst_status mst_privacy_secret(mst_privacy *p) MST_CHECKED;

/** Into a dry run's estimate: epsilon, delta, sigma. Local. */
mst_status mst_privacy_estimate(const mst_privacy *p) MST_CHECKED;

/** /privacy of the run file, an entry a kind, and the result's epsilon, delta, sigma,
 *  ledger_epsilon and ledger_budget. Collective. */
mst_status mst_privacy_record(mst_privacy *p) MST_CHECKED;

#endif
