/* The table of private methods, and what holds for all of them. */
#include "core/privacy/estimator.h"

#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/privacy/estimator_member.h"

static const mst_estimator_ops *const TABLE[] = {
    &mst_estimator_dp_sgd,      &mst_estimator_diff2,       &mst_estimator_diff2_bvr,
    &mst_estimator_spiderboost, &mst_estimator_tree_spider, &mst_estimator_recursive};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_estimator_ops *mst_estimator_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_estimator_ops *mst_estimator_find(const char *name) {
  return mst_estimator_at(mst_registry_find(name_at, name));
}

static mst_status check(const mst_estimator_spec *spec, const mst_estimator_ops *ops,
                        int64_t steps) {
  if (ops == NULL) return mst_registry_refuse(name_at, "method.name", spec->name);
  MST_TRY(mst_param_check(ops->params, spec, "method"));
  if (steps >= 1) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "private training needs its number of steps");
}

mst_status mst_estimator_create(const mst_estimator_spec *spec, const mst_sampler_spec *sampling,
                                int64_t steps, mst_estimator **out) {
  const mst_estimator_ops *ops = mst_estimator_find(spec->name);
  mst_estimator *e = NULL;
  *out = NULL;
  MST_TRY(check(spec, ops, steps));
  MST_TRY(mst_alloc(&e, 1, sizeof *e, "private method"));
  e->ops = ops;
  e->spec = *spec;
  e->sampling = *sampling;
  e->steps = steps;
  for (int k = 0; k < MST_ESTIMATOR_KINDS; k++) e->noise[k] = 1;
  mst_status st = ops->prepare(e);
  if (st != MST_OK) {
    mst_estimator_destroy(e);
    return st;
  }
  *out = e;
  return MST_OK;
}

void mst_estimator_destroy(mst_estimator *e) {
  if (e == NULL) return;
  for (int k = 0; k < MST_ESTIMATOR_KINDS; k++) mst_sampler_destroy(e->sampler[k]);
  mst_free(e);
}

mst_release mst_estimator_release(const mst_estimator *e, int64_t step) {
  return e->ops->at(e, step);
}

int64_t mst_estimator_releases(const mst_estimator *e, int kind, int64_t from) {
  return from < e->steps ? e->ops->releases(e, kind, from) : 0;
}

bool mst_estimator_charged(const mst_estimator *e, int64_t step) {
  int kind = mst_estimator_release(e, step).kind;
  return mst_estimator_releases(e, kind, step) > mst_estimator_releases(e, kind, step + 1);
}

mst_event mst_estimator_event(const mst_estimator *e, int kind) {
  return mst_sampler_event(e->sampler[kind], e->noise[kind]);
}

bool mst_estimator_begins(const mst_estimator *e, int64_t step, bool held) {
  if (e->once) return step == 0;
  if (e->slots == 0) return mst_sampler_charged(e->sampler[0], step);
  return held || mst_estimator_release(e, step).from < 0;
}

mst_sampler *mst_estimator_sample(const mst_estimator *e, const mst_release *r,
                                  const mst_secret *secret, int64_t step) {
  mst_sampler *s = e->sampler[r->kind];
  mst_sampler_begin(s, secret, step);
  if (e->once) mst_sampler_part(s, r->part[0], r->part[1]);
  if (s->workers > 0) mst_sampler_worker(s, r->worker);
  return s;
}

mst_release mst_periodic_at(const mst_estimator *e, int64_t step) {
  bool whole = step % e->spec.period == 0;
  return (mst_release){.kind = whole ? 0 : 1, .from = whole ? -1 : 0, .to = 0};
}

int64_t mst_periodic_releases(const mst_estimator *e, int kind, int64_t from) {
  int64_t period = e->spec.period;
  int64_t whole = mst_ceil_div(e->steps, period) - mst_ceil_div(from, period);
  return kind == 0 ? whole : e->steps - from - whole;
}

/* n releases of noise s on samples of rate q spend about n (q / s)^2. */
void mst_periodic_noise(mst_estimator *e) {
  double whole = (double)mst_periodic_releases(e, 0, 0);
  double rest = (double)mst_periodic_releases(e, 1, 0);
  double rate = e->sampler[1]->q / e->sampler[0]->q, share = e->spec.share;
  e->noise[0] = 1;
  e->noise[1] = rest > 0 ? rate * sqrt(rest / whole * share / (1 - share)) : 1;
}
