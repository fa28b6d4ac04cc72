/* Cohorts: which clients take part in a round, a pure function of (seed, round). */
#ifndef MST_PARALLEL_COHORT_H
#define MST_PARALLEL_COHORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "parallel/clients.h"

typedef struct mst_cohort {
  int64_t candidates, *candidate; /* clients with rows, in order                           */
  int64_t n, *client;             /* (n) of this round, in order                           */
  int64_t local, *list;           /* (local) those of this domain, most rows first         */
} mst_cohort;

/** Find the candidates.
 *  \return MST_OK or MST_ERR_MEMORY. Local. */
mst_status mst_cohort_create(const mst_clients *clients, mst_cohort *c) MST_CHECKED;
void mst_cohort_free(mst_cohort *c); /* Local */

/** Draw round's cohort: `size` of the candidates (a uniform subset), or, when bernoulli, each with
 *  probability q. From key (seed, MST_PURPOSE_COHORT, 0, round). Local; the same on all ranks but
 *  for `list`. */
void mst_cohort_draw(mst_cohort *c, const mst_clients *clients, uint64_t seed, int64_t round,
                     bool bernoulli, int64_t size, double q);

/** The same of n clients that were drawn elsewhere, in order. Local. */
void mst_cohort_take(mst_cohort *c, const mst_clients *clients, int64_t n, const int64_t *client);

#endif
