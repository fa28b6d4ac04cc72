/* Gaussian and Laplace noise in doubles, in loops over independent lanes: elementary functions as
 * short series without branches, so that a compiler takes many at once with the same bits on any
 * vector width. */
#include <math.h>
#include <string.h>

#include "core/base/wide.h"
#include "core/privacy/noise_words.h"

#define LANE static inline __attribute__((always_inline)) double
#define HALF (MST_NOISE_BLOCK / 2)

static inline uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LANE double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* (k + 1/2) / 2^52 for the upper 52 bits k of a word: in (0, 1), exactly. */
LANE uniform_lane(uint64_t word) {
  return double_of((word >> 12) | UINT64_C(0x3ff0000000000000)) - (1.0 - 0x1p-53);
}

/* ln u for a normal u in (0, 1): u = 2^e m with m in [sqrt(1/2), sqrt(2)), and with
 * s = (m - 1)/(m + 1), ln m = 2 (s + s^3/3 + ...); the first term left out is below 1e-18. */
LANE log_lane(double u) {
  const uint64_t root = UINT64_C(0x3fe6a09e667f3bcd); /* sqrt(1/2) */
  const uint64_t moved = bits_of(u) + (UINT64_C(0x3ff0000000000000) - root);
  const double e = double_of((moved >> 52) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023);
  const double f = double_of((moved & UINT64_C(0x000fffffffffffff)) + root) - 1.0;
  const double s = f / (2.0 + f), z = s * s;
  double p = 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  return e * 0.693147180559945309417 + 2.0 * (s + s * z * p);
}

/* Sine and cosine of x in [-pi/4, pi/4] by their Taylor series; the first terms left out are below
 * 5e-17. */
LANE sine_lane(double x) {
  const double z = x * x;
  double p = -1.0 / 1307674368000;
  p = p * z + 1.0 / 6227020800;
  p = p * z - 1.0 / 39916800;
  p = p * z + 1.0 / 362880;
  p = p * z - 1.0 / 5040;
  p = p * z + 1.0 / 120;
  p = p * z - 1.0 / 6;
  return x + x * z * p;
}

LANE cosine_lane(double x) {
  const double z = x * x;
  double p = 1.0 / 20922789888000;
  p = p * z - 1.0 / 87178291200;
  p = p * z + 1.0 / 479001600;
  p = p * z - 1.0 / 3628800;
  p = p * z + 1.0 / 40320;
  p = p * z - 1.0 / 720;
  p = p * z + 1.0 / 24;
  p = p * z - 0.5;
  return 1.0 + z * p;
}

/* Pairs by Box and Muller: lane i's radius is of word i, its angle of word HALF + i: two bits say
 * which quarter of the circle, the next 52 where in it. */
MST_WIDE_BODY pairs_body(const uint64_t *word, double sigma, double *out) {
  const uint64_t sign = UINT64_C(1) << 63;
  for (int i = 0; i < HALF; i++) {
    const uint64_t angle = word[HALF + i];
    const double radius = sigma * sqrt(-2.0 * log_lane(uniform_lane(word[i])));
    const double part = uniform_lane(angle << 2) - 0.5;
    const double c = cosine_lane(part * 1.57079632679489661923);
    const double s = sine_lane(part * 1.57079632679489661923);
    const uint64_t odd = (uint64_t)0 - ((angle >> 62) & 1);
    const uint64_t left = ((angle >> 63) ^ ((angle >> 62) & 1)) << 63, below = angle & sign;
    const uint64_t cb = bits_of(c), sb = bits_of(s);
    out[i] = radius * double_of(((cb & ~odd) | (sb & odd)) ^ left);
    out[HALF + i] = radius * double_of(((sb & ~odd) | (cb & odd)) ^ below);
  }
}

MST_WIDE(pairs, (const uint64_t *word, double sigma, double *out), (word, sigma, out))

MST_WIDE_BODY two_sided_body(const uint64_t *word, double scale, double *out) {
  for (int i = 0; i < MST_NOISE_BLOCK; i++) {
    const double size = -scale * log_lane(uniform_lane(word[i]));
    out[i] = double_of(bits_of(size) | (word[i] << 63)); /* the lowest bit is not in the size */
  }
}

MST_WIDE(two_sided, (const uint64_t *word, double scale, double *out), (word, scale, out))

static void fill_gaussian(const void *law, const mst_noise *noise, uint64_t block, int n,
                          void *out) {
  uint64_t word[MST_NOISE_BLOCK];
  (void)n;
  mst_noise_words(noise, block, 0, MST_NOISE_BLOCK, word);
  pairs(word, *(const double *)law, out);
}

static void fill_laplace(const void *law, const mst_noise *noise, uint64_t block, int n,
                         void *out) {
  uint64_t word[MST_NOISE_BLOCK];
  (void)n;
  mst_noise_words(noise, block, 0, MST_NOISE_BLOCK, word);
  two_sided(word, *(const double *)law, out);
}

void mst_noise_gaussian(const mst_noise *noise, int64_t first, int64_t n, double sigma,
                        double *out) {
  mst_noise_blocks(noise, first, n, fill_gaussian, &sigma, sizeof *out, out);
}

void mst_noise_laplace(const mst_noise *noise, int64_t first, int64_t n, double scale,
                       double *out) {
  mst_noise_blocks(noise, first, n, fill_laplace, &scale, sizeof *out, out);
}
