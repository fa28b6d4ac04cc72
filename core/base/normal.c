/* The normal distribution from libm's error functions. A quantile is Newton's root of the error
 * function itself, so it is as accurate as that function and needs no table of coefficients: around
 * 1/2 from p - 1/2, which is exact there; in the tails from the logarithm of the tail's
 * probability, which is concave, so that steps settle from anywhere near the root. */
#include "core/base/normal.h"

#include <math.h>
#include <stdbool.h>

#define MIDDLE 0.25 /* of p on either side of 1/2                                    */
#define FAR    1e-3 /* probability of a tail that is far out                         */
#define STEPS  60   /* most; 9 were the most that any p needed                       */

static const double ROOT_HALF = 0.70710678118654752440;   /* 1 / sqrt(2)    */
static const double ROOT_TWO_PI = 2.50662827463100050242; /* sqrt(2 pi)     */

double mst_normal_below(double x) {
  return 0.5 * erfc(-x * ROOT_HALF);
}

static double density(double x) {
  return exp(-0.5 * x * x) / ROOT_TWO_PI;
}

/* Is x the root as nearly as it gets? A step below its last digit changes nothing any more, and one
 * that is no shorter than the one before is made of roundings. */
static bool settled(double step, double before, double x) {
  return !(fabs(step) > 0x1p-52 * fabs(x) && fabs(step) < fabs(before));
}

/* x with P(0 < normal < x) = p, |p| <= MIDDLE. */
static double middle(double p) {
  double x = p * ROOT_TWO_PI, before = INFINITY;
  for (int i = 0; i < STEPS; i++) {
    const double step = (0.5 * erf(x * ROOT_HALF) - p) / density(x);
    x -= step;
    if (settled(step, before, x)) break;
    before = step;
  }
  return x;
}

/* x > 0 with P(normal > x) = q, 0 < q < 1/2. */
static double tail(double q) {
  const double wanted = log(q);
  /* P(normal > x) is at most exp(-x^2 / 2) / 2, and near exp(-x^2 / 2) / (x sqrt(2 pi)) far out. */
  const double square = -2 * wanted;
  double x = sqrt(q > FAR ? square : square - log(ROOT_TWO_PI * ROOT_TWO_PI * square));
  double before = INFINITY;
  for (int i = 0; i < STEPS; i++) {
    const double above = 0.5 * erfc(x * ROOT_HALF);
    const double step = (wanted - log(above)) * above / density(x);
    x -= step;
    if (settled(step, before, x)) break;
    before = step;
  }
  return x;
}

double mst_normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return NAN;
  if (p == 0) return -INFINITY;
  if (p == 1) return INFINITY;
  if (fabs(p - 0.5) <= MIDDLE) return middle(p - 0.5);
  return p < 0.5 ? -tail(p) : tail(1 - p);
}
