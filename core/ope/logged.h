/* Models of rewards for off-policy evaluation, and what a logged row looks like by them.
 *
 * An arm's reward is modelled by ridge regression on the contexts in which it was logged, from sums
 * of core/bandit/ridge.h kept for each fold of the rows, so that leaving a fold out is a
 * subtraction. A row's fold is a function of (seed, row). All functions are Local. */
#ifndef MST_CORE_OPE_LOGGED_H
#define MST_CORE_OPE_LOGGED_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/ope/ope.h"
#include "core/ope/target.h"

typedef struct mst_reward_models {
  int64_t folds, arms, width;
  double *theta; /* (folds + 1, arms, width): without each fold; the last of all rows */
  double *lever; /* (arms, width) u_a = (A_a + ridge I)^-1 sum pi(a|x) x               */
} mst_reward_models;

/** theta(arms, width): one ridge regression an arm, of sums(mst_ridge_sums(arms, width)).
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_SINGULAR (ridge 0 and too few rows), MST_ERR_NONFINITE.
 */
mst_status mst_reward_fit(const double *sums, int64_t arms, int64_t width, double ridge,
                          double *theta) MST_CHECKED;

/** Learn all models of m->folds, arms and width. An error e of a row's reward moves the mean of
 *  sum_a pi(a|x) q(x, a) over n rows by u_a'x e / n, a the row's arm: what the direct method's
 * variance is made of.
 *  \param sums    (folds, mst_ridge_sums(arms, width)) of the rows of each fold.
 *  \param played  (arms, width) sum over all rows of pi(a|x) x.
 *  \return as mst_reward_fit. Clear in every case. */
mst_status mst_reward_models_make(mst_reward_models *m, const double *sums, const double *played,
                                  double ridge) MST_CHECKED;
void mst_reward_models_clear(mst_reward_models *m);
/** Bytes of models, and of making them. */
int64_t mst_reward_models_bytes(int64_t folds, int64_t arms, int64_t width);

/** The fold of a row. */
int64_t mst_logged_fold(uint64_t seed, int64_t row, int64_t folds);

/* By what logged rows are judged. */
typedef struct mst_log_judge {
  const mst_target_policy *target;
  const mst_reward_models *models; /* NULL: no evaluator needs any        */
  double clip;                     /* 0 = none                            */
  double least;                    /* propensity of the log               */
  uint64_t seed;                   /* of folds and of replay's draws      */
} mst_log_judge;

/** What evaluators see of a row: context(width), the arm played, its reward and propensity.
 *  \param work  (2 arms) scratch.
 *  \param unclipped  out: the weight before it was cut off; may be NULL. */
mst_ope_row mst_logged_row(const mst_log_judge *j, int64_t row, const double *context, int64_t arm,
                           double reward, double propensity, double *work, double *unclipped);

#endif
