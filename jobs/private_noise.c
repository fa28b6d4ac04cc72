/* Correlated noise and adaptive clips, as experiments see them; where the secret is kept. */
#include "jobs/private_noise.h"

#include <math.h>
#include <string.h>

#include "jobs/family.h"
#include "jobs/figures.h"
#include "jobs/output.h"

#define COUNT_SHARE                                                                              \
  20                  /* of a step's expected rows: the count's noise by default (Andrew et al.) \
                       */
#define CLIP_SHARE 16 /* the greatest clip, of the first, by default                            */

const mst_key_spec mst_keys_private_noise[] = {
    {.key = "privacy.adaptive_clip.quantile",
     .type = MST_KEY_REAL,
     .fallback = "0",
     .min = 0,
     .max = 0.999,
     .unit = "",
     .help = "let the clip follow this quantile of the gradients' lengths; 0: privacy.clip stays"},
    {.key = "privacy.adaptive_clip.rate",
     .type = MST_KEY_REAL,
     .fallback = "0.2",
     .min = 1e-6,
     .max = 10,
     .unit = "",
     .help = "how fast: the clip's logarithm moves by it times how far the quantile is off"},
    {.key = "privacy.adaptive_clip.count_noise",
     .type = MST_KEY_REAL,
     .min = 1e-3,
     .max = 1e12,
     .unit = "rows",
     .help = "noise of the count of short gradients, charged with the sum; by default a 20th of a "
             "step's rows"},
    {.key = "privacy.adaptive_clip.most",
     .type = MST_KEY_REAL,
     .min = 1e-12,
     .max = 1e12,
     .unit = "",
     .help = "greatest clip, by default 16 times privacy.clip"},
    {.key = NULL}};

mst_status mst_private_noise_read(mst_private_noise *n, const mst_experiment *e) {
  MST_TRY(mst_family_read(&mst_family_correlations, e, &n->spec));
  n->clip.quantile = mst_experiment_real(e, "privacy.adaptive_clip.quantile");
  n->clip.rate = mst_experiment_real(e, "privacy.adaptive_clip.rate");
  for (int i = 1; n->clip.quantile == 0 && mst_keys_private_noise[i].key != NULL; i++)
    if (mst_experiment_is_said(e, mst_keys_private_noise[i].key))
      return mst_experiment_refuse(e, mst_keys_private_noise[i].key,
                                   "without privacy.adaptive_clip.quantile the clip stays");
  return MST_OK;
}

void mst_private_noise_free(mst_private_noise *n) {
  mst_secret_file_close(n->file);
  mst_correlation_destroy(n->correlation);
  mst_text_free(&n->path);
}

static double given(const mst_experiment *e, const char *key, double fallback) {
  return mst_experiment_is_set(e, key) ? mst_experiment_real(e, key) : fallback;
}

mst_status mst_private_noise_create(mst_private_noise *n, const mst_experiment *e, int64_t steps,
                                    mst_private_options *o) {
  if (strcmp(n->spec.kind, "independent") != 0)
    MST_TRY(mst_correlation_create(&n->spec, o->sampler, steps, &n->correlation));
  n->clip.count_noise =
      given(e, "privacy.adaptive_clip.count_noise", mst_sampler_expected(o->sampler) / COUNT_SHARE);
  n->clip.most = given(e, "privacy.adaptive_clip.most", CLIP_SHARE * o->clip);
  if (n->clip.quantile > 0 && n->clip.most < o->clip)
    return mst_experiment_refuse(e, "privacy.adaptive_clip.most",
                                 "must not be below the first clip, privacy.clip %g", o->clip);
  o->correlation = n->correlation;
  o->adaptive = n->clip;
  return mst_private_check_noise(o);
}

mst_status mst_private_noise_sigma(const mst_private_noise *n, double sigma, double *of_sum) {
  *of_sum = sigma;
  if (n->clip.quantile == 0) return MST_OK;
  *of_sum = mst_private_clip_sigma(sigma, n->clip.count_noise);
  if (isfinite(*of_sum)) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "privacy.adaptive_clip.count_noise: %.4g rows take more than all that sigma %.4g "
                  "allows; it must be above half of that, and is best far above it",
                  n->clip.count_noise, sigma);
}

mst_status mst_private_noise_open(mst_private_noise *n, const mst_job_context *c) {
  if (n->correlation == NULL || !mst_correlation_kept(n->correlation)) return MST_OK;
  if (mst_experiment_bool(c->experiment, "privacy.test_key")) return MST_OK;
  MST_TRY(mst_team_agree(c->team, mst_text_add(&n->path, "%s.secret", c->run_path)));
  return mst_secret_file_open(c->team, n->path.at, &n->file);
}

/* All that the charged sensitivity rests on: noise that goes on must be this one's. */
static mst_status describe(const mst_private_noise *n, const mst_privacy *p, mst_text *of) {
  char noise[MST_NUMBER], sensitivity[MST_NUMBER], clip[MST_NUMBER];
  const mst_correlation *c = n->correlation;
  return mst_text_add(
      of, "%s %s %s %s %s %lld %lld %lld %lld %s", c->ops->name,
      mst_text_real(p->kind[0].noise, noise), mst_text_real(p->kind[0].sensitivity, sensitivity),
      mst_text_real(p->clip, clip), c->sampler->ops->name, (long long)c->sampler->cycle,
      (long long)c->sampler->spec.population, (long long)c->steps,
      (long long)mst_ledger_number(p->ledger), p->context->run_path);
}

mst_status mst_private_noise_secret(const mst_private_noise *n, mst_privacy *p) {
  mst_text of = MST_TEXT_EMPTY;
  if (n->file == NULL) return mst_privacy_secret(p);
  mst_status st = mst_team_agree(p->context->team, describe(n, p, &of));
  if (st == MST_OK && p->charged > 0 && p->charged < n->correlation->steps) {
    st = mst_secret_file_find(n->file, of.at, &p->secret);
  } else if (st == MST_OK) {
    st = mst_privacy_secret(p);
    if (st == MST_OK) st = mst_secret_file_keep(n->file, &p->secret, of.at);
  }
  mst_text_free(&of);
  return st;
}

mst_status mst_private_noise_end(const mst_private_noise *n) {
  return n->file != NULL ? mst_secret_file_remove(n->file) : MST_OK;
}

mst_status mst_private_noise_estimate(const mst_private_noise *n, const mst_privacy *p) {
  const mst_correlation *c = n->correlation;
  if (c == NULL) return MST_OK;
  MST_TRY(mst_job_estimate_real(p->context, "sensitivity", p->kind[0].sensitivity));
  return mst_job_estimate_real(p->context, "prefix_noise",
                               p->kind[0].noise * mst_correlation_error(c));
}
