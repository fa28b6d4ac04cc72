/* Tables for the discrete laws, and the draw. Magnitudes from 0 on are cut into cells of 2^bits
 * numbers, about 1/32 to 1/16 of the scale each; cell k has n_k >= factor w(its first number) of
 * the slots; what is beyond 1 slot is the tail, whose cells are wider, so that their weights at
 * least halve, and is proposed by counting zero bits. */
#include "core/privacy/discrete.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/privacy/exact.h"
#include "core/privacy/noise_words.h"

#define SLOT_BITS  13
#define TAIL_WORDS 16 /* of zero bits, after which a draw starts anew */

static double exponent_at(const mst_discrete *d, double x) {
  return d->power == 2 ? x * x * d->rate : x * d->rate;
}

/* At least the number of slots that a cell of weight w must have: doubles err by less than 2^-41.
 */
static uint64_t slots_for(double slots) {
  return (uint64_t)ceil(slots * (1 + MST_EXACT_SLACK));
}

/* Cut at d->factor. The number of slots that this takes. */
static uint64_t cut(mst_discrete *d) {
  const double width = ldexp(1, d->bits), factor = (double)d->factor;
  uint64_t total = 0;
  double start = 0;
  d->cells = 0;
  for (; d->cells < MST_DISCRETE_CELLS - 1; d->cells++, start += width) {
    const double slots = factor * exp(-exponent_at(d, start));
    if (slots < 1) break;
    const uint64_t n = d->cells == 0 ? d->factor : slots_for(slots);
    d->cell[d->cells] = (mst_discrete_cell){.start = (int64_t)start, .n = n};
    total += n;
  }
  /* A step of 2^tail_bits at least halves the weight: by start step / sigma^2 or step / scale. */
  const double least = 0.7 * (d->power == 2 ? d->scale * d->scale / start : d->scale);
  for (d->tail_bits = d->bits; ldexp(1, d->tail_bits) < least;) d->tail_bits++;
  const double slots = ldexp(factor, d->tail_bits - d->bits + 1) * exp(-exponent_at(d, start));
  const uint64_t n = (uint64_t)mst_most(1, (int64_t)slots_for(slots));
  d->cell[d->cells++] = (mst_discrete_cell){.start = (int64_t)start, .n = n};
  return total + n;
}

static mst_status make(int power, double scale, mst_discrete *d) {
  *d = (mst_discrete){.power = power, .scale = scale};
  if (!(scale >= MST_DISCRETE_SCALE_MIN && scale <= MST_DISCRETE_SCALE_MAX))
    return mst_fail(MST_ERR_INPUT, "discrete noise of scale %g; choose %g .. %g", scale,
                    MST_DISCRETE_SCALE_MIN, MST_DISCRETE_SCALE_MAX);
  const mst_ratio ratio = mst_ratio_of(scale);
  d->whole = (uint64_t)ratio.numerator;
  d->exponent = ratio.exponent;
  d->rate = power == 2 ? 0.5 / (scale * scale) : 1 / scale;
  while (ldexp(1, d->bits + 1) <= scale / 16) d->bits++;
  /* The integral of the weights: sqrt(pi/2) sigma or scale; half a cell more for the steps. */
  const double width = ldexp(1, d->bits);
  const double cells = (power == 2 ? 1.2533 : 1) * scale / width;
  d->factor = (uint64_t)(MST_DISCRETE_SLOTS / fmax(1, cells));
  while (cut(d) > MST_DISCRETE_SLOTS) d->factor--;
  int at = 0;
  for (int k = 0; k < d->cells; k++) {
    mst_discrete_cell *cell = &d->cell[k];
    for (uint64_t i = 0; i < cell->n; i++) d->slot[at++] = (uint16_t)k;
    if (k == d->cells - 1) break; /* nothing is sure in the tail */
    const double last = exp(-exponent_at(d, (double)cell->start + width - 1));
    const double sure = (double)d->factor / (double)cell->n * last * (1 - MST_EXACT_SLACK);
    cell->sure = (uint64_t)(sure * 0x1p64);
  }
  while (at < MST_DISCRETE_SLOTS) d->slot[at++] = (uint16_t)d->cells;
  return MST_OK;
}

mst_status mst_discrete_gaussian(double sigma, mst_discrete *out) {
  return make(2, sigma, out);
}

mst_status mst_discrete_laplace(double scale, mst_discrete *out) {
  return make(1, scale, out);
}

/* Whether U n < factor 2^shift exp(-t(x)). */
static bool accepts(const mst_discrete *d, mst_noise_cursor *c, uint64_t u, uint64_t n, int shift,
                    uint64_t x) {
  const double t = exponent_at(d, (double)x);
  if (t < 256 && !d->slow) {
    const double p = ldexp((double)d->factor * exp(-t), shift) / (double)n;
    const int guess = mst_exact_guess(u, p);
    if (guess >= 0) return guess;
  }
  mst_ratio ratio;
  if (d->power == 2)
    ratio = (mst_ratio){(mst_u128)x * x, (mst_u128)d->whole * d->whole, -2 * d->exponent - 1};
  else
    ratio = (mst_ratio){x, d->whole, -d->exponent};
  return mst_exact_below(c, u, n, d->factor, shift, &ratio);
}

/* A word says slot, sign and place in the cell; the next is the uniform number. */
static inline __attribute__((always_inline)) int64_t draw(const mst_discrete *d,
                                                          mst_noise_cursor *c) {
  for (;;) {
    const uint64_t word = mst_noise_u64(c);
    const int k = d->slot[word % MST_DISCRETE_SLOTS];
    const int64_t negative = -(int64_t)(word >> SLOT_BITS & 1);
    const uint64_t place = word >> (SLOT_BITS + 1);
    if (k >= d->cells) continue;
    const mst_discrete_cell *cell = &d->cell[k];
    uint64_t x = (uint64_t)cell->start;
    int shift = 0;
    if (k < d->cells - 1) {
      x += place & ((UINT64_C(1) << d->bits) - 1);
    } else {
      int zeros = 0;
      uint64_t coins = 0;
      for (int i = 0; i < TAIL_WORDS && coins == 0; i++) {
        coins = mst_noise_u64(c);
        zeros += coins == 0 ? 64 : __builtin_ctzll(coins);
      }
      if (coins == 0) continue;
      x += (place & ((UINT64_C(1) << d->tail_bits) - 1)) + ((uint64_t)zeros << d->tail_bits);
      shift = d->tail_bits - d->bits + 1 + zeros;
    }
    const uint64_t u = mst_noise_u64(c);
    const bool sure = u < cell->sure && !d->slow;
    if (!sure && !accepts(d, c, u, cell->n, shift, x)) continue;
    if (x == 0 && negative) continue; /* zero has one sign */
    return ((int64_t)x ^ negative) - negative;
  }
}

int64_t mst_discrete_draw(const mst_discrete *law, mst_noise_cursor *c) {
  return draw(law, c);
}

static void fill_discrete(const void *law, const mst_noise *noise, uint64_t block, int n,
                          void *out) {
  mst_noise_cursor c;
  int64_t *x = out;
  mst_noise_open(&c, noise, block, (int)mst_least(MST_NOISE_WORDS, 16 + 5 * (n / 2 + 1) / 8 * 8));
  for (int i = 0; i < n; i++) x[i] = draw(law, &c);
  mst_noise_close(&c);
}

void mst_noise_discrete(const mst_discrete *law, const mst_noise *noise, int64_t first, int64_t n,
                        int64_t *out) {
  mst_noise_blocks(noise, first, n, fill_discrete, law, sizeof *out, out);
}
