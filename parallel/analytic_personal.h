/* Heads of clients' own after an analytic training: each client solves for a mixture of everybody's
 * statistics and its own rows (core/analytic/head.h), and both heads are scored on rows of its own
 * that it does not learn from. doc/methods/personal_heads.md. */
#ifndef MST_PARALLEL_ANALYTIC_PERSONAL_H
#define MST_PARALLEL_ANALYTIC_PERSONAL_H

#include "core/base/summary.h"
#include "parallel/analytic.h"
#include "parallel/clients.h"

/* How a head did on the clients' rows, the same on every rank. */
typedef struct mst_personal_score {
  mst_summary clients; /* of the clients that have rows to score: accuracies, or losses (whose worst
                          tenth are the largest)                                       */
  double rows;         /* the same over all their rows                                  */
  double *each;        /* (clients) NaN for those without rows to score                 */
} mst_personal_score;

typedef struct mst_personal_result {
  int64_t scored, rows;           /* clients and rows                                 */
  mst_personal_score global, own; /* the head of all, and each client's               */
  int64_t first, count;           /* clients whose heads this rank has, one behind the other */
  double *heads; /* (count, d + 1, c): weights, then intercept; zeros for a client without rows;
                    NULL: not kept                                                     */
} mst_personal_result;

typedef struct mst_personal_options {
  double share;         /* of a client's own loss, in [0, 1]                              */
  bool keep;            /* the heads                                                      */
  bool classes;         /* targets are such: scores are accuracies, otherwise losses       */
  uint64_t seed;        /* with which the store was made ...                              */
  double holdout;       /* ... and the share that it holds out                             */
  const double *weight; /* (rows of the roster) as in mst_analytic_data                      */
} mst_personal_options;

/** Solve and score. A client's head is made by the rank that owns it, from its rows alone, so bits
 * do not depend on the ranks. The store, made with the roster, has the features of the clients'
 * rows. Free the result with mst_personal_result_free, after an error too.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_SINGULAR naming the client, MST_ERR_NONFINITE (scores that
 *          overflow), MST_ERR_INTERRUPTED, MST_ERR_COMM. Collective on team. */
mst_status mst_analytic_personal(mst_team *team, const mst_clients *store, const mst_roster *roster,
                                 const mst_head_statistics *statistics,
                                 const mst_analytic_model *global,
                                 const mst_personal_options *options, const mst_observer *observer,
                                 mst_personal_result *result) MST_CHECKED;
void mst_personal_result_free(mst_personal_result *r);

/** Bytes of a rank beside statistics and store, for the most rows that a client learns from and the
 *  heads of so many clients. Local. */
int64_t mst_analytic_personal_bytes(int64_t d, int64_t c, int64_t most_rows, int64_t clients,
                                    int64_t kept);

#endif
