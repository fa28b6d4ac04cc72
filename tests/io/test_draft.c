/* Drafts: single keys of an experiment before its schema is known. */
#include "io/draft.h"

#include <string.h>

#include "core/base/memory.h"
#include "tests/harness.h"

static const mst_key_spec kind = {.key = "model.kind",
                                  .type = MST_KEY_WORD,
                                  .fallback = "softmax",
                                  .allowed = "softmax|mlp|lenet",
                                  .help = "the model"};

static mst_draft *draft_of(const char *text, int n, const char *const *set) {
  mst_draft *d = NULL;
  ck_ok(mst_draft_read(text, "dir/e.yaml", set, n, &d));
  return d;
}

/* The draft's model.kind must be that word, from an override or not. */
static void chooses(const char *text, int n, const char *const *set, const char *want,
                    bool want_overridden) {
  mst_draft *d = draft_of(text, n, set);
  const char *word = NULL;
  bool overridden = !want_overridden;
  ck_ok(mst_draft_word(d, &kind, &word, &overridden));
  ck_assert_str_eq(word, want);
  ck_assert(overridden == want_overridden);
  mst_draft_free(d);
}

START_TEST(a_word_comes_from_the_last_that_gives_it) {
  chooses("a: 1\n", 0, NULL, "softmax", false);
  chooses("model: {kind: mlp}\n", 0, NULL, "mlp", false);
  chooses("model: {kind: mlp}\n", 1, (const char *[]){"model.kind=lenet"}, "lenet", true);
  chooses("model: {kind: mlp}\n", 1, (const char *[]){"model={kind: lenet}"}, "lenet", true);
  chooses("model: {kind: mlp}\n", 1, (const char *[]){"model={width: 3}"}, "mlp", false);
  chooses("model: 3\n", 2, (const char *[]){"model.kind=lenet", "model={kind: mlp}"}, "mlp", true);
}
END_TEST

START_TEST(a_required_word_that_is_missing_is_null) {
  mst_key_spec required = kind;
  required.fallback = MST_KEY_REQUIRED;
  mst_draft *d = draft_of("a: 1\n", 0, NULL);
  const char *word = "x";
  bool overridden;
  ck_ok(mst_draft_word(d, &required, &word, &overridden));
  ck_assert_ptr_null(word);
  mst_draft_free(d);
}
END_TEST

START_TEST(a_list_of_words_comes_from_the_last_that_gives_it) {
  const mst_key_spec pre = {.key = "aggregate.pre", .type = MST_KEY_WORDS, .fallback = "[]",
                            .allowed = "nnm|arc", .help = "mixers"};
  static const char *const set[] = {"aggregate.pre=[arc]"};
  const char *const text = "aggregate: {pre: [nnm, arc, nnm]}\n", *word[3] = {NULL};
  bool overridden = true;
  int n = 9;
  mst_draft *d = draft_of(text, 0, NULL);
  ck_ok(mst_draft_words(d, &pre, 3, word, &n, &overridden));
  ck_assert_int_eq(n, 3);
  ck_assert_str_eq(word[1], "arc");
  ck_assert_str_eq(word[2], "nnm");
  ck_assert(!overridden);
  ck_refused(mst_draft_words(d, &pre, 2, word, &n, &overridden), MST_ERR_INPUT,
             "dir/e.yaml:1: aggregate.pre: found a list, must have at most 2 entries");
  mst_draft_free(d);
  d = draft_of(text, 1, set);
  ck_ok(mst_draft_words(d, &pre, 3, word, &n, &overridden));
  ck_assert_int_eq(n, 1);
  ck_assert_str_eq(word[0], "arc");
  ck_assert(overridden);
  mst_draft_free(d);
  d = draft_of("a: 1\n", 0, NULL);
  ck_ok(mst_draft_words(d, &pre, 3, word, &n, &overridden));
  ck_assert_int_eq(n, 0);
  mst_draft_free(d);
  d = draft_of("aggregate: {pre: nnm}\n", 0, NULL);
  ck_refused(mst_draft_words(d, &pre, 3, word, &n, &overridden), MST_ERR_INPUT, "such as [nnm]");
  mst_draft_free(d);
}
END_TEST

START_TEST(a_wrong_word_is_refused_as_by_the_schema) {
  static const struct {
    const char *text, *set, *sentence;
  } wrong[] = {
      {"\nmodel:\n  kind: mpl\n", NULL,
       "dir/e.yaml:3: model.kind: found \"mpl\", must be one of softmax, mlp, lenet; did you mean "
       "mlp?"},
      {"model: {kind: [mlp]}\n", NULL,
       "dir/e.yaml:1: model.kind: found a list, must be one of softmax, mlp, lenet"},
      {"model: {kind: mlp}\n", "model.kind=mpl",
       "--set model.kind=mpl: found \"mpl\", must be one of softmax, mlp, lenet; did you mean mlp?"},
      {"model: {kind: mlp}\n", "model={kind: 3}",
       "--set model={kind: 3}: model.kind: found 3, must be one of softmax, mlp, lenet"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    mst_draft *d = draft_of(wrong[i].text, wrong[i].set != NULL, &wrong[i].set);
    const char *word = NULL;
    bool overridden;
    ck_assert_int_eq(mst_draft_word(d, &kind, &word, &overridden), MST_ERR_INPUT);
    ck_assert_str_eq(mst_status_detail(), wrong[i].sentence);
    mst_draft_free(d);
  }
}
END_TEST

START_TEST(a_refusal_shows_what_stands_there) {
  mst_draft *d = draft_of("model:\n  hidden: [3, 4]\n  rate: 0.1\n", 1,
                          (const char *[]){"model.width=8"});
  bool overridden = true;
  ck_assert(mst_draft_has(d, "model.hidden", &overridden));
  ck_assert(!overridden);
  ck_assert(mst_draft_has(d, "model.width", &overridden));
  ck_assert(overridden);
  ck_assert(!mst_draft_has(d, "model.depth", &overridden));
  ck_assert(!mst_draft_has(d, "model.rate.deep", &overridden));
  ck_refused(mst_draft_refuse(d, "model.hidden", "but %d", 5), MST_ERR_INPUT,
             "dir/e.yaml:2: model.hidden: found a list, but 5");
  ck_refused(mst_draft_refuse(d, "model.width", "no"), MST_ERR_INPUT,
             "--set model.width=8: found 8, no");
  ck_assert_str_eq(mst_draft_name(d), "dir/e.yaml");
  mst_draft_free(d);
}
END_TEST

START_TEST(wrong_syntax_is_refused_at_once) {
  mst_draft *d = NULL;
  ck_refused(mst_draft_read("a: [1\n", "e.yaml", NULL, 0, &d), MST_ERR_INPUT, "e.yaml:2:1: ");
  ck_refused(mst_draft_read("", "e.yaml", NULL, 0, &d), MST_ERR_INPUT, "e.yaml: holds no keys");
  ck_refused(mst_draft_read("a: 1\n", "e.yaml", (const char *[]){"job"}, 1, &d), MST_ERR_INPUT,
             "--set job: must look like");
  ck_refused(mst_draft_read("a: 1\n", "e.yaml", (const char *[]){"b=1", "a=[1"}, 2, &d),
             MST_ERR_INPUT, "--set a=[1: ");
  ck_assert_ptr_null(d);
}
END_TEST

START_TEST(a_failed_allocation_leaves_nothing_behind) {
  int64_t before = mst_memory_current();
  mst_status st = MST_ERR_MEMORY;
  int n = 0;
  const char *set[] = {"model.kind=lenet", "a=3"};
  while (st == MST_ERR_MEMORY && n < 1000) {
    mst_draft *d = NULL;
    const char *word = NULL;
    bool overridden;
    mst_memory_fail_at(++n);
    st = mst_draft_read("model: {kind: mlp}\n", "e.yaml", set, 2, &d);
    if (st == MST_OK) st = mst_draft_word(d, &kind, &word, &overridden);
    mst_memory_fail_at(0);
    mst_draft_free(d);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  ck_ok(st);
  ck_assert_int_gt(n, 10);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("draft");
  TCase *c = tcase_create("draft");
  tcase_add_test(c, a_word_comes_from_the_last_that_gives_it);
  tcase_add_test(c, a_required_word_that_is_missing_is_null);
  tcase_add_test(c, a_list_of_words_comes_from_the_last_that_gives_it);
  tcase_add_test(c, a_wrong_word_is_refused_as_by_the_schema);
  tcase_add_test(c, a_refusal_shows_what_stands_there);
  tcase_add_test(c, wrong_syntax_is_refused_at_once);
  tcase_add_test(c, a_failed_allocation_leaves_nothing_behind);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
