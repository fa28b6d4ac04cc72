/* The importer of LIBSVM files: sparse rows become whole ones, and what cannot be read is refused
 * with its line, on all ranks, and leaves nothing. */
#define MST_TEST_MPI
#include "tests/io/imported.h"

START_TEST(libsvm_rows_are_filled_with_zeros) {
  const float x[] = {0, 2, 0, 0.5f, 0, -1, 0, 0, 0};
  const int32_t label[] = {1, 0, 1};
  ck_text("libsvm", "+1 2:2\n# a comment\n\n-1 1:.5 3:-1 # another\n1\n", &plain);
  ck_rows(3, 3, x);
  ck_labels(2, label);
  const mst_import_options wide = {.n_features = 5, .task = "regression"};
  ck_text("libsvm", "0.25 2:2\n", &wide);
  ck_assert_int_eq(got.info.row_elements, 5);
  ck_assert(got.value[0] == 0.25f && got.x[1] == 2 && got.x[4] == 0);
}
END_TEST

START_TEST(what_a_libsvm_file_gets_wrong_is_said_with_its_line) {
  static const struct {
    const char *text, *words;
  } wrong[] = {{"1 1:1\n1 0:2\n", "input.txt:2: index 0; indices begin with 1"},
               {"1 1:1\n\n1 2:1 2:2\n", "input.txt:3: index 2 follows index 2"},
               {"1 3:1 2:2\n", "index 2 follows index 3; indices must increase"},
               {"1 1:1 x:2\n", "found 'x:2' where index:value is expected"},
               {"1 1:1 qid:2\n", "found 'qid:2'"},
               {"1 1=1\n", "found '1=1'"},
               {"1 1:a\n", "the value of feature 1 is 'a'"},
               {"1 1:\n", "the value of feature 1 is ''"},
               {"1:1 2:2\n", "begins with '1:1' where the label is expected"},
               {"1,2 2:2\n", "the label is '1,2'"},
               {"1 6:1\n", "index 6 where 5 features were announced"},
               {"1.5 1:1\n", "'1.5' is not an integer"},
               {"# nothing\n", "has no rows"}};
  const mst_import_options options = {.n_features = 5};
  ck_text_refused("libsvm", wrong[_i].text, &options, MST_ERR_FORMAT, wrong[_i].words);
  if (_i == 0) ck_text_refused("libsvm", "1\n2\n", &plain, MST_ERR_FORMAT, "no features");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("import_libsvm");
  TCase *t = tcase_create("import_libsvm");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_test(t, libsvm_rows_are_filled_with_zeros);
  tcase_add_loop_test(t, what_a_libsvm_file_gets_wrong_is_said_with_its_line, 0, 13);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
