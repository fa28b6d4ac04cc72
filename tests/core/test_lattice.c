/* The lattice: rounding against the C library entry by entry, exact sums against 128-bit
 * integers, and the same bits in any order. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/key.h"
#include "core/linalg/lattice.h"
#include "tests/harness.h"

__extension__ typedef __int128 int128;

#define LENGTH 1003 /* no multiple of a vector */

static mst_stream stream(uint64_t client) {
  return mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, client, 0));
}

/* Doubles of every size up to 2^(62 - shift): random exponents, and many exact ties. */
static void fill(mst_stream *s, double *x, int n, int shift) {
  for (int i = 0; i < n; i++) {
    int size = (int)mst_stream_below(s, 70) - 8;
    double v = ldexp(2 * mst_stream_uniform(s) - 1, size);
    if (mst_stream_below(s, 3) == 0) v = floor(v) + 0.5;
    if (fabs(v) > 0x1p62) v = copysign(0x1p62, v);
    x[i] = ldexp(v, -shift);
  }
}

START_TEST(the_exponent_is_the_smallest_that_bounds) {
  ck_assert_int_eq(mst_lattice_exponent(1), 0);
  ck_assert_int_eq(mst_lattice_exponent(nextafter(1, 2)), 1);
  ck_assert_int_eq(mst_lattice_exponent(0.75), 0);
  ck_assert_int_eq(mst_lattice_exponent(0.5), -1);
  ck_assert_int_eq(mst_lattice_exponent(3e9), 32);
  ck_assert_int_eq(mst_lattice_exponent(DBL_MAX), 1024);
  ck_assert_int_eq(mst_lattice_exponent(0x1p-1074), -1074);
  ck_assert_int_eq(mst_lattice_exponent(0), -1022);
  ck_assert_int_eq(mst_lattice_exponent(INFINITY), MST_LATTICE_NONFINITE);
  ck_assert_int_eq(mst_lattice_exponent(NAN), MST_LATTICE_NONFINITE);
}
END_TEST

START_TEST(the_shift_fills_62_bits_and_keeps_its_powers_normal) {
  ck_assert_int_eq(mst_lattice_shift(0), 62);
  ck_assert_int_eq(mst_lattice_shift(62), 0);
  ck_assert_int_eq(mst_lattice_shift(1024), -962);
  ck_assert_int_eq(mst_lattice_shift(-960), 1022);
  ck_assert_int_eq(mst_lattice_shift(-1074), 1022);
  for (int e = -3000; e <= 3000; e++) {
    ck_assert(isnormal(ldexp(1, mst_lattice_shift(e))));
    ck_assert(isnormal(ldexp(1, -mst_lattice_shift(e))));
  }
  ck_assert(isnormal(ldexp(1, mst_lattice_shift(MST_LATTICE_NONFINITE))));
  ck_assert(isnormal(ldexp(1, mst_lattice_shift(-INT32_MAX))));
}
END_TEST

START_TEST(the_magnitude_is_the_largest_at_any_place_and_length) {
  double x[70];
  for (int n = 1; n < 70; n++)
    for (int at = 0; at < n; at++) {
      for (int i = 0; i < n; i++) x[i] = (i % 2 ? 1 : -1) * (1.0 + i * 0x1p-30);
      x[at] = at % 2 ? 3.5 : -3.5;
      ck_assert_double_eq(mst_lattice_magnitude(x, n), 3.5);
    }
  ck_assert_double_eq(mst_lattice_magnitude(x, 0), 0);
  const double tiny[2] = {-0.0, -0x1p-1074};
  ck_assert_double_eq(mst_lattice_magnitude(tiny, 1), 0);
  ck_assert_double_eq(mst_lattice_magnitude(tiny, 2), 0x1p-1074);
}
END_TEST

START_TEST(the_magnitude_of_any_nonfinite_entry_is_infinite) {
  const double bad[4] = {NAN, -NAN, INFINITY, -INFINITY};
  double x[70];
  for (int n = 1; n < 70; n++)
    for (int at = 0; at < n; at++) {
      for (int i = 0; i < n; i++) x[i] = i % 3 ? DBL_MAX : -1;
      x[at] = bad[(n + at) % 4];
      ck_assert(mst_lattice_magnitude(x, n) == INFINITY);
      x[at] = 0;
      ck_assert(isfinite(mst_lattice_magnitude(x, n)));
    }
}
END_TEST

START_TEST(ties_go_to_even) {
  const double x[] = {
      0.5,          1.5,           2.5,          -0.5,          -1.5,
      -2.5,         0x1p51 + 0.5,  0x1p51 + 1.5, -0x1p51 - 0.5, 0x1p32 + 0.5,
      0x1p31 + 0.5, -0x1p31 - 0.5, 0x1p62,       -0x1p62,       0x1.fffffffffffffp-2,
      0x1p-1074,    -0.0};
  const int64_t wanted[] = {0,
                            2,
                            2,
                            0,
                            -2,
                            -2,
                            INT64_C(1) << 51,
                            (INT64_C(1) << 51) + 2,
                            -(INT64_C(1) << 51),
                            INT64_C(1) << 32,
                            INT64_C(1) << 31,
                            -(INT64_C(1) << 31),
                            INT64_C(1) << 62,
                            -(INT64_C(1) << 62),
                            0,
                            0,
                            0};
  const int n = sizeof x / sizeof *x;
  int64_t out[sizeof x / sizeof *x];
  mst_lattice_from(out, x, n, 0);
  for (int i = 0; i < n; i++)
    ck_assert_msg(out[i] == wanted[i], "%a: %lld", x[i], (long long)out[i]);
}
END_TEST

START_TEST(terms_round_as_llrint_at_every_shift_length_and_alignment) {
  static double x[LENGTH + 8];
  static int64_t sum[LENGTH + 8], out[LENGTH + 8];
  mst_stream s = stream(1);
  for (int shift = -962; shift <= 1022; shift += 62) {
    fill(&s, x, LENGTH + 8, shift);
    for (int n = 0; n <= LENGTH; n = n < 40 ? n + 1 : n + 321)
      for (int from = 0; from < 8; from += 3) {
        for (int i = 0; i < LENGTH + 8; i++) sum[i] = out[i] = 5 - i;
        mst_lattice_add(sum, x + from, n, shift);
        mst_lattice_from(out + from, x + from, n, shift);
        for (int i = 0; i < n; i++) {
          int64_t wanted = llrint(ldexp(x[from + i], shift));
          ck_assert_int_eq(sum[i], wanted + 5 - i);
          ck_assert_int_eq(out[from + i], wanted);
        }
        ck_assert_int_eq(sum[n], 5 - n);
        ck_assert_int_eq(out[from + n], 5 - from - n);
      }
  }
}
END_TEST

START_TEST(integers_convert_back_with_one_rounding) {
  static int64_t integer[LENGTH];
  static double x[LENGTH];
  mst_stream s = stream(2);
  for (int i = 0; i < LENGTH; i++)
    integer[i] = (int64_t)mst_stream_u64(&s) >> mst_stream_below(&s, 63);
  const int64_t edge[] = {0,
                          1,
                          -1,
                          INT64_MAX,
                          INT64_MIN,
                          (INT64_C(1) << 53) + 1,
                          -(INT64_C(1) << 53) - 1,
                          (INT64_C(1) << 53) + 3,
                          (INT64_C(1) << 62) + 256,
                          (INT64_C(1) << 62) + 257,
                          0xffffffff,
                          -0xffffffffLL,
                          INT64_C(1) << 32};
  memcpy(integer, edge, sizeof edge);
  for (int shift = -900; shift <= 1022; shift += 31) {
    mst_lattice_to(x, integer, LENGTH, shift);
    for (int i = 0; i < LENGTH; i++)
      ck_assert_msg(x[i] == ldexp((double)integer[i], -shift), "%lld: %a", (long long)integer[i],
                    x[i]);
  }
}
END_TEST

START_TEST(conversion_works_in_place) {
  static union {
    double real[LENGTH];
    int64_t integer[LENGTH];
  } place;
  static double x[LENGTH], y[LENGTH];
  static int64_t apart[LENGTH];
  mst_stream s = stream(3);
  fill(&s, x, LENGTH, 20);
  memcpy(place.real, x, sizeof x);
  mst_lattice_from(apart, x, LENGTH, 20);
  mst_lattice_from(place.integer, place.real, LENGTH, 20);
  ck_assert_mem_eq(place.integer, apart, sizeof apart);
  mst_lattice_to(y, apart, LENGTH, 20);
  mst_lattice_to(place.real, place.integer, LENGTH, 20);
  ck_assert_mem_eq(place.real, y, sizeof y);
}
END_TEST

#define TERMS   300
#define ENTRIES 37

/* A sum of TERMS vectors in the order of perm, in `groups` partial sums. */
static void sum_in_order(const double (*x)[ENTRIES], const int64_t *perm, int groups, int shift,
                         double *out) {
  int64_t total[ENTRIES] = {0};
  for (int g = 0; g < groups; g++) {
    int64_t part[ENTRIES] = {0};
    for (int t = g; t < TERMS; t += groups) mst_lattice_add(part, x[perm[t]], ENTRIES, shift);
    for (int i = 0; i < ENTRIES; i++) total[i] += part[i];
  }
  mst_lattice_to(out, total, ENTRIES, shift);
}

START_TEST(a_sum_has_the_same_bits_in_any_order_and_grouping) {
  static double x[TERMS][ENTRIES];
  mst_stream s = stream(4);
  double bound = 0;
  for (int t = 0; t < TERMS; t++) {
    for (int i = 0; i < ENTRIES; i++)
      x[t][i] = mst_stream_normal(&s) * exp(10 * mst_stream_normal(&s));
    bound = fmax(bound, mst_lattice_magnitude(x[t], ENTRIES));
  }
  int shift = mst_lattice_shift(mst_lattice_exponent(bound * TERMS));
  double first[ENTRIES], again[ENTRIES];
  int64_t perm[TERMS];
  for (int r = 0; r < 20; r++) {
    mst_stream_permutation(&s, TERMS, perm);
    sum_in_order((const double(*)[ENTRIES])x, perm, 1 + r, shift, r == 0 ? first : again);
    if (r > 0) ck_assert_mem_eq(first, again, sizeof first);
  }
  for (int i = 0; i < ENTRIES; i++) {
    long double exact = 0;
    for (int t = 0; t < TERMS; t++) exact += x[t][i];
    ck_assert(fabsl(exact - first[i]) <=
              TERMS * 0.5L * ldexpl(1, -shift) + fabsl(exact) * 0x1p-52L);
  }
}
END_TEST

START_TEST(masks_cancel_modulo_two_to_the_64) {
  mst_stream s = stream(5);
  double x[100], plain[100], masked[100];
  int64_t sum[100] = {0};
  uint64_t mask[100];
  fill(&s, x, 100, 30);
  for (int i = 0; i < 100; i++) mask[i] = mst_stream_u64(&s);
  mst_lattice_add(sum, x, 100, 30);
  mst_lattice_to(plain, sum, 100, 30);
  for (int i = 0; i < 100; i++) sum[i] = (int64_t)mask[i];
  mst_lattice_add(sum, x, 100, 30);
  for (int i = 0; i < 100; i++) sum[i] = (int64_t)((uint64_t)sum[i] - mask[i]);
  mst_lattice_to(masked, sum, 100, 30);
  ck_assert_mem_eq(plain, masked, sizeof plain);
}
END_TEST

START_TEST(two_limbs_keep_what_one_limb_rounds_away) {
  /* A large term comes and goes; what stays is far below the first limb's step of 1. */
  int64_t hi[1] = {0}, lo[1] = {0};
  const double large = 0x1p60, small = 0x1.8p-20, minus = -0x1p60;
  double x;
  mst_lattice_add2(hi, lo, &large, 1, 0);
  for (int i = 0; i < 1000; i++) mst_lattice_add2(hi, lo, &small, 1, 0);
  mst_lattice_add2(hi, lo, &minus, 1, 0);
  mst_lattice_to2(&x, hi, lo, 1, 0);
  ck_assert_double_eq(x, 1000 * 0x1.8p-20);
}
END_TEST

START_TEST(two_limbs_split_each_term_exactly) {
  static double x[LENGTH];
  static int64_t hi[LENGTH], lo[LENGTH];
  mst_stream s = stream(6);
  fill(&s, x, LENGTH, -7);
  memset(hi, 0, sizeof hi);
  memset(lo, 0, sizeof lo);
  mst_lattice_add2(hi, lo, x, LENGTH, -7);
  for (int i = 0; i < LENGTH; i++) {
    double v = ldexp(x[i], -7);
    ck_assert_int_eq(hi[i], llrint(v));
    ck_assert_int_eq(lo[i], llrint(ldexp(v - rint(v), MST_LATTICE_LOW)));
    ck_assert_int_le(llabs(lo[i]), INT64_C(1) << (MST_LATTICE_LOW - 1));
  }
}
END_TEST

START_TEST(two_limbs_convert_back_with_one_rounding) {
  static int64_t hi[LENGTH], lo[LENGTH];
  static double x[LENGTH];
  mst_stream s = stream(7);
  for (int i = 0; i < LENGTH; i++) {
    hi[i] = ((int64_t)mst_stream_u64(&s) >> 1) >> mst_stream_below(&s, 62);
    lo[i] = ((int64_t)mst_stream_u64(&s) >> 2) >> mst_stream_below(&s, 61);
    if (i % 5 == 0) hi[i] = 0;
    if (i % 7 == 0) lo[i] = 0;
  }
  /* Ties of the high limb that only the low limb decides. */
  const int64_t tie_hi[] = {(INT64_C(1) << 53) + 1,   (INT64_C(1) << 53) + 1,
                            (INT64_C(1) << 53) + 1,   -(INT64_C(1) << 60) - 64,
                            -(INT64_C(1) << 60) - 64, INT64_C(1) << 61};
  const int64_t tie_lo[] = {0, 1, -1, 1, -1, -(INT64_C(1) << 61)};
  memcpy(hi, tie_hi, sizeof tie_hi);
  memcpy(lo, tie_lo, sizeof tie_lo);
  for (int shift = -900; shift <= 980; shift += 94) {
    mst_lattice_to2(x, hi, lo, LENGTH, shift);
    for (int i = 0; i < LENGTH; i++) {
      int128 whole = hi[i] * ((int128)1 << MST_LATTICE_LOW) + lo[i];
      double wanted = ldexp((double)whole, -MST_LATTICE_LOW - shift);
      ck_assert_msg(x[i] == wanted, "%lld %lld: %a, not %a", (long long)hi[i], (long long)lo[i],
                    x[i], wanted);
    }
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("lattice");
  TCase *c = tcase_create("lattice");
  tcase_add_test(c, the_exponent_is_the_smallest_that_bounds);
  tcase_add_test(c, the_shift_fills_62_bits_and_keeps_its_powers_normal);
  tcase_add_test(c, the_magnitude_is_the_largest_at_any_place_and_length);
  tcase_add_test(c, the_magnitude_of_any_nonfinite_entry_is_infinite);
  tcase_add_test(c, ties_go_to_even);
  tcase_add_test(c, terms_round_as_llrint_at_every_shift_length_and_alignment);
  tcase_add_test(c, integers_convert_back_with_one_rounding);
  tcase_add_test(c, conversion_works_in_place);
  tcase_add_test(c, a_sum_has_the_same_bits_in_any_order_and_grouping);
  tcase_add_test(c, masks_cancel_modulo_two_to_the_64);
  tcase_add_test(c, two_limbs_keep_what_one_limb_rounds_away);
  tcase_add_test(c, two_limbs_split_each_term_exactly);
  tcase_add_test(c, two_limbs_convert_back_with_one_rounding);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
