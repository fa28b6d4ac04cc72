/* Private steps of methods with differences: which release a step makes, the points and estimates
 * that it is made from, and what the step goes along (core/privacy/estimator.h,
 * doc/methods/private_variance_reduced.md).
 *
 * A slot's point and estimate are sharded as the parameters are; the point of a step's differences
 * is gathered to every node when it is needed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/model/ghost.h"
#include "parallel/private_internal.h"

struct mst_private_memory {
  const mst_estimator *estimator;
  mst_release now;                       /* of the step                                        */
  float *point[MST_ESTIMATOR_SLOTS];     /* (mine) each                           */
  double *estimate[MST_ESTIMATOR_SLOTS]; /* (mine) each                           */
  int64_t held;                          /* 1: the slots hold something                        */
  bool ended;                            /* the estimate was as short as the method asks for   */
  mst_share *from;                       /* (P) a node: the point of the step's differences    */
  mst_model_work *work;                  /* of passes there                                    */
};

static const mst_estimator *method_of(const mst_train *t) {
  const mst_private_options *o = t->options.privacy;
  return o != NULL && o->estimator != NULL && o->estimator->slots > 0 ? o->estimator : NULL;
}

int64_t mst_private_memory_room(const mst_train *t) {
  return method_of(t) != NULL ? mst_model_difference_room(t->model, t->options.block) : 0;
}

mst_status mst_private_memory_create(const mst_train *t, mst_private_memory **out) {
  mst_private_memory *m = NULL;
  const mst_estimator *e = method_of(t);
  *out = NULL;
  if (e == NULL) return MST_OK;
  MST_TRY(mst_alloc(&m, 1, sizeof *m, "points of a private method"));
  *out = m;
  m->estimator = e;
  for (int k = 0; k < e->slots; k++) {
    MST_TRY(mst_alloc(&m->point[k], t->mine, sizeof *m->point[k], "point of a private method"));
    MST_TRY(mst_alloc(&m->estimate[k], t->mine, sizeof *m->estimate[k], "estimate of a gradient"));
  }
  return mst_model_work_create(t->model, t->options.block, &m->work);
}

void mst_private_memory_free(mst_private_memory *m) {
  if (m == NULL) return;
  mst_share_destroy(m->from);
  for (int k = 0; k < MST_ESTIMATOR_SLOTS; k++) {
    mst_free(m->point[k]);
    mst_free(m->estimate[k]);
  }
  mst_model_work_destroy(m->work);
  mst_free(m);
}

mst_status mst_train_private_share(mst_train *t) {
  mst_private_memory *m = t->privacy->memory;
  if (m == NULL) return MST_OK;
  return mst_share_create(t->team, t->model->parameters * (int64_t)sizeof(float),
                          "point of differences", &m->from);
}

bool mst_train_private_begins(const mst_train *t, int64_t step) {
  const mst_private_memory *m = t->privacy->memory;
  if (m == NULL) return mst_private_begins(t->options.privacy, step);
  return mst_estimator_begins(m->estimator, step, m->held != 0);
}

mst_status mst_train_private_state(mst_train *t, mst_state *s) {
  mst_private_memory *m = t->privacy->memory;
  int64_t n = t->model->parameters, one = 1;
  MST_TRY(mst_private_kept_state(t, s));
  if (m == NULL) return mst_private_clip_state(&t->privacy->adaptive, s);
  for (int k = 0; k < m->estimator->slots; k++) {
    char point[32], estimate[32];
    snprintf(point, sizeof point, "method/point%d", k);
    snprintf(estimate, sizeof estimate, "method/estimate%d", k);
    MST_TRY(mst_state_add_shard(s, point, MST_F32, 1, &n, t->first, t->mine, m->point[k]));
    MST_TRY(mst_state_add_shard(s, estimate, MST_F64, 1, &n, t->first, t->mine, m->estimate[k]));
  }
  return mst_state_add(s, "method/held", MST_I64, 1, &one, &m->held);
}

/* How far the parameters are from m->from: the same bits on every rank. */
static double distance(const mst_train *t) {
  const float *w = mst_share_at(t->w), *u = mst_share_at(t->privacy->memory->from);
  double square = 0;
  for (int64_t i = 0; i < t->model->parameters; i++) {
    double gap = (double)w[i] - (double)u[i];
    square += gap * gap;
  }
  return sqrt(square);
}

/* A shard's part of the node's array, and everybody's. Collective. */
static mst_status gather_from(mst_train *t) {
  return mst_share_gather(t->privacy->memory->from, t->bytes);
}

/* The bound of the step's differences. Collective. */
static mst_status bound_differences(mst_train *t, double *bound) {
  mst_private_memory *m = t->privacy->memory;
  const mst_estimator *e = m->estimator;
  if (t->mine > 0)
    memcpy(mst_train_shard(t, m->from), m->point[m->now.from], (size_t)t->mine * sizeof(float));
  MST_TRY(gather_from(t));
  *bound = e->spec.smoothness * distance(t);
  if (e->ops->capped) *bound = fmin(*bound, 2 * t->options.privacy->clip);
  return MST_OK;
}

mst_status mst_private_memory_begin(mst_train *t, int64_t step) {
  mst_train_private *p = t->privacy;
  mst_private_memory *m = p->memory;
  m->now = mst_estimator_release(m->estimator, step);
  bool differs = m->now.from >= 0;
  p->sampler = mst_estimator_sample(m->estimator, &m->now, &p->options->secret, step);
  p->sigma = m->estimator->noise[m->now.kind];
  p->purpose = differs ? MST_NOISE_DIFFERENCE : MST_NOISE_SUM;
  p->clip = p->options->clip;
  p->from = NULL;
  if (differs) {
    MST_TRY(bound_differences(t, &p->clip));
    p->from = mst_share_at(m->from);
  }
  if (!isfinite(p->clip))
    return mst_fail(MST_ERR_NONFINITE,
                    "step %lld of %lld: the parameters are not finite; use a smaller optimizer.lr",
                    (long long)step + 1, (long long)t->steps);
  return p->clip > 0 ? mst_private_choose_grid(p) : MST_OK;
}

bool mst_private_clip_difference(mst_train *t, const mst_batch *b) {
  mst_train_private *p = t->privacy;
  const float *const w[2] = {mst_share_at(t->w), p->from};
  mst_model_work *const work[2] = {t->work, p->memory->work};
  return mst_model_clipped_difference(t->model, w, b, MST_PRIVATE_SLACK * p->clip, work, p->room,
                                      p->norm, t->g);
}

void mst_private_gradient_from(mst_train *t, const mst_batch *row) {
  mst_train_private *p = t->privacy;
  mst_model_gradient(t->model, p->from, row, p->memory->work, t->g, NULL);
}

bool mst_train_private_ended(const mst_train *t) {
  const mst_private_memory *m = t->privacy != NULL ? t->privacy->memory : NULL;
  return m != NULL && m->ended;
}

/* wide / its whole length, which all ranks have from the gathered vector; or the run's end, which
 * follows from what was released. Collective. */
static mst_status normalise(mst_train *t) {
  mst_private_memory *m = t->privacy->memory;
  float *own = mst_train_shard(t, m->from);
  const float *all = mst_share_at(m->from);
  double square = 0;
  for (int64_t i = 0; i < t->mine; i++) own[i] = (float)t->wide[i];
  MST_TRY(gather_from(t));
  for (int64_t i = 0; i < t->model->parameters; i++) square += (double)all[i] * (double)all[i];
  const double stop = m->estimator->spec.stop;
  m->ended = stop > 0 && sqrt(square) <= stop;
  for (int64_t i = 0; i < t->mine && square > 0; i++) t->wide[i] /= sqrt(square);
  return MST_OK;
}

/* The gradient of quadratics around the point of slot 0, and shorter steps. Local. */
static void regularise(mst_train *t) {
  mst_private_memory *m = t->privacy->memory;
  const float *w = mst_train_shard(t, t->w);
  for (int64_t i = 0; i < t->mine; i++) {
    const double centre = (double)m->point[0][i];
    m->point[0][i] = (float)(centre + m->now.blend * ((double)w[i] - centre));
    t->wide[i] += m->now.pull * ((double)w[i] - (double)m->point[0][i]);
    t->wide[i] = ldexp(t->wide[i], -m->now.halvings);
  }
}

mst_status mst_private_memory_end(mst_train *t) {
  mst_train_private *p = t->privacy;
  mst_private_memory *m = p->memory;
  const double *before = m->now.from >= 0 ? m->estimate[m->now.from] : NULL;
  double share = 1 / mst_sampler_expected(p->sampler);
  for (int64_t i = 0; i < t->mine; i++)
    t->wide[i] = share * t->wide[i] + (before != NULL ? before[i] : 0);
  for (int k = m->now.to; k < m->estimator->slots && t->mine > 0; k++) {
    memcpy(m->point[k], mst_train_shard(t, t->w), (size_t)t->mine * sizeof(float));
    memcpy(m->estimate[k], t->wide, (size_t)t->mine * sizeof(double));
  }
  if (m->now.pull > 0) regularise(t);
  m->held = 1;
  return m->estimator->ops->direction ? normalise(t) : MST_OK;
}
