/* What a private run ends with: its last iterate; or one of the points at which its releases were
 * made, drawn before the first of them so that no other need be kept; or the mean of these. All of
 * them follow from what was released, so the choice costs no privacy. The theorems of methods with
 * differences bound the mean over the steps of |grad f(w_t)|^2, which is what a uniformly drawn
 * point has in expectation. doc/methods/private_variance_reduced.md. */
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "parallel/private_internal.h"

struct mst_private_kept {
  mst_private_output output;
  int64_t chosen; /* the step, from 0, whose point is kept: see mst_private_kept_step */
  int64_t points; /* that went into `mean`: of a random one at most 1                 */
  double *mean;   /* (mine)                                                           */
};

int64_t mst_private_kept_step(uint64_t seed, int64_t steps) {
  mst_stream draw = mst_stream_of(mst_key_make(seed, MST_PURPOSE_PRIVATE_TURN, 1, 0));
  return (int64_t)mst_stream_below(&draw, (uint64_t)steps);
}

mst_status mst_private_kept_create(const mst_train *t, mst_private_kept **out) {
  const mst_private_output output = t->options.privacy->output;
  mst_private_kept *k = NULL;
  *out = NULL;
  if (output == MST_PRIVATE_LAST) return MST_OK;
  if (t->options.ema > 0 || t->optim->ops->averages)
    return mst_fail(MST_ERR_INPUT,
                    "method.output: ema.decay and optimizer.kind %s say what a run ends with; "
                    "choose last",
                    t->optim->ops->name);
  MST_TRY(mst_alloc(&k, 1, sizeof *k, "point that is kept"));
  *out = k;
  k->output = output;
  k->chosen = mst_private_kept_step(t->options.seed, t->options.steps);
  return mst_alloc(&k->mean, t->mine, sizeof *k->mean, "point that is kept");
}

void mst_private_kept_free(mst_private_kept *k) {
  if (k == NULL) return;
  mst_free(k->mean);
  mst_free(k);
}

/* Where the chosen step is one that a broken start lost, the next that is taken stands for it. */
void mst_private_kept_add(mst_train *t) {
  mst_private_kept *k = t->privacy->kept;
  if (k == NULL) return;
  const bool random = k->output == MST_PRIVATE_RANDOM;
  if (random && (k->points > 0 || t->totals.steps < k->chosen)) return;
  const float *w = mst_train_shard(t, t->w);
  k->points++;
  for (int64_t i = 0; i < t->mine; i++)
    k->mean[i] += ((double)w[i] - k->mean[i]) / (double)k->points;
}

bool mst_train_private_keeps(const mst_train *t) {
  return t->privacy != NULL && t->privacy->kept != NULL;
}

void mst_train_private_show(const mst_train *t, float *shown) {
  const mst_private_kept *k = t->privacy->kept;
  const float *w = mst_train_shard(t, t->w);
  const bool now = k->points == 0 || mst_train_private_ended(t);
  for (int64_t i = 0; i < t->mine; i++) shown[i] = now ? w[i] : (float)k->mean[i];
}

mst_status mst_private_kept_state(mst_train *t, mst_state *s) {
  mst_private_kept *k = t->privacy->kept;
  const int64_t n = t->model->parameters, one = 1;
  if (k == NULL) return MST_OK;
  MST_TRY(mst_state_add_shard(s, "output/mean", MST_F64, 1, &n, t->first, t->mine, k->mean));
  return mst_state_add(s, "output/points", MST_I64, 1, &one, &k->points);
}
