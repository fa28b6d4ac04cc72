/* The federated job's section `privacy`. */
#include "jobs/federated_private.h"

#include <string.h>

#include "jobs/figures.h"
#include "jobs/options.h"
#include "parallel/private.h"

const mst_key_spec mst_keys_federated_private[] = {
    {.key = "privacy.placement",
     .type = MST_KEY_WORD,
     .fallback = "central",
     .allowed = "central|shares",
     .unit = "",
     .help = "federated: central: noise is added to the sum; shares: by each client of the round"},
    {.key = "privacy.tolerance",
     .type = MST_KEY_REAL,
     .min = 0,
     .max = 0.9,
     .unit = "",
     .help = "federated: with shares, the part of a cohort whose noise may be missing or known; 0"},
    {.key = NULL}};

mst_status mst_job_federated_private_read(mst_job_federated_private *p, mst_job_context *context,
                                          mst_federated_options *options) {
  const mst_experiment *e = context->experiment;
  p->on = mst_experiment_knows(e, "privacy.delta");
  if (!p->on) return MST_OK;
  MST_TRY(mst_privacy_read(&p->budget, context));
  p->options.clip = p->budget.clip;
  p->options.hardened = p->budget.hardened;
  p->options.shares = strcmp(mst_experiment_word(e, "privacy.placement"), "shares") == 0;
  p->options.tolerance = mst_experiment_real(e, "privacy.tolerance");
  p->rounds = options->rounds;
  p->rate = options->participation;
  options->privacy = &p->options;
  if (!p->options.shares && mst_experiment_is_set(e, "privacy.tolerance"))
    return mst_experiment_refuse(e, "privacy.tolerance",
                                 "noise in one place is not shared; set privacy.placement: shares");
  if (mst_experiment_is_set(e, "privacy.population"))
    return mst_experiment_refuse(e, "privacy.population",
                                 "whole clients are hidden, and their number is public");
  if (mst_experiment_real(e, "clients.holdout") > 0)
    return mst_experiment_refuse(e, "clients.holdout",
                                 "scores of clients are not private; score on data.test");
  return MST_OK;
}

/* Discrete noise is counted as the Gaussian noise that it is as near to as its grid is fine; sums
 * of shares are as near to one draw by far. */
static mst_status check_grid(const mst_job_federated_private *p, int64_t parameters,
                             double epsilon) {
  if (!(p->options.hardened || p->options.shares)) return MST_OK;
  double entries = (double)parameters * (double)p->rounds;
  double distance = mst_discrete_distance(p->options.sigma * (double)p->bound, entries, epsilon);
  if (distance <= mst_privacy_delta_kept(&p->budget)) return MST_OK;
  return mst_experiment_refuse(p->budget.context->experiment, "privacy.noise",
                               "the grid is too coarse for so many rounds at this delta; choose a "
                               "larger privacy.delta, a smaller budget or fewer rounds");
}

static mst_status make_sampler(mst_job_federated_private *p, const mst_job_data *data) {
  int shift = 0;
  if (mst_features_sample_rows(data->features) > 0)
    return mst_experiment_refuse(data->experiment, "features.kind",
                                 "%s is fitted to training rows, and that is not private; choose "
                                 "identity, relu, fourier or scattering",
                                 mst_features_name(data->features));
  const mst_sampler_spec spec = {.kind = "poisson", .rate = p->rate, .population = data->clients};
  MST_TRY(mst_private_grid(p->options.clip, data->clients, &shift, &p->bound));
  return mst_sampler_create(&spec, &p->options.sampler);
}

mst_status mst_job_federated_private_plan(mst_job_federated_private *p, const mst_job_data *data,
                                          int64_t parameters) {
  if (!p->on) return MST_OK;
  MST_TRY(mst_team_agree(data->team, make_sampler(p, data)));
  p->budget.kind[0] = mst_sampler_event(p->options.sampler, 1);
  p->budget.kind[0].count = p->rounds;
  p->budget.kinds = 1;
  MST_TRY(mst_privacy_plan(&p->budget));
  p->options.sigma = p->budget.sigma;
  return mst_team_agree(data->team, check_grid(p, parameters, p->budget.planned.epsilon));
}

static mst_status charge(void *context, int64_t round) {
  mst_job_federated_private *p = context;
  const int64_t left = p->rounds - round;
  return mst_privacy_charge(&p->budget, 0, 1, &left);
}

mst_status mst_job_federated_private_open(mst_job_federated_private *p) {
  if (!p->on) return MST_OK;
  MST_TRY(mst_privacy_open(&p->budget));
  p->options.sigma = p->budget.sigma;
  p->options.charged = p->budget.charged;
  p->options.charge = charge;
  p->options.context = p;
  mst_event left = p->budget.kind[0];
  left.count = p->rounds > p->budget.charged ? p->rounds - p->budget.charged : 0;
  MST_TRY(mst_privacy_allow(&p->budget, &left, 1));
  MST_TRY(mst_privacy_secret(&p->budget));
  p->options.secret = p->budget.secret;
  return MST_OK;
}

mst_status mst_job_federated_private_estimate(const mst_job_federated_private *p) {
  if (!p->on) return MST_OK;
  const mst_job_count figure[] = {{"releases", p->rounds}, {NULL, 0}};
  MST_TRY(mst_job_estimate(p->budget.context, figure));
  return mst_privacy_estimate(&p->budget);
}

void mst_job_federated_private_close(mst_job_federated_private *p) {
  if (!p->on) return;
  mst_sampler_destroy(p->options.sampler);
  mst_privacy_close(&p->budget);
  mst_secret_wipe(&p->options.secret);
}
