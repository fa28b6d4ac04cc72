/* Keys: Philox's published vectors, and that every part of a key matters. */
#include <string.h>

#include "core/base/key.h"
#include "tests/harness.h"

static void check_words(const uint32_t *got, const uint32_t *wanted) {
  for (int i = 0; i < 4; i++) ck_assert_uint_eq(got[i], wanted[i]);
}

START_TEST(philox_gives_the_published_vectors) {
  /* Random123, tests/kat_vectors: philox4x32 10. */
  const uint32_t input[3][6] = {
      {0, 0, 0, 0, 0, 0},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0}};
  const uint32_t output[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                 {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                 {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    mst_philox_block(input[i], input[i] + 4, out);
    check_words(out, output[i]);
  }
}
END_TEST

START_TEST(a_key_maps_to_counter_and_key_as_documented) {
  const uint64_t seed = UINT64_C(0x0123456789abcdef), client = UINT64_C(0x500000011);
  const uint32_t seed_counter[4] = {0x89abcdef, 0x01234567, MST_PURPOSE_BATCH, 0};
  const uint32_t high[2] = {5, 0};
  uint32_t mixed[4], wanted[4], got[4];
  mst_philox_block(seed_counter, high, mixed);
  const uint32_t counter[4] = {7, 2, 0x11, 42};
  mst_philox_block(counter, mixed, wanted);
  mst_key_block(mst_key_make(seed, MST_PURPOSE_BATCH, client, 42), (UINT64_C(2) << 32) + 7, got);
  check_words(got, wanted);
}
END_TEST

START_TEST(the_golden_key_and_words_stay) {
  mst_key key = mst_key_make(UINT64_C(20240607123456789), MST_PURPOSE_BATCH, 17, 42);
  ck_assert_uint_eq(key.k[0], 0xd4270e59);
  ck_assert_uint_eq(key.k[1], 0x65597a10);
  const uint32_t wanted[5] = {0xbb35d29e, 0x8c6946e7, 0xc3917d4e, 0xfed0ef9b, 0x81c1754b};
  mst_stream s = mst_stream_of(key);
  for (int i = 0; i < 5; i++) ck_assert_uint_eq(mst_stream_u32(&s), wanted[i]);
  s = mst_stream_of(key);
  ck_assert(mst_stream_u64(&s) == UINT64_C(0x8c6946e7bb35d29e));
}
END_TEST

START_TEST(two_cursors_of_one_key_agree) {
  mst_key key = mst_key_make(1, MST_PURPOSE_TEST, 2, 3);
  mst_stream s = mst_stream_of(key), t = mst_stream_of(key);
  (void)mst_stream_u32(&s);
  (void)mst_stream_u64(&s);
  for (int i = 0; i < 3; i++) (void)mst_stream_u32(&t);
  for (int i = 0; i < 100; i++) ck_assert_uint_eq(mst_stream_u32(&s), mst_stream_u32(&t));
}
END_TEST

/* Bits in which the first 64 blocks of two keys differ; 4096 +- 45 when independent. */
static int distance(mst_key a, mst_key b) {
  int bits = 0;
  for (uint64_t i = 0; i < 64; i++) {
    uint32_t x[4], y[4];
    mst_key_block(a, i, x);
    mst_key_block(b, i, y);
    for (int j = 0; j < 4; j++) bits += __builtin_popcount(x[j] ^ y[j]);
  }
  return bits;
}

START_TEST(keys_that_differ_in_one_bit_of_one_part_are_unrelated) {
  mst_key base = mst_key_make(99, MST_PURPOSE_COHORT, 5, 6);
  for (int bit = 0; bit < 64; bit++) {
    uint64_t flip = UINT64_C(1) << bit;
    const mst_key other[3] = {mst_key_make(99 ^ flip, MST_PURPOSE_COHORT, 5, 6),
                              mst_key_make(99, MST_PURPOSE_COHORT, 5 ^ flip, 6),
                              mst_key_make(99, MST_PURPOSE_COHORT, 5, 6 ^ flip)};
    for (int i = 0; i < 3; i++) {
      int d = distance(base, other[i]);
      ck_assert_msg(d > 4096 - 250 && d < 4096 + 250, "part %d bit %d: %d", i, bit, d);
    }
  }
  for (int p = MST_PURPOSE_TEST; p <= MST_PURPOSE_SPLIT; p++) {
    int d = distance(base, mst_key_make(99, (mst_purpose)p, 5, 6));
    if (p == MST_PURPOSE_COHORT)
      ck_assert_int_eq(d, 0);
    else
      ck_assert_int_gt(d, 4096 - 250);
  }
}
END_TEST

START_TEST(blocks_side_by_side_are_those_taken_singly) {
  const mst_key key = mst_key_make(5, MST_PURPOSE_RULE, 3, 8);
  const uint64_t first = (UINT64_C(1) << 32) - 40; /* the index passes into its high word */
  uint32_t got[4 * 100 + 1], want[4];
  for (int64_t n = 0; n <= 100; n += n < 34 ? 1 : 11) {
    got[4 * n] = 12345;
    mst_key_blocks(key, first, n, got);
    ck_assert_uint_eq(got[4 * n], 12345);
    for (int64_t b = 0; b < n; b++) {
      mst_key_block(key, first + (uint64_t)b, want);
      ck_assert_mem_eq(got + 4 * b, want, sizeof want);
    }
  }
}
END_TEST

START_TEST(client_and_round_cannot_be_exchanged) {
  ck_assert_int_gt(
      distance(mst_key_make(1, MST_PURPOSE_TEST, 2, 3), mst_key_make(1, MST_PURPOSE_TEST, 3, 2)),
      4096 - 250);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("key");
  TCase *c = tcase_create("key");
  tcase_add_test(c, philox_gives_the_published_vectors);
  tcase_add_test(c, a_key_maps_to_counter_and_key_as_documented);
  tcase_add_test(c, the_golden_key_and_words_stay);
  tcase_add_test(c, two_cursors_of_one_key_agree);
  tcase_add_test(c, keys_that_differ_in_one_bit_of_one_part_are_unrelated);
  tcase_add_test(c, blocks_side_by_side_are_those_taken_singly);
  tcase_add_test(c, client_and_round_cannot_be_exchanged);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
