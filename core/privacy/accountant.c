/* The table of accountants, the checks that hold for all of them, and groups of sampled records. */
#include "core/privacy/accountant.h"

#include <math.h>

#include "core/base/registry.h"
#include "core/privacy/member.h"

static const mst_accountant_ops *const TABLE[] = {
    &mst_accountant_pld,     &mst_accountant_prv,  &mst_accountant_rdp,     &mst_accountant_gdp,
    &mst_accountant_gdp_clt, &mst_accountant_zcdp, &mst_accountant_advanced};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_accountant_ops *mst_accountant_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_accountant_ops *mst_accountant_find(const char *name) {
  return mst_accountant_at(mst_registry_find(name_at, name));
}

double mst_events_whole_mu_square(const mst_events *events) {
  double square = 0;
  for (int64_t i = 0; i < events->n; i++) {
    const mst_event *e = &events->event[i];
    const double mu = mst_event_shift(e, events->adjacency, events->group) / e->noise;
    if (mst_event_is_whole_gaussian(e)) square += (double)e->count * mu * mu;
  }
  return square;
}

/* The factor of delta from one record to k: sum over j < k of e^(j epsilon). */
static double group_factor(double k, double epsilon) {
  return epsilon > 0 ? expm1(k * epsilon) / expm1(epsilon) : k;
}

static mst_status group_delta(const mst_accountant_ops *ops, const mst_events *events,
                              double epsilon, const mst_account_spec *spec, mst_spent *out) {
  mst_events one = *events;
  const double k = (double)events->group;
  one.group = 1;
  MST_TRY(ops->delta(&one, epsilon / k, spec, out));
  out->epsilon = epsilon;
  out->delta = fmin(1, out->delta * group_factor(k, epsilon / k) * MST_UPWARD);
  out->certified = false;
  out->central = out->upper = out->delta;
  out->lower = 0;
  return MST_OK;
}

/* A falling function of epsilon is not promised: the least that was seen to hold is taken. */
static mst_status group_epsilon(const mst_accountant_ops *ops, const mst_events *events,
                                double delta, const mst_account_spec *spec, mst_spent *out) {
  double low = 0, high = 1;
  mst_spent got;
  MST_TRY(group_delta(ops, events, high, spec, &got));
  while (got.delta > delta && high < 1e4) {
    low = high;
    high *= 2;
    MST_TRY(group_delta(ops, events, high, spec, &got));
  }
  if (got.delta > delta)
    return mst_fail(MST_ERR_UNSUPPORTED, "no epsilon up to %g holds for groups of %lld records",
                    high, (long long)events->group);
  for (int i = 0; i < 40 && high - low > 1e-5 * high; i++) {
    const double mid = (low + high) / 2;
    MST_TRY(group_delta(ops, events, mid, spec, &got));
    if (got.delta <= delta)
      high = mid;
    else
      low = mid;
  }
  MST_TRY(group_delta(ops, events, high, spec, out));
  out->epsilon = out->upper = out->central = high;
  out->delta = delta;
  return MST_OK;
}

static mst_status choose(const mst_account_spec *spec, const mst_events *events,
                         const mst_accountant_ops **ops) {
  const char *name = spec->name != NULL ? spec->name : "pld";
  *ops = mst_accountant_find(name);
  if (*ops == NULL) return mst_registry_refuse(name_at, "privacy.accountant", name);
  if (!(spec->accuracy >= 0) || !isfinite(spec->accuracy))
    return mst_fail(MST_ERR_INPUT, "an accuracy of %g; allowed is more than 0", spec->accuracy);
  return mst_events_check(events);
}

mst_status mst_account_epsilon(const mst_account_spec *spec, const mst_events *events, double delta,
                               mst_spent *out) {
  const mst_accountant_ops *ops;
  MST_TRY(choose(spec, events, &ops));
  if (!(delta > 0 && delta < 1))
    return mst_fail(MST_ERR_INPUT, "delta is %g; allowed is more than 0 and less than 1", delta);
  *out = (mst_spent){.delta = delta, .certified = true};
  if (mst_events_count(events) == 0) return MST_OK;
  *out = (mst_spent){.delta = delta};
  if (events->group > 1 && mst_events_sampled(events))
    return group_epsilon(ops, events, delta, spec, out);
  MST_TRY(ops->epsilon(events, delta, spec, out));
  if (!out->certified) out->upper = out->central = out->epsilon;
  return MST_OK;
}

mst_status mst_account_delta(const mst_account_spec *spec, const mst_events *events, double epsilon,
                             mst_spent *out) {
  const mst_accountant_ops *ops;
  MST_TRY(choose(spec, events, &ops));
  if (!(epsilon >= 0) || !isfinite(epsilon))
    return mst_fail(MST_ERR_INPUT, "epsilon is %g; allowed is 0 or more", epsilon);
  *out = (mst_spent){.epsilon = epsilon, .certified = true};
  if (mst_events_count(events) == 0) return MST_OK;
  *out = (mst_spent){.epsilon = epsilon};
  if (events->group > 1 && mst_events_sampled(events))
    return group_delta(ops, events, epsilon, spec, out);
  MST_TRY(ops->delta(events, epsilon, spec, out));
  if (!out->certified) out->upper = out->central = out->delta;
  return MST_OK;
}
