/* Prediction files: what is written is described and found whole, on any number of ranks, and what
 * is damaged or something else is refused. */
#define MST_TEST_MPI
#include <hdf5.h>

#include "core/base/memory.h"
#include "io/predictions.h"
#include "tests/io/scratch.h"

enum {
  ROWS = 3000,
  CLASSES = 3
};

static float score[ROWS * CLASSES];
static int32_t chosen[ROWS];
static float value[ROWS];

/* The arrays of this rank's rows: scores, and classes, or values, or neither. */
static void write_file(const char *path, bool classes, bool values) {
  const mst_predictions_about about = {.run = "r.h5",
                                       .digest = "abc",
                                       .data = "d.h5",
                                       .job = "federated",
                                       .n_classes = classes ? CLASSES : 0,
                                       .nonfinite = 2};
  const int64_t shape[2] = {ROWS, CLASSES};
  int64_t first, count;
  mst_state state;
  mst_team_share(team, ROWS, &first, &count);
  for (int64_t i = 0; i < count; i++) {
    for (int c = 0; c < CLASSES; c++) score[i * CLASSES + c] = (float)(first + i) / (float)(c + 1);
    chosen[i] = (int32_t)((first + i) % CLASSES);
    value[i] = (float)(first + i);
  }
  mst_state_init(&state);
  ck_ok(mst_state_add_shard(&state, "scores", MST_F32, 2, shape, first, count, score));
  if (classes) ck_ok(mst_state_add_shard(&state, "class", MST_I32, 1, shape, first, count, chosen));
  if (values) ck_ok(mst_state_add_shard(&state, "value", MST_F32, 1, shape, first, count, value));
  ck_ok(mst_predictions_write(team, path, &about, &state));
  mst_state_clear(&state);
}

static void ck_said(const char *text, const char *line) {
  ck_assert_msg(strstr(text, line) != NULL, "'%s' is not in:\n%s", line, text);
}

START_TEST(a_file_of_classes_or_values_says_what_it_is) {
  bool classes = _i == 0;
  const char *path = scratch("predictions.h5");
  char *text = NULL;
  write_file(path, classes, !classes);
  ck_ok(mst_predictions_describe(team, path, &text));
  ck_said(text, "run                      r.h5\n");
  ck_said(text, "run_digest               abc\n");
  ck_said(text, "data                     d.h5\n");
  ck_said(text, "job                      federated\n");
  ck_said(text, "nonfinite_rows           2\n");
  ck_said(text, classes ? "n_classes                3\n" : "n_classes                0\n");
  ck_said(text, "scores                   float32 [3000, 3]\n");
  ck_said(text, classes ? "class                    int32 [3000]\n"
                        : "value                    float32 [3000]\n");
  mst_free(text);
  remove_file(path);
}
END_TEST

START_TEST(scores_alone_and_both_of_classes_and_values_are_refused) {
  const char *path = scratch("predictions.h5");
  char *text = NULL;
  write_file(path, false, false);
  ck_refused(same_everywhere(mst_predictions_describe(team, path, &text)), MST_ERR_FORMAT,
             "has neither /class nor /value");
  ck_assert_ptr_null(text);
  write_file(path, true, true);
  ck_refused(same_everywhere(mst_predictions_describe(team, path, &text)), MST_ERR_FORMAT,
             "has both /class and /value");
  ck_assert_ptr_null(text);
  remove_file(path);
}
END_TEST

/* On rank 0: one bit of the last scores, where the file keeps them. */
static void flip_last_scores(const char *path) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t d = H5Dopen2(file, "scores", H5P_DEFAULT), space = H5Dget_space(d);
  hsize_t chunks = 0, bytes = 0, offset[2];
  haddr_t address = 0;
  unsigned mask = 0;
  ck_assert_int_ge(H5Dget_num_chunks(d, space, &chunks), 0);
  ck_assert_int_ge(H5Dget_chunk_info(d, space, chunks - 1, offset, &mask, &address, &bytes), 0);
  H5Sclose(space);
  H5Dclose(d);
  H5Fclose(file);
  FILE *raw = fopen(path, "r+b");
  long at = (long)address + 100;
  ck_assert_int_eq(fseek(raw, at, SEEK_SET), 0);
  int byte = fgetc(raw);
  ck_assert_int_eq(fseek(raw, at, SEEK_SET), 0);
  ck_assert_int_ne(fputc(byte ^ 1, raw), EOF);
  fclose(raw);
}

START_TEST(a_bit_that_was_turned_is_found) {
  const char *path = scratch("predictions.h5");
  char *text = NULL;
  write_file(path, true, false);
  if (rank == 0) flip_last_scores(path);
  ck_ok(mst_team_barrier(team));
  ck_refused(mst_predictions_describe(team, path, &text), MST_ERR_FORMAT, "scores");
  ck_assert_ptr_null(text);
  remove_file(path);
}
END_TEST

START_TEST(what_is_no_prediction_file_is_refused) {
  char *text = NULL;
  const char *path = put_bytes("foreign.h5", "no HDF5", 7);
  ck_refused(same_everywhere(mst_predictions_describe(team, path, &text)), MST_ERR_FORMAT,
             "foreign.h5");
  remove_file(path);
  ck_refused(same_everywhere(mst_predictions_describe(team, path, &text)), MST_ERR_INPUT,
             "foreign.h5");
  ck_assert_ptr_null(text);
}
END_TEST

START_TEST(one_of_a_later_version_says_so_and_is_not_replaced) {
  const char *path = scratch("predictions.h5");
  const int64_t version = MST_PREDICTIONS_VERSION + 1;
  char *text = NULL;
  write_file(path, true, false);
  if (rank == 0) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t a = H5Aopen(file, "version", H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, H5T_NATIVE_INT64, &version), 0);
    H5Aclose(a);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  ck_refused(same_everywhere(mst_predictions_describe(team, path, &text)), MST_ERR_UNSUPPORTED,
             "has version 2 of the prediction file format; this muster reads up to version 1");
  ck_assert_ptr_null(text);
  ck_refused(same_everywhere(mst_predictions_check(team, path)), MST_ERR_INPUT,
             "name another file, or remove it: ");
  remove_file(path);
}
END_TEST

START_TEST(memory_that_one_rank_lacks_ends_it_for_all) {
  const char *path = scratch("predictions.h5");
  char *text = NULL;
  write_file(path, true, false);
  for (int n = 1; n <= 3; n++) {
    int64_t before = mst_memory_current();
    if (rank == size - 1) mst_memory_fail_at(n);
    mst_status st = mst_predictions_describe(team, path, &text);
    mst_memory_fail_at(0);
    ck_assert_int_eq(st, MST_ERR_MEMORY);
    ck_assert_ptr_null(text);
    ck_assert_int_eq(mst_memory_current(), before);
  }
  remove_file(path);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("predictions");
  TCase *c = tcase_create("predictions");
  tcase_add_unchecked_fixture(c, make_team, drop_team);
  tcase_add_loop_test(c, a_file_of_classes_or_values_says_what_it_is, 0, 2);
  tcase_add_test(c, scores_alone_and_both_of_classes_and_values_are_refused);
  tcase_add_test(c, a_bit_that_was_turned_is_found);
  tcase_add_test(c, what_is_no_prediction_file_is_refused);
  tcase_add_test(c, one_of_a_later_version_says_so_and_is_not_replaced);
  tcase_add_test(c, memory_that_one_rank_lacks_ends_it_for_all);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
