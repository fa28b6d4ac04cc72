/* Section `secure`, in the terms of parallel/mask.h. */
#include "jobs/secure.h"

#include <string.h>

#include "jobs/options.h"

static mst_status check_unused(const mst_experiment *e) {
  static const char *const key[] = {"secure.bound", "secure.threshold", "secure.neighbours",
                                    "secure.dropout"};
  for (size_t k = 0; k < sizeof key / sizeof *key; k++)
    if (mst_experiment_is_set(e, key[k]))
      return mst_experiment_refuse(e, key[k], "but secure.aggregate is none: set it to masks");
  return MST_OK;
}

mst_status mst_job_secure(const mst_experiment *e, mst_mask_options *out) {
  const char *kind = mst_experiment_word(e, "secure.aggregate");
  *out = (mst_mask_options){.kind = MST_MASK_NONE};
  if (strcmp(kind, "none") == 0) return check_unused(e);
  out->kind = strcmp(kind, "sum") == 0 ? MST_MASK_SUM : MST_MASK_ON;
  out->secure = (mst_secure_options){.threshold = 0.67, .seed = mst_job_seed(e)};
  if (mst_experiment_is_set(e, "secure.threshold"))
    out->secure.threshold = mst_experiment_real(e, "secure.threshold");
  out->secure.neighbours = mst_experiment_int(e, "secure.neighbours");
  if (mst_experiment_is_set(e, "secure.dropout"))
    out->secure.dropout = mst_experiment_real(e, "secure.dropout");
  const bool clipped = mst_experiment_knows(e, "privacy.clip");
  const bool given = mst_experiment_is_set(e, "secure.bound");
  if (!given && !clipped)
    return mst_experiment_refuse(e, "secure.bound",
                                 "masks need a grid that is known before any data is seen: give a "
                                 "public bound (see muster run --help)");
  out->bound = mst_experiment_real(e, given ? "secure.bound" : "privacy.clip");
  return mst_mask_check(out);
}

mst_status mst_job_secure_features(const mst_experiment *e, const mst_mask_options *secure,
                                   const mst_features *features) {
  if (secure->kind == MST_MASK_NONE || mst_features_sample_rows(features) == 0) return MST_OK;
  return mst_experiment_refuse(e, "features.kind",
                               "this map is fitted on rows that clients send as they are, which "
                               "secure.aggregate is to prevent: choose identity, relu, fourier "
                               "or scattering");
}
