/* A server of adaptive statistical queries whose answers stay valid for the population (Dwork,
 * Feldman, Hardt, Pitassi, Reingold and Roth, "Preserving statistical validity in adaptive data
 * analysis", STOC 2015).
 *
 * Transfer: if all answers are epsilon-private with epsilon <= tau / 2 and there are
 * n >= 12 ln(4 / beta) / tau^2 rows, then for any query that is chosen from the answers, population
 * and sample mean differ by more than tau with probability at most beta. Answers are sample means
 * with discrete Laplace noise on a fine grid. All functions are Local. */
#ifndef MST_CORE_PRIVACY_QUERY_SERVER_H
#define MST_CORE_PRIVACY_QUERY_SERVER_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/discrete.h"

/** Rows that the transfer needs: ceil(12 ln(4 / beta) / tau^2); and the epsilon that it allows. */
double mst_transfer_rows(double tau, double beta);
double mst_transfer_epsilon(double tau);

typedef struct mst_query_server {
  double tau, beta, epsilon; /* of all answers together */
  double scale;              /* of an answer's noise    */
  double step;               /* of the answers          */
  int64_t queries, asked;
  mst_noise noise;
  mst_discrete law;
} mst_query_server;

/** Begin, on n rows for up to `queries` queries; `step` names its noise in the run.
 *  \return MST_OK; MST_ERR_INPUT for numbers outside tau, beta in (0, 1), queries >= 1, or n below
 *          mst_transfer_rows, which is named. */
mst_status mst_query_server_make(const mst_secret *secret, uint64_t step, int64_t n, double tau,
                                 double beta, int64_t queries, mst_query_server *out) MST_CHECKED;

/** Answer a query whose values in [0, 1] have that mean over the rows.
 *  \return MST_OK; MST_ERR_INPUT for a mean outside; MST_ERR_BUDGET after the last query. */
mst_status mst_query_server_ask(mst_query_server *s, double mean, double *answer) MST_CHECKED;

/** A distance from the population mean that an answer keeps with probability 1 - 2 beta: tau +
 * scale ln(1 / beta) + a step. */
double mst_query_server_error(const mst_query_server *s);

#endif
