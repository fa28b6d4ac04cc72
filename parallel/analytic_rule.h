/* What clients of a run with a rule send at one time, and what comes of it; private to
 * parallel/analytic_robust.c. */
#ifndef MST_PARALLEL_ANALYTIC_RULE_H
#define MST_PARALLEL_ANALYTIC_RULE_H

#include "parallel/analytic_robust.h"

typedef struct mst_analytic_message {
  mst_team *team;
  const mst_analytic_robust *robust;
  const mst_roster *roster;
  int64_t round;         /* of what is drawn                                         */
  int64_t n;             /* clients with rows of this rank                           */
  const int64_t *client; /* (n) their numbers                                        */
  int64_t m;
  double *vector; /* (n, m) in: what honest clients send; out: attackers' replaced    */
} mst_analytic_message;

/** The rule by its name. Local. */
mst_rule_spec mst_analytic_rule(const mst_analytic_robust *r);

/** Entries of a client's statistics of that order: the lower triangle, row by row, but for the last
 *  entry, which is 1 per row. Local. */
int64_t mst_analytic_entries(int64_t order);

/** result(m) = what the rule makes of the message, on every rank; trust but for its rows.
 *  \return what mst_attackers_create, mst_attackers_act and mst_aggregate_f64 return; MST_ERR_MEMORY.
 *          Collective. */
mst_status mst_analytic_ask(const mst_analytic_message *message, double *result,
                            mst_analytic_trust *trust) MST_CHECKED;

#endif
