/* Masks: the words of a seed's ChaCha20 stream, added to whole numbers modulo 2^64. */
#ifndef MST_CORE_SECURE_STREAM_H
#define MST_CORE_SECURE_STREAM_H

#include <stdint.h>

#include "core/privacy/noise.h"

/** whole(n) += entries [first, first + n) of the seed's mask, modulo 2^64; or -= them where
 * `minus`. An entry is a pure function of seed and place, so that any part of a mask can be taken
 * away alone. first >= 0. Local. Cost: that of 8 n bytes of ChaCha20. */
void mst_secure_stream_add(const mst_noise *seed, int64_t first, int64_t n, bool minus,
                           int64_t *whole);

#endif
