/* Stirling's error by its asymptotic series, the deviance by a series near the mean. */
#include "core/privacy/saddle.h"

#include <math.h>

double mst_stirling_error(double k) {
  if (k < 16) return lgamma(k + 1) - (k + 0.5) * log(k) + k - MST_HALF_LOG_TAU;
  const double z = 1 / (k * k);
  return (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z / 1188)))) / k;
}

double mst_deviance(double k, double mean) {
  const double v = (k - mean) / mean;
  if (fabs(v) > 0.05) return k * log(k / mean) + mean - k;
  /* (1 + v) ln(1 + v) - v = sum over i >= 2 of (-v)^i / (i (i - 1)) */
  double sum = 0;
  for (int i = 14; i >= 2; i--) sum = 1.0 / (i * (i - 1)) - v * sum;
  return mean * v * v * sum;
}
