/* Digest: BLAKE2b-256 (RFC 7693) through libsodium's generic hash. */
#include "core/base/digest.h"

#include <string.h>

void mst_digest_start(mst_digest *d) {
  /* Chooses the vectorised code; harmless when called again. A failure concerns only the
   * random generator, which a digest does not use. */
  (void)!sodium_init();
  crypto_generichash_init(&d->state, NULL, 0, MST_DIGEST_BYTES);
}

void mst_digest_add(mst_digest *d, const void *bytes, int64_t n) {
  if (n > 0) crypto_generichash_update(&d->state, bytes, (unsigned long long)n);
}

void mst_digest_bytes(mst_digest *d, unsigned char bytes[MST_DIGEST_BYTES]) {
  crypto_generichash_final(&d->state, bytes, MST_DIGEST_BYTES);
}

void mst_digest_hex(mst_digest *d, char hex[MST_DIGEST_HEX]) {
  unsigned char hash[MST_DIGEST_BYTES];
  mst_digest_bytes(d, hash);
  sodium_bin2hex(hex, MST_DIGEST_HEX, hash, sizeof hash);
}

void mst_digest_number(mst_digest *d, int64_t value) {
  mst_digest_add(d, &value, sizeof value);
}

static void add_text(mst_digest *d, const char *text) {
  mst_digest_number(d, (int64_t)strlen(text));
  mst_digest_add(d, text, (int64_t)strlen(text));
}

void mst_digest_heading(mst_digest *d, const mst_state_item *item) {
  add_text(d, item->name);
  add_text(d, mst_dtype_name(item->type));
  mst_digest_number(d, item->dims);
  for (int i = 0; i < item->dims; i++) mst_digest_number(d, item->shape[i]);
}
