/* The importers of sparse rows: lists of ratings with ids of any kind, LIBSVM files that stay
 * sparse, and what cannot be read, refused with its line. */
#define MST_TEST_MPI
#include <hdf5.h>

#include "tests/io/imported.h"

/* The ids that a file keeps under that name, joined by commas; an id has 15 bytes at most. */
static const char *ids(const char *path, const char *name) {
  static char text[512];
  char id[32][16] = {{0}};
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, name, H5P_DEFAULT);
  hid_t space = H5Dget_space(set), type = H5Tcopy(H5T_C_S1);
  ck_assert_int_le(H5Sget_simple_extent_npoints(space), 32);
  H5Tset_size(type, 16);
  H5Tset_cset(type, H5T_CSET_UTF8);
  ck_assert_int_ge(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, id), 0);
  text[0] = 0;
  for (int i = 0; i < H5Sget_simple_extent_npoints(space); i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? "," : "", id[i]);
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  return text;
}

static void ck_ids(const char *text, const char *users, const char *items) {
  const mst_import_options options = {.input = put_text("input.txt", text),
                                      .output = scratch("ids.h5")};
  ck_ok(same_everywhere(mst_import_run(team, "ratings", &options, NULL)));
  ck_assert_str_eq(ids(options.output, "row_id"), users);
  ck_assert_str_eq(ids(options.output, "column_id"), items);
  ck_ok(mst_team_barrier(team));
  remove_file(options.output);
}

START_TEST(ratings_become_rows_of_users) {
  const char *text =
      "userId,movieId,rating,timestamp\n30,7,3.5,99\n4,100,1,98\n30,5,2,97\n"
      "\"4\",7,5,96\n";
  const float x[] = {0, 5, 1, 2, 3.5f, 0};
  ck_text("ratings", text, &plain);
  ck_rows(2, 3, x);
  ck_assert(got.info.sparse && got.info.entries == 4 && got.info.target == MST_TARGET_NONE);
  ck_assert_str_eq(got.info.source, "ratings input.txt");
  ck_ids(text, "4,30", "5,7,100");
}
END_TEST

START_TEST(ids_may_be_words_or_begin_with_0) {
  ck_ids("bea\tx-2\t1\nal\tx-10\t4\nbea\tx-10\t2\n", "al,bea", "x-10,x-2");
  /* Numbers that leave some out are numbered on all the same. */
  const float x[] = {1, 0, 0, 2};
  ck_text("ratings", "0;0;1\n9;5;2\n", &plain);
  ck_rows(2, 2, x);
  ck_ids("0;0;1\n9;5;2\n", "0,9", "0,5");
}
END_TEST

START_TEST(the_order_of_lines_and_a_scale_change_what_they_should) {
  const mst_import_options half = {.scale = 0.5};
  const float x[] = {1, 2, 0, 3};
  ck_text("ratings", "b,q,6\na,q,4\na,p,2\n", &half);
  ck_rows(2, 2, x);
  ck_text("ratings", "a,p,2\na,q,4\nb,q,6\n", &half);
  ck_rows(2, 2, x);
}
END_TEST

START_TEST(what_a_list_of_ratings_gets_wrong_is_said_with_its_line) {
  static const struct {
    const char *text, *words;
  } wrong[] = {
      {"a,b\n", "input.txt:1: has 2 columns; user, item and rating are expected"},
      {"a,b,1,2,3\n", "input.txt:1: has 5 columns"},
      {"a,b,1,2\nc,d,1\n", "input.txt:2: has 3 columns"},
      {"a,b,1\nc,d,good\n", "input.txt:2: the rating is 'good'; a number is expected"},
      {"a,b,1\nc,d,\n", "input.txt:2: the rating is ''"},
      {"a,b,1\n,d,2\n", "input.txt:2: the user is empty"},
      {"u,i,r\na,,1\n", "input.txt:2: the item is empty"},
      {"a,b,1\nc,d,2\n\na,b,3\n", "input.txt:4: user 'a' has rated item 'b' in line 1 before"},
      {"a,\"b,1\n", "input.txt:1: the quote of column 1 is not closed"},
      {"u,i,r\n", "input.txt: has no ratings"}};
  ck_text_refused("ratings", wrong[_i].text, &plain, MST_ERR_FORMAT, wrong[_i].words);
}
END_TEST

START_TEST(what_no_list_of_ratings_has_is_refused) {
  const mst_import_options task = {.task = "regression"}, chunks = {.dataset = {.chunk_rows = 5}},
                           wide = {.n_features = 9}, sparse = {.sparse = true};
  ck_text_refused("ratings", "a,b,nan\nc,d,1e99\n", &plain, MST_ERR_NONFINITE,
                  "2 values are not finite as float32; the first is the rating 'nan' of line 1");
  ck_text_refused("ratings", "a,b,1\n", &task, MST_ERR_INPUT, "there are no targets");
  ck_text_refused("ratings", "a,b,1\n", &chunks, MST_ERR_INPUT, "not stored in chunks");
  ck_text_refused("ratings", "a,b,1\n", &wide, MST_ERR_INPUT, "only libsvm is told");
  ck_text_refused("csv", "1,2\n", &sparse, MST_ERR_INPUT, "only libsvm is told whether");
}
END_TEST

START_TEST(libsvm_rows_stay_sparse) {
  const mst_import_options sparse = {.sparse = true, .n_features = 5, .dataset = {.deflate = 4}};
  const float x[] = {0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0.5f, 0, -1, 0, 0};
  const int32_t label[] = {1, 1, 0};
  ck_text("libsvm", "+1 2:2\n1\n-1 1:.5 3:-1\n", &sparse);
  ck_rows(3, 5, x);
  ck_labels(2, label);
  ck_assert(got.info.sparse && got.info.entries == 3);
  ck_text_refused("libsvm", "1\n2\n", &sparse, MST_ERR_FORMAT, "has no index:value at all");
  ck_text_refused("libsvm", "1 2:1e50\n", &sparse, MST_ERR_NONFINITE, "in line 1, index 2");
}
END_TEST

/* More rows than are written at once, and of very unequal lengths. */
START_TEST(many_rows_are_written_in_pieces) {
  enum {
    ROWS = 9000
  };
  char *text = NULL;
  size_t length = 0;
  FILE *file = open_memstream(&text, &length);
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < (i == 8500 ? 2000 : 1); j++) fprintf(file, "%d,%d,%d\n", i, j, 1 + i % 5);
  fclose(file);
  const mst_import_options options = {.input = put_text("input.txt", text),
                                      .output = scratch("long.h5")};
  mst_dataset *d;
  mst_sparse_rows rows;
  ck_ok(same_everywhere(mst_import_run(team, "ratings", &options, NULL)));
  ck_ok(mst_dataset_open(team, options.output, &d));
  ck_assert_int_eq(mst_dataset_about(d)->entries, ROWS + 1999);
  ck_ok(mst_dataset_read_sparse(d, 8000, 1000, &rows));
  for (int64_t i = 0; i < 1000; i++) {
    const int64_t n = rows.start[i + 1] - rows.start[i];
    ck_assert_int_eq(n, i == 500 ? 2000 : 1);
    ck_assert(rows.value[rows.start[i]] == (float)(1 + (8000 + i) % 5));
    ck_assert_int_eq(rows.index[rows.start[i] + n - 1], n - 1);
  }
  mst_sparse_rows_free(&rows);
  mst_dataset_close(d);
  free(text);
  remove_file(options.output);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("import_ratings");
  TCase *t = tcase_create("import_ratings");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_test(t, ratings_become_rows_of_users);
  tcase_add_test(t, ids_may_be_words_or_begin_with_0);
  tcase_add_test(t, the_order_of_lines_and_a_scale_change_what_they_should);
  tcase_add_loop_test(t, what_a_list_of_ratings_gets_wrong_is_said_with_its_line, 0, 10);
  tcase_add_test(t, what_no_list_of_ratings_has_is_refused);
  tcase_add_test(t, libsvm_rows_stay_sparse);
  tcase_add_test(t, many_rows_are_written_in_pieces);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
