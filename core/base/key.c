/* Keys: the Philox4x32-10 block function and how (seed, purpose, client, round, index) map to it.
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.3. */
#include "core/base/key.h"

#define ROUNDS       10
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
