/* The Skellam mechanism (Agarwal, Kairouz and Liu 2021): for noise in parts, one a party; Renyi
 * bound in core/privacy/skellam.h. The scale is the standard deviation. */
#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/privacy/skellam.h"
#include "core/privacy/mechanism_member.h"

static mst_status add(double scale, const mst_noise *noise, int64_t first, int64_t n, void *x) {
  mst_skellam law;
  int64_t part[MST_MECHANISM_CHUNK];
  uint64_t *to = x; /* sums wrap */
  MST_TRY(mst_skellam_make(scale * scale, &law));
  for (int64_t at = 0; at < n; at += MST_MECHANISM_CHUNK) {
    const int64_t count = mst_least(MST_MECHANISM_CHUNK, n - at);
    mst_noise_skellam(&law, noise, first + at, count, part);
    for (int64_t i = 0; i < count; i++) to[at + i] += (uint64_t)part[i];
  }
  sodium_memzero(part, sizeof part);
  return MST_OK;
}

const mst_mechanism_ops mst_mechanism_skellam = {
    .name = "skellam",
    .summary = "Skellam noise on whole numbers, closed under sums of parts",
    .type = MST_MECHANISM_WHOLE,
    .add = add,
};
