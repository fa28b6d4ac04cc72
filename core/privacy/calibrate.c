/* Searches for the noise or the number of steps that meets a budget, always from the safe side. */
#include "core/privacy/calibrate.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

#define FACTOR_MOST 1e9

/* A copy of the list whose noise or counts can be changed. */
typedef struct trial {
  const mst_account_spec *spec;
  const mst_events *given;
  mst_event *event;
  double delta;
} trial;

static mst_status open_trial(const mst_account_spec *spec, const mst_events *events, double epsilon,
                             double delta, trial *t) {
  *t = (trial){spec, events, NULL, delta};
  if (!(epsilon > 0) || !isfinite(epsilon))
    return mst_fail(MST_ERR_INPUT, "epsilon is %g; allowed is more than 0", epsilon);
  MST_TRY(mst_events_check(events));
  return mst_alloc(&t->event, events->n, sizeof(mst_event), "events");
}

static mst_status spend(trial *t, double factor, double times, mst_spent *out) {
  mst_events list = *t->given;
  for (int64_t i = 0; i < list.n; i++) {
    t->event[i] = t->given->event[i];
    if (t->event[i].mechanism == MST_MECHANISM_PURE)
      t->event[i].noise /= factor;
    else
      t->event[i].noise *= factor;
    t->event[i].count = (int64_t)((double)t->event[i].count * times);
  }
  list.event = t->event;
  MST_TRY(mst_account_epsilon(t->spec, &list, t->delta, out));
  if (out->estimate)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "accountant %s only estimates; noise is not made to its measure (use pld)",
                    t->spec->name);
  return MST_OK;
}

/* Between low (too little noise, or 0 untried) and high (enough): regula falsi on ln epsilon
 * against ln factor, kept from standing still by bisection. */
static mst_status narrow(trial *t, double epsilon, double tolerance, double low, double low_epsilon,
                         double *high, mst_spent *best) {
  for (int i = 0; i < 100 && *high - low > tolerance * *high; i++) {
    const double a = log(low), b = log(*high);
    const double fa = log(low_epsilon / epsilon), fb = log(fmax(best->epsilon, 1e-300) / epsilon);
    double at = a + (b - a) * fa / (fa - fb);
    /* aim a little beyond the root, on the safe side */
    at = i % 3 == 2 || !isfinite(at) ? (a + b) / 2 : at + 0.3 * tolerance;
    const double mid = exp(fmin(fmax(at, a + 0.1 * tolerance), b - 0.1 * tolerance));
    mst_spent got;
    MST_TRY(spend(t, mid, 1, &got));
    if (got.epsilon <= epsilon) {
      *high = mid;
      *best = got;
    } else {
      low = mid;
      low_epsilon = got.epsilon;
    }
  }
  return MST_OK;
}

static mst_status search_noise(trial *t, double epsilon, double tolerance, double *factor,
                               mst_spent *best) {
  double low = 0, low_epsilon = 0, high = 1;
  mst_spent got;
  MST_TRY(spend(t, 1, 1, best));
  if (best->epsilon > epsilon) {
    while (best->epsilon > epsilon) {
      low = high;
      low_epsilon = best->epsilon;
      high *= 2;
      if (high > FACTOR_MOST)
        return mst_fail(MST_ERR_UNSUPPORTED, "no noise up to %g times as much gives epsilon %g",
                        FACTOR_MOST, epsilon);
      MST_TRY(spend(t, high, 1, best));
    }
  } else {
    for (double less = 0.5; low == 0 && less > 1e-9; less /= 2) {
      const mst_status st = spend(t, less, 1, &got);
      if (st != MST_OK && st != MST_ERR_UNSUPPORTED) return st;
      if (st == MST_ERR_UNSUPPORTED) break; /* so little noise that nothing can be said of it */
      if (got.epsilon > epsilon) {
        low = less;
        low_epsilon = got.epsilon;
      } else {
        high = less;
        *best = got;
      }
    }
  }
  if (low > 0) MST_TRY(narrow(t, epsilon, tolerance, low, low_epsilon, &high, best));
  *factor = high;
  return MST_OK;
}

mst_status mst_calibrate_noise(const mst_account_spec *spec, const mst_events *events,
                               double epsilon, double delta, double tolerance, double *factor,
                               mst_spent *spent) {
  trial t;
  mst_spent best;
  MST_TRY(open_trial(spec, events, epsilon, delta, &t));
  const mst_status st = search_noise(&t, epsilon, tolerance > 0 ? tolerance : 1e-6, factor, &best);
  mst_free(t.event);
  if (st == MST_OK && spent != NULL) *spent = best;
  return st;
}

static mst_status search_steps(trial *t, double epsilon, int64_t most, int64_t *times,
                               mst_spent *best) {
  int64_t low = 0, high = 1;
  *best = (mst_spent){.delta = t->delta};
  while (low < most) {
    mst_spent got;
    MST_TRY(spend(t, 1, (double)high, &got));
    if (got.epsilon > epsilon) break;
    low = high;
    *best = got;
    high = high > most / 2 ? most : 2 * high;
  }
  while (low < most && high - low > 1) {
    const int64_t mid = low + (high - low) / 2;
    mst_spent got;
    MST_TRY(spend(t, 1, (double)mid, &got));
    if (got.epsilon <= epsilon) {
      low = mid;
      *best = got;
    } else {
      high = mid;
    }
  }
  *times = low;
  return MST_OK;
}

mst_status mst_calibrate_steps(const mst_account_spec *spec, const mst_events *events,
                               double epsilon, double delta, int64_t most, int64_t *times,
                               mst_spent *spent) {
  trial t;
  mst_spent best;
  MST_TRY(open_trial(spec, events, epsilon, delta, &t));
  const mst_status st = search_steps(&t, epsilon, most, times, &best);
  mst_free(t.event);
  if (st == MST_OK && spent != NULL) *spent = best;
  return st;
}
