/* Words are made in pieces that stay in the first cache. */
#include "core/secure/stream.h"

#include <sodium.h>

#include "core/base/arithmetic.h"
#include "core/privacy/noise_words.h"

#define PIECE 2048 /* words at a time */
#define CHUNK 8    /* words that ChaCha20 counts as one */

void mst_secure_stream_add(const mst_noise *seed, int64_t first, int64_t n, bool minus,
                           int64_t *whole) {
  uint64_t word[PIECE];
  for (int64_t done = 0; done < n;) {
    const int64_t at = first + done, skip = at % CHUNK;
    const int64_t m = mst_least(n - done, PIECE - skip);
    uint64_t *sum = (uint64_t *)whole + done;
    mst_noise_words(seed, 0, (uint64_t)(at / CHUNK), (int)(mst_ceil_div(skip + m, CHUNK) * CHUNK),
                    word);
    if (minus)
      for (int64_t i = 0; i < m; i++) sum[i] -= word[skip + i];
    else
      for (int64_t i = 0; i < m; i++) sum[i] += word[skip + i];
    done += m;
  }
  sodium_memzero(word, sizeof word);
}
