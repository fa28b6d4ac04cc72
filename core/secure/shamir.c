/* The field's arithmetic, and polynomials at 0. Numbers are kept below the prime. */
#include "core/secure/shamir.h"

#include <string.h>

#include <sodium.h>

#include "core/base/memory.h"

#define PRIME      ((UINT64_C(1) << 61) - 1)
#define WORD_BYTES 7 /* of the secret and its tag, in a number of the field */
#define TAG_BYTES  (WORD_BYTES * MST_SHAMIR_WORDS - MST_SECRET_BYTES)
#define PLAIN      (MST_SECRET_BYTES + TAG_BYTES)
#define AHEAD      64 /* words of a stream made at once */

_Static_assert(TAG_BYTES == 10, "what is left of six numbers is the tag");

static uint64_t sum(uint64_t a, uint64_t b) {
  const uint64_t s = a + b;
  return s >= PRIME ? s - PRIME : s;
}

static uint64_t difference(uint64_t a, uint64_t b) {
  return a >= b ? a - b : a + PRIME - b;
}

/* 2^61 is 1 in the field. */
static uint64_t product(uint64_t a, uint64_t b) {
  const unsigned __int128 whole = (unsigned __int128)a * b;
  return sum((uint64_t)whole & PRIME, (uint64_t)(whole >> 61));
}

/* a^(p - 2), by squares. */
static uint64_t inverse(uint64_t a) {
  uint64_t power = a, result = 1;
  for (uint64_t left = PRIME - 2; left > 0; left >>= 1) {
    if (left & 1) result = product(result, power);
    power = product(power, power);
  }
  return result;
}

static uint64_t draw(mst_noise_cursor *c) {
  uint64_t x;
  do x = mst_noise_u64(c) & PRIME;
  while (x == PRIME);
  return x;
}

static void add_tag(const unsigned char *secret, unsigned char *plain) {
  unsigned char tag[crypto_generichash_BYTES_MIN];
  static const unsigned char name[] = "share";
  crypto_generichash_state state;
  crypto_generichash_init(&state, name, sizeof name - 1, sizeof tag);
  crypto_generichash_update(&state, secret, MST_SECRET_BYTES);
  crypto_generichash_final(&state, tag, sizeof tag);
  memcpy(plain, secret, MST_SECRET_BYTES);
  memcpy(plain + MST_SECRET_BYTES, tag, TAG_BYTES);
}

static mst_status check_deal(int64_t threshold, int64_t n, const int64_t *holder) {
  if (threshold < 1)
    return mst_fail(MST_ERR_INPUT, "a secret cannot be shared so that %lld shares give it",
                    (long long)threshold);
  for (int64_t i = 0; i < n; i++)
    if (holder[i] < 1 || (uint64_t)holder[i] >= PRIME)
      return mst_fail(MST_ERR_INPUT, "a share cannot be held by number %lld: numbers begin at 1",
                      (long long)holder[i]);
  return MST_OK;
}

mst_status mst_shamir_deal(const unsigned char secret[MST_SECRET_BYTES], int64_t threshold,
                           const mst_noise *noise, int64_t n, const int64_t *holder,
                           mst_shamir_share *share) {
  unsigned char plain[PLAIN];
  uint64_t *factor = NULL; /* (threshold, words), that of x^0 first */
  mst_noise_cursor cursor;
  MST_TRY(check_deal(threshold, n, holder));
  MST_TRY(
      mst_alloc(&factor, threshold * MST_SHAMIR_WORDS, sizeof *factor, "a secret's polynomial"));
  add_tag(secret, plain);
  for (int w = 0; w < MST_SHAMIR_WORDS; w++)
    memcpy(&factor[w], plain + WORD_BYTES * w, WORD_BYTES); /* little-endian; the rest is zero */
  mst_noise_open(&cursor, noise, 0, AHEAD);
  for (int64_t k = MST_SHAMIR_WORDS; k < threshold * MST_SHAMIR_WORDS; k++)
    factor[k] = draw(&cursor);
  mst_noise_close(&cursor);
  for (int64_t i = 0; i < n; i++) {
    const uint64_t x = (uint64_t)holder[i];
    share[i] = (mst_shamir_share){.holder = holder[i]};
    for (int64_t k = threshold - 1; k >= 0; k--)
      for (int w = 0; w < MST_SHAMIR_WORDS; w++)
        share[i].word[w] = sum(product(share[i].word[w], x), factor[k * MST_SHAMIR_WORDS + w]);
  }
  sodium_memzero(plain, sizeof plain);
  sodium_memzero(factor, (size_t)(threshold * MST_SHAMIR_WORDS) * sizeof *factor);
  mst_free(factor);
  return MST_OK;
}

/* Lagrange's weight of share i at 0: the product of x_j / (x_j - x_i); 0 where a number comes
 * twice. */
static uint64_t weight_of(int64_t threshold, const mst_shamir_share *share, int64_t i) {
  uint64_t above = 1, below = 1;
  for (int64_t j = 0; j < threshold; j++) {
    if (j == i) continue;
    const uint64_t x = (uint64_t)share[j].holder;
    above = product(above, x);
    below = product(below, difference(x, (uint64_t)share[i].holder));
  }
  return below == 0 ? 0 : product(above, inverse(below));
}

static mst_status read_words(const uint64_t *word, unsigned char *secret) {
  unsigned char plain[PLAIN], again[PLAIN];
  bool small = true;
  for (int w = 0; w < MST_SHAMIR_WORDS; w++) {
    small = small && word[w] >> (8 * WORD_BYTES) == 0;
    memcpy(plain + WORD_BYTES * w, &word[w], WORD_BYTES);
  }
  add_tag(plain, again);
  const bool right = small && sodium_memcmp(plain, again, sizeof plain) == 0;
  if (right) memcpy(secret, plain, MST_SECRET_BYTES);
  sodium_memzero(plain, sizeof plain);
  sodium_memzero(again, sizeof again);
  return right ? MST_OK
               : mst_fail(MST_ERR_INPUT,
                          "the shares give no secret: one of them is wrong, or they were dealt for "
                          "different secrets or another threshold");
}

mst_status mst_shamir_join(int64_t threshold, int64_t n, const mst_shamir_share *share,
                           unsigned char secret[MST_SECRET_BYTES]) {
  uint64_t word[MST_SHAMIR_WORDS] = {0};
  memset(secret, 0, MST_SECRET_BYTES);
  if (threshold < 1 || n < threshold)
    return mst_fail(MST_ERR_INPUT,
                    "too few shares: a secret needs %lld of them, and %lld are there",
                    (long long)threshold, (long long)n);
  for (int64_t i = 0; i < threshold; i++) {
    const uint64_t weight = weight_of(threshold, share, i);
    if (weight == 0)
      return mst_fail(MST_ERR_INPUT, "holder %lld gives two shares of a secret, or is no holder",
                      (long long)share[i].holder);
    for (int w = 0; w < MST_SHAMIR_WORDS; w++)
      word[w] = sum(word[w], product(weight, share[i].word[w] % PRIME));
  }
  const mst_status st = read_words(word, secret);
  sodium_memzero(word, sizeof word);
  return st;
}
