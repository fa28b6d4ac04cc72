/* Morlet wavelets and Gaussians in Fourier space, with the constants of Kymatio's 2-D scattering
 * (Andreux et al., "Kymatio: scattering transforms in Python", JMLR 21, 2020), which follow
 * Bruna and Mallat, "Invariant scattering convolution networks", PAMI 35(8), 2013, section 2.1:
 *
 *     psi(u) = g(u) (exp(i xi . u) - beta), g Gaussian, beta such that psi has mean 0,
 *
 * with sigma = 0.8 2^j along xi, sigma L/4 across, |xi| = 3 pi / 4 / 2^j. Sampling in space adds
 * the aliases at frequencies 2 pi apart, and these sums are taken here. */
#include "core/features/wavelets.h"

#include <math.h>

enum {
  ALIASES = 2
};                                    /* periods of 2 pi on either side */
static const double SMALLEST = -45.0; /* exp of this is below double's rounding of 1 */

typedef struct envelope {
  double along, across; /* standard deviations in space, pixels */
  double cosine, sine;  /* of the direction of `along`          */
  double centre;        /* |xi|, radians a pixel                */
} envelope;

/* The Fourier transform of the Gabor function of this envelope at frequency (wy, wx). */
static double gabor_hat(const envelope *e, double wy, double wx) {
  double sum = 0.0;
  for (int a = -ALIASES; a <= ALIASES; a++)
    for (int b = -ALIASES; b <= ALIASES; b++) {
      double y = wy + 2.0 * M_PI * a, x = wx + 2.0 * M_PI * b;
      double p = e->along * (y * e->cosine + x * e->sine - e->centre);
      double q = e->across * (x * e->cosine - y * e->sine);
      double exponent = -0.5 * (p * p + q * q);
      if (exponent > SMALLEST) sum += exp(exponent);
    }
  return sum;
}

/* The frequency of index k of n, in [-pi, pi). */
static double frequency(int64_t k, int64_t n) {
  return 2.0 * M_PI * (double)(2 * k < n ? k : k - n) / (double)n;
}

void mst_wavelet_morlet(int64_t height, int64_t width, int64_t j, int64_t t, int64_t angles,
                        double *hat) {
  double theta = (floor((double)angles / 2.0 - 1.0) - (double)t) * M_PI / (double)angles;
  double sigma = ldexp(0.8, (int)j);
  envelope low = {sigma, sigma * (double)angles / 4.0, cos(theta), sin(theta), 0.0};
  envelope high = low;
  high.centre = ldexp(0.75 * M_PI, (int)-j);
  double beta = gabor_hat(&high, 0.0, 0.0) / gabor_hat(&low, 0.0, 0.0);
  for (int64_t k = 0; k < height; k++)
    for (int64_t l = 0; l < width; l++) {
      double wy = frequency(k, height), wx = frequency(l, width);
      hat[k * width + l] = gabor_hat(&high, wy, wx) - beta * gabor_hat(&low, wy, wx);
    }
}

int64_t mst_wavelet_kept(int64_t k, int64_t kept, int64_t size) {
  return 2 * k < kept ? k : size - kept + k;
}

void mst_wavelet_average(int64_t size, int64_t level, int64_t scales, int64_t outputs, double *hat,
                         float *average) {
  int64_t n = size >> level, step = (int64_t)1 << (scales - level);
  double sigma = ldexp(0.8, (int)scales - 1);
  for (int64_t k = 0; k < n; k++) {
    double w = frequency(mst_wavelet_kept(k, n, size), size);
    hat[k] = 0.0;
    for (int a = -ALIASES; a <= ALIASES; a++) {
      double x = sigma * (w + 2.0 * M_PI * a);
      hat[k] += exp(-0.5 * x * x);
    }
  }
  for (int64_t u = 0; u < outputs; u++)
    for (int64_t x = 0; x < n; x++) {
      double sum = 0.0;
      for (int64_t k = 0; k < n; k++) {
        int64_t turns = k * ((u + 1) * step - x) % n;
        sum += hat[k] * cos(2.0 * M_PI * (double)turns / (double)n);
      }
      average[u * n + x] = (float)(sum / (double)n);
    }
}
