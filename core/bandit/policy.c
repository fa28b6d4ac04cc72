/* The table of policies, and how any of them sees its arms: by one product of the features with the
 * inverse of V. */
#include "core/bandit/policy.h"

#include <math.h>

#include "core/bandit/policy_member.h"
#include "core/base/arithmetic.h"
#include "core/base/registry.h"

static const mst_policy_ops *const TABLE[] = {&mst_policy_linucb,
                                              &mst_policy_thompson,
                                              &mst_policy_epsilon_greedy,
                                              &mst_policy_ucb1,
                                              &mst_policy_ds_oful,
                                              &mst_policy_suplinucb,
                                              &mst_policy_squarecb,
                                              &mst_policy_glm_ucb,
                                              &mst_policy_weighted_oful,
                                              &mst_policy_thompson_bernoulli,
                                              &mst_policy_misspecified_sparse};
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
  mst_policy_spec s = {
      .kind = kind, .ridge = 1, .noise = 1, .length = 1, .link = "identity", .horizon = 1000};
  const mst_policy_ops *ops = mst_policy_find(kind);
  if (ops != NULL) mst_param_defaults(ops->params, &s);
  return s;
}

void mst_policy_tell(mst_policy_spec *s, const mst_environment_spec *e, int64_t horizon) {
  const mst_environment_spec full = mst_environment_complete(e);
  s->noise = mst_environment_noise(&full);
  s->misspecified = full.misspecified;
  s->length = full.length;
  s->link = full.link;
  s->arms = full.arms;
  s->dimension = full.dimension;
  s->horizon = horizon;
}

mst_status mst_policy_check(const mst_policy_spec *s) {
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "policy.kind", s->kind);
  MST_TRY(mst_param_check(ops->params, s, "policy"));
  if (ops->binary && mst_link_of(s->link) == MST_LINK_IDENTITY)
    return mst_fail(MST_ERR_INPUT,
                    "policy.kind: %s counts rewards that are 0 or 1; choose environment.link: "
                    "logistic or probit",
                    s->kind);
  return ops->check != NULL ? ops->check(s) : MST_OK;
}

void mst_policy_shape(const mst_policy_spec *s, int64_t arms, int64_t dimension, int64_t *blocks,
                      int64_t *width) {
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  *blocks = ops->blocks != NULL ? ops->blocks(s) : s->disjoint || ops->contextless ? arms : 1;
  *width = ops->contextless ? 1 : dimension;
}

int64_t mst_policy_work(const mst_policy_spec *s, int64_t arms, int64_t dimension) {
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  const int64_t own = ops != NULL && ops->work != NULL ? ops->work(s, arms, dimension) : 0;
  return 2 * arms +
         mst_most(own, mst_most(arms * dimension, dimension * dimension + 2 * dimension));
}

double mst_policy_weight(const mst_policy_spec *s) {
  return s->least_noise > 0 ? 1 / (s->least_noise * s->least_noise) : 1;
}

mst_status mst_policy_choose(const mst_policy_spec *s, const mst_ridge *known,
                             const mst_policy_offer *offer, mst_stream *stream, double *work,
                             mst_choice *choice) {
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  const mst_arms seen = {.n = offer->arms,
                         .x = ops->contextless ? NULL : offer->x,
                         .sigma = offer->sigma,
                         .mean = work,
                         .spread = work + offer->arms,
                         .work = work + 2 * offer->arms,
                         .round = offer->round};
  *choice = (mst_choice){.block = -1, .weight = 1};
  if (!ops->own_scores) mst_ridge_score(known, seen.n, seen.x, seen.mean, seen.spread, seen.work);
  MST_TRY(ops->choose(s, known, &seen, stream, choice));
  if (choice->block < 0) choice->block = s->disjoint || ops->contextless ? choice->arm : 0;
  return MST_OK;
}

bool mst_policy_lesson(const mst_policy_spec *s, const mst_choice *choice, const double *x,
                       int64_t dimension, double y, double *room, mst_lesson *out) {
  static const double one = 1;
  const mst_policy_ops *ops = mst_policy_find(s->kind);
  const double root = sqrt(choice->weight);
  *out = (mst_lesson){.block = choice->block,
                      .x = ops->contextless ? &one : x + choice->arm * dimension,
                      .y = ops->respond != NULL ? ops->respond(s, choice, y) : y};
  if (choice->weight <= 0) return false;
  if (choice->weight == 1) return true;
  const int64_t width = ops->contextless ? 1 : dimension;
  for (int64_t i = 0; i < width; i++) room[i] = root * out->x[i];
  out->x = room;
  out->y *= root;
  return true;
}

double mst_policy_bound(const mst_policy_spec *s, const mst_ridge *known, double sigma) {
  const double least = s->floor > 0 ? s->floor : s->ridge;
  const double zero = (double)(known->blocks * known->width) * log(least);
  return sigma * sqrt(fmax(*known->logdet - zero, 0) + 2 * log(1 / s->delta)) +
         sqrt(s->ridge) * s->length + s->slack;
}

double mst_policy_width(const mst_policy_spec *s, const mst_ridge *known) {
  return s->beta > 0 ? s->beta : mst_policy_bound(s, known, s->noise);
}
