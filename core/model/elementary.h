/* Elementary functions in float32 for loops over independent lanes: no branches and no library
 * calls, so that a compiler can take many at once, and no fused operations, so that the bits do not
 * depend on how many. A NaN stays a NaN. Errors are a few units in the last place. Private to
 * core. */
#ifndef MST_CORE_MODEL_ELEMENTARY_H
#define MST_CORE_MODEL_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define MST_LANE static inline __attribute__((always_inline)) float

/* e^x for x <= 0 as scale + scale * rest: scale = 2^k, k the integer nearest x / ln 2, and
 * rest = e^r - 1 for the remaining |r| <= ln 2 / 2 by its Taylor series (the first term left out,
 * r^8 / 8!, is below 6e-9). Below -87, where floats end, e^-87. */
MST_LANE mst_exp_parts(float x, float *scale) {
  const float shift = 12582912.0f; /* 1.5 2^23: adding it rounds to an integer in the low bits */
  const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f; /* k ln2_high is exact */
  x = x < -87.0f ? -87.0f : x;
  float k = x * 1.44269504f + shift;
  int32_t bits;
  memcpy(&bits, &k, sizeof bits);
  bits = (int32_t)(((uint32_t)bits + 127u) << 23);
  memcpy(scale, &bits, sizeof bits);
  k -= shift;
  float r = x - k * ln2_high - k * ln2_low;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  return p * r * r + r;
}

/* e^x for x <= 0. */
MST_LANE mst_exp_lane(float x) {
  float scale, rest = mst_exp_parts(x, &scale);
  return scale + scale * rest;
}

MST_LANE mst_tanh_lane(float x) {
  float scale, rest = mst_exp_parts(-2.0f * fabsf(x), &scale);
  float t = (scale - 1.0f) + scale * rest; /* e^(-2|x|) - 1 */
  return copysignf(t / (t + 2.0f), x);
}

/* The normal distribution's P(X > |x|), and its density at x. P(X > x) e^(x^2/2) falls from 1/2
 * like 1/x, and is t times a polynomial in t = 1 / (1 + 0.35 x) up to 4e-8 of itself (fitted by
 * reweighted least squares on [0, 14]; its terms hardly cancel). */
MST_LANE mst_normal_tail_lane(float x, float *density) {
  float t = 1.0f / (1.0f + 0.35f * fabsf(x));
  float e = mst_exp_lane(-0.5f * x * x);
  float p = -0.0291454121f;
  p = p * t + 0.143969364f;
  p = p * t - 0.255709809f;
  p = p * t + 0.159169495f;
  p = p * t - 0.0231068927f;
  p = p * t + 0.105506866f;
  p = p * t + 0.119833131f;
  p = p * t + 0.139861837f;
  p = p * t + 0.139621406f;
  *density = 0.398942280f * e;
  return p * t * e;
}

#endif
