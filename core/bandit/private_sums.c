/* Clipped interactions, symmetric noise, and how large it can be. */
#include "core/bandit/private_sums.h"

#include <math.h>

double mst_private_sums_bound(double clip) {
  return sqrt(1 + clip * clip);
}

double mst_private_sums_clip(int64_t d, const double *x, double y, double clip, double *out) {
  double length = 0;
  for (int64_t i = 0; i < d; i++) length = hypot(length, x[i]);
  const double factor = length > 1 ? 1 / (length * (1 + 0x1p-50)) : 1;
  for (int64_t i = 0; i < d; i++) out[i] = isfinite(length) ? factor * x[i] : 0;
  return isfinite(y) ? fmin(fmax(factor * y, -clip), clip) : 0;
}

void mst_private_sums_shape(int64_t d, double *noise) {
  for (int64_t i = 0, e = 0; i < d; i++)
    for (int64_t j = 0; j <= i; j++, e++)
      if (j < i) noise[e] *= sqrt(0.5);
}

/* The largest eigenvalue of such a matrix is on average at most s (2 d)^(1/2), as with z of length
 * 1 the variance of z'Nz is s^2 and its increments are at most those of 2^(1/2) s <g, z> (Gaussian
 * comparison); it is s-Lipschitz in independent normals, as the length of a vector is. */
mst_private_widths mst_private_sums_widths(int64_t d, double deviation, int64_t releases,
                                           double delta) {
  const double n = (double)releases, wide = (double)d;
  return (mst_private_widths){.matrix = deviation * (sqrt(2 * wide) + sqrt(2 * log(2 * n / delta))),
                              .vector = deviation * (sqrt(wide) + sqrt(2 * log(n / delta)))};
}
