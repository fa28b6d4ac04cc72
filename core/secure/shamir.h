/* Shamir's secret sharing (Shamir, "How to share a secret", CACM 1979), over the prime field of
 * 2^61 - 1, so that a secret may have as many holders as a federation has clients.
 *
 * A secret of 32 bytes and a tag of it (10 bytes of BLAKE2b) are six numbers of 56 bits; each is
 * the value at 0 of a random polynomial of degree threshold - 1, and a holder's share its value at
 * the holder's number. Any `threshold` shares give the secret, fewer say nothing of it; the tag
 * tells a share that is wrong, but for a chance of 2^-80. All functions are Local. */
#ifndef MST_CORE_SECURE_SHAMIR_H
#define MST_CORE_SECURE_SHAMIR_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/noise.h"

#define MST_SHAMIR_WORDS 6
#define MST_SHAMIR_BYTES (8 * MST_SHAMIR_WORDS) /* of a share, as it is sent */

typedef struct mst_shamir_share {
  int64_t holder; /* 1 .. 2^61 - 2 */
  uint64_t word[MST_SHAMIR_WORDS];
} mst_shamir_share;

/** share(n) of a secret for the holders of these numbers, all different; 1 <= threshold. The
 *  polynomials come from the noise, which is of this secret alone.
 *  \return MST_OK, MST_ERR_INPUT for a threshold or a number that cannot be, or MST_ERR_MEMORY.
 *  Cost: 6 n threshold products. */
mst_status mst_shamir_deal(const unsigned char secret[MST_SECRET_BYTES], int64_t threshold,
                           const mst_noise *noise, int64_t n, const int64_t *holder,
                           mst_shamir_share *share) MST_CHECKED;

/** The secret, from the first `threshold` of share(n).
 *  \return MST_OK; MST_ERR_INPUT for too few shares, two of one holder, or a share that is wrong (or
 *          dealt for another secret or threshold); then secret is zero.
 *  Cost: threshold^2 products. */
mst_status mst_shamir_join(int64_t threshold, int64_t n, const mst_shamir_share *share,
                           unsigned char secret[MST_SECRET_BYTES]) MST_CHECKED;

#endif
