/* Importers of text: CSV files become the datasets that their words say; what cannot be read is
 * refused with file, line, column and the text found, on all ranks, and leaves nothing. */
#define MST_TEST_MPI
#include <math.h>

#include "core/base/memory.h"
#include "tests/io/imported.h"

START_TEST(the_shape_of_a_csv_file_is_found_out) {
  static const char *const same[] = {"1,2.5,0\n-3,4e1,2\n0.125,-.5,1\n",
                                     "a,b,label\n1,2.5,0\n-3,4e1,2\n0.125,-.5,1\n",
                                     "a;b;label\r\n1;2.5;0\r\n-3;4e1;2\r\n0.125;-.5;1",
                                     "a\tb\tlabel\n1\t2.5\t0\n\n-3\t4e1\t2\n  \n0.125\t-.5\t1\n\n",
                                     "\xef\xbb\xbf\"a\",\"b, or \"\"c\"\"\",label\n \"1\" , "
                                     "2.5,0\n-3,\"4e1\" ,2\n0.125,-.5,\"1\"\n",
                                     "7,8,label\n1,2.5,0\n-3,4e1,2\n0.125,-.5,1\n"};
  const float x[] = {1, 2.5f, -3, 40, 0.125f, -0.5f};
  const int32_t label[] = {0, 2, 1};
  ck_text("csv", same[_i], &plain);
  ck_rows(3, 2, x);
  ck_labels(3, label);
  ck_assert_str_eq(got.info.task, "classification");
  ck_assert_str_eq(got.info.source, "csv input.txt");
}
END_TEST

START_TEST(label_and_client_columns_are_named_or_numbered) {
  static const char text[] = "site,a,kind,b\nx,1,0,2\ny,3,1,4\nx,5,1,6\n";
  static const struct {
    const char *label, *client;
  } same[] = {{"kind", "site"}, {"2", "0"}, {"-2", "-4"}};
  const float x[] = {1, 2, 3, 4, 5, 6};
  const int32_t label[] = {0, 1, 1}, client[] = {0, 1, 0};
  mst_import_options options = {.label_column = same[_i].label, .client_column = same[_i].client};
  ck_text("csv", text, &options);
  ck_rows(3, 2, x);
  ck_labels(2, label);
  ck_assert(got.info.has_client);
  for (int i = 0; i < 3; i++) ck_assert_int_eq(got.client[i], client[i]);
}
END_TEST

START_TEST(classes_are_numbered_by_their_words_not_by_their_rows) {
  const int32_t words[] = {2, 0, 1, 0}, signs[] = {1, 0, 1, 0}, as_they_are[] = {7, 0, 7, 3},
                ones[] = {2, 0, 1, 0};
  ck_text("csv", "1,wolf\n2,ant\n3,bee\n4,ant\n", &plain);
  ck_labels(3, words);
  ck_text("csv", "1,+1\n2,-1\n3,1\n4,-1.0\n", &plain);
  ck_labels(2, signs);
  ck_text("csv", "1,7\n2,0\n3,07\n4,3\n", &plain);
  ck_labels(8, as_they_are);
  ck_text("csv", "1,10\n2,1\n3,9\n4,1\n", &plain); /* by value: 1, 9, 10 */
  ck_labels(3, ones);
  ck_text("csv", "1,v10\n2,v1\n3,v9\n4,v1\n", &plain); /* by bytes: v1, v10, v9 */
  ck_assert_int_eq(got.label[0], 1);
}
END_TEST

START_TEST(client_numbers_are_kept_and_client_words_numbered) {
  const mst_import_options options = {.client_column = "0"};
  ck_text("csv", "5,1,0\n9,2,1\n5,3,0\n", &options);
  ck_assert_int_eq(got.client[0], 5);
  ck_assert_int_eq(got.client[1], 9);
  ck_text("csv", "-5,1,0\n-9,2,1\n-5,3,0\n", &options);
  ck_assert_int_eq(got.client[0], 1);
  ck_assert_int_eq(got.client[1], 0);
}
END_TEST

START_TEST(regression_reads_the_label_column_as_values) {
  const mst_import_options options = {.task = "regression", .scale = 10};
  ck_text("csv", "a,b,y\n1,2,0.5\n3,4,-7e-1\n", &options);
  ck_assert_int_eq(got.info.target, MST_TARGET_VALUES);
  ck_assert(got.value[0] == 0.5f && got.value[1] == -0.7f);
  const float x[] = {10, 20, 30, 40};
  ck_rows(2, 2, x);
}
END_TEST

START_TEST(a_file_without_labels_is_imported) {
  const mst_import_options options = {.label_column = "none"};
  const float x[] = {1, 2, 3, 4};
  ck_text("csv", "1,2\n3,4\n", &options);
  ck_rows(2, 2, x);
  ck_assert_int_eq(got.info.target, MST_TARGET_NONE);
}
END_TEST

START_TEST(a_stated_header_is_believed) {
  const mst_import_options with = {.header = true, .has_header_option = true};
  const mst_import_options without = {.header = false, .has_header_option = true};
  const float x[] = {3, 4};
  ck_text("csv", "1,2,0\n3,4,0\n", &with);
  ck_rows(1, 2, x);
  ck_text_refused("csv", "a,b,c\n3,4,0\n", &without, MST_ERR_FORMAT,
                  "input.txt:1: column 0 (the first is 0) is 'a'; a number is expected");
}
END_TEST

START_TEST(numbers_are_rounded_once_and_correctly) {
  static const char *const words[] = {"0.1",
                                      "123456789012345",
                                      "1234567890.12345",
                                      "5.",
                                      ".5",
                                      "-0.000001",
                                      "3.4028234e38",
                                      "1e-45",
                                      "+7",
                                      "0.30000000000000004",
                                      "1E3",
                                      "-0",
                                      "16777217",
                                      "9007199254740993",
                                      "2.5e-3",
                                      "00012"};
  char text[1024] = "";
  const int n = sizeof words / sizeof words[0];
  for (int i = 0; i < n; i++) snprintf(text + strlen(text), 64, "%s,0\n", words[i]);
  ck_text("csv", text, &plain);
  for (int i = 0; i < n; i++)
    ck_assert_msg(got.x[i] == (float)strtod(words[i], NULL) &&
                      !signbit(got.x[i]) == !signbit(strtod(words[i], NULL)),
                  "'%s' became %.9g", words[i], got.x[i]);
}
END_TEST

START_TEST(what_a_csv_file_gets_wrong_is_said_with_line_and_column) {
  static const struct {
    const char *text, *words;
  } wrong[] = {
      {"a,b,y\n1,2,0\n1,x2,1\n", "input.txt:3: column 1 ('b') is 'x2'; a number is expected"},
      {"a,b,y\n1,2,0\n1,,1\n", "input.txt:3: column 1 ('b') is empty; fill it"},
      {"1,2,0\n1,0x10,1\n", "input.txt:2: column 1 (the first is 0) is '0x10'"},
      {"1,2,0\n1,1.5.2,1\n", "is '1.5.2'; a number"},
      {"1,2,0\n1,12 3,1\n", "is '12 3'; a number"},
      {"1,2,0\n\n\n1,2\n", "input.txt:4: has 2 columns where the first line has 3"},
      {"1,2,0\n1,2,0,4\n", "input.txt:2: has 4 columns"},
      {"1,2,0\n1,2,\n", "input.txt:2: column 2 (the first is 0) is empty"},
      {"1,2,0\n1,\"2,0\n", "input.txt:2: the quote of column 1 is not closed"},
      {"1,2,0\n1,\"2\"5,0\n", "input.txt:2: found '5,0' behind the quotes of column 1"},
      {"1,2,0.5\n1,2,1.5\n", "is not an integer; for values rather than classes say task"},
      {"1,2,nan\n1,2,0\n", "label 'nan' is not an integer"},
      {"a,b,y\n", "has a header but no rows"},
      {"\n\n \n", "has no rows"},
      {"1\n0\n", "has no column beside those of label and client"},
  };
  ck_text_refused("csv", wrong[_i].text, &plain, MST_ERR_FORMAT, wrong[_i].words);
}
END_TEST

START_TEST(a_column_that_is_not_there_is_refused_with_those_that_are) {
  static const char text[] = "a,b,y\n1,2,0\n3,4,1\n";
  mst_import_options options = {.label_column = "kind"};
  ck_text_refused("csv", text, &options, MST_ERR_INPUT,
                  "no column 'kind' for the label; its 3 columns begin with 'a', 'b', 'y'");
  options.label_column = "-4";
  ck_text_refused("csv", text, &options, MST_ERR_INPUT, "no column '-4'");
  options.label_column = "y";
  options.client_column = "2";
  ck_text_refused("csv", text, &options, MST_ERR_INPUT, "column 2 cannot be both");
  options.client_column = NULL;
  ck_text_refused("csv", "y,b,y\n1,2,0\n", &options, MST_ERR_INPUT, "two columns are called 'y'");
}
END_TEST

START_TEST(values_that_are_not_finite_are_counted_and_refused) {
  char text[40000] = "a,b,y\n";
  mst_import_options options = {.dataset.chunk_rows = 7}; /* over several blocks */
  for (int i = 0; i < 1000; i++)
    snprintf(text + strlen(text), 32, i % 100 == 99 ? "%d,nan,0\n" : "%d,1,0\n", i);
  ck_text_refused("csv", text, &options, MST_ERR_NONFINITE, "10 values are not finite");
  ck_assert_ptr_nonnull(strstr(mst_status_detail(), "the first is 'nan' in line 101, column 1"));
  ck_text_refused("csv", "1,2,0\n1,-inf,1\n", &plain, MST_ERR_NONFINITE,
                  "1 value is not finite as float32; the first is '-inf' in line 2");
  ck_text_refused("csv", "1,2,0\n1,1e39,1\n", &plain, MST_ERR_NONFINITE, "'1e39'");
  ck_text_refused("libsvm", "0 1:2\n1 2:inf\n", &plain, MST_ERR_NONFINITE, "line 2, index 2");
  options.task = "regression";
  ck_text_refused("csv", "1,2,0\n1,2,nan\n", &options, MST_ERR_NONFINITE, "'nan' in line 2");
}
END_TEST

START_TEST(options_that_mean_nothing_to_a_format_are_refused) {
  char input[512];
  snprintf(input, sizeof input, "%s", put_text("input.txt", "1,2\n"));
  const struct {
    const char *format;
    mst_import_options told;
    const char *words;
  } wrong[] = {
      {"csv", {.labels = "labels.idx"}, "'labels.idx'"},
      {"npy", {.label_column = "1"}, "only csv"},
      {"csv", {.n_features = 3}, "only libsvm"},
      {"csv", {.task = "guess"}, "task is 'guess'"},
      {"csv", {.scale = NAN}, "scale is nan"},
      {"csv", {.dataset.deflate = 10}, "level is 10"},
      {"xls", {.task = NULL}, "'xls' is no format"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    mst_import_options options = wrong[i].told;
    options.input = input;
    options.output = scratch("imported.h5");
    ck_refused(mst_import_run(team, wrong[i].format, &options, NULL), MST_ERR_INPUT,
               wrong[i].words);
  }
}
END_TEST

START_TEST(files_that_cannot_be_read_or_written_are_refused) {
  char input[512];
  snprintf(input, sizeof input, "%s", put_text("input.txt", "1,2\n"));
  const struct {
    const char *input, *output;
    mst_status code;
    const char *words;
  } wrong[] = {
      {input, input, MST_ERR_INPUT, "name the same file"},
      {input, scratch("nowhere/out.h5"), MST_ERR_INPUT, "nowhere"},
      {scratch("missing.csv"), scratch("imported.h5"), MST_ERR_INPUT, "No such"},
      {put_bytes("empty.csv", "", 0), scratch("imported.h5"), MST_ERR_FORMAT, "is empty"},
      {put_bytes("binary.csv", "1,2\n3\0,4\n", 9), scratch("imported.h5"), MST_ERR_FORMAT,
       "binary.csv:2: holds a zero byte"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const mst_import_options options = {.input = wrong[i].input, .output = wrong[i].output};
    ck_refused(same_everywhere(mst_import_run(team, "csv", &options, NULL)), wrong[i].code,
               wrong[i].words);
  }
}
END_TEST

START_TEST(long_files_and_long_lines_are_read_whole) {
  /* 2 MiB on one line (more than a buffer), then blocks of rows that end within chunks. */
  const int columns = 300000;
  char *text = malloc((size_t)columns * 8 + 64);
  size_t n = 0;
  for (int i = 0; i < columns; i++) n += (size_t)sprintf(text + n, "%d,", i % 99999);
  n += (size_t)sprintf(text + n, "0\n");
  mst_import_options options = defaults(put_bytes("long.csv", text, n));
  mst_dataset_info made;
  mst_dataset *d;
  ck_ok(mst_import_run(team, "csv", &options, &made));
  ck_assert_int_eq(made.row_elements, columns);
  ck_ok(mst_dataset_open(team, options.output, &d));
  float *x = malloc(sizeof(float) * (size_t)columns);
  ck_ok(mst_dataset_read_x(d, 0, 1, x));
  int wrong = 0;
  for (int i = 0; i < columns; i++) wrong += x[i] != (float)(i % 99999);
  ck_assert_int_eq(wrong, 0);
  mst_dataset_close(d);
  n = 0;
  for (int i = 0; i < 500; i++) n += (size_t)sprintf(text + n, "%d,%d\n", i, i % 3);
  options = defaults(put_bytes("long.csv", text, n));
  options.dataset.chunk_rows = 7;
  options.dataset.deflate = 3;
  ck_imported("csv", &options);
  ck_assert_int_eq(got.info.rows, 500);
  for (int i = 0; i < 500; i++) wrong += got.x[i] != (float)i || got.label[i] != i % 3;
  ck_assert_int_eq(wrong, 0);
  free(text);
  free(x);
}
END_TEST

START_TEST(memory_that_the_parser_lacks_ends_the_import_for_all) {
  mst_import_options options = defaults(put_text("input.txt", "site,a,y\nn,1,b\nm,2,a\n"));
  options.client_column = "site";
  int64_t before = mst_memory_current();
  mst_status status = MST_ERR_MEMORY;
  int n = 0;
  while (status != MST_OK) {
    if (rank == 0) mst_memory_fail_at(++n);
    status = same_everywhere(mst_import_run(team, "csv", &options, NULL));
    mst_memory_fail_at(0);
    ck_assert_msg(status == MST_OK || status == MST_ERR_MEMORY, "%s", mst_status_detail());
    if (status != MST_OK) ck_nothing_left(options.output);
  }
  if (rank == 0) ck_assert_int_gt(n, 10);
  ck_assert_int_eq(mst_memory_current(), before);
  remove_file(options.output);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("import");
  TCase *t = tcase_create("import");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_loop_test(t, the_shape_of_a_csv_file_is_found_out, 0, 6);
  tcase_add_loop_test(t, label_and_client_columns_are_named_or_numbered, 0, 3);
  tcase_add_test(t, classes_are_numbered_by_their_words_not_by_their_rows);
  tcase_add_test(t, client_numbers_are_kept_and_client_words_numbered);
  tcase_add_test(t, regression_reads_the_label_column_as_values);
  tcase_add_test(t, a_file_without_labels_is_imported);
  tcase_add_test(t, a_stated_header_is_believed);
  tcase_add_test(t, numbers_are_rounded_once_and_correctly);
  tcase_add_loop_test(t, what_a_csv_file_gets_wrong_is_said_with_line_and_column, 0, 15);
  tcase_add_test(t, a_column_that_is_not_there_is_refused_with_those_that_are);
  tcase_add_test(t, values_that_are_not_finite_are_counted_and_refused);
  tcase_add_test(t, options_that_mean_nothing_to_a_format_are_refused);
  tcase_add_test(t, files_that_cannot_be_read_or_written_are_refused);
  tcase_add_test(t, long_files_and_long_lines_are_read_whole);
  tcase_add_test(t, memory_that_the_parser_lacks_ends_the_import_for_all);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
