/* Digest: BLAKE2b-256 over bytes, through libsodium. */
#ifndef MST_CORE_BASE_DIGEST_H
#define MST_CORE_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "core/base/state.h"

#define MST_DIGEST_BYTES 32
#define MST_DIGEST_HEX (2 * MST_DIGEST_BYTES + 1) /* with the terminating zero */

typedef struct mst_digest {
  crypto_generichash_state state;
} mst_digest;

/** Start, feed, finish. mst_digest_hex writes MST_DIGEST_HEX characters and ends the digest;
 *  mst_digest_bytes ends it too.
 *  Numbers are fed as they lie in memory (little-endian machines only, checked by configure).
 *  Local. */
void mst_digest_start(mst_digest *d);
void mst_digest_add(mst_digest *d, const void *bytes, int64_t n);
void mst_digest_hex(mst_digest *d, char hex[MST_DIGEST_HEX]);
void mst_digest_bytes(mst_digest *d, unsigned char bytes[MST_DIGEST_BYTES]);

/** Feed a number as 8 bytes; what stands in front of an array's contents in the digest of a state
 *  list: name, type, dimensions and whole shape (comm/digest.c lays them down). Local. */
void mst_digest_number(mst_digest *d, int64_t value);
void mst_digest_heading(mst_digest *d, const mst_state_item *item);

#endif
