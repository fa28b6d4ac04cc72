/* Experiment files: what is accepted, what the one-line errors say, that the resolved text reads
 * back the same, and that no mutation of a file does worse than a one-line error. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "io/experiment.h"
#include "tests/harness.h"

static const mst_key_spec common[] = {
    {"job", MST_KEY_WORD, MST_KEY_REQUIRED, 0, 0, false, "analytic|federated", "", "what to run"},
    {"seed", MST_KEY_INT, "1", 0, INFINITY, false, NULL, "", "of all randomness"},
    {"data.train", MST_KEY_PATH, MST_KEY_REQUIRED, 0, 0, false, NULL, "", "dataset to train on"},
    {"data.test", MST_KEY_PATH, NULL, 0, 0, false, NULL, "", "dataset to test on"},
    {"output.run", MST_KEY_PATH, "run.h5", 0, 0, false, NULL, "", "the run file"},
    {"note", MST_KEY_WORD, NULL, 0, 0, false, NULL, "", "free text"},
    {.key = NULL},
};

static const mst_key_spec analytic[] = {
    {"clients.count", MST_KEY_INT, "100", 1, 2147483647, false, NULL, "clients", "how many"},
    {"clients.partition", MST_KEY_WORD, "iid", 0, 0, false, "iid|shards|dirichlet|quantity|natural",
     "", "how rows are dealt to clients"},
    {"clients.alpha", MST_KEY_REAL, "0.3", 0, INFINITY, true, NULL, "",
     "concentration of the Dirichlet partition: the smaller, the more unequal the clients"},
    {"analytic.ridge", MST_KEY_REAL, "10", 0, INFINITY, false, NULL, "", "ridge that is kept"},
    {"analytic.share", MST_KEY_REAL, NULL, 0, 1, true, NULL, "", "a share"},
    {"analytic.standardize", MST_KEY_BOOL, "true", 0, 0, false, NULL, "", "scale features"},
    {"model.hidden", MST_KEY_INTS, "[200, 200]", 1, 65536, false, NULL, "units", "hidden layers"},
    {"method.pre", MST_KEY_WORDS, "[]", 0, 0, false, "nnm|clip|bucketing", "", "before the rule"},
    {"method.rates", MST_KEY_REALS, NULL, 0, 1, true, NULL, "", "rates"},
    {"output.checkpoint.every_rounds", MST_KEY_INT, "10", 1, INFINITY, false, NULL, "rounds",
     "between checkpoints"},
    {.key = NULL},
};

static const mst_key_spec *tables[] = {common, analytic};
static const mst_schema schema = {.table = tables, .n = 2};

#define HEAD "job: analytic\ndata: {train: train.h5}\n" /* two lines */

static mst_status parse(const char *text, mst_experiment **e) {
  return mst_experiment_parse(text, "experiment.yaml", NULL, 0, &schema, e);
}

static mst_status parse_set(const char *text, const char *set, mst_experiment **e) {
  return mst_experiment_parse(text, "experiment.yaml", &set, 1, &schema, e);
}

/* text must be refused with exactly this sentence. */
static void refused(const char *text, const char *sentence) {
  mst_experiment *e = NULL;
  mst_status st = parse(text, &e);
  ck_assert_msg(st == MST_ERR_INPUT, "status %s for:\n%s", mst_status_name(st), text);
  ck_assert_str_eq(mst_status_detail(), sentence);
  ck_assert_ptr_null(e);
}

static void set_refused(const char *set, const char *sentence) {
  mst_experiment *e = NULL;
  mst_status st = parse_set(HEAD, set, &e);
  ck_assert_msg(st == MST_ERR_INPUT, "status %s for --set %s", mst_status_name(st), set);
  ck_assert_str_eq(mst_status_detail(), sentence);
  ck_assert_ptr_null(e);
}

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

START_TEST(a_wrong_value_names_file_line_key_found_and_allowed) {
  refused(HEAD "analytic:\n  ridge: -1\n",
          "experiment.yaml:4: analytic.ridge: found -1, must be a number >= 0");
  refused(
      HEAD "clients:\n\n  count: many\n",
      "experiment.yaml:5: clients.count: found \"many\", must be an integer in [1, 2147483647]");
  refused(HEAD "clients: {alpha: 0}\n",
          "experiment.yaml:3: clients.alpha: found 0, must be a number > 0");
  refused(HEAD "analytic: {share: 1.5}\n",
          "experiment.yaml:3: analytic.share: found 1.5, must be a number in (0, 1]");
  refused(
      HEAD "seed: \"3\"\n",
      "experiment.yaml:3: seed: found the text \"3\", must be an integer >= 0; remove the quotes");
  refused(HEAD "analytic: {ridge: .inf}\n",
          "experiment.yaml:3: analytic.ridge: found \".inf\", must be a number >= 0");
  refused(HEAD "analytic: {ridge: 1e999}\n",
          "experiment.yaml:3: analytic.ridge: found 1e999, must be a number >= 0 that a double can "
          "hold");
  refused(HEAD "clients: {partition: dirchlet}\n",
          "experiment.yaml:3: clients.partition: found \"dirchlet\", must be one of iid, shards, "
          "dirichlet, quantity, natural; did you mean dirichlet?");
  refused(HEAD "analytic:\n  standardize: yes\n",
          "experiment.yaml:4: analytic.standardize: found \"yes\", must be true or false (yes, no, "
          "on and off are words in YAML 1.2)");
  refused(HEAD "model:\n  hidden:\n    - 4\n    - 0\n",
          "experiment.yaml:6: model.hidden: entry 2: found 0, must be an integer in [1, 65536]");
  refused(HEAD "method: {pre: [nnm, clop]}\n",
          "experiment.yaml:3: method.pre: entry 2: found \"clop\", must be one of nnm, clip, "
          "bucketing; did you mean clip?");
  refused(HEAD "seed:\n",
          "experiment.yaml:3: seed: found nothing, must be an integer >= 0; leave "
          "the key out to get its default");
  refused(HEAD "note: \"a\\nb\"\n",
          "experiment.yaml:3: note: found \"a\\nb\", must be a word on "
          "one line");
}
END_TEST

START_TEST(an_unknown_key_names_the_nearest_one) {
  refused(HEAD "clients:\n  alhpa: 1\n",
          "experiment.yaml:4: clients.alhpa: unknown key; did you mean clients.alpha?");
  refused(HEAD "clents: {count: 3}\n",
          "experiment.yaml:3: clents: unknown section; did you mean clients?");
  refused("jbo: analytic\n", "experiment.yaml:1: jbo: unknown key; did you mean job?");
  refused(HEAD "output: {checkpoint: {every_round: 1}}\n",
          "experiment.yaml:3: output.checkpoint.every_round: unknown key; did you mean "
          "output.checkpoint.every_rounds?");
  /* Right key, wrong section. */
  refused(HEAD "ridge: 1\n", "experiment.yaml:3: ridge: unknown key; did you mean analytic.ridge?");
  /* Nothing near. */
  refused(HEAD "clients: {bananas: 1}\n",
          "experiment.yaml:3: clients.bananas: unknown key; section "
          "clients has the keys count, partition, alpha");
  refused(
      HEAD "bananas: {a: 1}\n",
      "experiment.yaml:3: bananas: unknown section; the top level has the keys job, seed, data, "
      "output, note, clients, analytic, model, method");
  refused(HEAD "analytic.ridge: 3\n",
          "experiment.yaml:3: analytic.ridge: a dotted key; write a "
          "section: \"analytic: {ridge: ...}\"");
}
END_TEST

START_TEST(a_wrong_shape_is_named) {
  refused(HEAD "clients: 5\n",
          "experiment.yaml:3: clients: found 5, must be a section with the "
          "keys count, partition, alpha");
  refused(HEAD "clients: [5]\n",
          "experiment.yaml:3: clients: found a list, must be a section with "
          "the keys count, partition, alpha");
  refused(HEAD "seed: [1]\n", "experiment.yaml:3: seed: found a list, must be an integer >= 0");
  refused(HEAD "seed: {a: 1}\n",
          "experiment.yaml:3: seed: found a section, must be an integer >= 0");
  refused(HEAD "model: {hidden: 200}\n",
          "experiment.yaml:3: model.hidden: found 200, must be a list "
          "of integers in [1, 65536], such as [200]");
  refused(HEAD "model: {hidden: [[1]]}\n",
          "experiment.yaml:3: model.hidden: entry 1: found a list, "
          "must be an integer in [1, 65536]");
  refused("- a\n- b\n",
          "experiment.yaml:1: found a list where keys are expected; write lines like "
          "\"job: analytic\"");
  refused("hello\n",
          "experiment.yaml:1: found a lone text where keys are expected; write lines like "
          "\"job: analytic\"");
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

START_TEST(a_missing_required_key_says_how_to_write_it) {
  refused("seed: 1\n",
          "experiment.yaml: job: missing: what to run; add a line such as \"job: "
          "analytic\"");
  refused("job: analytic\n",
          "experiment.yaml: data.train: missing: dataset to train on; add a line "
          "such as \"data: {train: data.h5}\"");
  refused("job: analytic\ndata:\n  test: t.h5\n",
          "experiment.yaml:2: data.train: missing: dataset to train on; add to this section, for "
          "example \"train: data.h5\"");
}
END_TEST

START_TEST(what_experiments_do_not_hold_is_refused_with_its_place) {
  refused("", "experiment.yaml: holds no keys; write lines like \"job: analytic\"");
  refused("# only a comment\n",
          "experiment.yaml: holds no keys; write lines like \"job: analytic\"");
  refused("job: analytic\njob: federated\n",
          "experiment.yaml:2: job: given twice; first on line 1");
  refused(HEAD "clients: {count: 1}\nclients: {alpha: 1}\n",
          "experiment.yaml:4: clients: given twice; first on line 3");
  refused(HEAD "clients:\n  count: 1\n  alpha: 1\n  count: 2\n",
          "experiment.yaml:6: clients.count: given twice; first on line 4");
  refused("job: &a analytic\n",
          "experiment.yaml:1:6: anchors (&) and aliases (*) are not read; write "
          "the value out, or put it in quotes");
  refused("job: *a\n",
          "experiment.yaml:1:6: anchors (&) and aliases (*) are not read; write the "
          "value out, or put it in quotes");
  refused("job: !!str analytic\n",
          "experiment.yaml:1:6: tags (!) are not read; put the value in "
          "quotes");
  refused("job: analytic\n---\njob: analytic\n",
          "experiment.yaml:2:1: a second document begins here; "
          "one file holds one experiment");
  refused("data:\n\ttrain: a\n", "experiment.yaml:2:1: a tab in the indentation; use spaces");
  refused("job: a\xff\n", "experiment.yaml:1:7: byte 0xFF is not UTF-8; save the file as UTF-8");
  refused("job: a\xed\xa0\x80\n",
          "experiment.yaml:1:7: byte 0xED is not UTF-8; save the file as "
          "UTF-8");
  refused("job: a\x01\n", "experiment.yaml:1:7: control character U+0001; remove it");
  refused("note: \"a\\0b\"\n", "experiment.yaml:1:7: a zero character (\\0) in a text");
  refused("a: [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]\n",
          "experiment.yaml:1:19: nested deeper than 16 levels");
  refused("[a]: 3\n", "experiment.yaml:1:1: a list cannot be a key; put it in quotes");
  refused("\"\": 3\n", "experiment.yaml:1:1: a value without a key");
}
END_TEST

START_TEST(syntax_errors_come_in_plain_words_with_line_and_column) {
  refused("job: analytic: 3\n",
          "experiment.yaml:1:14: a second ': ' in one line; put the value in "
          "quotes, or begin a new line");
  refused("job: analytic\nseed 3\ndata: {}\n",
          "experiment.yaml:3:1: ':' and a space are expected after a key (while scanning a simple "
          "key that begins on line 2)");
  refused("job: @home\n",
          "experiment.yaml:1:6: this character cannot begin a value; put the value "
          "in quotes");
  refused("model: {hidden: [1, 2\nseed: 1\n",
          "experiment.yaml:2:5: ',' or ']' is expected; a list is not closed (while parsing a flow "
          "sequence that begins on line 1)");
  refused("note: 'abc\n",
          "experiment.yaml:2:1: the text ends inside quotes; close them (while "
          "scanning a quoted scalar that begins on line 1)");
  refused(
      "data:\n  train: a\n test: b\n",
      "experiment.yaml:3:2: a key is expected here; is the indentation that of the lines above, "
      "and is every bracket or quote closed? (while parsing a block mapping that begins on line "
      "1)");
}
END_TEST

START_TEST(a_huge_file_is_refused) {
  size_t n = MST_EXPERIMENT_BYTES + 10;
  char *text = malloc(n + 1);
  memset(text, '#', n);
  text[n] = '\0';
  refused(text, "experiment.yaml: larger than 1048576 bytes; is it an experiment file?");
  /* A file of that size made of nothing but values ends at once, too. */
  for (size_t i = 0; i < MST_EXPERIMENT_BYTES; i++) text[i] = "[,a"[i > 0 ? 1 + i % 2 : 0];
  text[MST_EXPERIMENT_BYTES] = '\0';
  mst_experiment *e = NULL;
  ck_refused(parse(text, &e), MST_ERR_INPUT, "more than 10000 values");
  free(text);
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

START_TEST(a_wrong_override_is_quoted) {
  set_refused("analytic.ridge=-1", "--set analytic.ridge=-1: found -1, must be a number >= 0");
  set_refused("clients.alhpa=1", "--set clients.alhpa=1: unknown key; did you mean clients.alpha?");
  set_refused("clients={alhpa: 1}",
              "--set clients={alhpa: 1}: clients.alhpa: unknown key; did you mean clients.alpha?");
  set_refused("clients=3",
              "--set clients=3: found 3, must be a section with the keys count, "
              "partition, alpha");
  set_refused("clients.count", "--set clients.count: must look like section.key=value");
  set_refused("=3", "--set =3: must look like section.key=value");
  set_refused("model.hidden=[1,", "--set model.hidden=[1,: a value is expected here");
  set_refused("seed=",
              "--set seed=: found nothing, must be an integer >= 0; leave the key out to "
              "get its default");
  set_refused("clients={count: 1, count: 2}",
              "--set clients={count: 1, count: 2}: count: given "
              "twice");
  set_refused("note=a\nb: c",
              "--set note=a\\nb: c: a second ': ' in one line; put the value in "
              "quotes, or begin a new line");
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

/* The text of e must give the same text again. */
static void reads_back(const mst_experiment *e) {
  mst_experiment *again = NULL;
  ck_ok(parse(mst_experiment_text(e), &again));
  ck_assert_str_eq(mst_experiment_text(e), mst_experiment_text(again));
  mst_experiment_free(again);
}

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

START_TEST(a_later_refusal_names_the_place_too) {
  mst_experiment *e = NULL;
  const char *set[] = {"analytic.ridge=3"};
  ck_ok(mst_experiment_parse(HEAD "clients:\n  count: 70000\n", "e.yaml", set, 1, &schema, &e));
  ck_refused(mst_experiment_refuse(e, "clients.count", "must be at most %d", 60000), MST_ERR_INPUT,
             "e.yaml:4: clients.count: found 70000, must be at most 60000");
  ck_refused(mst_experiment_refuse(e, "analytic.ridge", "is odd"), MST_ERR_INPUT,
             "--set analytic.ridge=3: found 3, is odd");
  ck_refused(mst_experiment_refuse(e, "clients.alpha", "is odd"), MST_ERR_INPUT,
             "e.yaml: clients.alpha: default 0.3, is odd");
  ck_refused(mst_experiment_refuse(e, "data.test", "name one"), MST_ERR_INPUT,
             "e.yaml: data.test: not set; name one");
  mst_experiment_free(e);
}
END_TEST

START_TEST(one_key_can_be_seen_before_a_schema_is_chosen) {
  char *value = NULL;
  int line = 0;
  const char *set[] = {"job=federated", "x={y: 3}"};
  ck_ok(mst_experiment_peek("a: 1\n\njob: what\n", "e.yaml", NULL, 0, "job", &value, &line));
  ck_assert_str_eq(value, "what");
  ck_assert_int_eq(line, 3);
  free(value);
  ck_ok(mst_experiment_peek("job: what\n", "e.yaml", set, 2, "job", &value, &line));
  ck_assert_str_eq(value, "federated");
  ck_assert_int_eq(line, 0);
  free(value);
  ck_ok(mst_experiment_peek("x: {y: 1}\n", "e.yaml", set, 2, "x.y", &value, &line));
  ck_assert_str_eq(value, "3");
  free(value);
  ck_ok(mst_experiment_peek("a: 1\n", "e.yaml", NULL, 0, "job", &value, &line));
  ck_assert_ptr_null(value);
  ck_refused(mst_experiment_peek("a: [1\n", "e.yaml", NULL, 0, "job", &value, &line), MST_ERR_INPUT,
             "e.yaml:2:1: ");
  ck_refused(mst_experiment_peek("job: [1]\n", "e.yaml", NULL, 0, "job", &value, &line),
             MST_ERR_INPUT, "e.yaml:1: job: found a list, must be a word");
  ck_refused(
      mst_experiment_peek("job: a\n", "e.yaml", (const char *[]){"job"}, 1, "job", &value, &line),
      MST_ERR_INPUT, "--set job: must look like");
  ck_assert_ptr_null(value);
}
END_TEST

START_TEST(a_schema_that_contradicts_itself_is_an_internal_error) {
  static const mst_key_spec twice[] = {{.key = "seed", .fallback = "1"}, {.key = NULL}};
  static const mst_key_spec both[] = {{.key = "seed.x", .fallback = "1"}, {.key = NULL}};
  static const mst_key_spec wrong[] = {{.key = "x", .type = MST_KEY_INT, .fallback = "a"},
                                       {.key = NULL}};
  const mst_key_spec *const extra[] = {twice, both, wrong};
  static const char *const words[] = {"stands in it twice", "is a key and a section", "default of"};
  for (int i = 0; i < 3; i++) {
    const mst_key_spec *all[] = {common, extra[i]};
    mst_schema s = {.table = all, .n = 2};
    mst_experiment *e = NULL;
    ck_refused(mst_experiment_parse(HEAD, "e.yaml", NULL, 0, &s, &e), MST_ERR_INTERNAL, words[i]);
  }
}
END_TEST

START_TEST(the_schema_is_described_in_a_table_of_100_columns) {
  char *text = NULL;
  ck_ok(mst_schema_describe(&schema, true, &text));
  ck_assert_int_eq(strncmp(text, "key ", 4), 0);
  ck_assert_ptr_null(strstr(text, "\n\n\n"));
  ck_assert_ptr_nonnull(strstr(text, "\njob               analytic | federated"));
  ck_assert_ptr_nonnull(strstr(text, "\ndata\n  train           file name"));
  ck_assert_ptr_nonnull(strstr(text, "\noutput\n  run "));
  ck_assert_ptr_nonnull(strstr(text, "\n  checkpoint\n    every_rounds  integer >= 1 "));
  ck_assert_ptr_nonnull(strstr(text, "clients  how many"));
  ck_assert_ptr_nonnull(strstr(text, "required"));
  ck_assert_ptr_nonnull(strstr(text, "number in (0, 1]"));
  ck_assert_ptr_nonnull(strstr(text, "list of integers in"));
  ck_assert_ptr_nonnull(strstr(text, "[200, 200]"));
  for (const char *line = text; *line != '\0';) {
    size_t n = strcspn(line, "\n");
    ck_assert_msg(n <= 100, "%zu columns: %.*s", n, (int)n, line);
    ck_assert_msg(n == 0 || line[n - 1] != ' ', "blanks at the end: %.*s", (int)n, line);
    line += n + (line[n] == '\n');
  }
  free(text);
}
END_TEST

START_TEST(a_table_without_head_begins_with_its_first_section) {
  static const mst_key_spec keys[] = {{.key = "model.width", .type = MST_KEY_INT, .fallback = "1"},
                                      {.key = NULL}};
  const mst_key_spec *all[] = {keys};
  mst_schema s = {.table = all, .n = 1};
  char *text = NULL;
  ck_ok(mst_schema_describe(&s, false, &text));
  ck_assert_int_eq(strncmp(text, "model\n  width ", 14), 0);
  free(text);
}
END_TEST

static const char *const seed_text =
    "# an experiment\njob: analytic\nseed: 3\ndata: {train: 'a b.h5', test: \"t\\u00e9st.h5\"}\n"
    "clients:\n  count: 1e3\n  partition: dirichlet   # words\n  alpha: 0.01\n"
    "analytic: {ridge: 10, standardize: true}\nmodel:\n  hidden:\n    - 200\n    - 100\n"
    "method: {pre: [nnm, clip], rates: [0.1, 1]}\noutput: {run: out.h5, checkpoint: {every_rounds: "
    "5}}\nnote: >-\n  folded\n  text\n";

/* One random edit of text[0..n), which has room for `room` bytes; the new length. */
static size_t mutate(mst_stream *s, char *text, size_t n, size_t room) {
  static const char odd[] =
      ":{}[],&*!|>'\"%@`#- \n\t?~\x01\x80\xc3\xff"
      "0e.\\=<";
  size_t at = n > 0 ? (size_t)mst_stream_below(s, n) : 0;
  size_t length = 1 + (size_t)mst_stream_below(s, 12);
  if (n == 0 || at + length > n) length = n - at;
  switch (mst_stream_below(s, 5)) {
    case 0: /* replace a byte by an odd one */
      if (n > 0) text[at] = odd[mst_stream_below(s, sizeof odd - 1)];
      return n;
    case 1: /* insert one */
      if (n + 1 >= room) return n;
      memmove(text + at + 1, text + at, n - at);
      text[at] = odd[mst_stream_below(s, sizeof odd - 1)];
      return n + 1;
    case 2: /* remove some */
      memmove(text + at, text + at + length, n - at - length);
      return n - length;
    case 3: /* repeat some elsewhere */
      if (n + length >= room || n == 0) return n;
      size_t to = (size_t)mst_stream_below(s, n);
      char copy[16];
      memcpy(copy, text + at, length);
      memmove(text + to + length, text + to, n - to);
      memcpy(text + to, copy, length);
      return n + length;
    default: /* any byte but zero */
      if (n > 0) text[at] = (char)(1 + mst_stream_below(s, 255));
      return n;
  }
}

START_TEST(mutated_files_are_read_or_refused_in_one_line) {
  enum {
    TRIALS = 4000,
    ROOM = 2048
  };
  int accepted = 0;
  for (int trial = 0; trial < TRIALS; trial++) {
    char text[ROOM], set[64];
    mst_experiment *e = NULL;
    mst_stream s = mst_stream_of(mst_key_make(7, MST_PURPOSE_TEST, (uint64_t)trial, 0));
    size_t n = strlen(seed_text);
    memcpy(text, seed_text, n);
    for (uint64_t edits = 1 + mst_stream_below(&s, 3); edits > 0; edits--)
      n = mutate(&s, text, n, ROOM - 1);
    text[n] = '\0';
    size_t m = (size_t)snprintf(set, sizeof set, "clients={count: 3, alpha: 2}");
    for (uint64_t edits = mst_stream_below(&s, 4); edits > 0; edits--)
      m = mutate(&s, set, m, sizeof set - 1);
    set[m] = '\0';
    const char *overrides[] = {set};
    mst_status st = mst_experiment_parse(text, "e.yaml", overrides, trial % 2, &schema, &e);
    const char *said = mst_status_detail();
    if (st == MST_OK) {
      accepted++;
      reads_back(e);
    } else {
      ck_assert_msg(st == MST_ERR_INPUT, "%s: %s", mst_status_name(st), said);
      ck_assert_msg(said[0] != '\0' && strpbrk(said, "\n\r\t\x01\x7f") == NULL, "%s", said);
      ck_assert_msg(strncmp(said, "e.yaml", 6) == 0 || strncmp(said, "--set", 5) == 0, "%s", said);
    }
    mst_experiment_free(e);
  }
  /* Both ways must have been taken often, or the mutations are too weak or too strong. */
  ck_assert_msg(accepted > TRIALS / 50 && accepted < TRIALS / 2, "%d accepted", accepted);
}
END_TEST

START_TEST(a_failed_allocation_leaves_nothing_behind) {
  int64_t before = mst_memory_current();
  mst_status st = MST_ERR_MEMORY;
  int n = 0;
  while (st == MST_ERR_MEMORY && n < 10000) {
    mst_experiment *e = NULL;
    mst_memory_fail_at(++n);
    st = parse_set(seed_text, "clients.count=3", &e);
    mst_memory_fail_at(0);
    ck_assert((st == MST_OK) == (e != NULL));
    mst_experiment_free(e);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_ok(st);
  ck_assert_int_gt(n, 50);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("experiment");
  TCase *c = tcase_create("experiment");
  tcase_add_test(c, values_and_defaults_are_read);
  tcase_add_test(c, integers_are_exact_up_to_64_bits);
  tcase_add_test(c, a_wrong_value_names_file_line_key_found_and_allowed);
  tcase_add_test(c, an_unknown_key_names_the_nearest_one);
  tcase_add_test(c, a_wrong_shape_is_named);
  tcase_add_test(c, a_file_from_another_system_is_read);
  tcase_add_test(c, an_empty_section_is_the_defaults);
  tcase_add_test(c, a_missing_required_key_says_how_to_write_it);
  tcase_add_test(c, what_experiments_do_not_hold_is_refused_with_its_place);
  tcase_add_test(c, syntax_errors_come_in_plain_words_with_line_and_column);
  tcase_add_test(c, a_huge_file_is_refused);
  tcase_add_test(c, overrides_replace_values_and_the_last_one_wins);
  tcase_add_test(c, a_wrong_override_is_quoted);
  tcase_add_test(c, paths_follow_the_file_or_the_working_folder);
  tcase_add_test(c, the_resolved_text_lists_all_sections_in_the_schemas_order);
  tcase_add_test(c, the_resolved_text_reads_back_bit_for_bit);
  tcase_add_test(c, a_later_refusal_names_the_place_too);
  tcase_add_test(c, one_key_can_be_seen_before_a_schema_is_chosen);
  tcase_add_test(c, a_schema_that_contradicts_itself_is_an_internal_error);
  tcase_add_test(c, the_schema_is_described_in_a_table_of_100_columns);
  tcase_add_test(c, a_table_without_head_begins_with_its_first_section);
  tcase_add_test(c, mutated_files_are_read_or_refused_in_one_line);
  tcase_add_test(c, a_failed_allocation_leaves_nothing_behind);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
