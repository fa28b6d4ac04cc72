/* Agreement on the curve; what it gives is hashed, because a point is not uniform. */
#include "core/secure/agreement.h"

#include <string.h>

#include <sodium.h>

_Static_assert(MST_AGREEMENT_BYTES == crypto_scalarmult_BYTES, "a point of X25519");
_Static_assert(MST_AGREEMENT_BYTES == crypto_scalarmult_SCALARBYTES, "a scalar of X25519");
_Static_assert(MST_AGREEMENT_BYTES == crypto_generichash_KEYBYTES, "a key of BLAKE2b");

void mst_agreement_public(const unsigned char key[MST_AGREEMENT_BYTES],
                          unsigned char open[MST_AGREEMENT_BYTES]) {
  (void)!sodium_init();                     /* only chooses the vectorised code here */
  (void)!crypto_scalarmult_base(open, key); /* fails for no scalar */
}

mst_status mst_agreement_seed(const unsigned char key[MST_AGREEMENT_BYTES],
                              const unsigned char open[MST_AGREEMENT_BYTES],
                              const unsigned char other[MST_AGREEMENT_BYTES], uint64_t round,
                              mst_noise *seed) {
  unsigned char point[MST_AGREEMENT_BYTES];
  struct {
    unsigned char lesser[MST_AGREEMENT_BYTES], greater[MST_AGREEMENT_BYTES];
    uint64_t round;
  } name;
  const bool first = memcmp(open, other, MST_AGREEMENT_BYTES) < 0;
  memcpy(name.lesser, first ? open : other, sizeof name.lesser);
  memcpy(name.greater, first ? other : open, sizeof name.greater);
  name.round = round;
  (void)!sodium_init();
  if (crypto_scalarmult(point, key, other) != 0)
    return mst_fail(MST_ERR_INPUT, "a public key of small order: no secret can be shared with it");
  crypto_generichash(seed->key, sizeof seed->key, (const unsigned char *)&name, sizeof name, point,
                     sizeof point);
  sodium_memzero(point, sizeof point);
  return MST_OK;
}
