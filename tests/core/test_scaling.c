/* Laws of scaling: fits against laws that are known, intervals against what they promise, and
 * non-negative least squares against a search by hand. */
#include "core/scaling/scaling.h"

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/scaling/nonnegative.h"
#include "tests/harness.h"

#define MOST 64

/* 40/p + 2 + 0.5 log2 p of work, 3 log2 p + 8 (p-1)/p of communication. */
static mst_scaling_run of_law(int64_t ranks) {
  const double p = (double)ranks;
  return (mst_scaling_run){.ranks = ranks,
                           .work = 40 / p + 2 + 0.5 * log2(p),
                           .comm = 3 * log2(p) + 8 * (p - 1) / p,
                           .bytes = 1e9 * (p - 1) / p};
}

static double seconds_of(const mst_scaling_run *r) {
  return r->work + r->comm;
}

static mst_scaling_run noisy(mst_stream *s, int64_t ranks, double spread) {
  mst_scaling_run r = of_law(ranks);
  const double whole = seconds_of(&r);
  r.work = fmax(r.work + spread * whole * mst_stream_normal(s), 0);
  r.comm = fmax(r.comm + spread * whole * mst_stream_normal(s), 0);
  return r;
}

static mst_stream stream_of(uint64_t round) {
  return mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, 0, round));
}

START_TEST(a_law_without_noise_is_found_and_goes_on) {
  mst_scaling_run run[6];
  mst_scaling_law law;
  mst_scaling_forecast f;
  for (int i = 0; i < 6; i++) run[i] = of_law(1 << i);
  ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 6, .run = run}, &law));
  ck_assert_int_eq(law.counts, 6);
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_COMPUTE], 40, 1e-6);
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_SERIAL], 2, 1e-6);
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_LATENCY], 0.5, 1e-6);
  ck_assert_double_eq_tol(law.comm.coefficient[MST_SCALING_LATENCY], 3, 1e-6);
  ck_assert_double_eq_tol(law.comm.coefficient[MST_SCALING_BANDWIDTH], 8 * 31.0 / 32, 1e-6);
  const mst_scaling_run want = of_law(1024);
  ck_ok(mst_scaling_predict(&law, 1024, &f));
  ck_assert_double_eq_tol(f.seconds, seconds_of(&want), 1e-5);
  ck_assert_double_eq_tol(f.bytes, want.bytes, 1);
  ck_assert_int_eq(f.limit, MST_SCALING_LATENCY);
  ck_assert(f.low < f.seconds && f.seconds < f.high);
  ck_assert_double_lt(f.high, 2 * f.seconds);
  ck_ok(mst_scaling_predict(&law, 4, &f));
  ck_assert_int_eq(f.limit, MST_SCALING_COMPUTE);
}
END_TEST

/* Of 200 series of three runs on each of five counts. */
START_TEST(intervals_hold_the_truth_as_often_as_they_promise) {
  int inside = 0, negative = 0;
  double width = 0;
  const mst_scaling_run want = of_law(256);
  for (int k = 0; k < 200; k++) {
    mst_stream s = stream_of((uint64_t)k);
    mst_scaling_run run[15];
    mst_scaling_law law;
    mst_scaling_forecast f;
    for (int i = 0; i < 15; i++) run[i] = noisy(&s, 1 << i / 3, 0.02);
    ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 15, .run = run}, &law));
    ck_ok(mst_scaling_predict(&law, 256, &f));
    for (int t = 0; t < MST_SCALING_TERMS; t++)
      negative += law.work.coefficient[t] < 0 || law.comm.coefficient[t] < 0;
    inside += f.low <= seconds_of(&want) && seconds_of(&want) <= f.high;
    ck_assert_int_ge(law.work.freedom, 10);
    width += (f.high - f.low) / seconds_of(&want) / 200;
  }
  ck_assert_int_eq(negative, 0);
  ck_assert_msg(inside >= 190 && width < 1.5, "%d of 200, width %g", inside, width);
}
END_TEST

/* Two counts cannot tell a serial part from messages: the interval holds both laws. */
START_TEST(what_two_counts_leave_open_stays_open) {
  const mst_scaling_run run[] = {{.ranks = 1, .work = 10}, {.ranks = 2, .work = 6}};
  mst_scaling_law law;
  mst_scaling_forecast f;
  ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 2, .run = run}, &law));
  ck_assert_int_eq(law.work.freedom, 0);
  ck_assert_double_eq(law.work.spread, MST_SCALING_ASSUMED);
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_SERIAL], 2, 1e-9);
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_COMPUTE], 8, 1e-9);
  ck_ok(mst_scaling_predict(&law, 1024, &f));
  ck_assert_double_eq_tol(f.seconds, 2 + 8 / 1024.0, 1e-9);
  ck_assert_int_eq(f.limit, MST_SCALING_SERIAL);
  ck_assert_double_gt(f.high, 10 / 1024.0 + 1 * 10.0); /* 10/p + log2 p, which fits as well */
  ck_assert_double_lt(f.low, 1.5);                     /* noise could have made half of the 2 */
  ck_ok(mst_scaling_predict(&law, 2, &f));
  ck_assert_double_eq_tol(f.seconds, 6, 1e-9);
  ck_assert_double_lt(f.high, 8);
}
END_TEST

START_TEST(more_runs_narrow_an_interval) {
  mst_scaling_run run[MOST];
  mst_scaling_law law;
  mst_scaling_forecast two, five;
  mst_stream s = stream_of(1000);
  for (int i = 0; i < 30; i++) run[i] = noisy(&s, 1 << i / 6, 0.02);
  ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 12, .run = run}, &law));
  ck_ok(mst_scaling_predict(&law, 128, &two));
  ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 30, .run = run}, &law));
  ck_ok(mst_scaling_predict(&law, 128, &five));
  ck_assert_double_lt(five.high - five.low, 0.5 * (two.high - two.low));
}
END_TEST

/* 10 pieces: 4 ranks have three of them at most, 10 and more ranks one. */
START_TEST(pieces_bound_what_ranks_can_share) {
  mst_scaling_run run[4];
  const int64_t most[] = {10, 5, 4, 3};
  mst_scaling_law law;
  mst_scaling_forecast f;
  for (int i = 0; i < 4; i++)
    run[i] = (mst_scaling_run){.ranks = i + 1, .work = 0.01 + 3.0 * (double)most[i]};
  ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 4, .run = run, .pieces = 10}, &law));
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_COMPUTE], 30, 1e-6);
  ck_ok(mst_scaling_predict(&law, 10, &f));
  ck_assert_int_eq(f.limit, MST_SCALING_COMPUTE);
  ck_ok(mst_scaling_predict(&law, 1000, &f));
  ck_assert_double_eq_tol(f.seconds, 3.01, 1e-6);
  ck_assert_int_eq(f.limit, MST_SCALING_PIECES);
  ck_assert_double_ge(f.low, 2.8);
  ck_ok(mst_scaling_predict(&law, 6, &f));
  ck_assert_double_eq_tol(f.seconds, 6.01, 1e-6);
  ck_assert_str_eq(mst_scaling_term_name(MST_SCALING_PIECES), "pieces");
}
END_TEST

/* A share of the work that is not shared grows with it. */
START_TEST(a_weak_series_has_a_serial_part_that_grows) {
  mst_scaling_run run[4];
  mst_scaling_law law;
  mst_scaling_forecast f;
  for (int i = 0; i < 4; i++) {
    const double p = 1 << i;
    run[i] = (mst_scaling_run){.ranks = 1 << i, .work = 20 + 0.25 * p, .comm = 0.5 * log2(p)};
  }
  ck_ok(mst_scaling_fit(
      &(mst_scaling_runs){.n = 4, .run = run, .weak = true, .base = 8, .pieces = 3}, &law));
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_COMPUTE], 160, 1e-6);
  ck_assert_double_eq_tol(law.work.coefficient[MST_SCALING_SERIAL], 2, 1e-6);
  ck_ok(mst_scaling_predict(&law, 1024, &f));
  ck_assert_double_eq_tol(f.seconds, 20 + 256 + 5, 1e-4);
  ck_assert_int_eq(f.limit, MST_SCALING_SERIAL);
}
END_TEST

START_TEST(no_coefficient_is_negative_where_more_ranks_help_too_well) {
  const mst_scaling_run run[] = {
      {.ranks = 1, .work = 10}, {.ranks = 2, .work = 4}, {.ranks = 4, .work = 1.5}};
  mst_scaling_law law;
  ck_ok(mst_scaling_fit(&(mst_scaling_runs){.n = 3, .run = run}, &law));
  ck_assert_double_eq(law.work.coefficient[MST_SCALING_SERIAL], 0);
  ck_assert_double_eq(law.work.coefficient[MST_SCALING_LATENCY], 0);
  ck_assert_double_gt(law.work.coefficient[MST_SCALING_COMPUTE], 0);
  ck_assert_double_gt(law.work.spread, 0.05);
  ck_assert_int_eq(law.work.freedom, 2);
}
END_TEST

START_TEST(what_is_no_series_is_refused) {
  mst_scaling_run run[] = {{.ranks = 2, .work = 1}, {.ranks = 2, .work = 1.1}};
  mst_scaling_law law;
  const mst_scaling_runs runs = {.n = 2, .run = run};
  ck_refused(mst_scaling_fit(&runs, &law), MST_ERR_INPUT, "two rank counts");
  run[1] = (mst_scaling_run){.ranks = 4, .work = NAN};
  ck_refused(mst_scaling_fit(&runs, &law), MST_ERR_INPUT, "run 1");
  run[1] = (mst_scaling_run){.ranks = 4};
  ck_refused(mst_scaling_fit(&runs, &law), MST_ERR_INPUT, "run 1");
  run[1] = (mst_scaling_run){.ranks = 4, .work = 1, .bytes = -1};
  ck_refused(mst_scaling_fit(&runs, &law), MST_ERR_INPUT, "run 1");
}
END_TEST

/* Against a search over a fine net of two coefficients. */
START_TEST(fits_and_ranges_are_those_of_a_search) {
  for (int k = 0; k < 8; k++) {
    mst_stream s = stream_of(2000 + (uint64_t)k);
    double a[8], y[4], x[2], g[] = {mst_stream_uniform(&s), mst_stream_uniform(&s)};
    for (int i = 0; i < 8; i++) a[i] = mst_stream_uniform(&s);
    for (int i = 0; i < 4; i++) y[i] = mst_stream_normal(&s);
    const mst_nonnegative p = {.rows = 4, .terms = 2, .a = a, .y = y};
    const double misfit = mst_nonnegative_fit(&p, x), most = misfit + 0.3;
    double low, high, least = INFINITY, seen_low = INFINITY, seen_high = -INFINITY;
    mst_nonnegative_range(&p, g, most, &low, &high);
    for (int i = 0; i <= 1000; i++)
      for (int j = 0; j <= 1000; j++) {
        const double u = 0.008 * i, v = 0.008 * j;
        double e = 0;
        for (int r = 0; r < 4; r++) e += pow(a[2 * r] * u + a[2 * r + 1] * v - y[r], 2);
        least = fmin(least, e);
        if (e > most) continue;
        seen_low = fmin(seen_low, g[0] * u + g[1] * v);
        seen_high = fmax(seen_high, g[0] * u + g[1] * v);
      }
    ck_assert_double_ge(x[0], 0);
    ck_assert_double_ge(x[1], 0);
    ck_assert_double_le(misfit, least + 1e-9);
    ck_assert_double_ge(misfit, least - 1e-4);
    ck_assert_double_le(low, seen_low + 1e-9);
    ck_assert_double_eq_tol(low, seen_low, 0.04);
    ck_assert_double_ge(high, seen_high - 1e-9);
    ck_assert_double_eq_tol(high, seen_high, 0.04);
  }
}
END_TEST

START_TEST(a_term_that_nothing_shows_may_be_anything) {
  const double a[] = {1, 0, 1, 0}, y[] = {2, 2}, g[] = {1, 0.1}, other[] = {1, 0};
  const mst_nonnegative p = {.rows = 2, .terms = 2, .a = a, .y = y};
  double x[2], low, high;
  ck_assert_double_eq_tol(mst_nonnegative_fit(&p, x), 0, 1e-12);
  ck_assert_double_eq_tol(x[0], 2, 1e-12);
  mst_nonnegative_range(&p, g, 0.5, &low, &high);
  ck_assert_double_eq_tol(low, 1.5, 1e-6);
  ck_assert_double_infinite(high);
  mst_nonnegative_range(&p, other, 0.5, &low, &high);
  ck_assert_double_eq_tol(high, 2.5, 1e-6);
}
END_TEST

START_TEST(students_quantiles_are_those_of_tables) {
  const double want[] = {1.9599640, 12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469};
  for (int f = 0; f < 7; f++) ck_assert_double_eq_tol(mst_scaling_student(f), want[f], 2e-2);
  ck_assert_double_eq_tol(mst_scaling_student(10), 2.2281, 1e-3);
  ck_assert_double_eq_tol(mst_scaling_student(30), 2.0423, 1e-4);
  ck_assert_double_eq_tol(mst_scaling_student(6), 2.4469, 5e-3);
}
END_TEST

START_TEST(memory_that_lacks_is_an_error_and_none_is_lost) {
  const mst_scaling_run run[] = {of_law(1), of_law(2)};
  const mst_scaling_runs runs = {.n = 2, .run = run};
  const int64_t before = mst_memory_current();
  mst_scaling_law law;
  mst_scaling_forecast f;
  for (int n = 1; n <= 6; n++) {
    mst_memory_fail_at(n);
    ck_assert_int_eq(mst_scaling_fit(&runs, &law), MST_ERR_MEMORY);
    mst_memory_fail_at(0);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_ok(mst_scaling_fit(&runs, &law));
  for (int n = 1; n <= 9; n++) {
    mst_memory_fail_at(n);
    ck_assert_int_eq(mst_scaling_predict(&law, 8, &f), MST_ERR_MEMORY);
    mst_memory_fail_at(0);
    ck_assert_int_eq(mst_memory_current(), before);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("scaling");
  TCase *c = tcase_create("scaling");
  tcase_add_test(c, a_law_without_noise_is_found_and_goes_on);
  tcase_add_test(c, intervals_hold_the_truth_as_often_as_they_promise);
  tcase_add_test(c, what_two_counts_leave_open_stays_open);
  tcase_add_test(c, more_runs_narrow_an_interval);
  tcase_add_test(c, pieces_bound_what_ranks_can_share);
  tcase_add_test(c, a_weak_series_has_a_serial_part_that_grows);
  tcase_add_test(c, no_coefficient_is_negative_where_more_ranks_help_too_well);
  tcase_add_test(c, what_is_no_series_is_refused);
  tcase_add_test(c, fits_and_ranges_are_those_of_a_search);
  tcase_add_test(c, a_term_that_nothing_shows_may_be_anything);
  tcase_add_test(c, students_quantiles_are_those_of_tables);
  tcase_add_test(c, memory_that_lacks_is_an_error_and_none_is_lost);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
