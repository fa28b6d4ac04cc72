/* spiderboost: gradients of a sample of b1 rows every so many steps, differences over samples of b2
 * rows in between (Arora, Bassily, Gonzalez, Guzman, Menart and Ullah, ICML 2023, algorithm 2).
 * Samples are Poisson; a difference's bound is min(L |w - u|, 2 C). */
#include "core/privacy/estimator_member.h"

static mst_status prepare(mst_estimator *e) {
  mst_sampler_spec sample = e->sampling;
  sample.kind = "poisson";
  e->kinds = 2;
  e->slots = 1;
  MST_TRY(mst_sampler_create(&sample, &e->sampler[0]));
  if (e->spec.rows > sample.population)
    return mst_fail(MST_ERR_INPUT, "method.rows: an expected %lld of %lld rows cannot be sampled",
                    (long long)e->spec.rows, (long long)sample.population);
  sample.rate = (double)e->spec.rows / (double)sample.population;
  MST_TRY(mst_sampler_create(&sample, &e->sampler[1]));
  mst_periodic_noise(e);
  return MST_OK;
}

static const mst_param params[] = {MST_ESTIMATOR_PARAM_PERIOD,
                                   MST_ESTIMATOR_PARAM_SMOOTHNESS,
                                   MST_ESTIMATOR_PARAM_SHARE,
                                   {.name = "rows",
                                    .type = MST_PARAM_INT,
                                    .offset = offsetof(mst_estimator_spec, rows),
                                    .fallback = NULL,
                                    .min = 1,
                                    .max = 1e15,
                                    .unit = "rows",
                                    .help = "expected rows of a sum of differences"},
                                   {.name = NULL}};

const mst_estimator_ops mst_estimator_spiderboost = {
    .name = "spiderboost",
    .summary = "samples: gradients now and then, differences of gradients in between",
    .params = params,
    .sampler = "poisson",
    .capped = true,
    .prepare = prepare,
    .at = mst_periodic_at,
    .releases = mst_periodic_releases,
};
