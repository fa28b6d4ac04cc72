/* Exact comparison of a uniform number with an exponential: the step that makes samplers of
 * discrete laws exact. Bits of the uniform number are drawn until an enclosure of the exponential,
 * computed in integers to as many bits as it takes, lies on one side. Private to core/privacy.
 * Local. */
#ifndef MST_CORE_PRIVACY_EXACT_H
#define MST_CORE_PRIVACY_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/privacy/noise.h"

typedef unsigned __int128 mst_u128;

#define MST_EXACT_SHIFT 1100 /* largest shift */

/* numerator / denominator 2^exponent >= 0; denominator in 1 .. 2^126, |exponent| < 2000. */
typedef struct mst_ratio {
  mst_u128 numerator, denominator;
  int exponent;
} mst_ratio;

/** The ratio that a finite x >= 0 is. */
mst_ratio mst_ratio_of(double x);

/** Whether U n < factor 2^shift exp(-t), where U in [0, 1) is the uniform number whose first 64
 * bits are u, the cursor's last word, and whose later ones come from a distant place of the block's
 * stream that belongs to that word; the cursor does not move. The right side is at most n < 2^32;
 * factor < 2^16; 0 <= shift <= MST_EXACT_SHIFT. A U that is equal to the right side in more than
 * 500 bits counts as not below. */
bool mst_exact_below(const mst_noise_cursor *c, uint64_t u, uint64_t n, uint64_t factor, int shift,
                     const mst_ratio *t);

/* The same from doubles, when they tell: p is the right side over n with a relative error below
 * 2^-41. 1: below; 0: not; -1: it takes mst_exact_below. */
#define MST_EXACT_SLACK 0x1p-40
static inline int mst_exact_guess(uint64_t u, double p) {
  const double at = (double)u * 0x1p-64;
  if (at + 0x1p-63 <= p * (1 - MST_EXACT_SLACK)) return 1;
  if (at >= p * (1 + MST_EXACT_SLACK)) return 0;
  return -1;
}

#endif
