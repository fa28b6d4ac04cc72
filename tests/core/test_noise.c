/* Secret noise: streams never meet, pieces in any order have the same bits, and the laws on the
 * reals are what they are called. Keys are fixed; a passing draw stays a passing draw. */
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/base/normal.h"
#include "core/privacy/discrete.h"
#include "core/privacy/skellam.h"
#include "tests/core/noise_check.h"

#define N 40000

static int ascending(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static int ascending_reals(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void words(const mst_noise *noise, uint64_t block, int ahead, int n, uint64_t *out) {
  mst_noise_cursor c;
  mst_noise_open(&c, noise, block, ahead);
  for (int i = 0; i < n; i++) out[i] = mst_noise_u64(&c);
  mst_noise_close(&c);
}

START_TEST(no_two_streams_share_a_word) {
  enum {
    WORDS = 64,
    STREAMS = 2 * 3 * 4 * 4 * 2
  };
  static uint64_t all[STREAMS * WORDS];
  int at = 0;
  for (uint64_t seed = 1; seed <= 2; seed++)
    for (int purpose = 1; purpose <= 3; purpose++)
      for (uint64_t share = 0; share < 4; share++)
        for (uint64_t step = 0; step < 4; step++)
          for (uint64_t block = 0; block < 2; block++) {
            const mst_secret secret = mst_secret_test(seed);
            const mst_noise noise = mst_noise_of(&secret, (mst_noise_purpose)purpose, share, step);
            words(&noise, block, 8, WORDS, all + WORDS * at++);
          }
  ck_assert_int_eq(at, STREAMS);
  qsort(all, STREAMS * WORDS, sizeof *all, ascending);
  for (int i = 1; i < STREAMS * WORDS; i++) ck_assert_uint_ne(all[i - 1], all[i]);
}
END_TEST

START_TEST(fresh_secrets_differ_and_only_test_secrets_say_so) {
  mst_secret a, b;
  ck_ok(mst_secret_fresh(&a));
  ck_ok(mst_secret_fresh(&b));
  ck_assert(memcmp(a.key, b.key, sizeof a.key) != 0);
  ck_assert(!a.test && !b.test);
  const mst_secret t = mst_secret_test(7), u = mst_secret_test(7), v = mst_secret_test(8);
  ck_assert(t.test);
  ck_assert_mem_eq(t.key, u.key, sizeof t.key);
  ck_assert(memcmp(t.key, v.key, sizeof t.key) != 0);
  const mst_secret zero = {.test = false};
  mst_secret_wipe(&a);
  ck_assert_mem_eq(a.key, zero.key, sizeof a.key);
}
END_TEST

/* The words by hashlib's BLAKE2b and an independent ChaCha20; the draws as they are. */
START_TEST(the_golden_draws_stay) {
  const mst_secret secret = mst_secret_test(20261123);
  const mst_noise noise = mst_noise_of(&secret, MST_NOISE_SUM, 2, 3);
  const uint64_t golden[3] = {UINT64_C(0xf69a98f98bba9087), UINT64_C(0x72dc295691e7026a),
                              UINT64_C(0xfec86897fe195861)};
  const double gaussian[3] = {-0.46863911066148356, 0.82153350934431291, -0.017145104687752637};
  const double laplace[3] = {-1.1012305693842979, -1.6544412558391517, 7.2678257644681974};
  const int64_t wide_draws[4] = {716705, -804595, 367168, 1424057};
  const int64_t laplace_draws[4] = {39, -13, -31, -7}, skellam_draws[4] = {25, -13, 15, -4};
  uint64_t word[3];
  double x[3];
  int64_t k[4];
  words(&noise, 5, 8, 3, word);
  ck_assert_mem_eq(word, golden, sizeof golden);
  mst_noise_gaussian(&noise, 1000, 3, 2.5, x);
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(x[i], gaussian[i], 1e-15);
  mst_noise_laplace(&noise, 1000, 3, 2.5, x);
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(x[i], laplace[i], 4e-15);
  mst_discrete law;
  mst_skellam parted;
  ck_ok(mst_discrete_gaussian(1e6, &law));
  mst_noise_discrete(&law, &noise, 1000, 4, k);
  ck_assert_mem_eq(k, wide_draws, sizeof k);
  ck_ok(mst_discrete_laplace(20, &law));
  mst_noise_discrete(&law, &noise, 1000, 4, k);
  ck_assert_mem_eq(k, laplace_draws, sizeof k);
  ck_ok(mst_skellam_make(200, &parted));
  mst_noise_skellam(&parted, &noise, 1000, 4, k);
  ck_assert_mem_eq(k, skellam_draws, sizeof k);
}
END_TEST

START_TEST(words_do_not_depend_on_how_far_one_reads_ahead) {
  const mst_noise noise = test_noise(1);
  uint64_t some[700], many[700];
  words(&noise, 3, 8, 700, some);
  words(&noise, 3, MST_NOISE_WORDS, 700, many);
  ck_assert_mem_eq(some, many, sizeof some);
}
END_TEST

/* Every law as 64-bit words, so that bits are compared. */
static mst_discrete wide, narrow, two_sided;
static mst_skellam parts;

static void draw(int law, const mst_noise *noise, int64_t first, int64_t n, int64_t *out) {
  double *real = (double *)out;
  if (law == 0) mst_noise_gaussian(noise, first, n, 2.5, real);
  if (law == 1) mst_noise_laplace(noise, first, n, 2.5, real);
  if (law == 2) mst_noise_discrete(&wide, noise, first, n, out);
  if (law == 3) mst_noise_discrete(&narrow, noise, first, n, out);
  if (law == 4) mst_noise_discrete(&two_sided, noise, first, n, out);
  if (law == 5) mst_noise_skellam(&parts, noise, first, n, out);
}

START_TEST(pieces_in_any_order_have_the_same_bits) {
  enum {
    LENGTH = 3000
  };
  static int64_t whole[LENGTH], pieces[LENGTH];
  const int64_t first = 12345; /* not at the border of a block */
  ck_ok(mst_discrete_gaussian(1e6, &wide));
  ck_ok(mst_discrete_gaussian(0.7, &narrow));
  ck_ok(mst_discrete_laplace(33, &two_sided));
  ck_ok(mst_skellam_make(40, &parts));
  for (int law = 0; law < 6; law++) {
    const mst_noise noise = test_noise(100);
    memset(pieces, 0, sizeof pieces);
    draw(law, &noise, first, LENGTH, whole);
    const int64_t border[] = {LENGTH, 2999, 2471, 1300, 1299, 600, 331, 75, 1, 0};
    for (int i = 0; i + 1 < (int)(sizeof border / sizeof *border); i++)
      draw(law, &noise, first + border[i + 1], border[i] - border[i + 1], pieces + border[i + 1]);
    ck_assert_mem_eq(whole, pieces, sizeof whole);
  }
}
END_TEST

START_TEST(a_gaussian_pair_is_that_of_box_and_muller) {
  const mst_noise noise = test_noise(2);
  uint64_t w[MST_NOISE_BLOCK];
  double x[MST_NOISE_BLOCK];
  const int half = MST_NOISE_BLOCK / 2;
  for (int64_t block = 0; block < 50; block++) {
    words(&noise, (uint64_t)block, 256, MST_NOISE_BLOCK, w);
    mst_noise_gaussian(&noise, block * MST_NOISE_BLOCK, MST_NOISE_BLOCK, 3, x);
    for (int i = 0; i < half; i++) {
      const double u = ((double)(w[i] >> 12) + 0.5) * 0x1p-52, r = 3 * sqrt(-2 * log(u));
      /* Quarter q of the circle, and from -1/2 to 1/2 of a quarter around its axis. */
      const double turn =
          (double)(w[half + i] >> 62) + ((double)((w[half + i] << 2) >> 12) + 0.5) * 0x1p-52 - 0.5;
      ck_assert_double_eq_tol(x[i], r * cos(1.57079632679489661923 * turn), 3e-14);
      ck_assert_double_eq_tol(x[half + i], r * sin(1.57079632679489661923 * turn), 3e-14);
    }
  }
}
END_TEST

static double normal_cdf(double x) {
  return mst_normal_below(x / 2.5);
}

static double laplace_cdf(double x) {
  return x < 0 ? 0.5 * exp(x / 2.5) : 1 - 0.5 * exp(-x / 2.5);
}

START_TEST(real_noise_follows_its_law) {
  static double x[N];
  const mst_noise noise = test_noise(3);
  for (int law = 0; law < 2; law++) {
    draw(law, &noise, 0, N, (int64_t *)(void *)x);
    double lag = 0, across = 0, square = 0;
    for (int i = 0; i < N; i++) square += x[i] * x[i];
    for (int i = 0; i + 128 < N; i++) {
      lag += x[i] * x[i + 1];
      across += x[i] * x[i + 128]; /* the two of a Gaussian pair */
    }
    ck_assert_double_lt(fabs(lag / square), 4.5 / sqrt(N));
    ck_assert_double_lt(fabs(across / square), 4.5 / sqrt(N));
    qsort(x, N, sizeof *x, ascending_reals);
    double distance = 0; /* Kolmogorov-Smirnov; beyond the bound once in 1e5 */
    for (int i = 0; i < N; i++) {
      const double f = law == 0 ? normal_cdf(x[i]) : laplace_cdf(x[i]);
      distance = fmax(distance, fmax(f - (double)i / N, (double)(i + 1) / N - f));
    }
    ck_assert_double_lt(distance, 2.47 / sqrt(N));
  }
}
END_TEST

START_TEST(small_draws_are_exact_in_their_odds) {
  const mst_noise noise = test_noise(4);
  mst_noise_cursor c;
  mst_noise_open(&c, &noise, 0, 64);
  double count[6] = {0}, expected[6];
  for (int i = 0; i < N; i++) count[mst_noise_below(&c, 6)]++;
  for (int i = 0; i < 6; i++) expected[i] = N / 6.0;
  check_counts(6, count, expected, "below 6");
  const double t[] = {0.01, 0.3, 1, 4};
  for (int k = 0; k < 4; k++) {
    int yes = 0;
    for (int i = 0; i < N; i++) yes += mst_noise_bernoulli_exp(&c, t[k]);
    check_share(yes, N, exp(-t[k]), "exp(-t)");
  }
  for (int i = 0; i < 100; i++) {
    ck_assert(mst_noise_bernoulli_exp(&c, 0));
    ck_assert(!mst_noise_bernoulli_exp(&c, INFINITY));
    ck_assert(!mst_noise_bernoulli_exp(&c, 1e300));
    ck_assert(!mst_noise_bernoulli_exp(&c, 300));
    ck_assert(mst_noise_bernoulli_exp(&c, 1e-300));
  }
  mst_noise_close(&c);
}
END_TEST

int main(int argc, char **argv) {
  Suite *s = suite_create("noise");
  TCase *c = tcase_create("noise");
  tcase_add_test(c, no_two_streams_share_a_word);
  tcase_add_test(c, fresh_secrets_differ_and_only_test_secrets_say_so);
  tcase_add_test(c, the_golden_draws_stay);
  tcase_add_test(c, words_do_not_depend_on_how_far_one_reads_ahead);
  tcase_add_test(c, pieces_in_any_order_have_the_same_bits);
  tcase_add_test(c, a_gaussian_pair_is_that_of_box_and_muller);
  tcase_add_test(c, real_noise_follows_its_law);
  tcase_add_test(c, small_draws_are_exact_in_their_odds);
  suite_add_tcase(s, c);
  return mst_test_main(argc, argv, s);
}
