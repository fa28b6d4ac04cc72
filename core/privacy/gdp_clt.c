/* gdp_clt: the central-limit form of Gaussian differential privacy for sampled Gaussian noise (Bu,
 * Dong, Long and Su 2020): mu^2 = sum q^2 count (e^(1/sigma^2) - 1). It UNDERSTATES epsilon and is
 * here for comparison; its answers say so (estimate). */
#include "core/privacy/gaussian.h"
#include "core/privacy/member.h"

#include <math.h>

static mst_status limit(const mst_events *events, double *mu) {
  double square = 0;
  for (int64_t i = 0; i < events->n; i++) {
    const mst_event *e = &events->event[i];
    if (e->count == 0) continue;
    const double q = mst_event_rate(e);
    const double t = mst_event_shift(e, events->adjacency, events->group) / e->noise;
    if (e->mechanism != MST_MECHANISM_GAUSSIAN)
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "event %lld: accountant gdp_clt knows Gaussian noise alone; use pld",
                      (long long)i + 1);
    square += (double)e->count * (q < 1 ? q * q * expm1(t * t) : t * t);
  }
  *mu = sqrt(square);
  return MST_OK;
}

static mst_status clt_epsilon(const mst_events *events, double delta, const mst_account_spec *spec,
                              mst_spent *out) {
  double mu = 0;
  (void)spec;
  MST_TRY(limit(events, &mu));
  out->epsilon = mst_gaussian_epsilon(mu, delta);
  out->estimate = mst_events_sampled(events);
  return MST_OK;
}

static mst_status clt_delta(const mst_events *events, double epsilon, const mst_account_spec *spec,
                            mst_spent *out) {
  double mu = 0;
  (void)spec;
  MST_TRY(limit(events, &mu));
  out->delta = mst_gaussian_delta(mu, epsilon);
  out->estimate = mst_events_sampled(events);
  return MST_OK;
}

const mst_accountant_ops mst_accountant_gdp_clt = {
    .name = "gdp_clt",
    .summary = "central-limit form of gdp for samples: an estimate that understates",
    .epsilon = clt_epsilon,
    .delta = clt_delta};
