/* The Gaussian mechanism on reals (Dwork et al. 2006): mu-Gaussian-private with mu = l2 sensitivity
 * / sigma. */
#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/privacy/mechanism_member.h"

static mst_status add(double scale, const mst_noise *noise, int64_t first, int64_t n, void *x) {
  double *to = x, part[MST_MECHANISM_CHUNK];
  for (int64_t at = 0; at < n; at += MST_MECHANISM_CHUNK) {
    const int64_t count = mst_least(MST_MECHANISM_CHUNK, n - at);
    mst_noise_gaussian(noise, first + at, count, scale, part);
    for (int64_t i = 0; i < count; i++) to[at + i] += part[i];
  }
  sodium_memzero(part, sizeof part);
  return MST_OK;
}

const mst_mechanism_ops mst_mechanism_gaussian = {
    .name = "gaussian",
    .summary = "Gaussian noise on reals; not safe at the level of bits",
    .type = MST_MECHANISM_REAL,
    .add = add,
};
