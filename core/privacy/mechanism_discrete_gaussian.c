/* The discrete Gaussian mechanism (Canonne, Kamath and Steinke 2020): concentrated privacy of
 * rho = l2 sensitivity^2 / (2 sigma^2) for vectors of any dimension. */
#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/privacy/discrete.h"
#include "core/privacy/mechanism_member.h"

static mst_status add(double scale, const mst_noise *noise, int64_t first, int64_t n, void *x) {
  mst_discrete law;
  int64_t part[MST_MECHANISM_CHUNK];
  uint64_t *to = x; /* sums wrap */
  MST_TRY(mst_discrete_gaussian(scale, &law));
  for (int64_t at = 0; at < n; at += MST_MECHANISM_CHUNK) {
    const int64_t count = mst_least(MST_MECHANISM_CHUNK, n - at);
    mst_noise_discrete(&law, noise, first + at, count, part);
    for (int64_t i = 0; i < count; i++) to[at + i] += (uint64_t)part[i];
  }
  sodium_memzero(part, sizeof part);
  return MST_OK;
}

const mst_mechanism_ops mst_mechanism_discrete_gaussian = {
    .name = "discrete_gaussian",
    .summary = "discrete Gaussian noise on whole numbers, exact",
    .type = MST_MECHANISM_WHOLE,
    .exact = true,
    .add = add,
};
