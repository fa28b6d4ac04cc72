/* Progress: the line as a pure function, and when it is drawn, on a clock of the test's own. */
#include <string.h>

#include "io/progress_line.h"
#include "tests/harness.h"

static double now;

static double test_clock(void) {
  return now;
}

static void ck_line(mst_progress_view v, const char *expected) {
  char line[MST_PROGRESS_LINE];
  int n = mst_progress_format(&v, line);
  ck_assert_str_eq(line, expected);
  ck_assert_int_eq(n, (int)strlen(line));
}

START_TEST(counts_have_three_digits) {
  static const struct {
    double value;
    const char *text;
  } c[] = {{0, "0"},         {7, "7"},        {0.25, "0.25"},   {999, "999"},     {999.4, "999"},
           {999.6, "1.00k"}, {1234, "1.23k"}, {12345, "12.3k"}, {123456, "123k"}, {999600, "1.00M"},
           {2.5e9, "2.50G"}, {99.96, "100"},  {9.996, "10.0"}};
  for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
    char text[16];
    mst_progress_count(c[i].value, text);
    ck_assert_str_eq(text, c[i].text);
  }
}
END_TEST

START_TEST(times_are_minutes_and_seconds) {
  char text[24];
  mst_progress_time(7.4, text);
  ck_assert_str_eq(text, "0:07");
  mst_progress_time(59.6, text);
  ck_assert_str_eq(text, "1:00");
  mst_progress_time(3725, text);
  ck_assert_str_eq(text, "1:02:05");
  mst_progress_time(1e300, text);
  ck_assert_str_eq(text, "277777:46:40");
}
END_TEST

START_TEST(a_running_line_has_share_rate_and_time_left) {
  ck_line((mst_progress_view){"gram", "rows", 15000, 60000, 3.0, false, 0},
          "gram         25 %  5.00k rows/s  0:09 left");
  ck_line((mst_progress_view){"gram", "rows", 15000, 60000, 3.0, false, 79},
          "gram         25 %  [########.........................]  5.00k rows/s  0:09 left");
  ck_line((mst_progress_view){"gram", "rows", 15000, 60000, 3.0, false, 55},
          "gram         25 %  [##.......]  5.00k rows/s  0:09 left");
  /* Too narrow for a bar: the text alone; narrower still: cut. */
  ck_line((mst_progress_view){"gram", "rows", 15000, 60000, 3.0, false, 45},
          "gram         25 %  5.00k rows/s  0:09 left");
  ck_line((mst_progress_view){"gram", "rows", 15000, 60000, 3.0, false, 20},
          "gram         25 %  5");
  ck_line((mst_progress_view){"solve", "", 0, 100, 1.0, false, 0}, "solve         0 %");
  ck_line((mst_progress_view){"solve", "", 200, 100, 1.0, false, 0},
          "solve       100 %  200/s  0:00 left");
}
END_TEST

START_TEST(without_a_total_there_is_no_share) {
  ck_line((mst_progress_view){"reading", "lines", 1200, 0, 4.0, false, 79},
          "reading     1.20k lines  300 lines/s  4.00 s");
}
END_TEST

START_TEST(a_finished_line_says_how_long_it_took) {
  ck_line((mst_progress_view){"features", "rows", 60000, 60000, 12.34, true, 0},
          "features    done  60.0k rows  in 12.3 s  4.86k rows/s");
  ck_line((mst_progress_view){"solve", "", 0, 0, 0.125, true, 0}, "solve       done  in 0.12 s");
  ck_line((mst_progress_view){"solve", "", 0, 0, 125.0, true, 0}, "solve       done  in 2:05");
}
END_TEST

/* What a progress on a stream of its own has printed so far. */
static const char *printed(FILE *f, char *text, size_t size) {
  fflush(f);
  rewind(f);
  size_t n = fread(text, 1, size - 1, f);
  text[n] = '\0';
  fseek(f, 0, SEEK_END);
  return text;
}

static int count(const char *text, char c) {
  int n = 0;
  for (; *text != '\0'; text++) n += *text == c;
  return n;
}

START_TEST(a_log_gets_a_line_now_and_then_and_one_at_the_end) {
  char text[4096];
  mst_progress *p = NULL;
  FILE *f = tmpfile();
  now = 100.0;
  ck_ok(mst_progress_open(f, false, 4, test_clock, &p));
  mst_progress_phase(p, "gram", 4000, "rows");
  for (int i = 0; i < 990; i++) {
    now += 0.1;
    mst_progress_step(p, 1);
  }
  ck_assert_int_eq(count(printed(f, text, sizeof text), '\n'), 3);
  /* This rank did 300 of the 4000 rows; four ranks then did about 1200. */
  ck_assert_msg(strncmp(text, "muster: gram         30 %  40.0 rows/s  1:10 left\n", 49) == 0, "%s",
                text);
  mst_progress_phase(p, "solve", 0, "");
  ck_assert_ptr_nonnull(strstr(printed(f, text, sizeof text),
                               "muster: gram        done  4.00k rows  in 1:39  40.4 rows/s\n"));
  now += 2.0;
  mst_progress_phase(p, NULL, 0, NULL);
  ck_assert_ptr_nonnull(
      strstr(printed(f, text, sizeof text), "muster: solve       done  in 2.00 s\n"));
  ck_assert_int_eq(count(text, '\n'), 5);
  mst_progress_step(p, 1); /* no phase: nothing */
  mst_progress_destroy(p);
  ck_assert_int_eq(count(printed(f, text, sizeof text), '\n'), 5);
  ck_assert_int_eq(count(text, '\r'), 0);
  fclose(f);
}
END_TEST

START_TEST(a_terminal_is_redrawn_at_most_ten_times_a_second) {
  static char text[65536];
  mst_progress *p = NULL;
  FILE *f = tmpfile();
  now = 0.0;
  ck_ok(mst_progress_open(f, true, 1, test_clock, &p));
  mst_progress_phase(p, "gram", 100000, "rows");
  for (int i = 0; i < 100000; i++) {
    now += 2e-5;
    mst_progress_step(p, 1);
  }
  int drawn = count(printed(f, text, sizeof text), '\r');
  ck_assert_msg(drawn >= 15 && drawn <= 20, "%d times in 2 s", drawn);
  ck_assert_int_eq(count(text, '\n'), 0);
  mst_progress_phase(p, NULL, 0, NULL);
  ck_assert_int_eq(count(printed(f, text, sizeof text), '\n'), 1);
  /* The last line wipes the bar, which was longer. */
  const char *last = strrchr(text, '\r');
  ck_assert_ptr_nonnull(strstr(last, "gram        done  100k rows  in 2.00 s  50.0k rows/s    "));
  mst_progress_destroy(p);
  fclose(f);
}
END_TEST

START_TEST(a_phase_that_is_broken_off_is_not_called_done) {
  char text[4096];
  mst_progress *p = NULL;
  FILE *f = tmpfile();
  now = 0.0;
  ck_ok(mst_progress_open(f, true, 1, test_clock, &p));
  mst_progress_phase(p, "gram", 100, "rows");
  now = 1.0;
  mst_progress_step(p, 50);
  mst_progress_destroy(p);
  ck_assert_ptr_null(strstr(printed(f, text, sizeof text), "done"));
  ck_assert_int_eq(count(text, '\n'), 1);
  fclose(f);
}
END_TEST

START_TEST(a_quiet_progress_prints_nothing) {
  mst_progress *p = NULL;
  ck_ok(mst_progress_open(NULL, false, 1, test_clock, &p));
  mst_progress_phase(p, "gram", 10, "rows");
  now += 1000.0;
  mst_progress_step(p, 5);
  mst_progress_phase(p, NULL, 0, NULL);
  mst_progress_destroy(p);
  mst_progress_phase(NULL, "x", 1, "y");
  mst_progress_step(NULL, 1);
  mst_progress_destroy(NULL);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("progress");
  TCase *c = tcase_create("progress");
  tcase_add_test(c, counts_have_three_digits);
  tcase_add_test(c, times_are_minutes_and_seconds);
  tcase_add_test(c, a_running_line_has_share_rate_and_time_left);
  tcase_add_test(c, without_a_total_there_is_no_share);
  tcase_add_test(c, a_finished_line_says_how_long_it_took);
  tcase_add_test(c, a_log_gets_a_line_now_and_then_and_one_at_the_end);
  tcase_add_test(c, a_terminal_is_redrawn_at_most_ten_times_a_second);
  tcase_add_test(c, a_phase_that_is_broken_off_is_not_called_done);
  tcase_add_test(c, a_quiet_progress_prints_nothing);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
