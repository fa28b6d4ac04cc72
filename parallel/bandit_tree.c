/* Private online bandits: each agent's sums of x x' and y x are released after every so many rounds
 * by a binary tree of noisy sums, one a silo (Dubey, Pentland 2020; with a schedule that depends on
 * nobody's data: Zhou, Chowdhury 2024). An interaction is in one batch, so in one leaf, and all
 * releases of a run are one Gaussian release of the tree's sensitivity. The server's matrix is
 * shifted by what makes it positive definite, and confidence sets are wider by what the noise can
 * do. doc/methods/bandits.md. */
#include <math.h>

#include "core/base/memory.h"
#include "core/bandit/private_sums.h"
#include "core/privacy/correlated.h"
#include "core/privacy/sensitivity.h"
#include "parallel/bandit_internal.h"

struct mst_bandit_tree {
  mst_correlated *noise;
  double *drawn; /* (count, sums_n) of the release that is made */
  double *told;  /* (d) an interaction as it is told            */
};

static mst_status refuse_protocol(const mst_bandit_options *o) {
  const mst_online_ops *p = mst_protocol_find(o->protocol.kind)->online;
  if (p->asks == NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy: with protocol.kind: %s nothing is told, so there is nothing to hide",
                    o->protocol.kind);
  return mst_fail(MST_ERR_UNSUPPORTED,
                  "privacy: with protocol.kind: %s it depends on an agent's interactions when "
                  "messages go (determinants grow with them), and no noise on a message hides that "
                  "it was sent; choose protocol.kind: periodic",
                  o->protocol.kind);
}

mst_status mst_bandit_tree_check(const mst_bandit_options *o) {
  const mst_bandit_privacy *p = o->privacy;
  int64_t blocks = 0, width = 0;
  if (p == NULL) return MST_OK;
  if (!mst_protocol_find(o->protocol.kind)->online->timed) return refuse_protocol(o);
  mst_policy_spec policy = o->policy;
  mst_policy_tell(&policy, &o->environment, o->horizon);
  mst_policy_shape(&policy, o->environment.arms, o->environment.dimension, &blocks, &width);
  const mst_policy_ops *ops = mst_policy_find(o->policy.kind);
  if (ops != NULL && ops->reweighs)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "privacy: with policy.kind: %s what is told of an interaction depends on earlier "
        "ones, so no bound on one covers it; choose a policy that learns all alike, as "
        "linucb",
        o->policy.kind);
  if (blocks != 1)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy: noise is known for statistics of one vector for all arms, not for "
                    "those of policy.kind: %s",
                    o->policy.kind);
  if (p->agents)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy: the tree of protocol.kind: %s hides interactions, not whole agents",
                    o->protocol.kind);
  if (p->hardened)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "privacy.noise: statistics of protocol.kind: %s are not on a grid of integers; "
                    "choose float",
                    o->protocol.kind);
  if (mst_bandit_releases(o) < 1)
    return mst_fail(MST_ERR_INPUT,
                    "protocol.period: no synchronisation within %lld rounds, so nothing is told",
                    (long long)o->horizon);
  if (!(p->clip > 0) || !isfinite(p->clip) || !(p->sigma >= 0) || !isfinite(p->sigma))
    return mst_fail(MST_ERR_INPUT,
                    "private statistics need a clip above 0 and noise of 0 or more, not %g and %g",
                    p->clip, p->sigma);
  return MST_OK;
}

int64_t mst_bandit_period(const mst_bandit_options *o) {
  if (o->protocol.period > 0) return o->protocol.period;
  return (int64_t)ceil(sqrt((double)o->horizon / (double)o->agents));
}

int64_t mst_bandit_releases(const mst_bandit_options *o) {
  return (o->horizon - 1) / mst_bandit_period(o);
}

/* Standard deviation of a node's draws, in units of the statistics. */
static double node_deviation(const mst_bandit_options *o) {
  return o->privacy->sigma * mst_private_sums_bound(o->privacy->clip);
}

/* Standard deviation of the noise in the server's sums: of all agents, and as many nodes each as
 * any number of batches has binary digits. */
static double sums_deviation(const mst_bandit_options *o) {
  const double nodes = mst_sensitivity_tree_restart(mst_bandit_releases(o));
  return node_deviation(o) * sqrt(nodes * (double)o->agents);
}

double mst_bandit_tree_magnitude(const mst_bandit_options *o) {
  if (o->privacy == NULL || o->privacy->tree == NULL) return 0;
  const double nodes = 1 + mst_sensitivity_tree_restart(mst_bandit_releases(o));
  return 9 * nodes * node_deviation(o); /* draws end at 8.57 deviations */
}

/* lambda + 2 m on the diagonal, where no eigenvalue of the noise exceeds m: what stands in for
 * lambda I is then between (lambda + m) I and (lambda + 3 m) I. */
static void widen(mst_bandit *f) {
  mst_policy_spec *s = &f->options.policy;
  const mst_private_widths w =
      mst_private_sums_widths(f->width, sums_deviation(&f->options),
                              mst_bandit_releases(&f->options), s->delta > 0 ? s->delta : 0.01);
  const double least = s->ridge + w.matrix, most = s->ridge + 3 * w.matrix;
  s->ridge += 2 * w.matrix;
  s->floor = least;
  s->slack = (sqrt(most) - sqrt(s->ridge)) * s->length + w.vector / sqrt(least);
}

mst_status mst_bandit_tree_create(mst_bandit *f) {
  const mst_bandit_privacy *p = f->options.privacy;
  if (p == NULL) return MST_OK;
  if (p->tree == NULL || p->tree->steps < mst_bandit_releases(&f->options))
    return mst_fail(MST_ERR_INTERNAL, "a tree of fewer leaves than releases");
  widen(f);
  MST_TRY(mst_alloc(&f->tree, 1, sizeof *f->tree, "private statistics"));
  MST_TRY(mst_alloc(&f->tree->drawn, f->count * f->sums_n, sizeof(double), "noise"));
  MST_TRY(mst_alloc(&f->tree->told, f->width, sizeof(double), "an interaction"));
  return mst_correlated_create(p->tree, &p->secret, node_deviation(&f->options),
                               f->first * f->sums_n, f->count * f->sums_n, &f->tree->noise);
}

void mst_bandit_tree_destroy(mst_bandit *f) {
  if (f->tree == NULL) return;
  mst_correlated_destroy(f->tree->noise);
  mst_free(f->tree->drawn);
  mst_free(f->tree->told);
  mst_free(f->tree);
}

mst_status mst_bandit_tree_charge(const mst_bandit *f) {
  const mst_bandit_privacy *p = f->options.privacy;
  if (p == NULL || f->protocol->online == NULL || p->charge == NULL || p->charged > 0)
    return MST_OK;
  return p->charge(p->context, 0);
}

const double *mst_bandit_tree_told(mst_bandit *f, const double *x, double *y) {
  if (f->tree == NULL) return x;
  *y = mst_private_sums_clip(f->width, x, *y, f->options.privacy->clip, f->tree->told);
  return f->tree->told;
}

void mst_bandit_tree_draw(mst_bandit *f, int64_t release) {
  if (f->tree == NULL) return;
  mst_correlated_noise(f->tree->noise, release, f->tree->drawn);
  for (int64_t i = 0; i < f->count; i++)
    mst_private_sums_shape(f->width, f->tree->drawn + i * f->sums_n);
}

void mst_bandit_tree_add(mst_bandit *f, int64_t i, double *sums) {
  if (f->tree == NULL) return;
  const double *noise = f->tree->drawn + i * f->sums_n;
  for (int64_t e = 0; e < f->sums_n; e++) sums[e] += noise[e];
}
