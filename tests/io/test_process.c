/* Programs that are started: what they are given and say, however much it is, and how they end. */
#include "io/process.h"

#include <signal.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "tests/harness.h"

typedef struct ended {
  int code;
  mst_text out, err;
} ended;

static ended run(const char *script, const char *input) {
  const char *const argv[] = {"sh", "-c", script, NULL};
  ended e = {.code = -1};
  ck_ok(mst_process_run(argv, input, &e.code, &e.out, &e.err));
  return e;
}

static void forget(ended *e) {
  mst_text_free(&e->out);
  mst_text_free(&e->err);
}

START_TEST(a_program_reads_its_input_and_both_of_its_outputs_come_back) {
  ended e = run("sed s/a/b/; echo no >&2; exit 3", "a line\nand a last one");
  ck_assert_int_eq(e.code, 3);
  ck_assert_str_eq(e.out.at, "b line\nbnd a last one");
  ck_assert_str_eq(e.err.at, "no\n");
  forget(&e);
}
END_TEST

START_TEST(without_input_it_reads_the_end_of_a_file) {
  ended e = run("cat; echo read", NULL);
  ck_assert_int_eq(e.code, 0);
  ck_assert_str_eq(e.out.at, "read\n");
  ck_assert_ptr_null(e.err.at);
  forget(&e);
}
END_TEST

/* Far more than a pipe holds, in both directions at once. */
START_TEST(long_inputs_and_outputs_do_not_wait_for_each_other) {
  enum {
    BYTES = 1 << 20
  };
  char *input = NULL;
  ck_ok(mst_alloc(&input, BYTES + 1, 1, "input"));
  for (int i = 0; i < BYTES; i++) input[i] = (char)('a' + i % 23);
  ended e = run("tee /dev/stderr", input);
  ck_assert_int_eq(e.code, 0);
  ck_assert_uint_eq(e.out.length, BYTES);
  ck_assert_int_eq(memcmp(e.out.at, input, BYTES), 0);
  ck_assert_uint_eq(e.err.length, BYTES);
  ck_assert_int_eq(memcmp(e.err.at, input, BYTES), 0);
  forget(&e);
  mst_free(input);
}
END_TEST

START_TEST(output_is_appended_to_what_is_there) {
  const char *const argv[] = {"echo", "two", NULL};
  ended e = {.code = -1};
  ck_ok(mst_text_add(&e.out, "one "));
  ck_ok(mst_process_run(argv, NULL, &e.code, &e.out, &e.err));
  ck_assert_str_eq(e.out.at, "one two\n");
  forget(&e);
}
END_TEST

START_TEST(a_signal_is_told_from_an_exit_code) {
  ended e = run("kill -TERM $$", NULL);
  ck_assert_int_eq(e.code, 128 + SIGTERM);
  forget(&e);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_said_to_be_missing) {
  const char *const argv[] = {"muster-has-no-such-program", NULL};
  ended e = {.code = -1};
  ck_ok(mst_process_run(argv, "input", &e.code, &e.out, &e.err));
  ck_assert_int_eq(e.code, MST_PROCESS_MISSING);
  ck_assert_ptr_null(e.out.at);
  forget(&e);
}
END_TEST

static bool stop_asked;
static int looks;
static bool stop_soon(void) {
  looks++;
  return stop_asked && looks > 3;
}

static ended run_within(const char *script, double seconds) {
  const char *const argv[] = {"sh", "-c", script, NULL};
  const mst_process_limits limits = {.seconds = seconds, .stop = stop_soon};
  ended e = {.code = 99};
  looks = 0;
  ck_ok(mst_process_run_within(argv, NULL, &limits, &e.code, &e.out, &e.err));
  return e;
}

START_TEST(within_its_limits_a_program_ends_as_it_likes) {
  ended e = run_within("sleep 0.1; echo done; exit 4", 60);
  ck_assert_int_eq(e.code, 4);
  ck_assert_str_eq(e.out.at, "done\n");
  forget(&e);
}
END_TEST

START_TEST(past_its_time_a_program_is_asked_to_end) {
  const double start = mst_clock_seconds();
  ended e = run_within("trap 'echo asked; exit 3' TERM; echo begun; sleep 30 & wait", 0.3);
  ck_assert_int_eq(e.code, MST_PROCESS_LATE);
  ck_assert_str_eq(e.out.at, "begun\nasked\n");
  ck_assert_double_lt(mst_clock_seconds() - start, 4);
  forget(&e);
}
END_TEST

START_TEST(a_program_is_ended_when_this_one_is_to_stop) {
  const double start = mst_clock_seconds();
  stop_asked = true;
  ended e = run_within("sleep 30", 0);
  stop_asked = false;
  ck_assert_int_eq(e.code, MST_PROCESS_STOPPED);
  ck_assert_double_lt(mst_clock_seconds() - start, 4);
  forget(&e);
}
END_TEST

/* The environment, two texts, and what a fault leaves is freed. */
START_TEST(memory_that_lacks_is_an_error_and_none_is_lost) {
  const char *const argv[] = {"echo", "x", NULL};
  int64_t before = mst_memory_current();
  for (int n = 1; n <= 3; n++) {
    ended e = {.code = -1};
    mst_memory_fail_at(n);
    mst_status st = mst_process_run(argv, "input", &e.code, &e.out, &e.err);
    mst_memory_fail_at(0);
    ck_assert_int_eq(st, MST_ERR_MEMORY);
    forget(&e);
    ck_assert_int_eq(mst_memory_current(), before);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("process");
  TCase *c = tcase_create("process");
  tcase_add_test(c, a_program_reads_its_input_and_both_of_its_outputs_come_back);
  tcase_add_test(c, without_input_it_reads_the_end_of_a_file);
  tcase_add_test(c, long_inputs_and_outputs_do_not_wait_for_each_other);
  tcase_add_test(c, output_is_appended_to_what_is_there);
  tcase_add_test(c, a_signal_is_told_from_an_exit_code);
  tcase_add_test(c, a_program_that_is_not_there_is_said_to_be_missing);
  tcase_add_test(c, within_its_limits_a_program_ends_as_it_likes);
  tcase_add_test(c, past_its_time_a_program_is_asked_to_end);
  tcase_add_test(c, a_program_is_ended_when_this_one_is_to_stop);
  tcase_add_test(c, memory_that_lacks_is_an_error_and_none_is_lost);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
