/* The table of environments, and what all of them do: the hidden vector, the pool, rewards. */
#include "core/bandit/environment.h"

#include <math.h>
#include <string.h>

#include "core/bandit/environment_member.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/linalg/blas.h"

#define WAVE \
  4.0 /* standard deviation of <omega, x> for a unit vector x: a few waves over the ball */

static const mst_environment_ops *const TABLE[] = {
    &mst_environment_sphere, &mst_environment_ball,    &mst_environment_gaussian,
    &mst_environment_cube,   &mst_environment_corners, &mst_environment_rows};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

/* Clients of MST_PURPOSE_BANDIT_INSTANCE. */
enum {
  OF_THETA,
  OF_OMEGA,
  OF_POOL,
  OF_LAW,
  OF_POOL_AGAIN,  /* round: a set, and the try  */
  OF_WAVE,        /* of the noise               */
  OF_ERROR,       /* round: a set               */
  OF_THETA_LATER, /* round: how often it changed */
  OF_SUPPORT,     /* of theta */
  OF_ORDER        /* of rows  */
};

const mst_environment_ops *mst_environment_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_environment_ops *mst_environment_find(const char *name) {
  return mst_environment_at(mst_registry_find(name_at, name));
}

mst_environment_spec mst_environment_complete(const mst_environment_spec *s) {
  mst_environment_spec full = *s;
  if (full.theta == NULL) full.theta = "sphere";
  if (full.offer == NULL) full.offer = "drawn";
  if (full.link == NULL) full.link = "identity";
  if (full.misspecification == NULL) full.misspecification = "wave";
  if (full.length == 0) full.length = 1;
  if (full.noise_spread == 0) full.noise_spread = 1;
  if (full.pays == NULL) full.pays = "rewards";
  return full;
}

bool mst_environment_binary(const mst_environment_spec *s) {
  return mst_link_of(s->link) != MST_LINK_IDENTITY;
}

double mst_environment_noise(const mst_environment_spec *s) {
  if (mst_environment_binary(s)) return 0.5;
  return s->noise * (s->noise_spread == 0 ? 1 : s->noise_spread);
}

static bool is(const char *word, const char *other) {
  return strcmp(word, other) == 0;
}

/* Settings that need a pool, or exclude each other. */
static mst_status check_together(const mst_environment_spec *s) {
  const char *needs_pool = is(s->offer, "own")                  ? "offer: own"
                           : is(s->misspecification, "uniform") ? "misspecification: uniform"
                           : s->gap > 0                         ? "gap"
                                                                : NULL;
  if (needs_pool != NULL && s->sets == 0)
    return mst_fail(MST_ERR_INPUT,
                    "environment.%s is of fixed sets of arms; choose environment.sets above 0",
                    needs_pool);
  if (s->sparsity > s->dimension)
    return mst_fail(MST_ERR_INPUT,
                    "environment.sparsity: %lld of %lld entries; choose at most these",
                    (long long)s->sparsity, (long long)s->dimension);
  if (s->gap > 0 && s->change_every > 0)
    return mst_fail(MST_ERR_INPUT,
                    "environment.gap is of one hidden vector; leave out environment.change_every");
  if (mst_environment_binary(s) &&
      (s->misspecified > 0 || s->noise_spread > 1 || (s->noise != 1 && s->noise != 0)))
    return mst_fail(MST_ERR_INPUT,
                    "environment.link: %s has rewards that are 0 or 1; leave out "
                    "environment.noise, .noise_spread and .misspecified",
                    s->link);
  return MST_OK;
}

mst_status mst_environment_check(const mst_environment_spec *s) {
  const mst_environment_spec full = mst_environment_complete(s);
  const mst_environment_ops *ops = mst_environment_find(s->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "environment.kind", s->kind);
  MST_TRY(mst_param_check(mst_environment_params, &full, "environment"));
  if (s->dimension < 1 || s->arms < 1)
    return mst_fail(MST_ERR_INPUT, "environment.%s is %d; choose 1 or more",
                    s->dimension < 1 ? "dimension" : "arms", 0);
  if (ops == &mst_environment_rows) MST_TRY(mst_environment_rows_check(&full));
  MST_TRY(check_together(&full));
  return mst_param_check(ops->params, &full, "environment");
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

/* theta(d), of length 1, keeps so many entries and the length. */
static void thin_out(const mst_environment *e, int64_t changes, double *theta) {
  mst_stream s = mst_stream_of(key_of(e, OF_SUPPORT, changes));
  int64_t d = e->spec.dimension, keep = e->spec.sparsity;
  double square = 0;
  for (int64_t i = 0; i < d; i++) { /* Knuth's selection sampling */
    const bool kept = (int64_t)mst_stream_below(&s, (uint64_t)(d - i)) < keep;
    keep -= kept;
    theta[i] = kept ? theta[i] : 0;
    square += theta[i] * theta[i];
  }
  for (int64_t i = 0; i < d; i++) theta[i] /= sqrt(square);
}

/* theta(d) after so many changes. */
static void draw_theta(const mst_environment *e, int64_t changes, double *theta) {
  const int64_t d = e->spec.dimension;
  mst_stream s =
      mst_stream_of(changes == 0 ? key_of(e, OF_THETA, 0) : key_of(e, OF_THETA_LATER, changes));
  if (is(e->spec.theta, "sphere"))
    mst_environment_draw_direction(&s, d, theta);
  else
    for (int64_t i = 0; i < d; i++) {
      const bool down = is(e->spec.theta, "signs") && mst_stream_below(&s, 2) == 0;
      theta[i] = (down ? -1 : 1) / sqrt((double)d);
    }
  if (e->spec.sparsity > 0) thin_out(e, changes, theta);
  for (int64_t i = 0; i < d; i++) theta[i] *= e->spec.length;
}

static void draw_wave(const mst_environment *e, int what, double *omega) {
  mst_stream s = mst_stream_of(key_of(e, what, 0));
  for (int64_t i = 0; i < e->spec.dimension; i++) omega[i] = WAVE * mst_stream_normal(&s);
}

static void draw_arms(const mst_environment *e, mst_key key, double *x) {
  mst_stream s = mst_stream_of(key);
  const int64_t d = e->spec.dimension;
  if (e->ops->draw_set != NULL)
    e->ops->draw_set(&s, e->spec.arms, d, x);
  else
    for (int64_t a = 0; a < e->spec.arms; a++) e->ops->draw(&s, d, x + a * d);
}

static double wave_at(int64_t d, const double *omega, const double *x) {
  double phase = 0;
  for (int64_t i = 0; i < d; i++) phase += omega[i] * x[i];
  return sin(phase);
}

/* mean(K) and the largest of them, of arms x(K, d) of a set. */
static double find_means(const mst_environment *e, const double *theta, int64_t set,
                         const double *x, double *mean) {
  const int64_t d = e->spec.dimension, arms = e->spec.arms;
  const bool uniform = is(e->spec.misspecification, "uniform");
  mst_stream error = mst_stream_of(key_of(e, OF_ERROR, set));
  double best = -INFINITY;
  mst_gemm(false, false, arms, 1, d, 1, x, d, theta, 1, 0, mean, 1);
  for (int64_t a = 0; a < arms; a++) {
    if (e->spec.misspecified > 0)
      mean[a] += e->spec.misspecified *
                 (uniform ? 2 * mst_stream_uniform(&error) - 1 : wave_at(d, e->omega, x + a * d));
    if (e->link != MST_LINK_IDENTITY) mean[a] = mst_link_mean(e->link, mean[a]);
    best = fmax(best, mean[a]);
  }
  return best;
}

static void find_sigma(const mst_environment *e, const double *x, double *sigma) {
  const int64_t d = e->spec.dimension;
  for (int64_t a = 0; a < e->spec.arms; a++)
    sigma[a] = e->spec.noise * pow(e->spec.noise_spread, wave_at(d, e->wave, x + a * d));
}

/* The largest mean less the next. */
static double gap_of(int64_t arms, const double *mean) {
  double best = -INFINITY, next = -INFINITY;
  for (int64_t a = 0; a < arms; a++) {
    next = fmax(next, fmin(best, mean[a]));
    best = fmax(best, mean[a]);
  }
  return best - next;
}

static mst_status fill_set(mst_environment *e, int64_t set) {
  const int64_t d = e->spec.dimension, arms = e->spec.arms;
  double *x = e->x + set * arms * d, *mean = e->mean + set * arms;
  mst_key key = key_of(e, OF_POOL, set);
  for (int64_t i = 0; i < MST_ENVIRONMENT_TRIES; i++) {
    draw_arms(e, key, x);
    e->best[set] = find_means(e, e->theta, set, x, mean);
    if (e->sigma != NULL) find_sigma(e, x, e->sigma + set * arms);
    if (e->spec.gap == 0 || gap_of(arms, mean) >= e->spec.gap) return MST_OK;
    key = key_of(e, OF_POOL_AGAIN, set * MST_ENVIRONMENT_TRIES + i);
  }
  return mst_fail(MST_ERR_INPUT,
                  "environment.gap: %g was not found in %d draws of %lld arms; choose less",
                  e->spec.gap, MST_ENVIRONMENT_TRIES, (long long)arms);
}

static mst_status order_rows(mst_environment *e) {
  const int64_t n = e->spec.rows->rows;
  mst_stream s = mst_stream_of(key_of(e, OF_ORDER, 0));
  MST_TRY(mst_alloc(&e->order, n, sizeof *e->order, "the order of rows"));
  mst_stream_permutation(&s, n, e->order);
  e->costs = is(e->spec.pays, "costs");
  return MST_OK;
}

static mst_status fill(mst_environment *e) {
  if (e->ops == &mst_environment_rows) return order_rows(e);
  const int64_t d = e->spec.dimension, arms = e->spec.arms, sets = e->spec.sets;
  MST_TRY(mst_alloc(&e->theta, d, sizeof(double), "a bandit's hidden vector"));
  MST_TRY(mst_alloc(&e->omega, d, sizeof(double), "a bandit's hidden vector"));
  MST_TRY(mst_alloc(&e->wave, d, sizeof(double), "a bandit's hidden vector"));
  MST_TRY(mst_alloc(&e->x, sets * arms * d, sizeof(double), "a pool of arms"));
  MST_TRY(mst_alloc(&e->mean, sets * arms, sizeof(double), "a pool of arms"));
  MST_TRY(mst_alloc(&e->best, sets, sizeof(double), "a pool of arms"));
  if (e->spec.noise_spread > 1)
    MST_TRY(mst_alloc(&e->sigma, sets * arms, sizeof(double), "a pool of arms"));
  draw_theta(e, 0, e->theta);
  draw_wave(e, OF_OMEGA, e->omega);
  draw_wave(e, OF_WAVE, e->wave);
  for (int64_t s = 0; s < sets; s++) MST_TRY(fill_set(e, s));
  return MST_OK;
}

mst_status mst_environment_create(const mst_environment_spec *spec, uint64_t seed,
                                  mst_environment **out) {
  mst_environment *e = NULL;
  *out = NULL;
  MST_TRY(mst_environment_check(spec));
  MST_TRY(mst_alloc(&e, 1, sizeof *e, "an environment"));
  e->spec = mst_environment_complete(spec);
  e->ops = mst_environment_find(spec->kind);
  e->link = mst_link_of(spec->link);
  e->own = is(e->spec.offer, "own");
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
  mst_free(e->wave);
  mst_free(e->sigma);
  mst_free(e->x);
  mst_free(e->mean);
  mst_free(e->best);
  mst_free(e->order);
  mst_free(e);
}

int64_t mst_environment_room(const mst_environment_spec *s) {
  const int64_t later = s->change_every > 0 ? s->dimension : 0; /* theta */
  if (s->sets > 0) return later > 0 ? later + s->arms : 0;
  return later + s->arms * (s->dimension + (s->noise_spread > 1 ? 2 : 1));
}

static int64_t set_of(const mst_environment *e, mst_key key, int64_t agent) {
  if (e->own) return agent % e->spec.sets;
  mst_stream s = mst_stream_of(key);
  return (int64_t)mst_stream_below(&s, (uint64_t)e->spec.sets);
}

mst_contexts mst_environment_offer(const mst_environment *e, int64_t agent, int64_t round,
                                   double *room) {
  if (e->order != NULL) return mst_environment_rows_offer(e, agent, round, room);
  const int64_t d = e->spec.dimension, arms = e->spec.arms;
  const int64_t changes = e->spec.change_every > 0 ? round / e->spec.change_every : 0;
  mst_key key = mst_key_make(e->seed, MST_PURPOSE_BANDIT_OFFER, (uint64_t)agent, (uint64_t)round);
  mst_contexts c = {.set = -1};
  const double *theta = e->theta;
  if (changes > 0) {
    draw_theta(e, changes, room);
    theta = room;
    room += d;
  }
  if (e->spec.sets > 0) {
    c.set = set_of(e, key, agent);
    c.x = e->x + c.set * arms * d;
    c.mean = e->mean + c.set * arms;
    c.best = e->best[c.set];
    if (e->sigma != NULL) c.sigma = e->sigma + c.set * arms;
  } else {
    draw_arms(e, key, room);
    c.x = room;
    room += arms * d;
    if (e->spec.noise_spread > 1) {
      find_sigma(e, c.x, room);
      c.sigma = room;
      room += arms;
    }
  }
  if (e->spec.sets > 0 && changes == 0) return c;
  c.best = find_means(e, theta, mst_most(c.set, 0), c.x, room);
  c.mean = room;
  return c;
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
  const bool binary = e->link != MST_LINK_IDENTITY;
  if (!binary && e->spec.noise == 0) return c->mean[arm];
  mst_stream s = mst_stream_of(
      mst_key_make(e->seed, MST_PURPOSE_BANDIT_REWARD, (uint64_t)agent, (uint64_t)round));
  if (binary) return mst_stream_uniform(&s) < c->mean[arm] ? 1 : 0;
  return c->mean[arm] + (c->sigma != NULL ? c->sigma[arm] : e->spec.noise) * mst_stream_normal(&s);
}
