/* What differs between two experiments is told key by key. */
#include <string.h>

#include "core/base/memory.h"
#include "io/changes.h"
#include "tests/harness.h"

static const char base[] =
    "job: federated\nseed: 1\n"
    "data:\n  train: \"a: b.h5\"\n"
    "model:\n  kind: mlp\n  hidden: [200, 100]\n"
    "output:\n  run: out.h5\n  checkpoint:\n    every_rounds: 10\n"
    "method:\n  name: fedavg\n  rounds: 100\n";

static void ck_changes_but(const char *before, const char *after, const char *inputs,
                           const char *expected) {
  char *changes = NULL;
  ck_ok(mst_experiment_changes(before, after, inputs, &changes));
  if (expected == NULL)
    ck_assert_ptr_null(changes);
  else
    ck_assert_str_eq(changes, expected);
  mst_free(changes);
}

static void ck_changes(const char *before, const char *after, const char *expected) {
  ck_changes_but(before, after, "", expected);
}

START_TEST(another_name_for_a_dataset_whose_digest_is_known_is_no_change) {
  const char *inputs = "data.train 00ff\ndata.test 11\n";
  ck_changes_but("data:\n  train: a\n  test: b\n", "data:\n  train: c\n  test: d\n", inputs, NULL);
  ck_changes_but("data:\n  train: a\n", "data:\n  train: c\n", "data.trai 00\ndata.trainer 0\n",
                 "data.train (a, now c)");
  ck_changes_but("data:\n  train: a\n", "data:\n  train: a\n  test: b\n", inputs,
                 "data.test (unset, now b)");
  ck_changes_but("data:\n  train: a\n  test: b\n", "data:\n  train: a\n", inputs,
                 "data.test (b, now unset)");
}
END_TEST

START_TEST(the_same_experiment_has_no_changes) {
  ck_changes(base, base, NULL);
  ck_changes("", "", NULL);
}
END_TEST

START_TEST(a_changed_key_is_told_with_both_values) {
  ck_changes("seed: 1\nmethod:\n  rounds: 100\n", "seed: 2\nmethod:\n  rounds: 1000\n",
             "seed (1, now 2), method.rounds (100, now 1000)");
  ck_changes("model:\n  hidden: [200, 100]\n", "model:\n  hidden: [200]\n",
             "model.hidden ([200, 100], now [200])");
  ck_changes("data:\n  train: \"a: b.h5\"\n", "data:\n  train: \"a: c.h5\"\n",
             "data.train (\"a: b.h5\", now \"a: c.h5\")");
}
END_TEST

START_TEST(a_key_that_came_or_went_is_told) {
  ck_changes("seed: 1\n", "seed: 1\nstop:\n  at: 0.9\n", "stop.at (unset, now 0.9)");
  ck_changes("a:\n  b:\n    c: 1\n  d: 2\n", "a:\n  d: 2\n", "a.b.c (1, now unset)");
}
END_TEST

START_TEST(the_order_of_keys_is_no_change) {
  ck_changes("a:\n  x: 1\n  y: 2\nb: 3\n", "b: 3\na:\n  y: 2\n  x: 1\n", NULL);
}
END_TEST

START_TEST(the_same_name_in_another_section_is_another_key) {
  ck_changes("a:\n  x: 1\nb:\n  x: 2\n", "a:\n  x: 2\nb:\n  x: 1\n",
             "a.x (1, now 2), b.x (2, now 1)");
}
END_TEST

START_TEST(output_and_resources_are_passed_over) {
  ck_changes(base, "job: federated\nseed: 1\ndata:\n  train: \"a: b.h5\"\nmodel:\n  kind: mlp\n"
                   "  hidden: [200, 100]\nmethod:\n  name: fedavg\n  rounds: 100\n"
                   "resources:\n  memory: 2\n",
             NULL);
  ck_changes("outputs: 1\n", "outputs: 2\n", "outputs (1, now 2)");
}
END_TEST

START_TEST(memory_that_lacks_is_said) {
  char *changes = NULL;
  int64_t before = mst_memory_current();
  mst_memory_fail_at(1);
  ck_refused(mst_experiment_changes("a: 1\n", "a: 2\n", "", &changes), MST_ERR_MEMORY, "text");
  mst_memory_fail_at(0);
  ck_assert_ptr_null(changes);
  ck_assert_int_eq(mst_memory_current(), before);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("changes");
  TCase *c = tcase_create("changes");
  tcase_add_test(c, another_name_for_a_dataset_whose_digest_is_known_is_no_change);
  tcase_add_test(c, the_same_experiment_has_no_changes);
  tcase_add_test(c, a_changed_key_is_told_with_both_values);
  tcase_add_test(c, a_key_that_came_or_went_is_told);
  tcase_add_test(c, the_order_of_keys_is_no_change);
  tcase_add_test(c, the_same_name_in_another_section_is_another_key);
  tcase_add_test(c, output_and_resources_are_passed_over);
  tcase_add_test(c, memory_that_lacks_is_said);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
