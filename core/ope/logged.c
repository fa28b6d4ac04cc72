/* Models of rewards, and rows judged by them. */
#include "core/ope/logged.h"

#include <math.h>
#include <string.h>

#include "core/bandit/ridge.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

/* Clients of MST_PURPOSE_OFF_POLICY; the round is the row. */
enum {
  OF_FOLD,
  OF_REPLAY
};

/* Statistics of one arm out of packed sums: a(w, w) lower triangle, b(w). Returns the next arm's.
 */
static const double *unpack(const double *sums, int64_t w, double *a, double *b) {
  for (int64_t i = 0; i < w; i++)
    for (int64_t j = 0; j <= i; j++) a[i * w + j] = a[j * w + i] = *sums++;
  for (int64_t i = 0; i < w; i++) b[i] = *sums++;
  return sums;
}

/* theta and, where `played` is given, lever, of all arms; space(w * w + 5 w). */
static mst_status solve_arms(const double *sums, const double *played, int64_t arms, int64_t w,
                             double ridge, double *theta, double *lever, double *space) {
  double *a = space, *b = a + w * w, *right = b + w, *left = right + 2 * w;
  const int64_t columns = played != NULL ? 2 : 1;
  for (int64_t k = 0; k < arms; k++) {
    sums = unpack(sums, w, a, b);
    for (int64_t i = 0; i < w; i++) {
      right[i * columns] = b[i];
      if (played != NULL) right[i * columns + 1] = played[k * w + i];
    }
    const mst_status st = mst_ridge_solve(w, columns, a, w, right, columns, ridge, left);
    if (st != MST_OK) return mst_fail_within(st, "the rewards of arm %lld: ", (long long)k);
    for (int64_t i = 0; i < w; i++) {
      theta[k * w + i] = left[i * columns];
      if (played != NULL) lever[k * w + i] = left[i * columns + 1];
    }
  }
  return MST_OK;
}

static int64_t space_numbers(int64_t w) {
  return w * w + 5 * w;
}

mst_status mst_reward_fit(const double *sums, int64_t arms, int64_t width, double ridge,
                          double *theta) {
  double *space = NULL;
  MST_TRY(mst_alloc(&space, space_numbers(width), sizeof *space, "a reward model"));
  const mst_status st = solve_arms(sums, NULL, arms, width, ridge, theta, NULL, space);
  mst_free(space);
  return st;
}

int64_t mst_reward_models_bytes(int64_t folds, int64_t arms, int64_t width) {
  return 8 * ((folds + 2) * arms * width + 2 * mst_ridge_sums(arms, width) + space_numbers(width));
}

/* space: two sets of sums, then that of a solve. */
static mst_status make(mst_reward_models *m, const double *sums, const double *played, double ridge,
                       double *space) {
  const int64_t n = mst_ridge_sums(m->arms, m->width), size = m->arms * m->width;
  double *all = space, *others = all + n, *rest = others + n;
  memset(all, 0, (size_t)n * sizeof *all);
  for (int64_t f = 0; f < m->folds; f++)
    for (int64_t i = 0; i < n; i++) all[i] += sums[f * n + i];
  for (int64_t f = 0; f < m->folds; f++) {
    for (int64_t i = 0; i < n; i++) others[i] = all[i] - sums[f * n + i];
    MST_TRY(solve_arms(others, NULL, m->arms, m->width, ridge, m->theta + f * size, NULL, rest));
  }
  return solve_arms(all, played, m->arms, m->width, ridge, m->theta + m->folds * size, m->lever,
                    rest);
}

mst_status mst_reward_models_make(mst_reward_models *m, const double *sums, const double *played,
                                  double ridge) {
  const int64_t size = m->arms * m->width;
  double *space = NULL;
  m->theta = m->lever = NULL;
  MST_TRY(mst_alloc(&m->theta, (m->folds + 1) * size, sizeof *m->theta, "reward models"));
  MST_TRY(mst_alloc(&m->lever, size, sizeof *m->lever, "reward models"));
  MST_TRY(mst_alloc(&space, 2 * mst_ridge_sums(m->arms, m->width) + space_numbers(m->width),
                    sizeof *space, "reward models"));
  const mst_status st = make(m, sums, played, ridge, space);
  mst_free(space);
  return st;
}

void mst_reward_models_clear(mst_reward_models *m) {
  mst_free(m->theta);
  mst_free(m->lever);
  m->theta = m->lever = NULL;
}

int64_t mst_logged_fold(uint64_t seed, int64_t row, int64_t folds) {
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_OFF_POLICY, OF_FOLD, (uint64_t)row));
  return (int64_t)mst_stream_below(&s, (uint64_t)folds);
}

static double mean_of(const double *chance, const double *q, int64_t n) {
  double sum = 0;
  for (int64_t a = 0; a < n; a++) sum += chance[a] * q[a];
  return sum;
}

/* The models' part of a row; q(arms) is scratch. */
static void judge_by_models(const mst_log_judge *j, int64_t row, const double *context, int64_t arm,
                            double reward, const double *chance, double *q, mst_ope_row *out) {
  const mst_reward_models *m = j->models;
  const int64_t size = m->arms * m->width, fold = mst_logged_fold(j->seed, row, m->folds);
  double lever = 0;
  mst_context_scores(m->theta + fold * size, m->arms, m->width, context, q);
  out->value = mean_of(chance, q, m->arms);
  out->predicted = q[arm];
  mst_context_scores(m->theta + m->folds * size, m->arms, m->width, context, q);
  out->whole = mean_of(chance, q, m->arms);
  mst_context_scores(m->lever + arm * m->width, 1, m->width, context, &lever);
  out->correction = lever * (reward - q[arm]);
}

mst_ope_row mst_logged_row(const mst_log_judge *j, int64_t row, const double *context, int64_t arm,
                           double reward, double propensity, double *work, double *unclipped) {
  const int64_t arms = j->target->arms;
  double *chance = work, *q = work + arms;
  mst_target_chances(j->target, context, chance);
  const double weight = chance[arm] / propensity;
  mst_ope_row out = {.weight = j->clip > 0 ? fmin(j->clip, weight) : weight, .reward = reward};
  mst_stream s =
      mst_stream_of(mst_key_make(j->seed, MST_PURPOSE_OFF_POLICY, OF_REPLAY, (uint64_t)row));
  out.accepted =
      mst_stream_choose(&s, arms, chance) == arm && mst_stream_uniform(&s) < j->least / propensity;
  if (j->models != NULL) judge_by_models(j, row, context, arm, reward, chance, q, &out);
  if (unclipped != NULL) *unclipped = weight;
  return out;
}
