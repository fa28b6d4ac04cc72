/* Randomised response over k values (Warner 1965; Kairouz, Oh and Viswanath 2014), by rejection:
 * any value is proposed alike, the true one always accepted, another with probability e^-epsilon.
 */
#include <math.h>

#include "core/privacy/mechanism_member.h"

mst_status mst_randomised_response(mst_noise_cursor *c, double epsilon, int64_t k, int64_t value,
                                   int64_t *answer) {
  if (k < 2 || value < 0 || value >= k)
    return mst_fail(MST_ERR_INPUT, "randomised response: value %lld of %lld", (long long)value,
                    (long long)k);
  if (!(epsilon >= 0 && epsilon <= 700))
    return mst_fail(MST_ERR_INPUT, "randomised response: epsilon is %g; choose 0 .. 700", epsilon);
  do *answer = (int64_t)mst_noise_below(c, (uint64_t)k);
  while (*answer != value && !mst_noise_bernoulli_exp(c, epsilon));
  return MST_OK;
}

void mst_randomised_response_estimate(double epsilon, int64_t k, const int64_t *count,
                                      double *share) {
  /* Both probabilities divided by e^epsilon. */
  const double odds = exp(-epsilon), norm = 1 + (double)(k - 1) * odds;
  int64_t total = 0;
  for (int64_t i = 0; i < k; i++) total += count[i];
  for (int64_t i = 0; i < k; i++)
    share[i] = ((double)count[i] / (double)total * norm - odds) / -expm1(-epsilon);
}

const mst_mechanism_ops mst_mechanism_randomised_response = {
    .name = "randomised_response",
    .summary = "one of k values, the true one e^epsilon times as likely as another, exact",
    .exact = true,
};
