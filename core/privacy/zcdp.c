/* zcdp: zero-concentrated differential privacy (Bun and Steinke 2016): divergences rho alpha at
 * every order alpha, so that only rho adds and the order is chosen without a table. */
#include <math.h>

#include "core/privacy/member.h"

static mst_status total(const mst_events *events, double *rho) {
  *rho = 0;
  for (int64_t i = 0; i < events->n; i++) {
    const mst_event *e = &events->event[i];
    if (e->count == 0) continue;
    double t = mst_event_shift(e, events->adjacency, events->group) / e->noise;
    if (mst_event_rate(e) < 1)
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "event %lld: zero-concentrated privacy gains nothing from sampling; use pld "
                      "or rdp",
                      (long long)i + 1);
    if (e->truncate > 0)
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "event %lld: noise that is cut off is not zero-concentrated; use pld",
                      (long long)i + 1);
    if (e->mechanism == MST_MECHANISM_PURE)
      t = e->noise * mst_event_shift(e, MST_ADJACENCY_ADD_REMOVE, events->group);
    /* Gaussian noise, whole or discrete: t^2 / 2; an epsilon of pure privacy: epsilon^2 / 2 */
    *rho += (double)e->count * t * t / 2;
  }
  return MST_OK;
}

/* The least figure over all orders, by golden section in ln(alpha - 1). */
static double least(double rho, double given, double (*convert)(double, double, double),
                    double *order) {
  const double golden = 0.6180339887498949;
  double low = log(0.011), high = 40;
  for (int i = 0; i < 120; i++) {
    const double a = high - golden * (high - low), b = low + golden * (high - low);
    const double fa = convert(1 + exp(a), rho * (1 + exp(a)), given);
    const double fb = convert(1 + exp(b), rho * (1 + exp(b)), given);
    if (fa < fb || (fa == fb && fa >= 1))
      high = b;
    else
      low = a;
  }
  *order = 1 + exp(low);
  return convert(*order, rho * *order, given) * MST_UPWARD;
}

static mst_status zcdp_epsilon(const mst_events *events, double delta, const mst_account_spec *spec,
                               mst_spent *out) {
  double rho;
  (void)spec;
  MST_TRY(total(events, &rho));
  out->epsilon = least(rho, delta, mst_rdp_epsilon, &out->order);
  return MST_OK;
}

static mst_status zcdp_delta(const mst_events *events, double epsilon, const mst_account_spec *spec,
                             mst_spent *out) {
  double rho;
  (void)spec;
  MST_TRY(total(events, &rho));
  out->delta = least(rho, epsilon, mst_rdp_delta, &out->order);
  return MST_OK;
}

const mst_accountant_ops mst_accountant_zcdp = {
    .name = "zcdp",
    .summary = "zero-concentrated privacy: an upper bound, without sampling",
    .epsilon = zcdp_epsilon,
    .delta = zcdp_delta};
