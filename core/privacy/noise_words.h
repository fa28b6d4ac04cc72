/* What the laws share: the words of a block, and the walk over the blocks of a piece. Private to
 * core/privacy and core/secure; all functions are Local. */
#ifndef MST_CORE_PRIVACY_NOISE_WORDS_H
#define MST_CORE_PRIVACY_NOISE_WORDS_H

#include <stddef.h>

#include "core/privacy/noise.h"

/** word(n) = the words of a block from its chunk `chunk` (64 bytes each) on; n a multiple of 8. */
void mst_noise_words(const mst_noise *noise, uint64_t block, uint64_t chunk, int n, uint64_t *word);

/* Make the first n entries of a block, 1 <= n <= MST_NOISE_BLOCK; it may make more, up to a block.
 * An entry never depends on n. */
typedef void (*mst_noise_fill)(const void *law, const mst_noise *noise, uint64_t block, int n,
                               void *out);

/** out(n) = entries [first, first + n) of `size` <= 8 bytes each, block by block. */
void mst_noise_blocks(const mst_noise *noise, int64_t first, int64_t n, mst_noise_fill fill,
                      const void *law, size_t size, void *out);

#endif
