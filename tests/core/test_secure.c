/* Secure aggregation without MPI: shares, agreed seeds, graphs, and whole rounds with clients that
 * are gone. Keys are fixed; a passing draw stays a passing draw. */
#include "core/base/memory.h"
#include "core/secure/round.h"
#include "core/secure/stream.h"
#include "tests/core/noise_check.h"

enum {
  MOST = 40,
  ENTRIES = 5000
};

static mst_secret run_secret(void) {
  return mst_secret_test(99);
}

/* Shares 0 .. n-1 of the seed's key, for holders 1 .. n. */
static void deal(int64_t threshold, int64_t n, const mst_noise *of, mst_shamir_share *share) {
  int64_t holder[MOST];
  const mst_noise noise = test_noise(777);
  for (int64_t i = 0; i < n; i++) holder[i] = i + 1;
  ck_ok(mst_shamir_deal(of->key, threshold, &noise, n, holder, share));
}

START_TEST(any_threshold_of_the_shares_give_the_secret) {
  mst_shamir_share share[MOST], some[MOST];
  unsigned char back[MST_SECRET_BYTES];
  const mst_noise of = test_noise(5);
  for (int64_t threshold = 1; threshold <= 7; threshold += 2) {
    deal(threshold, 9, &of, share);
    for (int first = 0; first < 9; first++) {
      for (int k = 0; k < 9; k++) some[k] = share[(first + 2 * k) % 9];
      memset(back, 0, sizeof back);
      ck_ok(mst_shamir_join(threshold, threshold, some, back));
      ck_assert_mem_eq(back, of.key, sizeof back);
    }
  }
}
END_TEST

START_TEST(too_few_shares_are_refused_and_give_nothing) {
  mst_shamir_share share[MOST];
  unsigned char back[MST_SECRET_BYTES], zero[MST_SECRET_BYTES] = {0};
  const mst_noise of = test_noise(5);
  deal(4, 6, &of, share);
  ck_refused(mst_shamir_join(4, 3, share, back), MST_ERR_INPUT, "needs 4 of them, and 3 are there");
  /* Three points lie on many curves of degree 3; the one of degree 2 is another. */
  ck_refused(mst_shamir_join(3, 3, share, back), MST_ERR_INPUT, "one of them is wrong");
  ck_assert_mem_eq(back, zero, sizeof zero);
}
END_TEST

START_TEST(a_wrong_share_is_refused) {
  mst_shamir_share share[MOST];
  unsigned char back[MST_SECRET_BYTES];
  const mst_noise of = test_noise(6);
  for (int w = 0; w < MST_SHAMIR_WORDS; w++) {
    deal(3, 5, &of, share);
    share[1].word[w] ^= 1;
    ck_refused(mst_shamir_join(3, 5, share, back), MST_ERR_INPUT, "one of them is wrong");
  }
  deal(3, 5, &of, share);
  share[2] = share[0];
  ck_refused(mst_shamir_join(3, 5, share, back), MST_ERR_INPUT, "holder 1 gives two shares");
  deal(3, 5, &of, share);
  share[2].holder = 4; /* another's share under this name */
  ck_refused(mst_shamir_join(3, 5, share, back), MST_ERR_INPUT, "one of them is wrong");
}
END_TEST

/* One share less than the threshold is uniform whatever the secret: its words' top bytes are. */
START_TEST(fewer_shares_say_nothing_of_the_secret) {
  enum {
    TIMES = 4000,
    BINS = 61
  };
  double count[BINS] = {0}, expected[BINS];
  const unsigned char secret[MST_SECRET_BYTES] = {0};
  const int64_t holder = 1;
  for (uint64_t k = 0; k < TIMES; k++) {
    mst_shamir_share share;
    const mst_noise noise = test_noise(1000 + k);
    ck_ok(mst_shamir_deal(secret, 2, &noise, 1, &holder, &share));
    for (int w = 0; w < MST_SHAMIR_WORDS; w++)
      count[(int)((double)share.word[w] / 0x1p61 * BINS)]++;
  }
  for (int b = 0; b < BINS; b++) expected[b] = (double)TIMES * MST_SHAMIR_WORDS / BINS;
  check_counts(BINS, count, expected, "words of a share");
}
END_TEST

/* RFC 7748, section 6.1. */
START_TEST(public_keys_are_those_of_the_standard) {
  const unsigned char key[MST_AGREEMENT_BYTES] = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
                                                  0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
                                                  0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a,
                                                  0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
  const unsigned char right[MST_AGREEMENT_BYTES] = {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54,
                                                    0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a,
                                                    0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4,
                                                    0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
  unsigned char open[MST_AGREEMENT_BYTES];
  mst_agreement_public(key, open);
  ck_assert_mem_eq(open, right, sizeof right);
}
END_TEST

START_TEST(both_sides_agree_on_a_seed_and_no_third_and_no_other_round_has_it) {
  mst_noise key[3], seed[2], other;
  unsigned char open[3][MST_AGREEMENT_BYTES];
  for (int i = 0; i < 3; i++) {
    key[i] = test_noise((uint64_t)i);
    mst_agreement_public(key[i].key, open[i]);
  }
  ck_ok(mst_agreement_seed(key[0].key, open[0], open[1], 4, &seed[0]));
  ck_ok(mst_agreement_seed(key[1].key, open[1], open[0], 4, &seed[1]));
  ck_assert_mem_eq(seed[0].key, seed[1].key, sizeof seed[0].key);
  ck_ok(mst_agreement_seed(key[2].key, open[2], open[0], 4, &other));
  ck_assert(memcmp(seed[0].key, other.key, sizeof other.key) != 0);
  ck_ok(mst_agreement_seed(key[0].key, open[0], open[1], 5, &other));
  ck_assert(memcmp(seed[0].key, other.key, sizeof other.key) != 0);
  const unsigned char zero[MST_AGREEMENT_BYTES] = {0};
  ck_refused(mst_agreement_seed(key[0].key, open[0], zero, 4, &other), MST_ERR_INPUT,
             "small order");
}
END_TEST

START_TEST(a_mask_in_pieces_is_the_mask) {
  static int64_t whole[ENTRIES], part[ENTRIES];
  const mst_noise seed = test_noise(3);
  const int64_t cut[] = {0, 1, 7, 8, 13, 2050, 2051, 4096, ENTRIES};
  memset(whole, 0, sizeof whole);
  memset(part, 0, sizeof part);
  mst_secure_stream_add(&seed, 0, ENTRIES, false, whole);
  for (size_t k = 1; k < sizeof cut / sizeof *cut; k++)
    mst_secure_stream_add(&seed, cut[k - 1], cut[k] - cut[k - 1], false, part + cut[k - 1]);
  ck_assert_mem_eq(whole, part, sizeof whole);
  mst_secure_stream_add(&seed, 100, ENTRIES - 100, true, whole + 100);
  for (int i = 100; i < ENTRIES; i++) ck_assert_int_eq(whole[i], 0);
}
END_TEST

START_TEST(every_graph_is_symmetric_and_has_its_degree) {
  for (int64_t n = 1; n <= 24; n++)
    for (int64_t asked = 0; asked <= n + 1; asked++) {
      mst_secure_graph g;
      bool joined[24][24] = {{false}};
      int64_t list[24];
      ck_ok(mst_secure_graph_make(n, asked, mst_key_make(7, MST_PURPOSE_TEST, 0, (uint64_t)n), &g));
      ck_assert_int_eq(g.degree, mst_secure_degree(n, asked));
      ck_assert_int_ge(g.degree, asked < n - 1 ? asked : n - 1);
      for (int64_t i = 0; i < n; i++) {
        mst_secure_graph_neighbours(&g, i, list);
        for (int64_t k = 0; k < g.degree; k++) {
          ck_assert_int_ne(list[k], i);
          ck_assert(!joined[i][list[k]]);
          joined[i][list[k]] = true;
        }
      }
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) ck_assert(joined[i][j] == joined[j][i]);
      mst_secure_graph_free(&g);
    }
}
END_TEST

/* A round: who survives, what it sends, and the true sum of the survivors' vectors. */
typedef struct fixture {
  mst_secure_round r;
  int64_t client[MOST];
  bool survives[MOST];
  int64_t sum[ENTRIES], truth[ENTRIES];
} fixture;

static int64_t known(int64_t i, int64_t e) {
  return (i + 1) * 1000003 - e * 7;
}

static void play(fixture *f, int64_t n, int64_t neighbours, double threshold, uint64_t number) {
  static int64_t sent[ENTRIES];
  const mst_secret secret = run_secret();
  const mst_secure_options o = {.threshold = threshold, .neighbours = neighbours, .seed = 3};
  for (int64_t i = 0; i < n; i++) f->client[i] = 10 * i + 3;
  ck_ok(mst_secure_round_open(&o, number, n, f->client, &f->r));
  for (int64_t i = 0; i < n; i++) mst_secure_round_publish(&f->r, &secret, i);
  memset(f->sum, 0, sizeof f->sum);
  memset(f->truth, 0, sizeof f->truth);
  for (int64_t i = 0; i < n; i++) {
    if (!f->survives[i]) continue;
    for (int64_t e = 0; e < ENTRIES; e++) sent[e] = known(i, e);
    ck_ok(mst_secure_round_mask(&f->r, &secret, i, ENTRIES, sent));
    for (int64_t e = 0; e < ENTRIES; e++) {
      f->sum[e] = (int64_t)((uint64_t)f->sum[e] + (uint64_t)sent[e]);
      f->truth[e] += known(i, e);
    }
  }
}

static void unmask(fixture *f, int64_t n) {
  const mst_secret secret = run_secret();
  for (int64_t i = 0; i < n; i++) {
    mst_secure_left left[MOST];
    const int64_t count = mst_secure_round_left(&f->r, f->survives, i);
    if (count == 0) continue;
    ck_ok(mst_secure_round_recover(&f->r, &secret, f->survives, i, left));
    for (int64_t k = 0; k < count; k++)
      mst_secure_stream_add(&left[k].seed, 0, ENTRIES, !left[k].minus, f->sum);
  }
}

START_TEST(what_is_left_after_unmasking_is_the_sum_of_the_survivors) {
  static fixture f;
  const int64_t sizes[] = {2, 3, 8, 25}, degrees[] = {0, 4, 9};
  for (int s = 0; s < 4; s++)
    for (int d = 0; d < 3; d++)
      for (int gone = 0; gone < 3; gone++) {
        const int64_t n = sizes[s];
        for (int64_t i = 0; i < n; i++) f.survives[i] = gone == 0 || n < 8 || i % 9 != gone;
        play(&f, n, degrees[d], 0.51, (uint64_t)(10 * s + d));
        ck_assert(memcmp(f.sum, f.truth, sizeof f.sum) != 0);
        unmask(&f, n);
        ck_assert_mem_eq(f.sum, f.truth, sizeof f.sum);
        mst_secure_round_close(&f.r);
      }
}
END_TEST

START_TEST(a_sum_without_all_of_the_survivors_is_not_a_sum) {
  static fixture f;
  double count[256] = {0}, expected[256];
  const mst_secret secret = run_secret();
  for (int64_t i = 0; i < 8; i++) f.survives[i] = true;
  play(&f, 8, 0, 0.67, 1);
  /* The server has all seeds of self-masks, and leaves one client's vector out. */
  static int64_t sent[ENTRIES];
  for (int64_t e = 0; e < ENTRIES; e++) sent[e] = known(5, e);
  ck_ok(mst_secure_round_mask(&f.r, &secret, 5, ENTRIES, sent));
  unmask(&f, 8);
  for (int64_t e = 0; e < ENTRIES; e++) {
    const uint64_t odd = (uint64_t)f.sum[e] - (uint64_t)sent[e];
    ck_assert_int_ne((int64_t)odd, f.truth[e] - known(5, e));
    for (int b = 0; b < 8; b++) count[odd >> (8 * b) & 255]++;
  }
  for (int b = 0; b < 256; b++) expected[b] = 8.0 * ENTRIES / 256;
  check_counts(256, count, expected, "bytes of a sum without one client");
  mst_secure_round_close(&f.r);
}
END_TEST

START_TEST(what_a_client_sends_is_uniform_whatever_its_vector) {
  static fixture f;
  const mst_secret secret = run_secret();
  for (int64_t i = 0; i < 4; i++) f.survives[i] = true;
  play(&f, 4, 0, 0.67, 2);
  for (int64_t i = 0; i < 4; i++) {
    double count[256] = {0}, expected[256];
    static int64_t sent[ENTRIES];
    for (int64_t e = 0; e < ENTRIES; e++) sent[e] = i % 2 == 0 ? 0 : known(i, e);
    ck_ok(mst_secure_round_mask(&f.r, &secret, i, ENTRIES, sent));
    for (int64_t e = 0; e < ENTRIES; e++)
      for (int b = 0; b < 8; b++) count[(uint64_t)sent[e] >> (8 * b) & 255]++;
    for (int b = 0; b < 256; b++) expected[b] = 8.0 * ENTRIES / 256;
    check_counts(256, count, expected, "bytes of a masked vector");
  }
  mst_secure_round_close(&f.r);
}
END_TEST

/* Without its own mask a client whose vector comes late, after its pairwise masks were rebuilt,
 * would be read: with it, taking those away leaves the self-mask. */
START_TEST(a_late_vector_stays_hidden_behind_its_own_mask) {
  static fixture f;
  static int64_t sent[ENTRIES];
  const mst_secret secret = run_secret();
  mst_secure_left left[MOST];
  for (int64_t i = 0; i < 6; i++) f.survives[i] = i != 2;
  play(&f, 6, 0, 0.67, 3);
  for (int64_t e = 0; e < ENTRIES; e++) sent[e] = known(2, e);
  ck_ok(mst_secure_round_mask(&f.r, &secret, 2, ENTRIES, sent));
  ck_ok(mst_secure_round_recover(&f.r, &secret, f.survives, 2, left));
  for (int k = 0; k < 5; k++) /* the client's own signs */
    mst_secure_stream_add(&left[k].seed, 0, ENTRIES, left[k].minus, sent);
  int64_t same = 0;
  for (int64_t e = 0; e < ENTRIES; e++) same += sent[e] == known(2, e);
  ck_assert_int_eq(same, 0);
  const mst_noise self = mst_noise_of(&secret, MST_NOISE_MASK_SELF, 1 + 23, 3);
  mst_secure_stream_add(&self, 0, ENTRIES, true, sent);
  for (int64_t e = 0; e < ENTRIES; e++) ck_assert_int_eq(sent[e], known(2, e));
  mst_secure_round_close(&f.r);
}
END_TEST

START_TEST(too_few_survivors_cannot_unmask) {
  static fixture f;
  mst_secure_left left[MOST];
  const mst_secret secret = run_secret();
  for (int64_t i = 0; i < 9; i++) f.survives[i] = i < 5;
  play(&f, 9, 0, 0.67, 1); /* 7 of 9 */
  ck_assert_int_eq(f.r.threshold, 7);
  ck_assert_int_eq(mst_secure_round_holders(&f.r, f.survives, 0), 5);
  ck_refused(mst_secure_round_recover(&f.r, &secret, f.survives, 0, left), MST_ERR_INPUT,
             "client 3: too few shares: a secret needs 7 of them, and 5 are there");
  ck_refused(mst_secure_round_recover(&f.r, &secret, f.survives, 8, left), MST_ERR_INPUT,
             "client 83: too few shares");
  mst_secure_round_close(&f.r);
}
END_TEST

START_TEST(a_key_that_is_not_the_public_keys_is_refused) {
  static fixture f;
  mst_secure_left left[MOST];
  const mst_secret secret = run_secret();
  for (int64_t i = 0; i < 5; i++) f.survives[i] = i != 4;
  play(&f, 5, 0, 0.67, 1);
  f.r.open[4 * MST_SECURE_KEY_WORDS] ^= 1;
  ck_refused(mst_secure_round_recover(&f.r, &secret, f.survives, 4, left), MST_ERR_INTERNAL,
             "not of its public key");
  mst_secure_round_close(&f.r);
}
END_TEST

START_TEST(no_two_rounds_and_no_two_clients_share_a_mask) {
  static fixture f;
  static int64_t sent[4][8];
  const mst_secret secret = run_secret();
  for (int64_t i = 0; i < 3; i++) f.survives[i] = false;
  for (uint64_t round = 0; round < 2; round++) {
    play(&f, 3, 0, 0.67, round);
    for (int64_t i = 0; i < 2; i++)
      ck_ok(mst_secure_round_mask(&f.r, &secret, i, 8, sent[2 * round + (uint64_t)i]));
    mst_secure_round_close(&f.r);
  }
  for (int a = 0; a < 32; a++)
    for (int b = 0; b < a; b++) ck_assert_int_ne(sent[a / 8][a % 8], sent[b / 8][b % 8]);
}
END_TEST

START_TEST(options_out_of_range_are_refused_and_thresholds_round_up) {
  mst_secure_options o = {.threshold = 0.5};
  ck_refused(mst_secure_check(&o), MST_ERR_INPUT, "secure.threshold is 0.5");
  o.threshold = 0.67;
  o.dropout = 1;
  ck_refused(mst_secure_check(&o), MST_ERR_INPUT, "secure.dropout is 1");
  o.dropout = 0.1;
  o.neighbours = -1;
  ck_refused(mst_secure_check(&o), MST_ERR_INPUT, "secure.neighbours is -1");
  o.neighbours = 0;
  ck_ok(mst_secure_check(&o));
  ck_assert_int_eq(mst_secure_threshold(&o, 99), 67);
  ck_assert_int_eq(mst_secure_threshold(&o, 2), 3);
  ck_assert_int_eq(mst_secure_threshold(&o, 1), 2);
  ck_assert_int_eq(mst_secure_threshold(&o, 0), 1);
}
END_TEST

START_TEST(clients_drop_at_the_rate_that_is_asked_for) {
  const mst_secure_options o = {.threshold = 0.67, .dropout = 0.2, .seed = 5};
  double gone = 0;
  for (int64_t k = 0; k < 20000; k++) gone += mst_secure_drops(&o, k % 200, (uint64_t)(k / 200));
  check_share(gone, 20000, 0.2, "clients that are gone");
}
END_TEST

/* By hand: 10 clients of 4 neighbours, 8 of which survive. */
START_TEST(bytes_are_those_of_the_protocols_messages) {
  const mst_secure_options o = {.threshold = 0.67, .neighbours = 4};
  const mst_secure_bytes b = mst_secure_traffic(&o, 10, 8);
  ck_assert_int_eq(b.up, 10 * (64 + 4 * 112) + 8 * 5 * 48);
  ck_assert_int_eq(b.down, 10 * 4 * (64 + 112) + 8);
}
END_TEST

START_TEST(an_allocation_that_fails_is_an_error) {
  const mst_secure_options o = {.threshold = 0.67};
  const int64_t client[3] = {0, 1, 2};
  mst_secure_round r;
  for (int64_t k = 1; k <= 4; k++) {
    mst_memory_fail_at(k);
    ck_assert_int_eq(mst_secure_round_open(&o, 0, 3, client, &r), MST_ERR_MEMORY);
  }
  mst_memory_fail_at(0);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("secure");
  TCase *c = tcase_create("secure");
  tcase_add_test(c, any_threshold_of_the_shares_give_the_secret);
  tcase_add_test(c, too_few_shares_are_refused_and_give_nothing);
  tcase_add_test(c, a_wrong_share_is_refused);
  tcase_add_test(c, fewer_shares_say_nothing_of_the_secret);
  tcase_add_test(c, public_keys_are_those_of_the_standard);
  tcase_add_test(c, both_sides_agree_on_a_seed_and_no_third_and_no_other_round_has_it);
  tcase_add_test(c, a_mask_in_pieces_is_the_mask);
  tcase_add_test(c, every_graph_is_symmetric_and_has_its_degree);
  tcase_add_test(c, what_is_left_after_unmasking_is_the_sum_of_the_survivors);
  tcase_add_test(c, a_sum_without_all_of_the_survivors_is_not_a_sum);
  tcase_add_test(c, what_a_client_sends_is_uniform_whatever_its_vector);
  tcase_add_test(c, a_late_vector_stays_hidden_behind_its_own_mask);
  tcase_add_test(c, too_few_survivors_cannot_unmask);
  tcase_add_test(c, a_key_that_is_not_the_public_keys_is_refused);
  tcase_add_test(c, no_two_rounds_and_no_two_clients_share_a_mask);
  tcase_add_test(c, options_out_of_range_are_refused_and_thresholds_round_up);
  tcase_add_test(c, clients_drop_at_the_rate_that_is_asked_for);
  tcase_add_test(c, bytes_are_those_of_the_protocols_messages);
  tcase_add_test(c, an_allocation_that_fails_is_an_error);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
