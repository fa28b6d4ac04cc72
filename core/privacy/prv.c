/* prv: privacy random variables (Gopi, Lee and Wutschitz 2021). Every loss is rounded to the
 * nearest grid point and all are shifted so that the mean is right; the rounding errors of the sum
 * then keep within a bound but for a small probability (Hoeffding, or Bernstein with their exact
 * variance, the smaller), which gives a certified bracket around the estimate. */
#include <math.h>

#include "core/privacy/losses.h"
#include "core/privacy/member.h"

#define ACCURACY 0.01
#define SHARE    1e-4 /* of delta, for roundings beyond the bound */
#define CUT      1e-7 /* of delta, for tails                      */

/* What the sum of the rounding errors exceeds, either way, with that probability at most. */
static double rounding_bound(const mst_losses *g, double probability) {
  double count = 0, variance = 0, certain = 0, width = 0;
  for (int p = 0; p < g->n; p++) {
    const mst_loss *l = g->part[p].loss;
    const double most = l->step / 2 + fabs(l->shift);
    count += g->part[p].count;
    variance += g->part[p].count * l->variance;
    certain += g->part[p].count * most;
    width = fmax(width, most);
  }
  const double step = g->loss[0].step, log_2 = log(2 / probability), linear = width * log_2 / 3;
  const double hoeffding = step * sqrt(count / 2 * log_2);
  const double bernstein = linear + sqrt(linear * linear + 2 * variance * log_2);
  return fmin(certain, fmin(hoeffding, bernstein));
}

typedef struct estimate {
  double lower, central, upper;
} estimate;

static mst_status direction(const mst_events *events, bool remove, double step, double delta,
                            double epsilon, estimate *out) {
  const double scale = delta > 0 ? delta : 1e-12, infinite = 1e300;
  mst_losses g;
  mst_composition c = {0};
  MST_TRY(mst_losses_make(events, remove, step, MST_ROUNDING_NEAREST, CUT * scale, &g));
  double shift = 0;
  for (int p = 0; p < g.n; p++) shift += g.part[p].count * g.part[p].loss->shift;
  mst_status st = mst_compose(g.part, g.n, delta, delta > 0 ? 0 : epsilon - shift, &c);
  if (st == MST_OK && delta > 0) {
    const double paid = SHARE * delta, bound = rounding_bound(&g, paid);
    out->upper = fmin(mst_composition_epsilon(&c, delta - paid) + shift + bound, infinite);
    out->central = mst_composition_epsilon(&c, delta) + shift;
    out->lower = mst_composition_epsilon_below(&c, delta + paid) + shift - bound;
  } else if (st == MST_OK) {
    out->central = mst_composition_delta(&c, epsilon - shift);
    const double paid = SHARE * fmax(out->central, 1e-280), bound = rounding_bound(&g, paid);
    out->upper = fmin(mst_composition_delta(&c, epsilon - shift - bound) + paid, 1);
    out->lower = mst_composition_delta_below(&c, epsilon - shift + bound) - paid;
  }
  if (st == MST_OK && g.greatest < INFINITY && delta > 0) out->upper = fmin(out->upper, g.greatest);
  mst_composition_clear(&c);
  mst_losses_clear(&g);
  return st;
}

static mst_status both(const mst_events *events, double delta, double epsilon,
                       const mst_account_spec *spec, mst_spent *out) {
  const double accuracy = spec->accuracy > 0 ? spec->accuracy : ACCURACY;
  const double probability = SHARE * (delta > 0 ? delta : 1e-9);
  const double count = mst_events_count(events);
  double step = accuracy / sqrt(count / 2 * log(2 / probability)), rough, lattice;
  MST_TRY(mst_losses_step(events, accuracy, &rough, &lattice));
  if (lattice > 0) step = lattice / ceil(lattice / step * (1 - 1e-12));
  estimate one, other;
  MST_TRY(direction(events, true, step, delta, epsilon, &one));
  other = one;
  if (events->adjacency == MST_ADJACENCY_ADD_REMOVE && mst_events_sampled(events))
    MST_TRY(direction(events, false, step, delta, epsilon, &other));
  out->upper = fmax(fmax(one.upper, other.upper), 0);
  out->central = fmin(fmax(fmax(one.central, other.central), 0), out->upper);
  out->lower = fmin(fmax(fmax(one.lower, other.lower), 0), out->central);
  out->step = step;
  out->certified = true;
  return MST_OK;
}

static mst_status prv_epsilon(const mst_events *events, double delta, const mst_account_spec *spec,
                              mst_spent *out) {
  MST_TRY(both(events, delta, 0, spec, out));
  out->epsilon = out->upper;
  return out->upper < 1e299 ? MST_OK
                            : mst_fail(MST_ERR_UNSUPPORTED, "no epsilon gives delta %g", delta);
}

static mst_status prv_delta(const mst_events *events, double epsilon, const mst_account_spec *spec,
                            mst_spent *out) {
  MST_TRY(both(events, 0, epsilon, spec, out));
  out->delta = out->upper;
  return MST_OK;
}

static const mst_param params[] = {{.name = "accuracy",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_account_spec, accuracy),
                                    .fallback = "0.01",
                                    .min = 0,
                                    .max = 1,
                                    .open_min = true,
                                    .unit = "",
                                    .help = "half the certified bracket of epsilon"},
                                   {.name = NULL}};

const mst_accountant_ops mst_accountant_prv = {
    .name = "prv",
    .summary = "law of the privacy loss, nearest points: estimate within a certified bracket",
    .params = params,
    .epsilon = prv_epsilon,
    .delta = prv_delta};
