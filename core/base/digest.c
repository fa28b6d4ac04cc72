/* Digest: BLAKE2b-256 (RFC 7693) through libsodium's generic hash. */
#include "core/base/digest.h"

void mst_digest_start(mst_digest *d) {
  /* Chooses the vectorised code; harmless when called again. A failure concerns only the
   * random generator, which a digest does not use. */
  (void)!sodium_init();
  crypto_generichash_init(&d->state, NULL, 0, MST_DIGEST_BYTES);
}

void mst_digest_add(mst_digest *d, const void *bytes, int64_t n) {
  if (n > 0) crypto_generichash_update(&d->state, bytes, (unsigned long long)n);
}

void mst_digest_hex(mst_digest *d, char hex[MST_DIGEST_HEX]) {
  unsigned char hash[MST_DIGEST_BYTES];
  crypto_generichash_final(&d->state, hash, sizeof hash);
  sodium_bin2hex(hex, MST_DIGEST_HEX, hash, sizeof hash);
}
