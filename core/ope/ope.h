/* Off-policy evaluation: what a target policy pi would have been paid, from a log of what another
 * one did: rows (x, a, r, p) of a context, the arm that was played, its reward, and the probability
 * with which the logging policy played it.
 *
 * An evaluator makes terms of every row, of which only sums are needed, and an estimate of the
 * sums: the value, a standard error from the influence function of the estimate, and an interval.
 * One file a member: replay.c ips.c snips.c dm.c dr.c; the table is in ope.c. Equations and
 * sources: doc/methods/off_policy.md. All functions are Local. */
#ifndef MST_CORE_OPE_OPE_H
#define MST_CORE_OPE_OPE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"

#define MST_OPE_SUMS 5 /* most sums of an evaluator */

/* What an evaluator sees of a logged row. */
typedef struct mst_ope_row {
  double weight; /* min(clip, pi(a|x) / p)                                                        */
  double reward;
  bool accepted;           /* by replay: the target played the logged arm here                    */
  double value, predicted; /* sum_a pi(a|x) q(x, a) and q(x, a of the row), q learned without the
                              row's fold                                                          */
  double whole, correction; /* sum_a pi(a|x) q(x, a), q learned on all rows; what the row's own
                               error does to the mean of that (mst_reward_models)                 */
} mst_ope_row;

/* How intervals are made. */
typedef struct mst_ope_rule {
  double confidence;                /* 0.95                                                       */
  double clip;                      /* largest weight; 0 = as they are                            */
  bool bernstein;                   /* empirical Bernstein instead of the normal approximation    */
  double reward_least, reward_most; /* bernstein: no reward lies outside                          */
} mst_ope_rule;

typedef struct mst_ope_estimate {
  double value;
  double error;     /* standard error                                                             */
  double low, high; /* the interval                                                               */
  int64_t rows;     /* that the value is made of                                                  */
} mst_ope_estimate;

/* What the sums of n rows say, before an interval is made of it. */
typedef struct mst_ope_moments {
  double value;
  double variance; /* of one of `count` independent terms whose mean has the value's error        */
  int64_t count;
} mst_ope_moments;

typedef struct mst_evaluator_ops {
  const char *name;
  const char *summary; /* one line for `muster list evaluators` */
  const mst_param *params;
  bool models;  /* needs reward models                                                            */
  bool overlap; /* is of the rows whose arm the target may play                                   */
  /* sum(MST_OPE_SUMS) += the terms of a row. */
  void (*add)(const mst_ope_row *row, double *sum);
  mst_ope_moments (*close)(int64_t n, const double *sum);
  /* Width of the range of a term by the rule, which states clip and rewards; NULL = terms have
   * none.
   */
  double (*range)(const mst_ope_rule *rule);
} mst_evaluator_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_evaluator_ops *mst_evaluator_find(const char *name);
const mst_evaluator_ops *mst_evaluator_at(int i);

/** Check a rule.
 *  \return MST_OK, or MST_ERR_INPUT naming what is out of range. */
mst_status mst_ope_rule_check(const mst_ope_rule *rule) MST_CHECKED;

/** Can the evaluator keep to the rule? MST_ERR_UNSUPPORTED with the reason where not. */
mst_status mst_evaluator_check(const mst_evaluator_ops *ops, const mst_ope_rule *rule) MST_CHECKED;

/** The estimate from sum(MST_OPE_SUMS) over n rows. With z the normal quantile of the confidence, V
 *  the variance of a term, m their number and delta = 1 - confidence, the interval is value +-
 * half:
 *
 *      half = z (V / m)^(1/2)                                                          normal
 *      half = (2 V ln(3/delta) / m)^(1/2) + 3 range ln(3/delta) / m                    bernstein
 *
 *  (Audibert, Munos, Szepesvari 2009, theorem 1). Fewer than 2 terms have no interval: NaN.
 *  \return MST_OK; MST_ERR_INPUT when no row counts; MST_ERR_NONFINITE. */
mst_status mst_evaluator_close(const mst_evaluator_ops *ops, const mst_ope_rule *rule, int64_t n,
                               const double *sum, mst_ope_estimate *out) MST_CHECKED;

#endif
