/* How the noise of a private job's steps hangs together, and a clip that moves: their keys, what is
 * charged for them, and the secret that another start needs. doc/methods/private_training.md. */
#ifndef MST_JOBS_PRIVATE_NOISE_H
#define MST_JOBS_PRIVATE_NOISE_H

#include "core/privacy/correlation.h"
#include "io/secret.h"
#include "jobs/privacy.h"
#include "parallel/private.h"

extern const mst_key_spec mst_keys_private_noise[];

typedef struct mst_private_noise {
  mst_correlation_spec spec;
  mst_correlation *correlation; /* NULL: noise of its own in every step */
  mst_private_clip_spec clip;
  mst_secret_file *file; /* of noise of the whole run; else NULL */
  mst_text path;
} mst_private_noise;

/** What the keys and the family correlations say. Local. */
mst_status mst_private_noise_read(mst_private_noise *n, const mst_experiment *e) MST_CHECKED;
void mst_private_noise_free(mst_private_noise *n);

/** For the steps of a run on the options' samples; sets their correlation and adaptive clip.
 *  Errors of mst_correlation_create, mst_private_clip_check. Local. */
mst_status mst_private_noise_create(mst_private_noise *n, const mst_experiment *e, int64_t steps,
                                    mst_private_options *o) MST_CHECKED;

/** Noise of the sum of gradients in clips, of that of all that a step releases. MST_ERR_INPUT where
 *  the count's alone is too little. Local. */
mst_status mst_private_noise_sigma(const mst_private_noise *n, double sigma,
                                   double *of_sum) MST_CHECKED;

/** Lock the secret of noise of the whole run, before the ledger is opened. Collective. */
mst_status mst_private_noise_open(mst_private_noise *n, const mst_job_context *c) MST_CHECKED;

/** The secret into p->secret, once the ledger is open: that of the start that began, where its
 * noise goes on; else a new one. Errors of mst_secret_file_find. Collective. */
mst_status mst_private_noise_secret(const mst_private_noise *n, mst_privacy *p) MST_CHECKED;

/** The run has ended: nothing needs the secret any more. Collective. */
mst_status mst_private_noise_end(const mst_private_noise *n) MST_CHECKED;

/** Into a dry run's estimate: sensitivity, prefix_noise. Local. */
mst_status mst_private_noise_estimate(const mst_private_noise *n, const mst_privacy *p) MST_CHECKED;

#endif
