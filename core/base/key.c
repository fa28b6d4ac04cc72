/* Keys: the Philox4x32-10 block function and how (seed, purpose, client, round, index) map to it.
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.3. */
#include "core/base/key.h"

#include "core/base/wide.h"

#define ROUNDS       10
#define TOGETHER     32 /* blocks side by side: fewer are not taken for lanes of a vector */
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0       0x9E3779B9u /* golden ratio        */
#define WEYL_1       0xBB67AE85u /* square root of 3, -1 */

void mst_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int r = 0; r < ROUNDS; r++) {
    uint64_t p0 = (uint64_t)MULTIPLIER_0 * x0;
    uint64_t p1 = (uint64_t)MULTIPLIER_1 * x2;
    x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
    x1 = (uint32_t)p1;
    x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
    x3 = (uint32_t)p0;
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

mst_key mst_key_make(uint64_t seed, mst_purpose purpose, uint64_t client, uint64_t round) {
  const uint32_t counter[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)purpose, 0};
  const uint32_t high[2] = {(uint32_t)(client >> 32), (uint32_t)(round >> 32)};
  uint32_t mixed[4];
  mst_philox_block(counter, high, mixed);
  return (mst_key){.k = {mixed[0], mixed[1]}, .c = {(uint32_t)client, (uint32_t)round}};
}

void mst_key_block(mst_key key, uint64_t index, uint32_t out[4]) {
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), key.c[0], key.c[1]};
  mst_philox_block(counter, key.k, out);
}

MST_WIDE_BODY blocks_body(mst_key key, uint64_t first, uint32_t *out) {
  uint32_t x0[TOGETHER], x1[TOGETHER], x2[TOGETHER], x3[TOGETHER];
  uint32_t k0 = key.k[0], k1 = key.k[1];
  for (int l = 0; l < TOGETHER; l++) {
    const uint64_t index = first + (uint64_t)l;
    x0[l] = (uint32_t)index;
    x1[l] = (uint32_t)(index >> 32);
    x2[l] = key.c[0];
    x3[l] = key.c[1];
  }
#pragma GCC unroll 1
  for (int r = 0; r < ROUNDS; r++) {
    for (int l = 0; l < TOGETHER; l++) {
      const uint64_t p0 = (uint64_t)MULTIPLIER_0 * x0[l], p1 = (uint64_t)MULTIPLIER_1 * x2[l];
      x0[l] = (uint32_t)(p1 >> 32) ^ x1[l] ^ k0;
      x1[l] = (uint32_t)p1;
      x2[l] = (uint32_t)(p0 >> 32) ^ x3[l] ^ k1;
      x3[l] = (uint32_t)p0;
    }
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  for (int l = 0; l < TOGETHER; l++) {
    out[4 * l] = x0[l];
    out[4 * l + 1] = x1[l];
    out[4 * l + 2] = x2[l];
    out[4 * l + 3] = x3[l];
  }
}
MST_WIDE(blocks, (mst_key key, uint64_t first, uint32_t *out), (key, first, out))

void mst_key_blocks(mst_key key, uint64_t first, int64_t n, uint32_t *out) {
  int64_t b = 0;
  for (; b + TOGETHER <= n; b += TOGETHER) blocks(key, first + (uint64_t)b, out + 4 * b);
  for (; b < n; b++) mst_key_block(key, first + (uint64_t)b, out + 4 * b);
}

int64_t mst_stream_choose(mst_stream *s, int64_t n, const double *chance) {
  double left = mst_stream_uniform(s);
  int64_t last = 0;
  for (int64_t i = 0; i < n; i++) {
    if (chance[i] <= 0) continue;
    last = i;
    left -= chance[i];
    if (left < 0) break;
  }
  return last;
}
