/* Off-policy evaluation over ranks: a log is read in blocks of rows that do not depend on the
 * number of ranks; what a block comes to is added exactly. The log is looked at first, then learned
 * from (the target policy, if it is learned; the models of rewards, if an evaluator has any), then
 * judged. Rows are read once where a rank's share fits its window, else once a pass.
 * Equations: doc/methods/off_policy.md. */
#ifndef MST_PARALLEL_OFF_POLICY_H
#define MST_PARALLEL_OFF_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "core/ope/ope.h"
#include "core/ope/target.h"

#define MST_OFF_POLICY_EVALUATORS 8

typedef struct mst_log_reader {
  void *context;
  int64_t rows, row_elements, arms;
  /* Collective. Rows [first, first + count) of this rank: x(count, row_elements), the others
   * (count). */
  mst_status (*read)(void *context, int64_t first, int64_t count, float *x, int32_t *arm,
                     float *reward, float *propensity);
} mst_log_reader;

typedef struct mst_off_policy_options {
  uint64_t seed;
  const mst_log_reader *log;
  mst_target_policy target; /* arms and width are filled in; weight: given, or NULL to learn it  */
  double train_fraction;    /* of the rows, the first ones, from which a target is learned       */
  double target_ridge;      /* of that                                                           */
  int64_t folds;            /* K                                                                 */
  double ridge;             /* of the reward models                                              */
  int64_t window_bytes;     /* of rows that a rank holds; 0 = 64 MiB                             */
  mst_ope_rule rule;
  int evaluators;
  const mst_evaluator_ops *evaluator[MST_OFF_POLICY_EVALUATORS];
} mst_off_policy_options;

/* What a run came to; the same on all ranks. */
typedef struct mst_off_policy_totals {
  int64_t train_rows, rows; /* learned from; judged                                              */
  int64_t matched;          /* of the judged, those whose arm the target may play                */
  int64_t clipped;          /* weights that were cut off                                         */
  double effective;         /* (sum w)^2 / sum w^2                                               */
  double weight_mean;       /* 1 on average, where all that the target plays is logged           */
  double weight_most;
  double reward_mean; /* of the log itself                                                 */
  double least_propensity;
  mst_ope_estimate estimate[MST_OFF_POLICY_EVALUATORS];
} mst_off_policy_totals;

/** Check what can be checked before any work.
 *  \return MST_OK, MST_ERR_INPUT, or MST_ERR_UNSUPPORTED with the reason. Local. */
mst_status mst_off_policy_check(const mst_off_policy_options *o) MST_CHECKED;

/** Bytes of a rank that a run takes; of options that were checked. Local. */
int64_t mst_off_policy_plan(int ranks, const mst_off_policy_options *o);

/** Evaluate.
 *  \param weight  (arms, width) out: of the target, learned or given; NULL for one without.
 *  \return MST_OK; MST_ERR_INPUT with row and count (a propensity outside (0, 1], an arm or a reward
 *          out of range), or when no judged row has an arm that the target plays; MST_ERR_NONFINITE
 *          with row and count; MST_ERR_MEMORY; MST_ERR_SINGULAR; what the reader returns.
 *          Collective on team; options must agree. */
mst_status mst_off_policy(mst_team *team, const mst_off_policy_options *o,
                          const mst_observer *observer, double *weight,
                          mst_off_policy_totals *totals) MST_CHECKED;

#endif
