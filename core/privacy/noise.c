/* Secrets, the key of a release, and cursors over a block's words. */
#include "core/privacy/noise.h"

#include <string.h>

#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/privacy/noise_words.h"

_Static_assert(MST_SECRET_BYTES == crypto_stream_chacha20_KEYBYTES, "a key of ChaCha20");
_Static_assert(MST_SECRET_BYTES == crypto_generichash_KEYBYTES, "a key of BLAKE2b");

mst_status mst_secret_fresh(mst_secret *out) {
  *out = (mst_secret){.test = false};
  if (sodium_init() < 0)
    return mst_fail(MST_ERR_UNSUPPORTED, "this system has no secure random generator");
  randombytes_buf(out->key, sizeof out->key);
  return MST_OK;
}

mst_secret mst_secret_test(uint64_t seed) {
  mst_secret secret = {.test = true};
  const uint64_t bytes[2] = {UINT64_C(0x74657374206b6579), seed};
  (void)!sodium_init(); /* only chooses the vectorised code here */
  crypto_generichash(secret.key, sizeof secret.key, (const unsigned char *)bytes, sizeof bytes,
                     NULL, 0);
  return secret;
}

void mst_secret_wipe(mst_secret *secret) {
  sodium_memzero(secret, sizeof *secret);
}

static void write_digits(const unsigned char *bytes, char *text) {
  static const char digit[] = "0123456789abcdef";
  for (int i = 0; i < MST_SECRET_BYTES; i++) {
    text[2 * i] = digit[bytes[i] >> 4];
    text[2 * i + 1] = digit[bytes[i] & 15];
  }
}

void mst_secret_write(const mst_secret *secret, const char *of, char text[MST_SECRET_TEXT]) {
  unsigned char tag[MST_SECRET_BYTES];
  (void)!sodium_init();
  crypto_generichash(tag, sizeof tag, (const unsigned char *)of, strlen(of), secret->key,
                     sizeof secret->key);
  write_digits(secret->key, text);
  text[2 * MST_SECRET_BYTES] = ' ';
  write_digits(tag, text + 2 * MST_SECRET_BYTES + 1);
  text[MST_SECRET_TEXT - 1] = '\n';
}

static int digit_of(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mst_secret_read(const char text[MST_SECRET_TEXT], const char *of, mst_secret *out) {
  char again[MST_SECRET_TEXT];
  *out = (mst_secret){.test = false};
  for (int i = 0; i < MST_SECRET_BYTES; i++)
    out->key[i] = (unsigned char)(digit_of(text[2 * i]) * 16 + digit_of(text[2 * i + 1]));
  mst_secret_write(out, of, again);
  bool same = sodium_memcmp(text, again, sizeof again) == 0;
  sodium_memzero(again, sizeof again);
  if (!same) mst_secret_wipe(out);
  return same;
}

mst_noise mst_noise_of(const mst_secret *secret, mst_noise_purpose purpose, uint64_t share,
                       uint64_t step) {
  mst_noise noise;
  const uint64_t name[3] = {(uint64_t)purpose, share, step};
  (void)!sodium_init();
  crypto_generichash(noise.key, sizeof noise.key, (const unsigned char *)name, sizeof name,
                     secret->key, sizeof secret->key);
  return noise;
}

void mst_noise_wipe(mst_noise *noise) {
  sodium_memzero(noise, sizeof *noise);
}

void mst_noise_words(const mst_noise *noise, uint64_t block, uint64_t chunk, int n,
                     uint64_t *word) {
  unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
  memcpy(nonce, &block, sizeof nonce);
  const size_t bytes = (size_t)n * sizeof *word;
  memset(word, 0, bytes);
  crypto_stream_chacha20_xor_ic((unsigned char *)word, (unsigned char *)word, bytes, nonce, chunk,
                                noise->key);
}

void mst_noise_open(mst_noise_cursor *c, const mst_noise *noise, uint64_t block, int ahead) {
  c->noise = *noise;
  c->block = block;
  c->chunk = 0;
  c->used = c->filled = 0;
  c->ahead = ahead;
}

void mst_noise_close(mst_noise_cursor *c) {
  sodium_memzero(c->word, (size_t)c->filled * sizeof *c->word);
  mst_noise_wipe(&c->noise);
  c->used = c->filled = 0;
}

void mst_noise_refill(mst_noise_cursor *c) {
  mst_noise_words(&c->noise, c->block, c->chunk, c->ahead, c->word);
  c->chunk += (uint64_t)c->ahead / 8;
  c->used = 0;
  c->filled = c->ahead;
}

double mst_noise_uniform(mst_noise_cursor *c) {
  return ((double)(mst_noise_u64(c) >> 12) + 0.5) * 0x1p-52;
}

uint64_t mst_noise_below(mst_noise_cursor *c, uint64_t n) {
  const uint64_t excess = (0 - n) % n; /* 2^64 mod n */
  uint64_t word;
  do word = mst_noise_u64(c);
  while (word < excess);
  return word % n;
}

void mst_noise_blocks(const mst_noise *noise, int64_t first, int64_t n, mst_noise_fill fill,
                      const void *law, size_t size, void *out) {
  _Alignas(64) unsigned char whole[MST_NOISE_BLOCK * sizeof(double)];
  for (int64_t at = 0; at < n;) {
    const int64_t entry = first + at, block = entry / MST_NOISE_BLOCK;
    const int64_t skip = entry % MST_NOISE_BLOCK;
    const int64_t count = mst_least(MST_NOISE_BLOCK - skip, n - at);
    fill(law, noise, (uint64_t)block, (int)(skip + count), whole);
    memcpy((char *)out + (size_t)at * size, whole + (size_t)skip * size, (size_t)count * size);
    at += count;
  }
  sodium_memzero(whole, sizeof whole);
}
