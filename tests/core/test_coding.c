/* Gradient codes: whatever at most s workers send, the decoded sum is that of the honest gradients,
 * and the found workers are those that lied. */
#include "core/coding/coding.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "tests/harness.h"

enum { D = 6, MOST = 64 };

typedef struct room {
  mst_coding_spec s;
  int width;
  double part[MOST][D], clean[MOST][2 * D], message[MOST][2 * D], projection[D];
  mst_coding_witness witness[MOST];
  double re[MOST], im[MOST];
  bool hostile[MOST];
  mst_coding_decoding decoding;
} room;

static mst_stream stream;

static mst_stream stream_of(uint64_t round) {
  return mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, 0, round));
}

/* Gradients, and what honest workers send. */
static void open_room(room *r, const char *kind, int64_t n, int64_t s) {
  memset(r, 0, sizeof *r);
  r->s = (mst_coding_spec){.kind = kind, .workers = n, .adversaries = s};
  ck_ok(mst_coding_check(&r->s));
  r->width = mst_coding_width(&r->s);
  r->decoding = (mst_coding_decoding){.re = r->re, .im = r->im, .hostile = r->hostile};
  for (int64_t i = 0; i < n; i++)
    for (int c = 0; c < D; c++) r->part[i][c] = mst_stream_normal(&stream);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < n; i++)
      if (mst_coding_takes(&r->s, j, i))
        mst_coding_encode(&r->s, j, i, D, r->part[i], r->clean[j]);
  memcpy(r->message, r->clean, sizeof r->message);
  mst_coding_projection(3, (int64_t)mst_stream_below(&stream, 1000), D, r->projection);
}

static mst_status decode(room *r) {
  for (int64_t j = 0; j < r->s.workers; j++)
    mst_coding_witness_of(&r->s, D, r->message[j], r->projection, &r->witness[j]);
  return mst_coding_decode(&r->s, r->witness, &r->decoding);
}

/* The largest difference of the decoded sum from the gradients', beside the size of what is added. */
static double error_of(const room *r) {
  double worst = 0;
  for (int c = 0; c < D; c++) {
    double sum = 0, right = 0, size = 0;
    for (int64_t j = 0; j < r->s.workers; j++) {
      right += r->part[j][c];
      size += fabs(r->part[j][c]);
      if (r->re[j] != 0) sum += r->re[j] * r->message[j][c];
      if (r->im[j] != 0) sum -= r->im[j] * r->message[j][D + c];
    }
    worst = fmax(worst, fabs(sum - right) / size);
    if (!isfinite(sum)) return INFINITY;
  }
  return worst;
}

/* The k-th lie, of a size. */
static void lie(room *r, int64_t worker, int kind, double size) {
  for (int c = 0; c < r->width * D; c++) {
    double *m = &r->message[worker][c];
    switch (kind) {
      case 0: *m = -size * *m; break;
      case 1: *m = size; break;
      case 2: *m = size * mst_stream_normal(&stream); break;
      case 3: *m += size * (c == 0); break;
      case 4: *m = c == 1 ? NAN : *m; break;
      default: *m = c == 2 ? INFINITY : size; break;
    }
  }
}

static void expect(room *r, uint64_t liars, const char *what, double size) {
  const mst_status st = decode(r);
  ck_assert_msg(st == MST_OK, "%s n=%d s=%d %s %g liars %llx: %s", r->s.kind, (int)r->s.workers,
                (int)r->s.adversaries, what, size, (unsigned long long)liars, mst_status_detail());
  int64_t count = 0;
  for (int64_t j = 0; j < r->s.workers; j++) {
    const bool lies = liars >> j & 1;
    count += lies;
    ck_assert_msg(r->hostile[j] == lies, "%s n=%d s=%d %s %g liars %llx: worker %d is %d",
                  r->s.kind, (int)r->s.workers, (int)r->s.adversaries, what, size,
                  (unsigned long long)liars, (int)j, r->hostile[j]);
  }
  ck_assert_int_eq(r->decoding.found, count);
  ck_assert_msg(error_of(r) <= 1e-10, "%s n=%d s=%d %s %g liars %llx: %g off", r->s.kind,
                (int)r->s.workers, (int)r->s.adversaries, what, size, (unsigned long long)liars,
                error_of(r));
}

static int bits_of(uint64_t x) {
  int n = 0;
  for (; x != 0; x &= x - 1) n++;
  return n;
}

static const struct {
  const char *kind;
  int64_t n, s;
} small[] = {{"repetition", 3, 1}, {"repetition", 9, 1}, {"repetition", 10, 2}, {"cyclic", 3, 1},
             {"cyclic", 4, 1},     {"cyclic", 7, 1},     {"cyclic", 5, 2},      {"cyclic", 8, 2},
             {"cyclic", 9, 2},     {"cyclic", 10, 3},    {"cyclic", 11, 3},     {"cyclic", 9, 4}};
enum { SMALL = sizeof small / sizeof small[0] };

START_TEST(every_set_of_liars_of_any_size_is_found_and_the_sum_is_exact) {
  static const double size[] = {1, 1e3, 1e6, 1e9, 1e12};
  static const char *const names[] = {"flipped", "constant", "noise", "one entry", "nan", "inf"};
  stream = stream_of(1);
  for (int k = 0; k < SMALL; k++)
    for (uint64_t liars = 0; liars < (uint64_t)1 << small[k].n; liars++) {
      if (bits_of(liars) > small[k].s) continue;
      for (int what = 0; what < 6; what++)
        for (int m = 0; m < 5; m++) {
          if (what == 4 && m > 0) continue;
          room r;
          open_room(&r, small[k].kind, small[k].n, small[k].s);
          for (int64_t j = 0; j < r.s.workers; j++)
            if (liars >> j & 1) lie(&r, j, what, size[m]);
          expect(&r, liars, names[what], size[m]);
        }
    }
}
END_TEST

/* Each liar its own kind and size over 24 orders, and neighbours on the circle together. */
START_TEST(liars_of_different_kinds_and_sizes_are_found_together) {
  static const struct {
    const char *kind;
    int64_t n, s;
  } large[] = {{"cyclic", 7, 3},   {"cyclic", 15, 4},  {"cyclic", 16, 5},  {"cyclic", 33, 5},
               {"cyclic", 50, 5},  {"cyclic", 62, 5},  {"cyclic", 33, 16}, {"cyclic", 45, 16},
               {"cyclic", 40, 10}, {"cyclic", 60, 4},  {"repetition", 33, 5}};
  stream = stream_of(2);
  for (int k = 0; k < 11; k++)
    for (int trial = 0; trial < (k < 6 ? 200 : 20); trial++) {
      room r;
      uint64_t liars = 0;
      open_room(&r, large[k].kind, large[k].n, large[k].s);
      const int64_t count = 1 + (int64_t)mst_stream_below(&stream, (uint64_t)large[k].s);
      const uint64_t from = mst_stream_below(&stream, (uint64_t)large[k].n);
      for (int64_t i = 0; i < count; i++) {
        const uint64_t worker = trial % 4 == 0 ? (from + (uint64_t)i) % (uint64_t)large[k].n
                                               : mst_stream_below(&stream, (uint64_t)large[k].n);
        if (liars >> worker & 1) continue;
        liars |= (uint64_t)1 << worker;
        lie(&r, (int64_t)worker, (int)mst_stream_below(&stream, 6),
            pow(10, 24 * mst_stream_uniform(&stream) - 6));
      }
      expect(&r, liars, "any", 0);
    }
}
END_TEST

/* An error that is too small to be told from rounding does as little harm. */
START_TEST(small_lies_are_found_or_do_no_harm) {
  stream = stream_of(3);
  for (int trial = 0; trial < 400; trial++) {
    room r;
    open_room(&r, "cyclic", 11, 2);
    const double size = pow(10, -(double)(trial % 20));
    lie(&r, 2, 3, size);
    lie(&r, 5, 2, 1e12);
    ck_ok(decode(&r));
    ck_assert_msg(error_of(&r) <= 1e-12, "%g: %g off", size, error_of(&r));
    ck_assert(r.hostile[5]);
    if (size >= 1e-10) ck_assert_msg(r.hostile[2], "%g is not found", size);
    ck_assert_int_le(r.decoding.found, 2);
  }
}
END_TEST

/* The repetition code adds what honest workers sent, unchanged. */
START_TEST(repetition_has_the_same_bits_with_and_without_liars) {
  stream = stream_of(4);
  room r;
  double sum[D];
  open_room(&r, "repetition", 15, 2);
  for (int pass = 0; pass < 2; pass++) {
    if (pass == 1) {
      lie(&r, 0, 2, 1);
      lie(&r, 7, 0, 1);
      lie(&r, 8, 4, 1);
    }
    ck_ok(decode(&r));
    ck_assert_int_eq(r.decoding.found, pass == 0 ? 0 : 3);
    for (int c = 0; c < D; c++) {
      double x = 0;
      for (int64_t j = 0; j < 15; j++)
        if (r.re[j] != 0) x += r.re[j] * r.message[j][c];
      if (pass == 0) sum[c] = x;
      ck_assert(memcmp(&x, &sum[c], sizeof x) == 0);
    }
  }
}
END_TEST

START_TEST(every_part_is_taken_by_as_many_workers_as_each_takes_parts) {
  for (int k = 0; k < SMALL; k++) {
    mst_coding_spec s = {.kind = small[k].kind, .workers = small[k].n, .adversaries = small[k].s};
    for (int64_t i = 0; i < s.workers; i++) {
      int64_t takers = 0, taken = 0;
      for (int64_t j = 0; j < s.workers; j++) {
        takers += mst_coding_takes(&s, j, i);
        taken += mst_coding_takes(&s, i, j);
      }
      ck_assert_int_eq(takers, 2 * s.adversaries + 1);
      ck_assert_int_eq(taken, 2 * s.adversaries + 1);
    }
  }
}
END_TEST

/* What the frequencies were chosen for: whoever is left out, the rounding of the decoded sum is
 * little more than that of a plain one. */
START_TEST(decoding_enlarges_rounding_by_less_than_two) {
  stream = stream_of(6);
  double re[2 * 3 + 1], im[2 * 3 + 1], code = 0, worst = 0;
  room r;
  open_room(&r, "cyclic", 15, 3);
  mst_coding_find("cyclic")->coefficients(&r.s, 0, re, im);
  for (int k = 0; k < 7; k++) code += re[k] * re[k] + im[k] * im[k];
  for (uint64_t liars = 0; liars < (uint64_t)1 << 15; liars++) {
    if (bits_of(liars) > 3) continue;
    memcpy(r.message, r.clean, sizeof r.message);
    for (int64_t j = 0; j < 15; j++)
      if (liars >> j & 1) lie(&r, j, 4, 1);
    double weights = 0;
    ck_ok(decode(&r));
    for (int64_t j = 0; j < 15; j++) weights += r.re[j] * r.re[j] + r.im[j] * r.im[j];
    worst = fmax(worst, sqrt(weights * code / 15));
  }
  ck_assert_double_le(worst, 1.74);
  ck_assert_double_ge(worst, 1.73);
}
END_TEST

START_TEST(more_liars_than_the_code_is_for_are_noticed) {
  stream = stream_of(5);
  for (int trial = 0; trial < 50; trial++) {
    room r;
    open_room(&r, "cyclic", 12, 2);
    for (int64_t j = 0; j < 3; j++) lie(&r, 4 * j, 2, 10);
    ck_refused(decode(&r), MST_ERR_INPUT, "no set of at most");
    open_room(&r, "cyclic", 12, 2);
    for (int64_t j = 0; j < 3; j++) lie(&r, 4 * j, 4, 1);
    ck_refused(decode(&r), MST_ERR_NONFINITE, "3 of 12 workers");
    open_room(&r, "repetition", 10, 2);
    for (int64_t j = 0; j < 3; j++) lie(&r, 5 + j, 2, 1);
    ck_refused(decode(&r), MST_ERR_INPUT, "workers 5 to 9");
  }
}
END_TEST

START_TEST(workers_that_do_not_suit_the_code_are_refused) {
  mst_coding_spec s = {.kind = "repetition", .workers = 8, .adversaries = 1};
  ck_refused(mst_coding_check(&s), MST_ERR_INPUT, "groups of 3");
  s = (mst_coding_spec){.kind = "cyclic", .workers = 4, .adversaries = 2};
  ck_refused(mst_coding_check(&s), MST_ERR_INPUT, "at least 5");
  s = (mst_coding_spec){.kind = "cyclic", .workers = 1000, .adversaries = 4};
  ck_refused(mst_coding_check(&s), MST_ERR_INPUT, "among at most 96");
  s.adversaries = 2;
  ck_ok(mst_coding_check(&s));
  for (s.adversaries = 1; s.adversaries <= MST_CODING_ADVERSARIES; s.adversaries++) {
    s.workers = 2 * s.adversaries + 1;
    ck_ok(mst_coding_check(&s));
  }
  s = (mst_coding_spec){.kind = "cyclic", .workers = 4, .adversaries = 0};
  ck_refused(mst_coding_check(&s), MST_ERR_INPUT, "coding.adversaries");
  s.kind = "ciclic";
  ck_refused(mst_coding_check(&s), MST_ERR_INPUT, "cyclic");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("coding");
  TCase *c = tcase_create("coding");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, every_set_of_liars_of_any_size_is_found_and_the_sum_is_exact);
  tcase_add_test(c, liars_of_different_kinds_and_sizes_are_found_together);
  tcase_add_test(c, small_lies_are_found_or_do_no_harm);
  tcase_add_test(c, repetition_has_the_same_bits_with_and_without_liars);
  tcase_add_test(c, every_part_is_taken_by_as_many_workers_as_each_takes_parts);
  tcase_add_test(c, decoding_enlarges_rounding_by_less_than_two);
  tcase_add_test(c, more_liars_than_the_code_is_for_are_noticed);
  tcase_add_test(c, workers_that_do_not_suit_the_code_are_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) { return mst_test_main(argc, argv, suite()); }
