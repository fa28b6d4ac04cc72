/* The table of environments, and what all of them do: the hidden vector, the pool, rewards. */
#include "core/bandit/environment.h"

#include <math.h>
#include <string.h>

#include "core/bandit/environment_member.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/linalg/blas.h"

#define WAVE \
  4.0 /* standard deviation of <omega, x> for a unit vector x: a few waves over the ball */

static const mst_environment_ops *const TABLE[] = {&mst_environment_sphere, &mst_environment_ball,
                                                   &mst_environment_gaussian,
                                                   &mst_environment_cube};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

/* Clients of MST_PURPOSE_BANDIT_INSTANCE. */
enum {
  OF_THETA,
  OF_OMEGA,
  OF_POOL,
  OF_LAW
};

const mst_param mst_environment_params[] = {
    {.name = "dimension",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_environment_spec, dimension),
     .min = 1,
     .max = 1e5,
     .unit = "numbers",
     .help = "numbers of an arm's vector"},
    {.name = "arms",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_environment_spec, arms),
     .min = 1,
     .max = 1e6,
     .unit = "arms",
     .help = "arms that an agent is offered in a round"},
    {.name = "sets",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_environment_spec, sets),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "sets",
     .help = "draw each offer from a fixed pool of so many sets of arms; 0: new arms every round"},
    {.name = "noise",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_environment_spec, noise),
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "standard deviation of a reward about its mean"},
    {.name = "misspecified",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_environment_spec, misspecified),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .unit = "",
     .help = "most by which an arm's mean reward is off a linear function"},
    {.name = "theta",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_environment_spec, theta),
     .fallback = "sphere",
     .allowed = "sphere|equal",
     .unit = "",
     .help = "the hidden vector: drawn from the unit sphere, or with equal entries and length 1"},
    {.name = NULL}};

const mst_environment_ops *mst_environment_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_environment_ops *mst_environment_find(const char *name) {
  return mst_environment_at(mst_registry_find(name_at, name));
}

mst_status mst_environment_check(const mst_environment_spec *s) {
  const mst_environment_ops *ops = mst_environment_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "environment.kind", s->kind);
  MST_TRY(mst_param_check(mst_environment_params, s, "environment"));
  return mst_param_check(ops->params, s, "environment");
}

void mst_environment_draw_direction(mst_stream *s, int64_t d, double *x) {
  double square = 0;
  for (int64_t i = 0; i < d; i++) {
    x[i] = mst_stream_normal(s);
    square += x[i] * x[i];
  }
  for (int64_t i = 0; i < d; i++) x[i] /= sqrt(square);
}

static mst_key key_of(const mst_environment *e, int what, int64_t set) {
  return mst_key_make(e->seed, MST_PURPOSE_BANDIT_INSTANCE, (uint64_t)what, (uint64_t)set);
}

static void draw_theta(mst_environment *e) {
  const int64_t d = e->spec.dimension;
  mst_stream s = mst_stream_of(key_of(e, OF_THETA, 0));
  if (strcmp(e->spec.theta, "equal") == 0)
    for (int64_t i = 0; i < d; i++) e->theta[i] = 1 / sqrt((double)d);
  else
    mst_environment_draw_direction(&s, d, e->theta);
  s = mst_stream_of(key_of(e, OF_OMEGA, 0));
  for (int64_t i = 0; i < d; i++) e->omega[i] = WAVE * mst_stream_normal(&s);
}

static void draw_arms(const mst_environment *e, mst_key key, double *x) {
  mst_stream s = mst_stream_of(key);
  const int64_t d = e->spec.dimension;
  for (int64_t a = 0; a < e->spec.arms; a++) e->ops->draw(&s, d, x + a * d);
}

/* mean(K) and the largest of them, of arms x(K, d). */
static double find_means(const mst_environment *e, const double *x, double *mean) {
  const int64_t d = e->spec.dimension, arms = e->spec.arms;
  double best = -INFINITY;
  mst_gemm(false, false, arms, 1, d, 1, x, d, e->theta, 1, 0, mean, 1);
  for (int64_t a = 0; a < arms; a++) {
    if (e->spec.misspecified > 0) {
      double phase = 0;
      for (int64_t i = 0; i < d; i++) phase += e->omega[i] * x[a * d + i];
      mean[a] += e->spec.misspecified * sin(phase);
    }
    best = fmax(best, mean[a]);
  }
  return best;
}

static mst_status fill(mst_environment *e) {
  const int64_t d = e->spec.dimension, arms = e->spec.arms, sets = e->spec.sets;
  MST_TRY(mst_alloc(&e->theta, d, sizeof(double), "a bandit's hidden vector"));
  MST_TRY(mst_alloc(&e->omega, d, sizeof(double), "a bandit's hidden vector"));
  MST_TRY(mst_alloc(&e->x, sets * arms * d, sizeof(double), "a pool of arms"));
  MST_TRY(mst_alloc(&e->mean, sets * arms, sizeof(double), "a pool of arms"));
  MST_TRY(mst_alloc(&e->best, sets, sizeof(double), "a pool of arms"));
  draw_theta(e);
  for (int64_t s = 0; s < sets; s++) {
    draw_arms(e, key_of(e, OF_POOL, s), e->x + s * arms * d);
    e->best[s] = find_means(e, e->x + s * arms * d, e->mean + s * arms);
  }
  return MST_OK;
}

mst_status mst_environment_create(const mst_environment_spec *spec, uint64_t seed,
                                  mst_environment **out) {
  mst_environment *e = NULL;
  *out = NULL;
  MST_TRY(mst_environment_check(spec));
  MST_TRY(mst_alloc(&e, 1, sizeof *e, "an environment"));
  e->spec = *spec;
  e->ops = mst_environment_find(spec->kind);
  e->seed = seed;
  mst_status st = fill(e);
  if (st == MST_OK)
    *out = e;
  else
    mst_environment_destroy(e);
  return st;
}

void mst_environment_destroy(mst_environment *e) {
  if (e == NULL) return;
  mst_free(e->theta);
  mst_free(e->omega);
  mst_free(e->x);
  mst_free(e->mean);
  mst_free(e->best);
  mst_free(e);
}

int64_t mst_environment_room(const mst_environment_spec *s) {
  return s->sets > 0 ? 0 : s->arms * (s->dimension + 1);
}

mst_contexts mst_environment_offer(const mst_environment *e, int64_t agent, int64_t round,
                                   double *room) {
  const int64_t d = e->spec.dimension, arms = e->spec.arms;
  mst_key key = mst_key_make(e->seed, MST_PURPOSE_BANDIT_OFFER, (uint64_t)agent, (uint64_t)round);
  if (e->spec.sets > 0) {
    mst_stream s = mst_stream_of(key);
    int64_t set = (int64_t)mst_stream_below(&s, (uint64_t)e->spec.sets);
    return (mst_contexts){
        .x = e->x + set * arms * d, .mean = e->mean + set * arms, .best = e->best[set], .set = set};
  }
  draw_arms(e, key, room);
  double *mean = room + arms * d, best = find_means(e, room, mean);
  return (mst_contexts){.x = room, .mean = mean, .best = best, .set = -1};
}

void mst_environment_law(const mst_environment *e, int64_t n, double *x) {
  const int64_t size = e->spec.arms * e->spec.dimension;
  if (e->spec.sets > 0)
    memcpy(x, e->x, (size_t)(n * size) * sizeof *x);
  else
    for (int64_t i = 0; i < n; i++) draw_arms(e, key_of(e, OF_LAW, i), x + i * size);
}

double mst_environment_reward(const mst_environment *e, const mst_contexts *c, int64_t arm,
                              int64_t agent, int64_t round) {
  if (e->spec.noise == 0) return c->mean[arm];
  mst_stream s = mst_stream_of(
      mst_key_make(e->seed, MST_PURPOSE_BANDIT_REWARD, (uint64_t)agent, (uint64_t)round));
  return c->mean[arm] + e->spec.noise * mst_stream_normal(&s);
}
