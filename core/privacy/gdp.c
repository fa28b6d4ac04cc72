/* gdp: Gaussian differential privacy, exact, of Gaussian noise without sampling (full batches,
 * trees, matrix factorisations): the squares of mu = sensitivity / noise add. */
#include "core/privacy/gaussian.h"
#include "core/privacy/member.h"

#include <math.h>

static mst_status check(const mst_events *events) {
  for (int64_t i = 0; i < events->n; i++)
    if (events->event[i].count > 0 && !mst_event_is_whole_gaussian(&events->event[i]))
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "event %lld: accountant gdp is exact for Gaussian noise without sampling "
                      "alone; use pld",
                      (long long)i + 1);
  return MST_OK;
}

static mst_status gdp_epsilon(const mst_events *events, double delta, const mst_account_spec *spec,
                              mst_spent *out) {
  (void)spec;
  MST_TRY(check(events));
  const double mu = sqrt(mst_events_whole_mu_square(events));
  out->epsilon = out->central = out->upper = mst_gaussian_epsilon(mu * MST_UPWARD, delta);
  out->lower = fmax(0, out->epsilon * (1 - 1e-12));
  out->certified = true;
  return MST_OK;
}

static mst_status gdp_delta(const mst_events *events, double epsilon, const mst_account_spec *spec,
                            mst_spent *out) {
  (void)spec;
  MST_TRY(check(events));
  const double mu = sqrt(mst_events_whole_mu_square(events));
  const double delta = mst_gaussian_delta(mu, epsilon);
  out->delta = out->central = out->upper = fmin(1, delta * (1 + 1e-12));
  out->lower = delta * (1 - 1e-12);
  out->certified = true;
  return MST_OK;
}

const mst_accountant_ops mst_accountant_gdp = {
    .name = "gdp",
    .summary = "Gaussian differential privacy: exact for Gaussian noise without sampling",
    .epsilon = gdp_epsilon,
    .delta = gdp_delta};
