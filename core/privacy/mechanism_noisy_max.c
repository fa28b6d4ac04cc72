/* Report noisy max with exponential noise, as permute-and-flip. The best candidate is accepted when
 * its turn comes, so the walk ends. */
#include "core/base/memory.h"
#include "core/privacy/mechanism_member.h"

mst_status mst_noisy_max(mst_noise_cursor *c, int64_t n, const double *utility, double sensitivity,
                         double epsilon, int64_t *choice) {
  double largest;
  int64_t *left;
  MST_TRY(mst_mechanism_candidates(n, utility, sensitivity, epsilon, &largest));
  MST_TRY(mst_alloc(&left, n, sizeof *left, "candidates"));
  const double rate = epsilon / (2 * sensitivity);
  for (int64_t i = 0; i < n; i++) left[i] = i;
  for (int64_t remaining = n; remaining > 0; remaining--) {
    const int64_t at = (int64_t)mst_noise_below(c, (uint64_t)remaining);
    *choice = left[at];
    left[at] = left[remaining - 1];
    if (mst_noise_bernoulli_exp(c, rate * (largest - utility[*choice]))) break;
  }
  mst_free(left);
  return MST_OK;
}

const mst_mechanism_ops mst_mechanism_noisy_max = {
    .name = "noisy_max",
    .summary = "the candidate whose utility is largest after exponential noise, exact",
    .exact = true,
};
