/* The table of policies, and how any of them sees its arms: by one product of the features with the
 * inverse of V. */
#include "core/bandit/policy.h"

#include <math.h>

#include "core/bandit/policy_member.h"
#include "core/base/arithmetic.h"
#include "core/base/registry.h"

static const mst_policy_ops *const TABLE[] = {&mst_policy_linucb, &mst_policy_thompson,
                                              &mst_policy_epsilon_greedy, &mst_policy_ucb1};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_policy_ops *mst_policy_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_policy_ops *mst_policy_find(const char *name) {
  return mst_policy_at(mst_registry_find(name_at, name));
}

mst_policy_spec mst_policy_defaults(const char *kind) {
  mst_policy_spec s = {.kind = kind, .ridge = 1, .noise = 1};
  const mst_policy_ops *ops = mst_policy_find(kind);
  if (ops != NULL) mst_param_defaults(ops->params, &s);
  return s;
}

mst_status mst_policy_check(const mst_policy_spec *s) {
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "policy.kind", s->kind);
  return mst_param_check(ops->params, s, "policy");
}

void mst_policy_shape(const mst_policy_spec *s, int64_t arms, int64_t dimension, int64_t *blocks,
                      int64_t *width) {
  const bool contextless = mst_policy_find(s->kind)->contextless;
  *blocks = s->disjoint || contextless ? arms : 1;
  *width = contextless ? 1 : dimension;
}

int64_t mst_policy_work(const mst_policy_spec *s, int64_t arms, int64_t dimension) {
  (void)s;
  return 2 * arms + mst_most(arms * dimension, dimension * dimension + 2 * dimension);
}

mst_status mst_policy_choose(const mst_policy_spec *s, const mst_ridge *known, int64_t arms,
                             const double *x, mst_stream *stream, double *work, int64_t *arm) {
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  const mst_arms seen = {.n = arms,
                         .x = ops->contextless ? NULL : x,
                         .mean = work,
                         .spread = work + arms,
                         .work = work + 2 * arms};
  mst_ridge_score(known, arms, seen.x, seen.mean, seen.spread, seen.work);
  return ops->choose(s, known, &seen, stream, arm);
}

const double *mst_policy_features(const mst_policy_spec *s, const double *x, int64_t dimension,
                                  int64_t arm, int64_t *block) {
  static const double one = 1;
  const bool contextless = mst_policy_find(s->kind)->contextless;
  *block = s->disjoint || contextless ? arm : 0;
  return contextless ? &one : x + arm * dimension;
}

double mst_policy_width(const mst_policy_spec *s, const mst_ridge *known) {
  if (s->beta > 0) return s->beta;
  const double zero = (double)(known->blocks * known->width) * log(s->ridge);
  return s->noise * sqrt(fmax(*known->logdet - zero, 0) + 2 * log(1 / s->delta)) + sqrt(s->ridge);
}
