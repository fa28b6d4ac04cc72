/* The table of samplers' entries. Private to core/privacy. */
#ifndef MST_CORE_PRIVACY_SAMPLER_MEMBER_H
#define MST_CORE_PRIVACY_SAMPLER_MEMBER_H

#include "core/privacy/sampler.h"

extern const mst_sampler_ops mst_sampler_poisson, mst_sampler_fixed, mst_sampler_full,
    mst_sampler_cyclic;

/** Record i's 64 bits in a stream, word i % MST_NOISE_BLOCK of its block; records are asked for in
 *  ascending order, `begin` at the first. Close the cursor when done. */
static inline uint64_t mst_sampler_word_of(const mst_noise *stream, mst_noise_cursor *c, int64_t i,
                                           bool begin) {
  if (begin || i % MST_NOISE_BLOCK == 0) {
    mst_noise_open(c, stream, (uint64_t)(i / MST_NOISE_BLOCK), MST_NOISE_BLOCK);
    for (int64_t k = 0; k < i % MST_NOISE_BLOCK; k++) mst_noise_u64(c);
  }
  return mst_noise_u64(c);
}

/** The same in the stream of the step. */
static inline uint64_t mst_sampler_word(const mst_sampler *s, mst_noise_cursor *c, int64_t i,
                                        bool begin) {
  return mst_sampler_word_of(&s->stream, c, i, begin);
}

#endif
