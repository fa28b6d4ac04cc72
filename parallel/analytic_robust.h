/* Analytic learning among clients that lie: each client sends means and deviations of its
 * columns, of which a robust rule makes the units that all are to use, then its statistics per row
 * in those; what the rule makes of them, times the number of rows, stands for the sum.
 *
 * No client's word decides what it weighs: rules count every client alike, and the number of rows
 * is the number of clients times the median of what they say they have. What a rule makes is near
 * the pooled statistics where honest clients' rows are alike. doc/methods/analytic.md, robust.md.
 */
#ifndef MST_PARALLEL_ANALYTIC_ROBUST_H
#define MST_PARALLEL_ANALYTIC_ROBUST_H

#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "parallel/analytic.h"

#define MST_ANALYTIC_MIXERS 8 /* before a rule, at most */

typedef struct mst_analytic_robust {
  mst_rule_spec rule; /* name NULL: the mean                       */
  mst_mixer_spec mixer[MST_ANALYTIC_MIXERS];
  int mixers;
  mst_attack_spec attack; /* name NULL: nobody attacks                 */
} mst_analytic_robust;

/* What came of it, the same on every rank. */
typedef struct mst_analytic_trust {
  int64_t sent, excluded;  /* vectors; those of them that were not finite                      */
  int64_t attackers;       /* that sent                                                        */
  double attackers_weight; /* their share of the result; NaN for a rule over columns            */
  double rows;             /* that the statistics are taken to be of                            */
} mst_analytic_trust;

/** Whether single statistics are looked at: for a rule other than the mean, mixers, an attack.
 *  Local. */
bool mst_analytic_has_rule(const mst_analytic_robust *r);
bool mst_analytic_robust_is_on(const mst_analytic_robust *r);

/** The rule as a stage of the pipeline. r must outlive it. Local. */
mst_stage mst_analytic_rule_stage(const mst_analytic_robust *r);

/** What can be refused once it is known how many clients there are, and how many of them have rows:
 *  MST_OK, MST_ERR_INPUT or MST_ERR_UNSUPPORTED with the reason. Local. */
mst_status mst_analytic_robust_check(const mst_analytic_robust *r, const mst_analytic_options *o,
                                     int64_t clients, int64_t with_rows) MST_CHECKED;

/** Bytes of the rank of most clients, if there are so many ranks, beyond the plain job's: its
 *  clients' vectors, what rule and attackers take, the result. The roster keeps clients whole. r
 * was checked. Local. */
int64_t mst_analytic_robust_bytes(const mst_analytic_robust *r, int ranks, const mst_roster *roster,
                                  int64_t features, int64_t outputs);

/** As mst_analytic_train, by the rule, which was checked. The roster keeps clients whole; clients
 *  send no regularisers. Not resumable.
 *  \return as mst_analytic_train; MST_ERR_SINGULAR, with a ridge that would do, also where what the
 *          rule made is no Gram matrix; MST_ERR_NONFINITE where no client's vector is left; what
 *          mst_aggregate_f64 and mst_attackers_act return; MST_ERR_INTERRUPTED. Collective on team.
 *  Same bits on any number of ranks. */
mst_status mst_analytic_robust_train(mst_team *team, const mst_analytic_data *data,
                                     mst_features *features, const mst_analytic_plan *plan,
                                     const mst_analytic_options *options,
                                     const mst_analytic_robust *robust,
                                     const mst_observer *observer, mst_analytic_model *model,
                                     mst_analytic_trust *trust) MST_CHECKED;

#endif
