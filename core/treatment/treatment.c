/* Patients of the published simulation, the two estimators, and who is given what. */
#include "core/treatment/treatment.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/linalg/blas.h"

/* Keeps a regression of few patients defined; small beside any sum of squares of (1, x). */
#define RIDGE 1e-6

enum {
  ALL,
  FORCED,
  ESTIMATORS
};

mst_status mst_treatment_check(const mst_treatment_spec *s) {
  if (s->pulls < 2 || s->pulls > 1000000)
    return mst_fail(MST_ERR_INPUT, "policy.pulls: %lld; 2 to 1000000", (long long)s->pulls);
  if (!(s->gap > 0) || !(s->noise >= 0) || !(s->refit >= 0) || !isfinite(s->noise) ||
      !isfinite(s->refit))
    return mst_fail(MST_ERR_INPUT,
                    "a gap of %g, noise of %g, refit of %g; the gap is positive, and "
                    "nothing is negative",
                    s->gap, s->noise, s->refit);
  if (!(s->epsilon >= 0 && s->epsilon <= 1))
    return mst_fail(MST_ERR_INPUT, "policy.epsilon: %g; it is a chance", s->epsilon);
  return MST_OK;
}

int mst_treatment_forced(int64_t q, int64_t t) {
  int64_t begin = 0, block = 4 * q;
  for (int64_t gap = block; begin <= t; begin += gap, gap *= 2)
    if (t < begin + block) return (int)((t - begin) / q);
  return -1;
}

/* x2 is Beta(A, B) of the arm and of whether a uniform draw is below x1; what going on best is
 * worth then, E max(1 + x2, 3 x2), in closed form. */
static const double A[2][2] = {{4, 1}, {1, 2}}, B[2][2] = {{1, 2}, {4, 1}};
static const double BEST[2][2] = {{2.4125, 17. / 12}, {1.2125, 25. / 12}};

double mst_treatment_value(int stage, double x, int arm) {
  if (stage == 1) return x * BEST[arm][0] + (1 - x) * BEST[arm][1];
  return arm == 0 ? 1 + x : 3 * x;
}

static double draw_second(uint64_t seed, int64_t t, double x1, int arm) {
  mst_stream s =
      mst_stream_of(mst_key_make(seed, MST_PURPOSE_TREATMENT, 2 + (uint64_t)arm, (uint64_t)t));
  const int other = mst_stream_uniform(&s) >= x1;
  const double one = mst_stream_log_gamma_draw(&s, A[arm][other]),
               two = mst_stream_log_gamma_draw(&s, B[arm][other]);
  return 1 / (1 + exp(two - one));
}

/* The coefficients of (1, x) of a stage's arm. */
static double *place(const mst_treatment *i, int estimator, int stage, int arm) {
  return i->fit + ((estimator * 2 + stage - 1) * 2 + arm) * 2;
}

static double estimate(const mst_treatment *i, int estimator, int stage, int arm, double x) {
  const double *f = place(i, estimator, stage, arm);
  return f[0] + f[1] * x;
}

static int larger(double zero, double one) {
  return one > zero;
}

static int greedy(const mst_treatment *i, int estimator, int stage, double x) {
  return larger(estimate(i, estimator, stage, 0, x), estimate(i, estimator, stage, 1, x));
}

/* One stage's regressions over the first `patients`: of the reward, or of the best second stage. */
static mst_status regress(const mst_treatment *i, int estimator, int stage, int64_t patients) {
  double gram[2][4] = {{0}}, right[2][2] = {{0}};
  for (int64_t t = 0; t < patients; t++) {
    if (estimator == FORCED && i->way[t] < 4) continue;
    const int arm = stage == 1 ? (i->way[t] >> 1) & 1 : i->way[t] & 1;
    const double x = stage == 1 ? i->x1[t] : i->x2[t];
    const double y = stage == 2 ? i->y[t]
                                : fmax(estimate(i, estimator, 2, 0, i->x2[t]),
                                       estimate(i, estimator, 2, 1, i->x2[t]));
    gram[arm][0] += 1;
    gram[arm][2] += x;
    gram[arm][3] += x * x;
    right[arm][0] += y;
    right[arm][1] += x * y;
  }
  for (int arm = 0; arm < 2; arm++)
    MST_TRY(
        mst_ridge_solve(2, 1, gram[arm], 2, right[arm], 1, RIDGE, place(i, estimator, stage, arm)));
  return MST_OK;
}

static mst_status refit(const mst_treatment *i, int estimator, int64_t patients) {
  MST_TRY(regress(i, estimator, 2, patients));
  return regress(i, estimator, 1, patients);
}

static int choose(const mst_treatment *i, int stage, double x, mst_stream *s) {
  const mst_treatment_spec *p = &i->spec;
  if (p->policy == MST_TREATMENT_ORACLE)
    return larger(mst_treatment_value(stage, x, 0), mst_treatment_value(stage, x, 1));
  if (p->policy == MST_TREATMENT_UNIFORM) return (int)mst_stream_below(s, 2);
  if (p->policy == MST_TREATMENT_EPSILON && mst_stream_uniform(s) < p->epsilon)
    return (int)mst_stream_below(s, 2);
  const double apart = fabs(estimate(i, FORCED, stage, 0, x) - estimate(i, FORCED, stage, 1, x));
  const bool clear = p->policy == MST_TREATMENT_DTR && apart > p->gap / 2;
  return greedy(i, clear ? FORCED : ALL, stage, x);
}

static double lost(int stage, double x, int arm) {
  return fmax(mst_treatment_value(stage, x, 1 - arm) - mst_treatment_value(stage, x, arm), 0);
}

static void treat(const mst_treatment *i, int64_t t, int forced) {
  mst_stream s = mst_stream_of(mst_key_make(i->seed, MST_PURPOSE_TREATMENT, 0, (uint64_t)t)),
             choice = mst_stream_of(mst_key_make(i->seed, MST_PURPOSE_TREATMENT, 1, (uint64_t)t));
  const double x1 = mst_stream_uniform(&s), noise = mst_stream_normal(&s);
  const int first = forced >= 0 ? forced >> 1 : choose(i, 1, x1, &choice);
  const double x2 = draw_second(i->seed, t, x1, first);
  const int second = forced >= 0 ? forced & 1 : choose(i, 2, x2, &choice);
  i->x1[t] = x1;
  i->x2[t] = x2;
  i->y[t] = mst_treatment_value(2, x2, second) + i->spec.noise * noise;
  i->way[t] = (uint8_t)(2 * first + second + (forced >= 0 ? 4 : 0));
  *i->regret += lost(1, x1, first) + lost(2, x2, second);
}

/* How patient t is forced under the policy; -1: not. */
static int forced_of(const mst_treatment *i, int64_t t) {
  const mst_treatment_spec *p = &i->spec;
  if (p->policy == MST_TREATMENT_UNIFORM || p->policy == MST_TREATMENT_ORACLE) return -1;
  return p->policy == MST_TREATMENT_DTR || t < 4 * p->pulls ? mst_treatment_forced(p->pulls, t)
                                                            : -1;
}

mst_status mst_treatment_go_on(const mst_treatment *i, int64_t from, int64_t to) {
  const mst_treatment_spec *p = &i->spec;
  const bool learns = p->policy != MST_TREATMENT_UNIFORM && p->policy != MST_TREATMENT_ORACLE;
  for (int64_t t = from; t < to; t++) {
    const int forced = forced_of(i, t);
    treat(i, t, forced);
    if (!learns || t + 1 < 4 * p->pulls) continue;
    /* The forced patients' estimator is asked only after the last of a block. */
    if (forced >= 0 && forced_of(i, t + 1) < 0) MST_TRY(refit(i, FORCED, t + 1));
    if (t + 1 < *i->due || forced_of(i, t + 1) >= 0) continue;
    MST_TRY(refit(i, ALL, t + 1));
    *i->due = t + 1 + mst_most(1, (int64_t)(p->refit * (double)(t + 1)));
  }
  return MST_OK;
}
