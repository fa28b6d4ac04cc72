/* pld: the privacy loss on a grid by connecting the dots, refined until the certified bracket is as
 * narrow as asked.
 *
 * Above: the grid's law dominates the true one, so its epsilon is never below the truth. Below: the
 * same division of masses read as a coarsening of the outcomes, whose losses are the grid points
 * less small defects; the sum of the defects is bounded by Chernoff's inequality but for a small
 * probability, which delta pays for. One transform serves both. */
#include <math.h>

#include "core/base/memory.h"
#include "core/privacy/gaussian.h"
#include "core/privacy/losses.h"
#include "core/privacy/member.h"

#define ACCURACY   1e-4
#define SHARE_TAIL 0.02 /* of delta, per accuracy of epsilon, for what is cut off */
#define SHARE_LOW  1e-6 /* of delta, for the defects that exceed their bound  */
#define ROUNDS     8
#define COARSE     8 /* times the step: the first look at ADD */

/* Defects by size, so that trying many theta costs little: geometric classes of |defect| from the
 * step downward, each counted as its end that is worse. */
enum {
  CLASSES = 1400
};
#define CLASS_RATIO 0.98

typedef struct defects {
  double step, weight[2][CLASSES]; /* of negative, of positive ones; count times mass */
  double end[2][CLASSES];          /* of a class, the worse of the two                */
  double missed; /* probability, at most, of a release at one of the points that are left out */
} defects;

static void set_classes(double step, defects *d) {
  *d = (defects){.step = step};
  for (int i = 0; i < CLASSES; i++) {
    d->end[0][i] = -step * pow(CLASS_RATIO, i);
    d->end[1][i] = step * pow(CLASS_RATIO, i + 1);
  }
}

/* The points [*from, *to) of a loss without those ends that together count for `allowed` at most:
 * the cells where a law was cut off are not whole, and their defects are as large as the step. */
static void trim(const mst_part *part, double allowed, int64_t *from, int64_t *to, double *missed) {
  const mst_loss *l = part->loss;
  double low = 0, high = 0;
  *from = 0;
  *to = l->count;
  while (*from < *to && low + part->count * l->mass[*from] <= allowed)
    low += part->count * l->mass[(*from)++];
  while (*to > *from && high + part->count * l->mass[*to - 1] <= allowed)
    high += part->count * l->mass[--(*to)];
  *missed += low + high;
}

static void gather_defects(const mst_losses *g, double probability, double allowed, defects *d) {
  double most = 0;
  set_classes(g->part[0].loss->step, d);
  for (int p = 0; p < g->n; p++) most += (double)g->part[p].loss->count;
  const double per_class = 1 / log(CLASS_RATIO);
  for (int p = 0; p < g->n; p++) {
    const mst_loss *l = g->part[p].loss;
    const double count = g->part[p].count, small = probability / count / most;
    int64_t from, to;
    trim(&g->part[p], allowed / g->n, &from, &to, &d->missed);
    for (int64_t i = from; i < to; i++) {
      const double mass = l->mass[i] - (i == MST_LOSS_SURPLUS ? l->surplus : 0);
      if (mass <= small) {
        d->missed += count * fmax(mass, 0);
        continue;
      }
      const double defect = -log1p(l->defect[i] / mass), size = fabs(defect) / d->step;
      const int k = size >= 1 ? 0 : size < 1e-12 ? CLASSES - 1 : (int)(log(size) * per_class);
      d->weight[defect > 0][k < CLASSES ? k : CLASSES - 1] += count * mass;
    }
  }
}

/* What the sum of the losses of the coarse outcomes exceeds the grid's sum by, at least (a negative
 * number), but for that probability: ln E e^(-theta d) <= sum mass (e^(-theta d) - 1), all releases
 * together. */
static double defect_bound(const defects *d, double probability) {
  double bound = -INFINITY, theta = 0.1 / d->step;
  while (theta < 1e13 / d->step) {
    double k = 0;
    for (int sign = 0; sign < 2; sign++)
      for (int i = 0; i < CLASSES && k < INFINITY; i++)
        if (d->weight[sign][i] > 0) k += d->weight[sign][i] * expm1(-theta * d->end[sign][i]);
    const double now = (log(probability) - k) / theta;
    if (now < bound) break;
    bound = now;
    theta *= 1.5;
  }
  return bound;
}

/* What is asked for: epsilon at a delta, or, with delta 0, delta at an epsilon; and how well. */
typedef struct question {
  const mst_events *events;
  double delta, epsilon, accuracy;
  double cut; /* of the list's mass, that may be cut off */
} question;

/* Upper and lower bounds in one direction at one step. */
static mst_status bracket(const question *ask, bool remove, double step, double *lower,
                          double *upper) {
  const double delta = ask->delta, epsilon = ask->epsilon;
  mst_losses g;
  mst_composition c = {0};
  MST_TRY(mst_losses_make(ask->events, remove, step, MST_ROUNDING_DOTS, ask->cut, &g));
  mst_status st = mst_compose(g.part, g.n, delta, epsilon, &c);
  defects *d = NULL;
  const double scale = delta > 0 ? delta : st == MST_OK ? mst_composition_delta(&c, epsilon) : 1;
  const double paid = SHARE_LOW * fmax(scale, 1e-280);
  double shift = 0, missed = 0;
  if (st == MST_OK) st = mst_alloc(&d, 1, sizeof *d, "defects of a privacy loss");
  if (st == MST_OK) {
    gather_defects(&g, paid, 4 * ask->cut, d);
    shift = defect_bound(d, paid);
    missed = d->missed;
  }
  mst_free(d);
  double snapped = 0;
  for (int p = 0; p < g.n; p++) snapped += g.part[p].count * g.part[p].loss->snapped;
  if (st == MST_OK && delta > 0) {
    *upper = fmin(mst_composition_epsilon(&c, delta) + snapped, fmax(g.greatest, 0));
    *lower = mst_composition_epsilon_below(&c, delta + paid + missed) + shift - snapped;
  } else if (st == MST_OK) {
    *upper = epsilon >= g.greatest ? 0 : mst_composition_delta(&c, epsilon - snapped);
    *lower = mst_composition_delta_below(&c, epsilon - shift + snapped) - paid - missed;
  }
  mst_composition_clear(&c);
  mst_losses_clear(&g);
  return st;
}

/* Steps of a lattice, if there is one, are whole parts of it. */
static double fit_step(double step, double lattice) {
  return lattice > 0 ? lattice / ceil(lattice / step * (1 - 1e-12)) : step;
}

/* The greater of REMOVE and ADD. Mostly REMOVE is, by far: then a look at ADD on a coarse grid, whose
 * bound from above is one on any grid, shows it. */
static mst_status both(const question *ask, double step, double lattice, double *lower,
                       double *upper) {
  double low, high;
  MST_TRY(bracket(ask, true, step, lower, upper));
  if (ask->events->adjacency == MST_ADJACENCY_ADD_REMOVE && mst_events_sampled(ask->events)) {
    MST_TRY(bracket(ask, false, fit_step(COARSE * step, lattice), &low, &high));
    if (!(high <= *upper)) MST_TRY(bracket(ask, false, step, &low, &high));
    *lower = fmax(*lower, low);
    *upper = fmax(*upper, high);
  }
  *lower = fmin(fmax(*lower, 0), *upper);
  return MST_OK;
}

/* Refine the step until the bracket is narrow, or what the last refinement gained says that the
 * next would gain nothing, or the grid is full: then what there is stands. */
static mst_status refine(question *ask, mst_spent *out) {
  double step, lattice, last = INFINITY, last_step = 0, last_width = 0;
  MST_TRY(mst_losses_step(ask->events, ask->accuracy, &step, &lattice));
  out->upper = ask->delta > 0 ? INFINITY : 1;
  out->lower = 0;
  out->certified = true;
  for (int round = 0; round < ROUNDS; round++) {
    step = fit_step(step, lattice);
    double lower, upper;
    const mst_status st = both(ask, step, lattice, &lower, &upper);
    if (st == MST_ERR_UNSUPPORTED && round > 0) break;
    MST_TRY(st);
    out->upper = fmin(out->upper, upper);
    out->lower = fmax(out->lower, lower);
    out->step = step;
    /* The first look at a small delta: what is cut off must be small beside it. */
    if (ask->delta == 0 && upper < 1e3 * ask->cut / ask->accuracy && ask->cut > 1e-270) {
      ask->cut = fmax(1e-271, fmin(upper * ask->accuracy * SHARE_TAIL, ask->cut * ask->cut));
      continue;
    }
    const double width = out->upper - out->lower;
    /* of delta: about what an epsilon of that width would change */
    const double goal =
        ask->delta > 0 ? ask->accuracy : fmax(10 * ask->accuracy * out->upper, 1e-300);
    const double gain = (last - upper) / (last_step * last_step / (step * step) - 1);
    /* Atoms between grid points make the bracket shrink with the step, not with its square, while
     * the bound from above is long good. */
    const bool slow = last < 1e300 && width > last_width * pow(step / last_step, 1.5);
    if (!isfinite(upper)) break;
    if (width <= goal || (slow && fabs(gain) < goal / 8)) break;
    last = upper;
    last_width = width;
    last_step = step;
    step *= fmin(fmax(0.9 * sqrt(goal / width), 0.2), 0.7);
  }
  return MST_OK;
}

static mst_status pld_epsilon(const mst_events *events, double delta, const mst_account_spec *spec,
                              mst_spent *out) {
  question ask = {events, delta, 0, spec->accuracy > 0 ? spec->accuracy : ACCURACY, 0};
  ask.cut = SHARE_TAIL * ask.accuracy * delta;
  MST_TRY(refine(&ask, out));
  if (!isfinite(out->upper))
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "no epsilon gives delta %g: some output gives the record away with a greater "
                    "probability",
                    delta);
  out->epsilon = out->central = out->upper;
  return MST_OK;
}

static mst_status pld_delta(const mst_events *events, double epsilon, const mst_account_spec *spec,
                            mst_spent *out) {
  question ask = {events, 0, epsilon, spec->accuracy > 0 ? spec->accuracy : ACCURACY, 0};
  ask.cut = SHARE_TAIL * ask.accuracy * 1e-12;
  MST_TRY(refine(&ask, out));
  out->delta = out->central = out->upper;
  return MST_OK;
}

static const mst_param params[] = {{.name = "accuracy",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_account_spec, accuracy),
                                    .fallback = "1e-4",
                                    .min = 0,
                                    .max = 1,
                                    .open_min = true,
                                    .unit = "",
                                    .help = "certified width of epsilon that is sought"},
                                   {.name = NULL}};

const mst_accountant_ops mst_accountant_pld = {
    .name = "pld",
    .summary = "law of the privacy loss, connect the dots: bounds from both sides",
    .params = params,
    .epsilon = pld_epsilon,
    .delta = pld_delta};
