/* The best banded Toeplitz factor: F(c) = |c|^2 V(c), V = sum over t < n of (n - t) beta_t^2 with
 * beta = 1 / ((1 - x) c(x)), n times the mean of the variances of the prefix sums. As
 * d beta_t / d c_j = -gamma_(t-j) with gamma = beta / c, the gradient takes as long as the value.
 * Plain arithmetic without library functions, so every rank finds the same bits. */
#include <stdbool.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/privacy/correlation_member.h"
#include "core/privacy/sensitivity.h"

#define ITERATIONS 300
#define WORK       1e8   /* most of bands times steps                     */
#define GAIN       1e-12 /* relative, of an iteration, that ends it       */
#define ARMIJO     1e-4  /* part of the slope that a step must bring down */
#define SHORTEST   1e-12 /* step                                          */

typedef struct search {
  int64_t bands, n;
  double *beta, *gamma;               /* (n)                                        */
  double *c, *trial;                  /* (bands)                                    */
  double *slope, *before, *direction; /* (bands) of F / F(c)          */
} search;

/* y(n) = x / c(x); x NULL: x = 1 / (1 - x). */
static void divide(int64_t bands, const double *c, int64_t n, const double *x, double *y) {
  for (int64_t t = 0; t < n; t++) {
    double v = x != NULL ? x[t] : 1;
    for (int64_t k = 1; k < bands && k <= t; k++) v -= c[k] * y[t - k];
    y[t] = v;
  }
}

void mst_correlation_prefix(int64_t bands, const double *coefficient, int64_t n, double *beta) {
  divide(bands, coefficient, n, NULL, beta);
}

static double square(int64_t n, const double *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sum;
}

/* F, or -1 for coefficients that are negative or increase. */
static double value(search *s, const double *c, double *variances) {
  double v = 0;
  for (int64_t k = 1; k < s->bands; k++)
    if (!(c[k] >= 0) || c[k] > c[k - 1]) return -1;
  divide(s->bands, c, s->n, NULL, s->beta);
  for (int64_t t = 0; t < s->n; t++) v += (double)(s->n - t) * s->beta[t] * s->beta[t];
  *variances = v;
  return square(s->bands, c) * v;
}

/* slope = gradient of ln F, from beta of the same c; c_0 stays. */
static void differentiate(search *s, double variances) {
  double size = square(s->bands, s->c);
  divide(s->bands, s->c, s->n, s->beta, s->gamma);
  s->slope[0] = 0;
  for (int64_t j = 1; j < s->bands; j++) {
    double d = 0;
    for (int64_t t = j; t < s->n; t++) d += (double)(s->n - t) * s->beta[t] * s->gamma[t - j];
    s->slope[j] = 2 * (s->c[j] / size - d / variances);
  }
}

/* Polak and Ribiere's direction, or straight down where that does not lead down. */
static double choose_direction(search *s, bool first) {
  double over = 0, under = 0, down = 0;
  for (int64_t j = 0; j < s->bands; j++) {
    over += s->slope[j] * (s->slope[j] - s->before[j]);
    under += s->before[j] * s->before[j];
  }
  double keep = first || !(under > 0) || over < 0 ? 0 : over / under;
  for (int64_t j = 0; j < s->bands; j++) {
    s->direction[j] = keep * s->direction[j] - s->slope[j];
    down += s->direction[j] * s->slope[j];
  }
  if (down < 0) return down;
  for (int64_t j = 0; j < s->bands; j++) s->direction[j] = -s->slope[j];
  return -square(s->bands, s->slope);
}

/* The first of ever shorter steps that brings F down enough; false when none does. */
static bool advance(search *s, double down, double *length, double *f, double *variances) {
  double step = 8 * *length;
  while ((step /= 2) > SHORTEST) {
    double v = 0;
    for (int64_t j = 0; j < s->bands; j++) s->trial[j] = s->c[j] + step * s->direction[j];
    double g = value(s, s->trial, &v);
    if (g < 0 || g > *f * (1 + ARMIJO * step * down)) continue;
    bool worth = g < *f * (1 - GAIN);
    memcpy(s->c, s->trial, (size_t)s->bands * sizeof *s->c);
    *length = step;
    *f = g;
    *variances = v;
    return worth;
  }
  return false;
}

static void descend(search *s) {
  double variances = 0, length = 0.25, f = value(s, s->c, &variances);
  for (int i = 0; i < ITERATIONS; i++) {
    memcpy(s->before, s->slope, (size_t)s->bands * sizeof *s->before);
    differentiate(s, variances);
    double down = choose_direction(s, i == 0);
    if (!(down < 0) || !advance(s, down, &length, &f, &variances)) break;
  }
}

mst_status mst_correlation_optimise(int64_t bands, int64_t n, double *coefficient) {
  double *room = NULL;
  if ((double)bands * (double)n > WORK)
    return mst_fail(MST_ERR_INPUT,
                    "privacy.coefficients: %lld bands of %lld steps are too many to optimise; "
                    "choose fewer, or root",
                    (long long)bands, (long long)n);
  MST_TRY(mst_alloc(&room, 2 * n + 4 * bands, sizeof *room, "coefficients"));
  search s = {.bands = bands, .n = n, .c = coefficient, .beta = room, .gamma = room + n};
  s.trial = room + 2 * n;
  s.slope = s.trial + bands;
  s.before = s.slope + bands;
  s.direction = s.before + bands;
  descend(&s);
  mst_free(room);
  return MST_OK;
}
