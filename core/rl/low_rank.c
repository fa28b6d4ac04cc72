/* A world of many users: what it is, plans in it, and walks through it. */
#include "core/rl/low_rank.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"

mst_status mst_rl_check(const mst_rl_spec *s) {
  if (s->states < 1 || s->actions < 1 || s->horizon < 1 || s->states > 256 || s->actions > 256 ||
      s->horizon > 64)
    return mst_fail(MST_ERR_INPUT,
                    "%lld states, %lld actions, %lld stages; 1 to 256, 1 to 256, and 1 to 64",
                    (long long)s->states, (long long)s->actions, (long long)s->horizon);
  if (s->rank < 0 || s->rank > 64)
    return mst_fail(MST_ERR_INPUT, "rewards of rank %lld; 1 to 64, or 0 for full rank",
                    (long long)s->rank);
  if (!(s->noise >= 0 && isfinite(s->noise)) ||
      !(s->concentration > 0 && isfinite(s->concentration)))
    return mst_fail(MST_ERR_INPUT, "noise %g, concentration %g; not negative, and positive",
                    s->noise, s->concentration);
  return MST_OK;
}

static void draw(mst_rl *m) {
  const mst_rl_spec *s = &m->spec;
  mst_stream one = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_RL, 0, 0)),
             two = mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_RL, 1, 0));
  for (int64_t i = 0; i < m->pairs; i++)
    mst_stream_dirichlet(&one, s->concentration, s->states, m->p + i * s->states);
  for (int64_t i = 0; i < m->places * s->rank; i++) m->v[i] = mst_stream_uniform(&two);
}

mst_status mst_rl_create(const mst_rl_spec *s, mst_rl **out) {
  mst_rl *m = NULL;
  *out = NULL;
  MST_TRY(mst_rl_check(s));
  MST_TRY(mst_alloc(&m, 1, sizeof *m, "a decision process"));
  m->spec = *s;
  m->pairs = s->states * s->actions;
  m->places = s->horizon * m->pairs;
  mst_status st = mst_alloc(&m->p, m->pairs * s->states, sizeof(double), "transitions");
  if (st == MST_OK) st = mst_alloc(&m->v, m->places * s->rank, sizeof(double), "rewards");
  if (st == MST_OK) {
    draw(m);
    *out = m;
  } else {
    mst_rl_destroy(m);
  }
  return st;
}

void mst_rl_destroy(mst_rl *m) {
  if (m == NULL) return;
  mst_free(m->p);
  mst_free(m->v);
  mst_free(m);
}

void mst_rl_rewards(const mst_rl *m, int64_t user, double *reward) {
  const int64_t r = m->spec.rank;
  mst_stream s = mst_stream_of(mst_key_make(m->spec.seed, MST_PURPOSE_RL, 1, 1 + (uint64_t)user));
  double taste[64];
  if (r > 0) mst_stream_dirichlet(&s, 1, r, taste);
  for (int64_t i = 0; i < m->places; i++) {
    reward[i] = r > 0 ? 0 : mst_stream_uniform(&s);
    for (int64_t k = 0; k < r; k++) reward[i] += taste[k] * m->v[i * r + k];
  }
}

/* What a pair is worth at a stage, with next(states) the values after it. */
static double worth(const mst_rl_spec *s, const double *p, const double *reward, int64_t stage,
                    int64_t pair, const double *next) {
  double sum = reward[stage * s->states * s->actions + pair];
  for (int64_t t = 0; t < s->states; t++) sum += p[pair * s->states + t] * next[t];
  return sum;
}

/* Backwards over the stages; where `fixed` the policy is taken, else made. */
static double backwards(const mst_rl_spec *s, const double *p, const double *reward, bool fixed,
                        int32_t *policy, double *value) {
  double *next = value, *now = value + s->states;
  memset(next, 0, (size_t)s->states * sizeof(double));
  for (int64_t h = s->horizon - 1; h >= 0; h--) {
    for (int64_t x = 0; x < s->states; x++) {
      int32_t *choice = policy + h * s->states + x;
      now[x] = worth(s, p, reward, h, x * s->actions + (fixed ? *choice : 0), next);
      if (!fixed) *choice = 0;
      for (int64_t a = 1; a < s->actions && !fixed; a++) {
        const double other = worth(s, p, reward, h, x * s->actions + a, next);
        if (other <= now[x]) continue;
        now[x] = other;
        *choice = (int32_t)a;
      }
    }
    double *swap = next;
    next = now;
    now = swap;
  }
  return next[0];
}

double mst_rl_plan(const mst_rl_spec *s, const double *p, const double *reward, int32_t *policy,
                   double *value) {
  return backwards(s, p, reward, false, policy, value);
}

double mst_rl_value(const mst_rl_spec *s, const double *p, const double *reward,
                    const int32_t *policy, double *value) {
  return backwards(s, p, reward, true, (int32_t *)policy, value);
}

void mst_rl_cover(const mst_rl_spec *s, const double *p, double least, int32_t *policy,
                  double *weight, double *work) {
  const int64_t targets = s->horizon * s->states, places = targets * s->actions;
  double *reward = work, sum = 0;
  memset(reward, 0, (size_t)places * sizeof(double));
  for (int64_t i = 0; i < targets; i++) {
    for (int64_t a = 0; a < s->actions; a++) reward[i * s->actions + a] = 1;
    const double chance = mst_rl_plan(s, p, reward, policy + i * targets, work + places);
    for (int64_t a = 0; a < s->actions; a++) reward[i * s->actions + a] = 0;
    weight[i] = chance > 0 ? 1 / fmax(chance, least) : 0;
    sum += weight[i];
  }
  for (int64_t i = 0; i < targets; i++) weight[i] /= sum;
}

void mst_rl_walk(const mst_rl *m, int64_t user, int64_t number, const double *reward,
                 const int32_t *policy, const double *weight, double *seen, double *total,
                 int64_t *moves) {
  const mst_rl_spec *s = &m->spec;
  const int64_t targets = s->horizon * s->states;
  mst_stream stream =
      mst_stream_of(mst_key_make(s->seed, MST_PURPOSE_RL, 2 + (uint64_t)user, (uint64_t)number));
  const int64_t target = policy != NULL ? mst_stream_choose(&stream, targets, weight) : 0,
                until = policy != NULL ? target / s->states : 0;
  int64_t x = 0;
  for (int64_t h = 0; h < s->horizon; h++) {
    const int64_t any = (int64_t)mst_stream_below(&stream, (uint64_t)s->actions),
                  a = h < until ? policy[target * targets + h * s->states + x] : any,
                  pair = x * s->actions + a, place = h * m->pairs + pair;
    seen[place] += 1;
    total[place] += reward[place] + s->noise * mst_stream_normal(&stream);
    x = mst_stream_choose(&stream, s->states, m->p + pair * s->states);
    moves[pair * s->states + x]++;
  }
}

void mst_rl_estimate(const mst_rl_spec *s, const int64_t *moves, double *p) {
  for (int64_t i = 0; i < s->states * s->actions; i++) {
    int64_t all = 0;
    for (int64_t t = 0; t < s->states; t++) all += moves[i * s->states + t];
    for (int64_t t = 0; t < s->states; t++)
      p[i * s->states + t] =
          all > 0 ? (double)moves[i * s->states + t] / (double)all : 1 / (double)s->states;
  }
}
