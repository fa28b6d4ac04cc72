/* Keys that two clients agree on over a server: X25519 (RFC 7748) and BLAKE2b, through libsodium.
 * All functions are Local. */
#ifndef MST_CORE_SECURE_AGREEMENT_H
#define MST_CORE_SECURE_AGREEMENT_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/noise.h"

#define MST_AGREEMENT_BYTES 32 /* of a key, public or secret */

/** The public key of a secret one, which is any 32 bytes. */
void mst_agreement_public(const unsigned char key[MST_AGREEMENT_BYTES],
                          unsigned char open[MST_AGREEMENT_BYTES]);

/** The seed that the owner of `key` shares, in this round, with the owner of the public key
 * `other`, who finds the same: BLAKE2b, keyed with X25519(key, other), of both public keys and the
 * round.
 *  \return MST_OK, or MST_ERR_INPUT for a public key of small order, with which no secret can be
 *          shared. Cost: one multiplication on the curve, some 30 microseconds. */
mst_status mst_agreement_seed(const unsigned char key[MST_AGREEMENT_BYTES],
                              const unsigned char open[MST_AGREEMENT_BYTES],
                              const unsigned char other[MST_AGREEMENT_BYTES], uint64_t round,
                              mst_noise *seed) MST_CHECKED;

#endif
