/* Schedules: the factor on the step size as a function of the step alone, so that a resumed run
 * needs no state. Sources: doc/methods/optimizers.md. */
#include "core/optim/schedule.h"

#include <math.h>
#include <stddef.h>

#include "core/base/arithmetic.h"
#include "core/base/registry.h"

static const double PI = 3.14159265358979323846;

/* By squaring, so that the bits do not depend on a mathematics library. */
static double power(double base, int64_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent /= 2, base *= base)
    if (exponent % 2 == 1) result *= base;
  return result;
}

static double share(int64_t t, int64_t total) { return (double)t / (double)total; }

static double constant(const mst_schedule_spec *s, int64_t t, int64_t total) {
  (void)s, (void)t, (void)total;
  return 1;
}

static double steps(const mst_schedule_spec *s, int64_t t, int64_t total) {
  (void)total;
  return power(s->factor, t / s->every);
}

static double exponential(const mst_schedule_spec *s, int64_t t, int64_t total) {
  (void)total;
  return power(s->factor, t);
}

static double cosine(const mst_schedule_spec *s, int64_t t, int64_t total) {
  return s->final + (1 - s->final) * (1 + cos(PI * share(t, total))) / 2;
}

static double linear(const mst_schedule_spec *s, int64_t t, int64_t total) {
  (void)s;
  return 1 - share(t, total);
}

/* Linear from `first` to `peak` at the peak's share of the steps, then linear to `last` at the
 * end. */
static double cycle(const mst_schedule_spec *s, double first, double peak, double last, int64_t t,
                    int64_t total) {
  const double u = share(t, total);
  if (u < s->peak_at) return first + (peak - first) * (u / s->peak_at);
  return peak + (last - peak) * ((u - s->peak_at) / (1 - s->peak_at));
}

static double one_cycle(const mst_schedule_spec *s, int64_t t, int64_t total) {
  return cycle(s, s->start, 1, s->final, t, total);
}

static double one_cycle_momentum(const mst_schedule_spec *s, double momentum, int64_t t,
                                 int64_t total) {
  return cycle(s, momentum, s->low < momentum ? s->low : momentum, momentum, t, total);
}

static double cooldown(const mst_schedule_spec *s, int64_t t, int64_t total) {
  const double left = 1 - share(t, total);
  return left < s->cooldown ? left / s->cooldown : 1;
}

#define REAL(field, value, low_, high_, open, text)                                       \
  {                                                                                       \
    .name = #field, .type = MST_PARAM_REAL, .offset = offsetof(mst_schedule_spec, field), \
    .fallback = (value), .min = (low_), .max = (high_), .open_min = (open), .unit = "",   \
    .help = (text)                                                                        \
  }
#define END {.name = NULL}

const mst_param mst_schedule_params[] = {
    REAL(warmup, "0", 0, 1, false, "share of the steps over which the step size rises from 0"),
    END};

static const mst_param step_params[] = {
    REAL(factor, "0.1", 0, 1, true, "the step size is multiplied by this"),
    {.name = "every", .type = MST_PARAM_INT, .offset = offsetof(mst_schedule_spec, every),
     .min = 1, .max = INFINITY, .unit = "steps", .help = "after so many steps each time"},
    END};
static const mst_param exponential_params[] = {
    REAL(factor, "0.999", 0, 1, true, "the step size is multiplied by this each step"), END};
static const mst_param cosine_params[] = {
    REAL(final, "0", 0, 1, false, "step size at the end, as a share of lr"), END};
static const mst_param one_cycle_params[] = {
    REAL(peak_at, "0.3", 0, 0.999999, true, "share of the steps at which lr is reached"),
    REAL(start, "0.04", 0, 1, false, "first step size, as a share of lr"),
    REAL(final, "0", 0, 1, false, "step size at the end, as a share of lr"),
    REAL(low, "0.85", 0, 0.999999, false, "momentum at the peak, if that is lower"), END};
static const mst_param cooldown_params[] = {
    REAL(cooldown, "0.2", 0, 1, true,
         "last share of the steps, over which the step size falls to 0"),
    END};

static const mst_schedule_ops members[] = {
    {"constant", "lr throughout", NULL, constant, NULL},
    {"step", "multiplied by `factor` after each `every` steps", step_params, steps, NULL},
    {"exponential", "multiplied by `factor` each step", exponential_params, exponential, NULL},
    {"cosine", "half a cosine from lr to `final`", cosine_params, cosine, NULL},
    {"linear", "straight from lr to 0", NULL, linear, NULL},
    {"one_cycle", "up to lr and down to `final`, momentum the other way", one_cycle_params,
     one_cycle, one_cycle_momentum},
    {"cooldown", "lr, then straight to 0 over the last share", cooldown_params, cooldown, NULL},
};
enum {
  MEMBERS = sizeof members / sizeof members[0]
};

const mst_schedule_ops *mst_schedule_at(int i) {
  return i >= 0 && i < MEMBERS ? &members[i] : NULL;
}

static const char *name_at(int i) { return i >= 0 && i < MEMBERS ? members[i].name : NULL; }

const mst_schedule_ops *mst_schedule_find(const char *name) {
  return mst_schedule_at(mst_registry_find(name_at, name));
}

mst_schedule_spec mst_schedule_defaults(const char *name) {
  mst_schedule_spec s = {.name = name};
  const mst_schedule_ops *ops = mst_schedule_find(name);
  if (ops == NULL) return s;
  mst_param_defaults(mst_schedule_params, &s);
  mst_param_defaults(ops->params, &s);
  return s;
}

mst_status mst_schedule_check(const mst_schedule_spec *s) {
  const mst_schedule_ops *ops = mst_schedule_find(s->name);
  if (ops == NULL) return mst_registry_refuse(name_at, "optimizer.schedule", s->name);
  MST_TRY(mst_param_check(mst_schedule_params, s, "optimizer"));
  return mst_param_check(ops->params, s, "optimizer");
}

static int64_t warmup_steps(const mst_schedule_spec *s, int64_t total) {
  return (int64_t)(s->warmup * (double)total);
}

double mst_schedule_factor(const mst_schedule_spec *s, int64_t t, int64_t total) {
  const mst_schedule_ops *ops = mst_schedule_find(s->name);
  const int64_t warm = warmup_steps(s, total), left = mst_most(total - warm, 1);
  if (t >= warm) return ops->factor(s, t - warm, left);
  return ops->factor(s, 0, left) * share(t + 1, warm);
}

double mst_schedule_momentum(const mst_schedule_spec *s, double momentum, int64_t t,
                             int64_t total) {
  const mst_schedule_ops *ops = mst_schedule_find(s->name);
  const int64_t warm = warmup_steps(s, total), left = mst_most(total - warm, 1);
  if (ops->momentum == NULL) return momentum;
  return ops->momentum(s, momentum, mst_most(t - warm, 0), left);
}
