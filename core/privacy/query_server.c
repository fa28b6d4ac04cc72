/* The query server: pure composition of equal parts of tau / 2. */
#include "core/privacy/query_server.h"

#include <math.h>

#define STEPS 20 /* binary digits of the scale */

double mst_transfer_rows(double tau, double beta) {
  return ceil(12 * log(4 / beta) / (tau * tau));
}

double mst_transfer_epsilon(double tau) {
  return tau / 2;
}

mst_status mst_query_server_make(const mst_secret *secret, uint64_t step, int64_t n, double tau,
                                 double beta, int64_t queries, mst_query_server *out) {
  *out = (mst_query_server){.tau = tau, .beta = beta, .queries = queries};
  if (!(tau > 0 && tau < 1 && beta > 0 && beta < 1) || queries < 1)
    return mst_fail(MST_ERR_INPUT,
                    "query server: tau %g, beta %g, %lld queries; tau and beta must be in (0, 1), "
                    "queries at least 1",
                    tau, beta, (long long)queries);
  if ((double)n < mst_transfer_rows(tau, beta))
    return mst_fail(MST_ERR_INPUT, "query server: %lld rows; tau %g and beta %g need %.0f",
                    (long long)n, tau, beta, mst_transfer_rows(tau, beta));
  out->epsilon = mst_transfer_epsilon(tau);
  /* A mean rounded to the grid moves by up to 1/n + step: step is 2^-20 of the scale or less, and
   * the scale that much larger. */
  const double bare = (double)queries / ((double)n * out->epsilon);
  out->step = ldexp(1, ilogb(bare) - STEPS);
  out->scale = bare + (double)queries * out->step / out->epsilon;
  out->noise = mst_noise_of(secret, MST_NOISE_ANSWER, 1, step);
  return mst_discrete_laplace(out->scale / out->step, &out->law);
}

mst_status mst_query_server_ask(mst_query_server *s, double mean, double *answer) {
  if (s->asked >= s->queries)
    return mst_fail(MST_ERR_BUDGET, "the query server has answered its %lld queries",
                    (long long)s->queries);
  if (!(mean >= 0 && mean <= 1))
    return mst_fail(MST_ERR_INPUT, "query server: a mean of %g; a query's is in [0, 1]", mean);
  int64_t noise;
  mst_noise_discrete(&s->law, &s->noise, s->asked++ * MST_NOISE_BLOCK, 1, &noise);
  *answer = (double)(llrint(mean / s->step) + noise) * s->step;
  return MST_OK;
}

double mst_query_server_error(const mst_query_server *s) {
  return s->tau + s->scale * log(1 / s->beta) + s->step;
}
