/* The table of correlations, what is charged for them, and which samples they stand on. */
#include "core/privacy/correlation.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/privacy/correlation_member.h"
#include "core/privacy/sensitivity.h"

static const mst_correlation_ops *const TABLE[] = {&mst_correlation_independent,
                                                   &mst_correlation_tree, &mst_correlation_toeplitz,
                                                   &mst_correlation_banded};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_correlation_ops *mst_correlation_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_correlation_ops *mst_correlation_find(const char *name) {
  return mst_correlation_at(mst_registry_find(name_at, name));
}

static bool is_independent(const mst_correlation *c) {
  return c->ops == &mst_correlation_independent;
}

/* Which samples say how often, and how far apart, a record takes part. */
static mst_status check_sampler(const mst_correlation *c) {
  const mst_sampler *s = c->sampler;
  if (is_independent(c)) return MST_OK;
  if (s->separation == 0)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.sampler %s draws anew who takes part: how often a record meets "
                    "correlated noise is not bounded, and its gain from sampling is not known "
                    "there; choose cyclic or full",
                    s->ops->name);
  if (!c->spec.restart && s->separation < s->cycle)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.kept is false, so a record of one cycle's last step may be in the "
                    "next one's first; %s noise over the whole run needs steps between: choose "
                    "privacy.kept: true, or privacy.restart: true",
                    c->ops->name);
  return MST_OK;
}

static mst_status prepare(mst_correlation *c) {
  const mst_sampler *s = c->sampler;
  MST_TRY(check_sampler(c));
  if (c->spec.restart || is_independent(c)) {
    c->period = mst_least(s->cycle, c->steps);
    return c->ops->prepare(c, 1, 0);
  }
  c->period = c->steps;
  return c->ops->prepare(c, mst_ceil_div(c->steps, s->separation), s->separation - 1);
}

mst_status mst_correlation_create(const mst_correlation_spec *spec, const mst_sampler *sampler,
                                  int64_t steps, mst_correlation **out) {
  const mst_correlation_ops *ops = mst_correlation_find(spec->kind);
  mst_correlation *c = NULL;
  *out = NULL;
  if (ops == NULL) return mst_registry_refuse(name_at, "privacy.correlation", spec->kind);
  MST_TRY(mst_param_check(ops->params, spec, "privacy"));
  if (steps < 1)
    return mst_fail(MST_ERR_INPUT, "correlated noise of %lld steps; there must be at least 1",
                    (long long)steps);
  MST_TRY(mst_alloc(&c, 1, sizeof *c, "correlation of the noise"));
  *c = (mst_correlation){.ops = ops, .spec = *spec, .sampler = sampler, .steps = steps};
  mst_status st = prepare(c);
  if (st != MST_OK) {
    mst_correlation_destroy(c);
    return st;
  }
  *out = c;
  return MST_OK;
}

void mst_correlation_destroy(mst_correlation *c) {
  if (c == NULL) return;
  mst_free(c->coefficient);
  mst_free(c->inverse);
  mst_free(c->sum);
  mst_free(c->past);
  mst_free(c);
}

mst_event mst_correlation_event(const mst_correlation *c, double sigma) {
  mst_event e = mst_sampler_event(c->sampler, sigma);
  if (!is_independent(c)) e.sensitivity = sqrt(c->squared);
  return e;
}

bool mst_correlation_charged(const mst_correlation *c, int64_t step) {
  return step % c->period == 0;
}

int64_t mst_correlation_charges(const mst_correlation *c, int64_t from, int64_t to) {
  return mst_most(0, mst_ceil_div(to, c->period) - mst_ceil_div(from, c->period));
}

bool mst_correlation_kept(const mst_correlation *c) {
  return !is_independent(c) && !c->spec.restart;
}

int64_t mst_correlation_draws(const mst_correlation *c) {
  return c->ops == &mst_correlation_tree ? 2 * c->steps : c->steps;
}

double mst_correlation_error(const mst_correlation *c) {
  double ended = c->ops->variance(c, c->period - 1), whole = 0, sum = 0;
  for (int64_t first = 0; first < c->steps; first += c->period, whole += ended)
    for (int64_t at = 0; at < mst_least(c->period, c->steps - first); at++)
      sum += whole + c->ops->variance(c, at);
  return sqrt(sum / (double)c->steps);
}

mst_status mst_correlation_room(mst_correlation *c) {
  MST_TRY(mst_alloc(&c->coefficient, c->period, sizeof *c->coefficient, "correlation"));
  return mst_alloc(&c->sum, c->period, sizeof *c->sum, "correlation");
}

mst_status mst_correlation_measure(mst_correlation *c, int64_t participations, int64_t between) {
  double sum = 0;
  for (int64_t t = 0; t < c->period; t++) c->sum[t] = sum += c->sum[t] * c->sum[t];
  return mst_sensitivity_toeplitz(c->period, c->coefficient, participations, between, &c->squared);
}

double mst_correlation_summed(const mst_correlation *c, int64_t at) {
  return c->sum[at];
}
