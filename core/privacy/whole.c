/* Clipping to a norm on an integer grid. Doubles only propose the factor; whether the bound holds
 * is decided by a sum of squares in 128-bit integers. */
#include "core/privacy/whole.h"

#include <math.h>

#include "core/linalg/lattice.h"
#include "core/privacy/discrete.h"

#define BOUND_BITS  61
#define NOISE_REACH 1000 /* scales that noise never leaves: core/privacy/discrete.h */
#define TRIES       8

typedef unsigned __int128 u128;

int64_t mst_whole_bound(double clip, int shift) {
  const double steps = floor(ldexp(clip, shift));
  return steps >= 1 && steps <= 0x1p61 ? (int64_t)steps : 0;
}

mst_status mst_whole_shift(double clip, double multiplier, int64_t summands, int *shift) {
  const double reach = (double)summands * clip + NOISE_REACH * multiplier * clip;
  if (!(clip > 0 && multiplier > 0 && summands > 0 && isfinite(reach)))
    return mst_fail(
        MST_ERR_INPUT,
        "a grid for %lld vectors of norm %g with noise of %g of it: all must be positive",
        (long long)summands, clip, multiplier);
  *shift = mst_lattice_shift(mst_lattice_exponent(reach));
  const int widest = ilogb(MST_DISCRETE_SCALE_MAX) - mst_lattice_exponent(multiplier * clip);
  if (*shift > widest) *shift = widest;
  if (mst_whole_bound(clip, *shift) < 1024)
    return mst_fail(MST_ERR_INPUT,
                    "a grid for %lld vectors of norm %g with noise of %g of it is too coarse",
                    (long long)summands, clip, multiplier);
  return MST_OK;
}

/* Of x / largest, so that squares neither overflow nor vanish. */
static double length(const double *x, int64_t n, mst_whole_norm norm, double largest) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double v = fabs(x[i]) / largest;
    sum += norm == MST_WHOLE_L1 ? v : v * v;
  }
  return largest * (norm == MST_WHOLE_L1 ? sum : sqrt(sum));
}

static uint64_t magnitude(int64_t k) {
  return k < 0 ? 0 - (uint64_t)k : (uint64_t)k;
}

/* Whether the norm of the rounded vector factor x is at most `bound`, in integers; its square (or
 * itself) goes to *total, up to where it is too large. */
static bool fits(const double *x, int64_t n, mst_whole_norm norm, double factor, bool toward_zero,
                 int64_t bound, double *total) {
  const u128 most = norm == MST_WHOLE_L1 ? (u128)bound : (u128)bound * (u128)bound;
  u128 sum = 0;
  bool within = true;
  *total = 0;
  for (int64_t i = 0; i < n; i++) {
    const double v = factor * x[i], whole = toward_zero ? trunc(v) : nearbyint(v);
    *total += norm == MST_WHOLE_L1 ? fabs(whole) : whole * whole;
    if (!within || fabs(whole) > (double)bound) {
      within = false;
      continue;
    }
    const u128 size = magnitude((int64_t)whole);
    sum += norm == MST_WHOLE_L1 ? size : size * size;
    within = sum <= most;
  }
  return within;
}

mst_status mst_whole_clip(const double *x, int64_t n, mst_whole_norm norm, double clip, int shift,
                          int64_t *out, bool *finite) {
  const int64_t bound = mst_whole_bound(clip, shift);
  if (bound == 0)
    return mst_fail(MST_ERR_INPUT, "a clip of %g is not 1 .. 2^%d steps of 2^%d", clip, BOUND_BITS,
                    -shift);
  const double largest = mst_lattice_magnitude(x, n);
  *finite = isfinite(largest);
  if (!*finite || largest == 0) {
    for (int64_t i = 0; i < n; i++) out[i] = 0;
    return MST_OK;
  }
  const double norm_of_x = length(x, n, norm, largest);
  double factor = ldexp(fmin(1, clip / norm_of_x), shift), total;
  bool toward_zero = false;
  for (int tries = 0; !fits(x, n, norm, factor, toward_zero, bound, &total); tries++) {
    const double found = norm == MST_WHOLE_L1 ? total : sqrt(total);
    factor *= fmin(1 - 0x1p-50, (double)bound / found * (1 - 0x1p-40));
    toward_zero = tries >= TRIES;
  }
  for (int64_t i = 0; i < n; i++) {
    const double v = factor * x[i];
    out[i] = (int64_t)(toward_zero ? trunc(v) : nearbyint(v));
  }
  return MST_OK;
}
