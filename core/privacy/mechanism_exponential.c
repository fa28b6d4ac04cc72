/* The exponential mechanism, by rejection from uniform candidates. */
#include "core/privacy/mechanism_member.h"

mst_status mst_exponential(mst_noise_cursor *c, int64_t n, const double *utility,
                           double sensitivity, double epsilon, int64_t *choice) {
  double largest;
  MST_TRY(mst_mechanism_candidates(n, utility, sensitivity, epsilon, &largest));
  const double rate = epsilon / (2 * sensitivity);
  do *choice = (int64_t)mst_noise_below(c, (uint64_t)n);
  while (!mst_noise_bernoulli_exp(c, rate * (largest - utility[*choice])));
  return MST_OK;
}

const mst_mechanism_ops mst_mechanism_exponential = {
    .name = "exponential",
    .summary = "a candidate with probability in proportion to exp(epsilon utility / 2), exact",
    .exact = true,
};
