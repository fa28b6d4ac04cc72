/* advanced: composition of (epsilon, delta) steps, as before moments were accounted for: half of
 * delta is spent on the steps, amplified by sampling, half on their composition (Dwork, Rothblum
 * and Vadhan 2010; the form of Kairouz, Oh and Viswanath 2015). For comparison. */
#include <math.h>

#include "core/privacy/gaussian.h"
#include "core/privacy/member.h"

/* epsilon of one release that may fail with probability delta_0 before sampling; *fails: after it.
 */
static mst_status step_epsilon(const mst_events *events, int64_t i, double delta_0, double *epsilon,
                               double *fails) {
  const mst_event *e = &events->event[i];
  const double q = mst_event_rate(e);
  const double t = mst_event_shift(e, events->adjacency, events->group) / e->noise;
  if ((e->sampling == MST_SAMPLING_POISSON && q < 1 &&
       events->adjacency == MST_ADJACENCY_REPLACE_ONE) ||
      e->mechanism == MST_MECHANISM_DISCRETE_GAUSSIAN || e->truncate > 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "event %lld: accountant advanced knows Gaussian, Laplace and pure mechanisms, "
                    "and Poisson samples under add_remove alone; use pld",
                    (long long)i + 1);
  *fails = 0;
  if (e->mechanism == MST_MECHANISM_GAUSSIAN) {
    *epsilon = mst_gaussian_epsilon(t, delta_0);
    *fails = q * delta_0;
  } else if (e->mechanism == MST_MECHANISM_PURE) {
    *epsilon = e->noise * mst_event_shift(e, MST_ADJACENCY_ADD_REMOVE, events->group);
  } else {
    *epsilon = t;
  }
  *epsilon = log1p(q * expm1(*epsilon));
  return MST_OK;
}

static mst_status advanced_epsilon(const mst_events *events, double delta,
                                   const mst_account_spec *spec, mst_spent *out) {
  double plain = 0, mean = 0, square = 0, rate = 0;
  (void)spec;
  for (int64_t i = 0; i < events->n; i++)
    rate += (double)events->event[i].count * mst_event_rate(&events->event[i]);
  for (int64_t i = 0; i < events->n; i++) {
    const double count = (double)events->event[i].count;
    double epsilon = 0, fails;
    if (count == 0) continue;
    MST_TRY(step_epsilon(events, i, delta / (2 * rate), &epsilon, &fails));
    plain += count * epsilon;
    mean += count * epsilon * tanh(epsilon / 2);
    square += count * epsilon * epsilon;
  }
  out->epsilon = fmin(plain, mean + sqrt(2 * log(2 / delta) * square)) * MST_UPWARD;
  return MST_OK;
}

static mst_status advanced_delta(const mst_events *events, double epsilon,
                                 const mst_account_spec *spec, mst_spent *out) {
  double low = log(1e-300), high = 0;
  for (int i = 0; i < 60; i++) {
    const double mid = (low + high) / 2;
    mst_spent got;
    MST_TRY(advanced_epsilon(events, exp(mid), spec, &got));
    if (got.epsilon <= epsilon)
      high = mid;
    else
      low = mid;
  }
  out->delta = exp(high);
  return MST_OK;
}

const mst_accountant_ops mst_accountant_advanced = {
    .name = "advanced",
    .summary = "advanced composition of (epsilon, delta) steps: for comparison",
    .epsilon = advanced_epsilon,
    .delta = advanced_delta};
