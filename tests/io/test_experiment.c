/* Experiment files: what is accepted, what values come of it, and that the resolved text reads back
 * the same. */
#include "tests/io/experiment_schema.h"

#include <inttypes.h>

#include "core/base/key.h"

START_TEST(values_and_defaults_are_read) {
  mst_experiment *e = NULL;
  ck_ok(
      parse("# a comment\njob: analytic\nseed: 9007199254740993\ndata:\n  train: a/b.h5\n"
            "clients: {count: 1e5, partition: dirichlet, alpha: 1e-5}\n"
            "analytic:\n  standardize: false\nmodel: {hidden: [3, 4, 5]}\n"
            "method:\n  pre:\n    - nnm\n    - clip\n  rates: [1e-5, .5, 1]\n",
            &e));
  ck_assert_str_eq(mst_experiment_word(e, "job"), "analytic");
  ck_assert_int_eq(mst_experiment_int(e, "seed"), INT64_C(9007199254740993));
  ck_assert_int_eq(mst_experiment_int(e, "clients.count"), 100000);
  ck_assert_double_eq(mst_experiment_real(e, "clients.alpha"), 1e-5);
  ck_assert_double_eq(mst_experiment_real(e, "analytic.ridge"), 10.0);
  ck_assert(!mst_experiment_bool(e, "analytic.standardize"));
  ck_assert_int_eq(mst_experiment_count(e, "model.hidden"), 3);
  ck_assert_int_eq(mst_experiment_int_at(e, "model.hidden", 2), 5);
  ck_assert_int_eq(mst_experiment_count(e, "method.pre"), 2);
  ck_assert_str_eq(mst_experiment_word_at(e, "method.pre", 1), "clip");
  ck_assert_double_eq(mst_experiment_real_at(e, "method.rates", 1), 0.5);
  ck_assert_int_eq(mst_experiment_int(e, "output.checkpoint.every_rounds"), 10);
  ck_assert(mst_experiment_is_set(e, "analytic.ridge"));
  ck_assert(!mst_experiment_is_set(e, "data.test"));
  ck_assert_str_eq(mst_experiment_word(e, "data.test"), "");
  ck_assert_str_eq(mst_experiment_path(e, "data.test"), "");
  ck_assert_int_eq(mst_experiment_count(e, "method.rates"), 3);
  mst_experiment_free(e);
  mst_experiment_free(NULL);
}
END_TEST

START_TEST(what_is_changed_differs_from_the_defaults) {
  mst_experiment *e = NULL, *resolved = NULL;
  ck_ok(parse(HEAD "seed: 1\nclients: {count: 100, alpha: 0.5}\nmodel: {hidden: [200, 200]}\n"
                   "analytic: {share: 0.5}\nmethod: {pre: [nnm]}\n",
              &e));
  ck_ok(parse(mst_experiment_text(e), &resolved));
  for (int i = 0; i < 2; i++) {
    const mst_experiment *x = i == 0 ? e : resolved;
    ck_assert(mst_experiment_is_changed(x, "clients.alpha"));
    ck_assert(mst_experiment_is_changed(x, "analytic.share"));
    ck_assert(mst_experiment_is_changed(x, "method.pre"));
    ck_assert(mst_experiment_is_changed(x, "data.train"));
    ck_assert(!mst_experiment_is_changed(x, "seed"));
    ck_assert(!mst_experiment_is_changed(x, "clients.count"));
    ck_assert(!mst_experiment_is_changed(x, "model.hidden"));
    ck_assert(!mst_experiment_is_changed(x, "analytic.ridge"));
    ck_assert(!mst_experiment_is_changed(x, "data.test"));
    ck_assert(mst_experiment_is_said(x, "clients.count"));
  }
  mst_experiment_free(e);
  mst_experiment_free(resolved);
}
END_TEST

START_TEST(integers_are_exact_up_to_64_bits) {
  static const struct {
    const char *text;
    int64_t value;
  } good[] = {{"9223372036854775807", INT64_MAX},
              {"9.223372036854775807e18", INT64_MAX},
              {"1e18", INT64_C(1000000000000000000)},
              {"12.50e2", 1250},
              {"0.001e3", 1},
              {"+7", 7},
              {"007", 7},
              {"5.0", 5},
              {"0e999999999999999999999", 0},
              {"-0", 0}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char set[64];
    mst_experiment *e = NULL;
    snprintf(set, sizeof set, "seed=%s", good[i].text);
    ck_ok(parse_set(HEAD, set, &e));
    ck_assert_msg(mst_experiment_int(e, "seed") == good[i].value, "%s gave %" PRId64, set,
                  mst_experiment_int(e, "seed"));
    mst_experiment_free(e);
  }
  static const char *const bad[] = {
      "9223372036854775808",    "1e19", "1.5", "12.55e1", "1e-1", "1_000", "0x10", "1e", "e5", ".",
      "1e99999999999999999999", "",     "nan"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char set[64];
    mst_experiment *e = NULL;
    snprintf(set, sizeof set, "seed=%s", bad[i]);
    ck_refused(parse_set(HEAD, set, &e), MST_ERR_INPUT, "must be an integer >= 0");
  }
}
END_TEST

START_TEST(a_file_from_another_system_is_read) {
  mst_experiment *e = NULL;
  ck_ok(parse("\xef\xbb\xbf---\r\njob: analytic\r\ndata:\r\n  train: a.h5\r\nseed: 4\r\n...\r\n",
              &e));
  ck_assert_str_eq(mst_experiment_word(e, "data.train"), "a.h5");
  ck_assert_int_eq(mst_experiment_int(e, "seed"), 4);
  mst_experiment_free(e);
  refused("job: analytic\r\n\r\nsede: 1\r\n",
          "experiment.yaml:3: sede: unknown key; did you mean seed?");
}
END_TEST

START_TEST(an_empty_section_is_the_defaults) {
  mst_experiment *e = NULL;
  ck_ok(parse(HEAD "clients:\n  # count: 3\nanalytic: {}\n", &e));
  ck_assert_int_eq(mst_experiment_int(e, "clients.count"), 100);
  mst_experiment_free(e);
}
END_TEST

START_TEST(overrides_replace_values_and_the_last_one_wins) {
  mst_experiment *e = NULL;
  const char *set[] = {"clients.count=5", "clients={count: 6, alpha: 2}", "model.hidden=[7, 8]",
                       "clients.count=1e1", "data.test=x=y.h5"};
  ck_ok(mst_experiment_parse(HEAD "clients: {count: 4}\n", "e.yaml", set, 5, &schema, &e));
  ck_assert_int_eq(mst_experiment_int(e, "clients.count"), 10);
  ck_assert_double_eq(mst_experiment_real(e, "clients.alpha"), 2.0);
  ck_assert_int_eq(mst_experiment_count(e, "model.hidden"), 2);
  ck_assert_int_eq(mst_experiment_int_at(e, "model.hidden", 1), 8);
  ck_assert_str_eq(mst_experiment_word(e, "data.test"), "x=y.h5");
  mst_experiment_free(e);
}
END_TEST

START_TEST(paths_follow_the_file_or_the_working_folder) {
  mst_experiment *e = NULL;
  const char *set[] = {"data.test=t.h5"};
  ck_ok(mst_experiment_parse("job: analytic\ndata: {train: sub/a.h5}\noutput: {run: /tmp/r.h5}\n",
                             "dir/deep/e.yaml", set, 1, &schema, &e));
  ck_assert_str_eq(mst_experiment_path(e, "data.train"), "dir/deep/sub/a.h5");
  ck_assert_str_eq(mst_experiment_word(e, "data.train"), "sub/a.h5");
  ck_assert_str_eq(mst_experiment_path(e, "data.test"), "t.h5");
  ck_assert_str_eq(mst_experiment_path(e, "output.run"), "/tmp/r.h5");
  mst_experiment_free(e);
  ck_ok(mst_experiment_parse(HEAD, "/e.yaml", NULL, 0, &schema, &e));
  ck_assert_str_eq(mst_experiment_path(e, "data.train"), "/train.h5");
  ck_assert_str_eq(mst_experiment_path(e, "output.run"), "/run.h5");
  mst_experiment_free(e);
}
END_TEST

START_TEST(the_resolved_text_lists_all_sections_in_the_schemas_order) {
  mst_experiment *e = NULL;
  ck_ok(
      parse("clients: {alpha: 0.1}\njob: analytic\nnote: \"say \\\"no\\\" \\\\ \xc3\xa9\"\n"
            "data: {train: 2x.h5}\n",
            &e));
  ck_assert_str_eq(mst_experiment_text(e),
                   "job: analytic\n"
                   "seed: 1\n"
                   "data:\n"
                   "  train: \"2x.h5\"\n"
                   "output:\n"
                   "  run: run.h5\n"
                   "  checkpoint:\n"
                   "    every_rounds: 10\n"
                   "note: \"say \\\"no\\\" \\\\ \xc3\xa9\"\n"
                   "clients:\n"
                   "  count: 100\n"
                   "  partition: iid\n"
                   "  alpha: 0.1\n"
                   "analytic:\n"
                   "  ridge: 10\n"
                   "  standardize: true\n"
                   "model:\n"
                   "  hidden: [200, 200]\n"
                   "method:\n"
                   "  pre: []\n");
  mst_experiment_free(e);
}
END_TEST

START_TEST(the_resolved_text_reads_back_bit_for_bit) {
  mst_stream s = mst_stream_of(mst_key_make(1, MST_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < 300; i++) {
    char text[512];
    mst_experiment *e = NULL, *again = NULL;
    double x = exp(1400.0 * (mst_stream_uniform(&s) - 0.5));
    snprintf(text, sizeof text, HEAD "analytic: {ridge: %.17g}\nmethod: {rates: [%.17g]}\n", x,
             mst_stream_uniform(&s));
    ck_ok(parse(text, &e));
    ck_assert_double_eq(mst_experiment_real(e, "analytic.ridge"), x);
    ck_ok(parse(mst_experiment_text(e), &again));
    ck_assert_double_eq(mst_experiment_real(again, "analytic.ridge"), x);
    ck_assert_double_eq(mst_experiment_real_at(again, "method.rates", 0),
                        mst_experiment_real_at(e, "method.rates", 0));
    mst_experiment_free(e);
    mst_experiment_free(again);
  }
  static const char *const words[] = {"true",
                                      "'null'",
                                      "'~'",
                                      "No",
                                      "3",
                                      "1e5",
                                      "'- a'",
                                      "'a: b'",
                                      "'#x'",
                                      "a#b",
                                      "'[x]'",
                                      "'*a'",
                                      "\"\\u2028x\\u0085\"",
                                      "\"\\U0001F600\"",
                                      "\"\\uFEFF\"",
                                      "' lead'",
                                      "'trail '",
                                      "'it''s'",
                                      "\"q\\\"\\\\\"",
                                      "...",
                                      "---x",
                                      "'%a'",
                                      "\"\\uFFFE\""};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char text[256];
    mst_experiment *e = NULL, *again = NULL;
    snprintf(text, sizeof text, HEAD "note: %s\n", words[i]);
    ck_ok(parse(text, &e));
    ck_ok(parse(mst_experiment_text(e), &again));
    ck_assert_str_eq(mst_experiment_word(e, "note"), mst_experiment_word(again, "note"));
    ck_assert_str_eq(mst_experiment_text(e), mst_experiment_text(again));
    mst_experiment_free(e);
    mst_experiment_free(again);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("experiment");
  TCase *c = tcase_create("experiment");
  tcase_add_test(c, values_and_defaults_are_read);
  tcase_add_test(c, what_is_changed_differs_from_the_defaults);
  tcase_add_test(c, integers_are_exact_up_to_64_bits);
  tcase_add_test(c, a_file_from_another_system_is_read);
  tcase_add_test(c, an_empty_section_is_the_defaults);
  tcase_add_test(c, overrides_replace_values_and_the_last_one_wins);
  tcase_add_test(c, paths_follow_the_file_or_the_working_folder);
  tcase_add_test(c, the_resolved_text_lists_all_sections_in_the_schemas_order);
  tcase_add_test(c, the_resolved_text_reads_back_bit_for_bit);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
