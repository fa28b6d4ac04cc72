/* A slow scattering transform in double: wavelets are built in space, and convolutions are products
 * of dense Fourier matrices. */
#ifndef MST_TESTS_CORE_SCATTERING_REFERENCE_H
#define MST_TESTS_CORE_SCATTERING_REFERENCE_H

#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef double complex number;

static inline number *make_numbers(int64_t n) {
  number *x = calloc((size_t)n, sizeof *x);
  if (x == NULL) abort();
  return x;
}

/* to(h, w) = the transform of x(h, w), along one side and then the other; sign +1 is the inverse,
 * with its factor. */
static inline void transform(const number *x, int64_t h, int64_t w, int sign, number *to) {
  number *half = make_numbers(h * w);
  for (int64_t k = 0; k < h; k++)
    for (int64_t y = 0; y < h; y++) {
      number turn = cexp(sign * 2.0 * M_PI * I * (double)(k * y % h) / (double)h);
      for (int64_t l = 0; l < w; l++) half[k * w + l] += turn * x[y * w + l];
    }
  for (int64_t i = 0; i < h * w; i++) to[i] = 0.0;
  for (int64_t l = 0; l < w; l++)
    for (int64_t y = 0; y < w; y++) {
      number turn = cexp(sign * 2.0 * M_PI * I * (double)(l * y % w) / (double)w);
      for (int64_t k = 0; k < h; k++) to[k * w + l] += turn * half[k * w + y];
    }
  if (sign > 0)
    for (int64_t i = 0; i < h * w; i++) to[i] /= (double)(h * w);
  free(half);
}

/* A Gabor function on a periodic grid: a Gaussian of deviation sigma along theta and sigma/slant
 * across, times a wave of frequency xi along theta; its integral over the plane at xi = 0 is 1. */
static inline void make_gabor(int64_t h, int64_t w, double sigma, double theta, double xi,
                              double slant, number *to) {
  for (int64_t y = 0; y < h; y++)
    for (int64_t x = 0; x < w; x++) {
      number sum = 0.0;
      for (int64_t a = -4; a <= 4; a++)
        for (int64_t b = -4; b <= 4; b++) {
          double v = (double)(y + a * h), u = (double)(x + b * w);
          double along = v * cos(theta) + u * sin(theta);
          double across = u * cos(theta) - v * sin(theta);
          sum += cexp(-(along * along + slant * slant * across * across) / (2.0 * sigma * sigma) +
                      I * xi * along);
        }
      to[y * w + x] = sum * slant / (2.0 * M_PI * sigma * sigma);
    }
}

typedef struct reference {
  int64_t height, width, scales, angles; /* padded */
  number *psi[8][16];                    /* Fourier transforms at full size */
  number *phi;
} reference;

static inline reference make_reference(int64_t height, int64_t width, int64_t scales,
                                       int64_t angles) {
  reference r = {height, width, scales, angles, {{NULL}}, make_numbers(height * width)};
  int64_t n = height * width;
  number *wave = make_numbers(n), *low = make_numbers(n);
  for (int64_t j = 0; j < scales; j++)
    for (int64_t t = 0; t < angles; t++) {
      double sigma = 0.8 * pow(2.0, (double)j), xi = 0.75 * M_PI / pow(2.0, (double)j);
      double theta = (floor((double)angles / 2.0 - 1.0) - (double)t) * M_PI / (double)angles;
      double slant = 4.0 / (double)angles;
      make_gabor(height, width, sigma, theta, xi, slant, wave);
      make_gabor(height, width, sigma, theta, 0.0, slant, low);
      number total = 0.0, low_total = 0.0;
      for (int64_t i = 0; i < n; i++) {
        total += wave[i];
        low_total += low[i];
      }
      for (int64_t i = 0; i < n; i++) wave[i] -= total / low_total * low[i];
      r.psi[j][t] = make_numbers(n);
      transform(wave, height, width, -1, r.psi[j][t]);
    }
  make_gabor(height, width, 0.8 * pow(2.0, (double)scales - 1.0), 0.0, 0.0, 1.0, wave);
  transform(wave, height, width, -1, r.phi);
  free(wave);
  free(low);
  return r;
}

static inline void free_reference(reference *r) {
  for (int64_t j = 0; j < r->scales; j++)
    for (int64_t t = 0; t < r->angles; t++) free(r->psi[j][t]);
  free(r->phi);
}

/* Convolve x, a field at level `from`, with a filter given at full size, of which the frequencies
 * that this level has are used; keep every 2^(to-from)-th value. */
static inline number *convolve(const reference *r, const number *x, int64_t from, int64_t to,
                               const number *filter) {
  int64_t h = r->height >> from, w = r->width >> from, step = INT64_C(1) << (to - from);
  number *hat = make_numbers(h * w), *y = make_numbers(h * w);
  number *kept = make_numbers(h / step * (w / step));
  transform(x, h, w, -1, hat);
  for (int64_t k = 0; k < h; k++)
    for (int64_t l = 0; l < w; l++) {
      int64_t fk = k < h / 2 || from == 0 ? k : r->height - h + k;
      int64_t fl = l < w / 2 || from == 0 ? l : r->width - w + l;
      hat[k * w + l] *= filter[fk * r->width + fl];
    }
  transform(hat, h, w, 1, y);
  for (int64_t k = 0; k < h / step; k++)
    for (int64_t l = 0; l < w / step; l++) kept[k * (w / step) + l] = y[k * step * w + l * step];
  free(hat);
  free(y);
  return kept;
}

static inline number *modulus_of_convolution(const reference *r, const number *x, int64_t from,
                                             int64_t to, const number *filter) {
  number *y = convolve(r, x, from, to, filter);
  for (int64_t i = 0; i < (r->height >> to) * (r->width >> to); i++) y[i] = cabs(y[i]);
  return y;
}

/* Append the average of a field at `level`, without its border, to the paths. */
static inline double *add_path(const reference *r, const number *field, int64_t level,
                               double *paths) {
  number *s = convolve(r, field, level, r->scales, r->phi);
  int64_t h = r->height >> r->scales, w = r->width >> r->scales;
  for (int64_t y = 1; y < h - 1; y++)
    for (int64_t x = 1; x < w - 1; x++) *paths++ = creal(s[y * w + x]);
  free(s);
  return paths;
}

static inline void scatter(const reference *r, const number *image, double *paths) {
  number *first[8][16];
  paths = add_path(r, image, 0, paths);
  for (int64_t j = 0; j < r->scales; j++)
    for (int64_t t = 0; t < r->angles; t++) {
      first[j][t] = modulus_of_convolution(r, image, 0, j, r->psi[j][t]);
      paths = add_path(r, first[j][t], j, paths);
    }
  for (int64_t j = 0; j < r->scales; j++)
    for (int64_t t = 0; t < r->angles; t++) {
      for (int64_t j2 = j + 1; j2 < r->scales; j2++)
        for (int64_t t2 = 0; t2 < r->angles; t2++) {
          number *second = modulus_of_convolution(r, first[j][t], j, j2, r->psi[j2][t2]);
          paths = add_path(r, second, j2, paths);
          free(second);
        }
      free(first[j][t]);
    }
}

#endif
