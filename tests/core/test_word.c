/* Words: lists, distances and the nearest candidate. */
#include "core/base/word.h"

#include <string.h>

#include "tests/harness.h"

START_TEST(a_list_is_gone_through_word_by_word) {
  const char *word = NULL;
  char seen[64] = "";
  for (int n; mst_word_next("iid|shards||x", &word, &n);)
    snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "<%.*s>", n, word);
  ck_assert_str_eq(seen, "<iid><shards><><x>");
  word = NULL;
  int n;
  ck_assert(!mst_word_next("", &word, &n));
}
END_TEST

START_TEST(only_whole_words_are_in_a_list) {
  ck_assert(mst_word_is_in("iid", "iid|shards"));
  ck_assert(mst_word_is_in("shards", "iid|shards"));
  ck_assert(!mst_word_is_in("shard", "iid|shards"));
  ck_assert(!mst_word_is_in("iid|shards", "iid|shards"));
  ck_assert(!mst_word_is_in("", "iid|shards"));
  ck_assert(!mst_word_is_in("Iid", "iid"));
}
END_TEST

START_TEST(distances_count_edits_and_swaps) {
  static const struct {
    const char *a, *b;
    int distance;
  } pair[] = {{"", "", 0},          {"", "abc", 3},         {"ridge", "ridge", 0},
              {"ridge", "rigde", 1}, {"ridge", "ridgee", 1}, {"ridge", "idge", 1},
              {"ridge", "rodge", 1}, {"ca", "abc", 3},       {"kitten", "sitting", 3}};
  for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
    ck_assert_int_eq(mst_word_distance(pair[i].a, pair[i].b), pair[i].distance);
    ck_assert_int_eq(mst_word_distance(pair[i].b, pair[i].a), pair[i].distance);
  }
  char a[200], b[200];
  memset(a, 'a', sizeof a);
  memset(b, 'b', sizeof b);
  a[199] = b[199] = '\0';
  ck_assert_int_eq(mst_word_distance(a, b), 63);
}
END_TEST

static const char *name(int i) {
  static const char *const names[] = {"krum", "median", "mean"};
  return i < 3 ? names[i] : NULL;
}

static const char *no_name(int i) {
  (void)i;
  return NULL;
}

START_TEST(the_nearest_name_is_taken_however_far) {
  ck_assert_str_eq(mst_word_nearest("medain", name), "median");
  ck_assert_str_eq(mst_word_nearest("meam", name), "mean");
  ck_assert_str_eq(mst_word_nearest("zzzzzzzzzz", name), "krum");
  ck_assert_ptr_null(mst_word_nearest("x", no_name));
}
END_TEST

START_TEST(a_word_of_a_list_is_meant_only_when_near) {
  mst_guess g = mst_guess_in("dirchlet", "iid|dirichlet|natural");
  ck_assert_int_eq(g.length, 9);
  ck_assert_int_eq(strncmp(g.word, "dirichlet", 9), 0);
  ck_assert_ptr_null(mst_guess_in("bananas", "iid|dirichlet|natural").word);
  ck_assert_ptr_null(mst_guess_in("x", "iid|y").word);
  /* Of equals the first. */
  ck_assert_int_eq(strncmp(mst_guess_in("ab", "ac|ad").word, "ac", 2), 0);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("word");
  TCase *c = tcase_create("word");
  tcase_add_test(c, a_list_is_gone_through_word_by_word);
  tcase_add_test(c, only_whole_words_are_in_a_list);
  tcase_add_test(c, distances_count_edits_and_swaps);
  tcase_add_test(c, the_nearest_name_is_taken_however_far);
  tcase_add_test(c, a_word_of_a_list_is_meant_only_when_near);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
