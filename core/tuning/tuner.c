/* The table of tuners; how costs are scaled and choices drawn; and a solver that tunes itself. */
#include "core/tuning/tuner.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/tuning/member.h"

enum {
  LARGEST,
  TIME,
  HEAD
};

static const mst_tuner_ops *const TABLE[] = {&mst_tuner_tsallis_inf, &mst_tuner_binned,
                                             &mst_tuner_cheb_cb, &mst_tuner_fixed,
                                             &mst_tuner_uniform};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_tuner_ops *mst_tuner_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_tuner_ops *mst_tuner_find(const char *name) {
  return mst_tuner_at(mst_registry_find(name_at, name));
}

const mst_param mst_tuner_params[] = {
    {.name = "scale",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_tuner_spec, scale),
     .fallback = "0",
     .min = 0,
     .max = 1e9,
     .unit = "iterations",
     .help = "that count as a cost of 1, and more of them too; 0: the most of any system so far"},
    {.name = NULL}};

mst_status mst_tuner_check(const mst_tuner_spec *s) {
  const mst_tuner_ops *ops = mst_tuner_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "tuner.kind", s->kind);
  if (s->arms < 1 || s->arms > MST_TUNER_ARMS)
    return mst_fail(MST_ERR_INPUT, "a grid of %lld settings; 1 to %d", (long long)s->arms,
                    MST_TUNER_ARMS);
  MST_TRY(mst_param_check(mst_tuner_params, s, "tuner"));
  MST_TRY(mst_param_check(ops->params, s, "tuner"));
  if (ops == &mst_tuner_fixed && s->arm >= s->arms)
    return mst_fail(MST_ERR_INPUT, "tuner.arm: %lld, of %lld settings from 0", (long long)s->arm,
                    (long long)s->arms);
  return MST_OK;
}

static mst_status create(mst_tuner *t) {
  const mst_tuner_ops *ops = mst_tuner_find(t->spec.kind);
  t->numbers = HEAD + ops->numbers(&t->spec);
  MST_TRY(mst_alloc(&t->record, t->numbers, sizeof(double), "a tuner's record"));
  MST_TRY(mst_alloc(&t->p, t->spec.arms, sizeof(double), "a tuner's chances"));
  MST_TRY(mst_alloc(&t->work, ops->work(&t->spec), sizeof(double), "a tuner's work"));
  return ops->start(t, t->record + HEAD);
}

mst_status mst_tuner_create(const mst_tuner_spec *s, mst_tuner **out) {
  mst_tuner *t = NULL;
  *out = NULL;
  MST_TRY(mst_tuner_check(s));
  MST_TRY(mst_alloc(&t, 1, sizeof *t, "a tuner"));
  t->spec = *s;
  const mst_status st = create(t);
  if (st == MST_OK)
    *out = t;
  else
    mst_tuner_destroy(t);
  return st;
}

void mst_tuner_destroy(mst_tuner *t) {
  if (t == NULL) return;
  mst_free(t->record);
  mst_free(t->p);
  mst_free(t->work);
  mst_free(t);
}

mst_status mst_tuner_choose(mst_tuner *t, double context, mst_key key, int64_t *arm) {
  mst_stream s = mst_stream_of(key);
  const int64_t arms = t->spec.arms;
  double left = mst_stream_uniform(&s);
  MST_TRY(mst_tuner_find(t->spec.kind)
              ->chances(t, t->record + HEAD, (int64_t)t->record[TIME] + 1, context));
  *arm = -1;
  for (int64_t i = 0; i < arms && left >= 0; i++) {
    if (t->p[i] > 0) *arm = i;
    left -= t->p[i];
  }
  return *arm >= 0 ? MST_OK : mst_fail(MST_ERR_INTERNAL, "a tuner has nothing to choose");
}

mst_status mst_tuner_learn(mst_tuner *t, double context, int64_t arm, double cost) {
  double *r = t->record;
  if (!(cost >= 0 && isfinite(cost))) return mst_fail(MST_ERR_NONFINITE, "a cost of %g", cost);
  r[LARGEST] = fmax(r[LARGEST], cost);
  r[TIME]++;
  const double scale = t->spec.scale > 0 ? t->spec.scale : r[LARGEST];
  return mst_tuner_find(t->spec.kind)
      ->learn(t, r + HEAD, context, arm, scale > 0 ? fmin(cost / scale, 1) : 0);
}

double mst_tuned_context(double low, double high, double shift) {
  if (low > 0 && high > low && shift > 0) {
    low = log(low);
    high = log(high);
    shift = log(shift);
  }
  return high > low ? fmin(fmax(2 * (shift - low) / (high - low) - 1, -1), 1) : 0;
}

mst_status mst_tuned_solve(mst_tuned *t, const mst_sparse *a, double shift, const double *b,
                           const mst_relax_options *o, double *x, double *work) {
  const double context = mst_tuned_context(t->low, t->high, shift);
  int64_t arm = 0, spent = 0;
  MST_TRY(mst_tuner_choose(
      t->tuner, context, mst_key_make(t->seed, MST_PURPOSE_TUNING, 0, (uint64_t)t->solved), &arm));
  MST_TRY(mst_relax(a, shift, b, t->omega[arm], o, x, work, &spent));
  MST_TRY(mst_tuner_learn(t->tuner, context, arm, (double)spent));
  t->solved++;
  bool done = spent <= o->most;
  t->iterations += done ? spent : o->most;
  for (int64_t i = 0; !done && i < t->tuner->spec.arms; i++) {
    MST_TRY(mst_relax(a, shift, b, t->omega[i], o, x, work, &spent));
    done = spent <= o->most;
    t->iterations += done ? spent : o->most;
  }
  return done ? MST_OK
              : mst_fail(MST_ERR_SINGULAR,
                         "no omega of the grid solves the system in %lld iterations; more of them, "
                         "or a larger shift, help",
                         (long long)o->most);
}
