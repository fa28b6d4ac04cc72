/* The curve of a Gaussian release and its inverses, by bisection to the last bit. */
#include "core/privacy/gaussian.h"

#include <math.h>
#include <stdbool.h>

/* int_0^inf exp(-a s - s^2/2) (1 - exp(-mu s)) ds, the difference of two Mills ratios as one
 * integral of a positive function: trapezoids after s = exp(pi/2 sinh(y)) / (1 + |a|). */
static double mills_difference(double a, double mu) {
  const double half_pi = 1.5707963267948966, step = 0.04, unit = 1 / (1 + fabs(a));
  double sum = 0;
  for (int i = -110; i <= 80; i++) {
    const double y = step * i, s = unit * exp(half_pi * sinh(y));
    sum += exp(-a * s - s * s / 2) * -expm1(-mu * s) * s * half_pi * cosh(y);
  }
  return sum * step;
}

double mst_gaussian_delta(double mu, double epsilon) {
  if (mu <= 0) return epsilon < 0 ? -expm1(epsilon) : 0;
  const double root_half = 0.7071067811865476, inverse_root = 0.3989422804014327;
  const double a = epsilon / mu - mu / 2, b = epsilon / mu + mu / 2;
  const double above = erfc(a * root_half) / 2, below = erfc(b * root_half) / 2;
  const double taken = below > 0 ? exp(epsilon + log(below)) : 0;
  if (taken < 0.9 * above) return above - taken;
  if (epsilon < 0) return -expm1(epsilon) + exp(epsilon) * mst_gaussian_delta(mu, -epsilon);
  return inverse_root * exp(-a * a / 2) * mills_difference(a, mu);
}

/* Least x of [low, high] with f(x) <= 0 for a falling f: the upper end of the last interval. */
static double least(double (*f)(double, const double *), const double *with, double low,
                    double high) {
  for (int i = 0; i < 200; i++) {
    const double mid = low + (high - low) / 2;
    if (mid <= low || mid >= high) break;
    if (f(mid, with) <= 0)
      high = mid;
    else
      low = mid;
  }
  return high;
}

#define UPWARD (1 + 4e-15) /* the arithmetic of a curve, as a factor of its argument */

static double beyond_epsilon(double epsilon, const double *w) {
  return mst_gaussian_delta(w[0], epsilon) * (1 + 1e-13) - w[1];
}

static double beyond_sigma(double sigma, const double *w) {
  return mst_gaussian_delta(1 / sigma, w[0]) * (1 + 1e-13) - w[1];
}

double mst_gaussian_epsilon(double mu, double delta) {
  const double with[2] = {mu, delta};
  if (beyond_epsilon(0, with) <= 0) return 0;
  double high = mu * (mu / 2 + 2);
  while (beyond_epsilon(high, with) > 0 && high < 1e300) high *= 2;
  return least(beyond_epsilon, with, 0, high) * UPWARD;
}

double mst_gaussian_sigma(double epsilon, double delta) {
  const double with[2] = {epsilon, delta};
  double low = 1, high = 1;
  while (beyond_sigma(high, with) > 0 && high < 1e150) high *= 2;
  while (beyond_sigma(low, with) <= 0 && low > 1e-150) low /= 2;
  return least(beyond_sigma, with, low, high) * UPWARD;
}

double mst_gaussian_mu(double epsilon, double delta) {
  return 1 / (mst_gaussian_sigma(epsilon, delta) * UPWARD);
}
