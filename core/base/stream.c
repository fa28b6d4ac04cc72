/* Streams: the distributions drawn from a key's words.
 *
 * Integers: Lemire, "Fast random integer generation in an interval", TOMACS 2019. Normal: Box and
 * Muller 1958. Gamma: Marsaglia and Tsang, "A simple method for generating gamma variables", TOMS
 * 2000. Permutation and subset: Knuth, volume 2, section 3.4.2, algorithms P and S. */
#include <math.h>
#include <stdbool.h>

#include "core/base/key.h"

__extension__ typedef unsigned __int128 uint128;

static const double TWO_PI = 6.28318530717958647692;

mst_stream mst_stream_of(mst_key key) {
  return (mst_stream){.key = key, .used = 4};
}

uint32_t mst_stream_u32(mst_stream *s) {
  if (s->used == 4) {
    mst_key_block(s->key, s->block++, s->word);
    s->used = 0;
  }
  return s->word[s->used++];
}

uint64_t mst_stream_u64(mst_stream *s) {
  uint64_t low = mst_stream_u32(s);
  return low | (uint64_t)mst_stream_u32(s) << 32;
}

double mst_stream_uniform(mst_stream *s) {
  return ((double)(mst_stream_u64(s) >> 12) + 0.5) * 0x1p-52;
}

uint64_t mst_stream_below(mst_stream *s, uint64_t n) {
  uint128 product = (uint128)mst_stream_u64(s) * n;
  if ((uint64_t)product < n) {
    uint64_t threshold = -n % n; /* 2^64 mod n */
    while ((uint64_t)product < threshold) product = (uint128)mst_stream_u64(s) * n;
  }
  return (uint64_t)(product >> 64);
}

double mst_stream_normal(mst_stream *s) {
  double radius = sqrt(-2.0 * log(mst_stream_uniform(s)));
  return radius * cos(TWO_PI * mst_stream_uniform(s));
}

double mst_stream_exponential(mst_stream *s) {
  return -log(mst_stream_uniform(s));
}

/* log Gamma(alpha, 1) for alpha >= 1: d (1 + c x)^3 accepted against the density. The terms of
 * the test are arranged so that a large alpha does not cancel. */
static double log_gamma_draw_from_one(mst_stream *s, double alpha) {
  double d = alpha - 1.0 / 3.0;
  double c = 1.0 / sqrt(9.0 * d);
  for (;;) {
    double x = mst_stream_normal(s);
    double y = c * x;
    if (y <= -1.0) continue;
    double log_v = 3.0 * log1p(y);
    double log_u = log(mst_stream_uniform(s));
    if (log_u < 0.5 * x * x + d * (log_v - y * (3.0 + y * (3.0 + y)))) return log(d) + log_v;
  }
}

/* Not a number, rather than an endless rejection loop, for a shape that has no distribution. */
static bool shape_is_usable(double alpha) {
  return alpha > 0 && isfinite(alpha);
}

double mst_stream_log_gamma_draw(mst_stream *s, double alpha) {
  if (!shape_is_usable(alpha)) return NAN;
  if (alpha >= 1) return log_gamma_draw_from_one(s, alpha);
  double boosted = log_gamma_draw_from_one(s, alpha + 1.0);
  return boosted + log(mst_stream_uniform(s)) / alpha;
}

/* alpha times the logarithm of a gamma draw when alpha < 1, the logarithm itself otherwise: the
 * boost's log(u) / alpha would overflow for the smallest alpha. */
static double scaled_log_gamma_draw(mst_stream *s, double alpha) {
  if (alpha >= 1) return log_gamma_draw_from_one(s, alpha);
  double boosted = log_gamma_draw_from_one(s, alpha + 1.0);
  return log(mst_stream_uniform(s)) + alpha * boosted;
}

void mst_stream_dirichlet(mst_stream *s, double alpha, int64_t n, double *p) {
  if (!shape_is_usable(alpha)) {
    for (int64_t i = 0; i < n; i++) p[i] = NAN;
    return;
  }
  double largest = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    p[i] = scaled_log_gamma_draw(s, alpha);
    largest = fmax(largest, p[i]);
  }
  double scale = alpha < 1 ? alpha : 1.0;
  double total = 0;
  for (int64_t i = 0; i < n; i++) {
    p[i] = exp((p[i] - largest) / scale);
    total += p[i];
  }
  for (int64_t i = 0; i < n; i++) p[i] /= total;
}

void mst_stream_permutation(mst_stream *s, int64_t n, int64_t *perm) {
  for (int64_t i = 0; i < n; i++) perm[i] = i;
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t j = (int64_t)mst_stream_below(s, (uint64_t)i + 1);
    int64_t kept = perm[i];
    perm[i] = perm[j];
    perm[j] = kept;
  }
}

void mst_stream_subset(mst_stream *s, int64_t n, int64_t m, int64_t *out) {
  int64_t chosen = 0;
  for (int64_t i = 0; i < n && chosen < m; i++)
    if (mst_stream_below(s, (uint64_t)(n - i)) < (uint64_t)(m - chosen)) out[chosen++] = i;
}
