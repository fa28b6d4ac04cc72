/* Fixed-point numbers of many 64-bit limbs, just enough for exp(-t) with a proven error.
 *
 * A number is limb[0] + sum_i limb[i] 2^(-64 i), i = 1 .. limbs; an ulp is 2^(-64 limbs). Every
 * operation cuts off, with an error below 2 ulp. With x = t 2^-h < 2^-8, the series
 * 1 - x (1 - x/2 (1 - x/3 ...)) of 8 limbs terms errs by fewer than 2^7 ulp, and each of the h <=
 * 28 squarings (of a number below 1) at most doubles that and adds 2: below 2^36 ulp in all. Times
 * a factor < 2^16 and 2^shift: below 2^(52 + shift) ulp, so a difference that reaches beyond the
 * last 1 + ceil(shift / 64) limbs has a certain sign. */
#include "core/privacy/exact.h"

#include <math.h>
#include <string.h>

#include "core/privacy/noise_words.h"

#define LIMBS 32
#define LARGE 20 /* exponentials below exp(-2^LARGE) are zero in any number of limbs here */

typedef struct fixed {
  int limbs;
  uint64_t limb[LIMBS + 1];
} fixed;

mst_ratio mst_ratio_of(double x) {
  int e;
  const double fraction = frexp(x, &e);
  uint64_t whole = (uint64_t)ldexp(fraction, 53);
  e -= 53;
  for (; whole != 0 && whole % 2 == 0; whole /= 2) e++;
  return (mst_ratio){whole, 1, whole == 0 ? 0 : e};
}

/* a = floor(t 2^(64 limbs)) by long division; false if t >= 2^LARGE. */
static bool fix_ratio(fixed *a, const mst_ratio *t) {
  mst_u128 whole = t->numerator / t->denominator, rest = t->numerator % t->denominator;
  memset(a->limb, 0, sizeof a->limb);
  for (int p = 127; p + t->exponent >= -64 * a->limbs; p--) {
    uint64_t bit;
    const int place = p + t->exponent;
    if (p >= 0) {
      bit = (uint64_t)(whole >> p) & 1;
    } else {
      rest *= 2;
      bit = rest >= t->denominator;
      if (bit) rest -= t->denominator;
    }
    if (!bit) continue;
    if (place >= LARGE) return false;
    if (place >= 0)
      a->limb[0] |= bit << place;
    else
      a->limb[1 + (-place - 1) / 64] |= bit << (63 - (-place - 1) % 64);
  }
  return true;
}

static void fix_halve(fixed *a, int times) {
  for (int i = a->limbs; i > 0; i--)
    a->limb[i] = a->limb[i] >> times | a->limb[i - 1] << (64 - times);
  a->limb[0] >>= times;
}

static void fix_multiply(const fixed *a, const fixed *b, fixed *out) {
  uint64_t product[2 * LIMBS + 2] = {0};
  for (int i = a->limbs; i >= 0; i--) {
    uint64_t carry = 0;
    for (int j = a->limbs; j >= 0; j--) {
      mst_u128 sum = (mst_u128)a->limb[i] * b->limb[j] + product[i + j + 1] + carry;
      product[i + j + 1] = (uint64_t)sum;
      carry = (uint64_t)(sum >> 64);
    }
    product[i] = carry;
  }
  out->limbs = a->limbs;
  memcpy(out->limb, product + 1, (size_t)(a->limbs + 1) * sizeof *product);
}

static void fix_multiply_small(fixed *a, uint64_t factor) {
  uint64_t carry = 0;
  for (int i = a->limbs; i >= 0; i--) {
    mst_u128 product = (mst_u128)a->limb[i] * factor + carry;
    a->limb[i] = (uint64_t)product;
    carry = (uint64_t)(product >> 64);
  }
}

static void fix_divide_small(fixed *a, uint64_t divisor) {
  uint64_t rest = 0;
  for (int i = 0; i <= a->limbs; i++) {
    mst_u128 part = (mst_u128)rest << 64 | a->limb[i];
    a->limb[i] = (uint64_t)(part / divisor);
    rest = (uint64_t)(part % divisor);
  }
}

/* a = a - b; the caller knows a >= b. */
static void fix_subtract(fixed *a, const fixed *b) {
  uint64_t borrow = 0;
  for (int i = a->limbs; i >= 0; i--) {
    const uint64_t from = a->limb[i], less = from - b->limb[i];
    a->limb[i] = less - borrow;
    borrow = (from < b->limb[i]) | (less < borrow);
  }
}

static bool fix_less(const fixed *a, const fixed *b) {
  for (int i = 0; i <= a->limbs; i++)
    if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i];
  return false;
}

static void fix_double(fixed *a, int times) {
  const int whole = times / 64, bits = times % 64, n = a->limbs;
  for (int i = 0; i <= n; i++) {
    const uint64_t high = i + whole <= n ? a->limb[i + whole] : 0;
    const uint64_t low = i + whole + 1 <= n ? a->limb[i + whole + 1] : 0;
    a->limb[i] = bits == 0 ? high : high << bits | low >> (64 - bits);
  }
}

/* x -> exp(-x), 0 <= x < 2^LARGE. */
static void fix_exponential(fixed *x) {
  fixed sum = {.limbs = x->limbs}, product;
  int halvings = 8;
  for (uint64_t whole = x->limb[0]; whole != 0; whole /= 2) halvings++;
  fix_halve(x, halvings);
  sum.limb[0] = 1;
  for (int i = 8 * x->limbs; i > 0; i--) {
    fix_multiply(x, &sum, &product);
    fix_divide_small(&product, (uint64_t)i);
    memset(sum.limb, 0, sizeof sum.limb);
    sum.limb[0] = 1;
    fix_subtract(&sum, &product);
  }
  for (int i = 0; i < halvings; i++) {
    fix_multiply(&sum, &sum, &product);
    sum = product;
  }
  *x = sum;
}

bool mst_exact_below(const mst_noise_cursor *c, uint64_t u, uint64_t n, uint64_t factor, int shift,
                     const mst_ratio *t) {
  const int unsure = 1 + (shift + 63) / 64;
  uint64_t uniform[LIMBS];
  /* 2^62 chunks are never reached by drawing in turn; LIMBS words are 4 chunks. */
  const uint64_t word = c->chunk * 8 - (uint64_t)(c->filled - c->used);
  mst_noise_words(&c->noise, c->block, (UINT64_C(1) << 62) + 4 * word, LIMBS, uniform);
  memmove(uniform + 1, uniform, (LIMBS - 1) * sizeof *uniform);
  uniform[0] = u;
  for (int more = 2; more <= 8; more *= 2) {
    fixed left = {.limbs = unsure + more}, right = {.limbs = unsure + more};
    memcpy(left.limb + 1, uniform, (size_t)left.limbs * sizeof *uniform);
    if (!fix_ratio(&right, t)) return false;
    fix_exponential(&right);
    fix_multiply_small(&left, n);
    fix_multiply_small(&right, factor);
    fix_double(&right, shift);
    const bool below = fix_less(&left, &right);
    fixed gap = below ? right : left;
    fix_subtract(&gap, below ? &left : &right);
    for (int i = 0; i <= more; i++)
      if (gap.limb[i] != 0) return below;
  }
  return false;
}

bool mst_noise_bernoulli_exp(mst_noise_cursor *c, double t) {
  if (t == 0) return true;
  if (!isfinite(t)) return false;
  const uint64_t u = mst_noise_u64(c);
  const int guess = t < 256 ? mst_exact_guess(u, exp(-t)) : -1;
  if (guess >= 0) return guess;
  const mst_ratio ratio = mst_ratio_of(t);
  return mst_exact_below(c, u, 1, 1, 0, &ratio);
}
