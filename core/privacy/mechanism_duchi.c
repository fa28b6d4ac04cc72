/* Duchi's l2 randomiser: the vector becomes one of the two ends of its diameter, so that the mean
 * is right, and then a uniform point of the half sphere on that side, or rarely of the other. */
#include <math.h>

#include "core/privacy/mechanism_member.h"

#define COINS UINT64_MAX /* block, far from those of the direction */

double mst_duchi_norm(int64_t n, double radius, double epsilon) {
  const double half = 0.5 * (double)n, root_pi = 1.77245385090551602730;
  return radius / tanh(0.5 * epsilon) * root_pi * half * exp(lgamma(half + 0.5) - lgamma(half + 1));
}

mst_status mst_duchi(const mst_noise *noise, int64_t n, const double *v, double radius,
                     double epsilon, double *out) {
  if (n < 1) return mst_fail(MST_ERR_INPUT, "a vector of %lld entries", (long long)n);
  MST_TRY(mst_mechanism_positive("the radius of the ball", radius));
  MST_TRY(mst_mechanism_positive("epsilon", epsilon));
  double square = 0, along = 0, length = 0;
  for (int64_t i = 0; i < n; i++) square += (v[i] / radius) * (v[i] / radius);
  const double norm = isfinite(square) ? fmin(1, sqrt(square)) : 0;
  mst_noise_cursor c;
  mst_noise_open(&c, noise, COINS, 8);
  const bool forward = mst_noise_uniform(&c) < 0.5 * (1 + norm);
  bool same; /* half sphere, with probability e^eps / (1 + e^eps) */
  do same = mst_noise_u64(&c) >> 63;
  while (!same && !mst_noise_bernoulli_exp(&c, epsilon));
  mst_noise_close(&c);
  /* A zero vector has any direction. Block by block, so that out may be v. */
  for (int64_t at = 0; at < n; at += MST_NOISE_BLOCK) {
    double u[MST_NOISE_BLOCK];
    const int64_t count = n - at < MST_NOISE_BLOCK ? n - at : MST_NOISE_BLOCK;
    mst_noise_gaussian(noise, at, count, 1, u);
    for (int64_t i = 0; i < count; i++) {
      if (norm > 0) along += u[i] * (v[at + i] / radius);
      length += u[i] * u[i];
      out[at + i] = u[i];
    }
  }
  if (norm == 0) along = out[0];
  const double size = mst_duchi_norm(n, radius, epsilon) / sqrt(length);
  const double scale = (along >= 0) == (forward == same) ? size : -size;
  for (int64_t i = 0; i < n; i++) out[i] *= scale;
  return MST_OK;
}

const mst_mechanism_ops mst_mechanism_duchi = {
    .name = "duchi",
    .summary = "a user's own randomiser of a vector in a ball; not safe at the level of bits",
};
