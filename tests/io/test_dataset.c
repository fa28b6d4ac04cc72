/* Dataset files: what is written is read, on any number of ranks and any cut of the rows; a name is
 * taken only by a whole file, and what cannot be made is refused before anything is. */
#define MST_TEST_MPI
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>

#include "core/base/memory.h"
#include "io/hdf5_file.h"
#include "tests/io/dataset_sample.h"

START_TEST(what_is_written_is_read_back_on_another_cut_of_the_rows) {
  static const struct {
    int64_t rows;
    mst_dataset_options options;
  } cases[] = {{1000, {.chunk_rows = 64}},
               {1000, {.chunk_rows = 64, .deflate = 4}},
               {1000, {.deflate = 1}},
               {977, {.chunk_rows = 1000}},
               {3, {0}},
               {1, {.deflate = 9}}};
  int64_t n = cases[_i].rows;
  const char *path = scratch("cuts.h5");
  write_file(path, n, &cases[_i].options);
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  ck_assert_int_eq(info->rows, n);
  ck_assert_int_eq(info->row_dims, 2);
  ck_assert_int_eq(info->row_size[0], 3);
  ck_assert_int_eq(info->row_size[1], 5);
  ck_assert_int_eq(info->row_elements, 15);
  ck_assert_int_eq(info->target, MST_TARGET_CLASSES);
  ck_assert_int_eq(info->n_classes, 7);
  ck_assert(info->has_client && info->has_group && info->has_weight);
  ck_assert_str_eq(info->task, "classification");
  ck_assert_str_eq(info->source, "a test");
  read_full(d, n * rank / size, n * (rank + 1) / size - n * rank / size);
  read_full(d, 0, n);                     /* every rank all rows   */
  read_full(d, n - 1, rank == 0 ? 1 : 0); /* one rank a single row */
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(a_log_of_decisions_is_kept) {
  const char *path = scratch("log.h5");
  mst_dataset_info info = {
      .rows = 20, .row_dims = 1, .row_size = {1}, .has_log = true, .n_arms = 4};
  float x[20] = {0}, reward[20], propensity[20], read[40];
  int32_t arm[20], read_arm[20];
  for (int i = 0; i < 20; i++) {
    arm[i] = i % 4;
    reward[i] = (float)i / 7;
    propensity[i] = 1.0F / (float)(1 + i);
  }
  mst_dataset_writer *w;
  mst_dataset *d;
  const int64_t count = rank == 0 ? 20 : 0;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_ok(mst_dataset_write(w, 0, count, x, NULL, NULL, NULL, NULL, NULL));
  ck_ok(mst_dataset_write_log(w, 0, count, arm, reward, propensity));
  ck_ok(mst_dataset_commit(w));
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert(mst_dataset_about(d)->has_log);
  ck_assert_int_eq(mst_dataset_about(d)->n_arms, 4);
  ck_ok(mst_dataset_read_log(d, 3, 10, read_arm, read, read + 20));
  ck_assert_mem_eq(read_arm, arm + 3, 10 * sizeof *arm);
  ck_assert_mem_eq(read, reward + 3, 10 * sizeof *reward);
  ck_assert_mem_eq(read + 20, propensity + 3, 10 * sizeof *propensity);
  mst_dataset_close(d);
  remove_file(path);
  /* rows without their decisions are no log; neither is one without arms */
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_ok(mst_dataset_write(w, 0, count, x, NULL, NULL, NULL, NULL, NULL));
  ck_refused(mst_dataset_commit(w), MST_ERR_INTERNAL, "0 rows of the log were written");
  info.n_arms = 0;
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT, "n_arms is 0");
  info.has_log = false;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_ok(mst_dataset_write(w, 0, count, x, NULL, NULL, NULL, NULL, NULL));
  ck_ok(mst_dataset_commit(w));
  ck_ok(mst_dataset_open(team, path, &d));
  ck_refused(mst_dataset_read_log(d, 0, 1, read_arm, read, read + 20), MST_ERR_INPUT, "is no log");
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(values_of_several_outputs_are_kept) {
  const char *path = scratch("values.h5");
  mst_dataset_info info = {.rows = 20,
                           .row_dims = 1,
                           .row_size = {1},
                           .target = MST_TARGET_VALUES,
                           .outputs = 3,
                           .task = "regression"};
  float value[60], x[20];
  for (int i = 0; i < 60; i++) value[i] = (float)i / 3;
  for (int i = 0; i < 20; i++) x[i] = (float)i;
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  int64_t count = rank == 0 ? 20 : 0; /* the others take part without rows */
  ck_ok(mst_dataset_write(w, 0, count, x, NULL, value, NULL, NULL, NULL));
  ck_ok(mst_dataset_commit(w));
  mst_dataset *d;
  float read[60] = {0};
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert_int_eq(mst_dataset_about(d)->target, MST_TARGET_VALUES);
  ck_assert_int_eq(mst_dataset_about(d)->outputs, 3);
  ck_ok(mst_dataset_read_values(d, 5, 10, read));
  for (int i = 0; i < 30; i++) ck_assert(read[i] == value[15 + i]);
  int32_t label[1];
  ck_refused(mst_dataset_read_labels(d, 0, 1, label), MST_ERR_INPUT, "has no classes");
  ck_refused(mst_dataset_read_i32(d, "client", 0, 1, label), MST_ERR_INPUT, "has no /client");
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(more_than_one_piece_is_written_and_read) {
  if (size > 2) return; /* 20 MB: enough to need two pieces, and enough once */
  const char *path = scratch("pieces.h5");
  const int64_t rows = 5000, width = 1024, mine = rank == 0 ? rows - 100 : 100;
  mst_dataset_info info = {.rows = rows, .row_dims = 1, .row_size = {width}};
  int64_t first = rank == 0 ? 0 : rows - 100;
  int64_t count = size == 1 ? rows : mine;
  float *x;
  ck_ok(mst_alloc(&x, count * width, sizeof *x, "test rows"));
  for (int64_t i = 0; i < count * width; i++) x[i] = x_of(first * width + i);
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_assert_int_eq(mst_dataset_chunk_rows(w), 256);
  ck_ok(mst_dataset_write(w, first, count, x, NULL, NULL, NULL, NULL, NULL));
  ck_ok(mst_dataset_commit(w));
  memset(x, 0, (size_t)(count * width) * sizeof *x);
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  ck_ok(mst_dataset_read_x(d, first, count, x));
  ck_assert(holds_x(x, first * width, count * width));
  mst_dataset_close(d);
  mst_free(x);
  remove_file(path);
}
END_TEST

START_TEST(nothing_appears_under_the_name_before_commit) {
  const char *path = scratch("later.h5");
  mst_dataset_info info = full_info(40);
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_ok(write_full(w, 0, rank == 0 ? 40 : 0));
  ck_assert(!exists(path));
  ck_assert_int_eq(temporaries(path), 1);
  ck_ok(mst_team_barrier(team));
  mst_dataset_abandon(w);
  ck_nothing_left(path);
}
END_TEST

START_TEST(an_older_file_stays_until_the_new_one_is_whole) {
  const char *path = scratch("older.h5");
  write_file(path, 10, NULL);
  mst_dataset_info info = full_info(20);
  mst_dataset_writer *w;
  mst_dataset *d;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  mst_dataset_abandon(w);
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert_int_eq(mst_dataset_about(d)->rows, 10);
  mst_dataset_close(d);
  write_file(path, 20, NULL);
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert_int_eq(mst_dataset_about(d)->rows, 20);
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(nobody_elses_temporary_is_touched) {
  const char *path = scratch("mine.h5"), *other = put_bytes("mine.h5.tmp", "a user's file", 13);
  write_file(path, 10, NULL);
  ck_assert_int_eq(file_size(other), 13);
  remove_file(other);
  remove_file(path);
}
END_TEST

START_TEST(of_two_writers_of_one_path_the_last_to_commit_wins_whole) {
  const char *path = scratch("twice.h5");
  mst_dataset_info few = full_info(10), many = full_info(20);
  mst_dataset_writer *first, *second;
  ck_ok(mst_dataset_create(team, path, &few, NULL, &first));
  ck_ok(mst_dataset_create(team, path, &many, NULL, &second));
  ck_assert_int_eq(temporaries(path), 2);
  ck_ok(mst_team_barrier(team));
  ck_ok(write_full(second, 0, rank == 0 ? 20 : 0));
  ck_ok(write_full(first, 0, rank == 0 ? 10 : 0));
  ck_ok(mst_dataset_commit(second));
  ck_ok(mst_dataset_commit(first));
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert_int_eq(mst_dataset_about(d)->rows, 10);
  read_full(d, 0, 10);
  mst_dataset_close(d);
  remove_file(path);
  ck_nothing_left(path);
}
END_TEST

/* A link to a file (there or not), by a relative name in another folder, or to another link. */
START_TEST(a_symbolic_link_stays_and_the_file_behind_it_is_written) {
  const char *link = scratch("link.h5"), *folder = scratch("behind");
  const char *target = scratch("behind/target.h5"), *far = scratch("far.h5");
  if (rank == 0) {
    mkdir(folder, 0700);
    ck_assert_int_eq(symlink("behind/target.h5", far), 0);
    ck_assert_int_eq(symlink("far.h5", link), 0);
  }
  ck_ok(mst_team_barrier(team));
  for (int64_t rows = 10; rows <= 20; rows += 10) {
    write_file(link, rows, NULL);
    struct stat about;
    ck_assert_int_eq(lstat(link, &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    ck_assert_int_eq(lstat(far, &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    mst_dataset *d;
    ck_ok(mst_dataset_open(team, target, &d));
    ck_assert_int_eq(mst_dataset_about(d)->rows, rows);
    mst_dataset_close(d);
    ck_ok(mst_team_barrier(team));
  }
  remove_file(link);
  if (rank == 0) ck_assert_int_eq(symlink("link.h5", link), 0);
  ck_ok(mst_team_barrier(team));
  mst_dataset_info info = full_info(10);
  mst_dataset_writer *w;
  ck_refused(same_everywhere(mst_dataset_create(team, link, &info, NULL, &w)), MST_ERR_INPUT,
             "symbolic links");
  ck_refused(same_everywhere(mst_dataset_create(team, "/dev/null", &info, NULL, &w)),
             MST_ERR_INPUT, "not a regular file");
  remove_file(link);
  remove_file(far);
  remove_file(target);
  if (rank == 0) rmdir(folder);
  ck_ok(mst_team_barrier(team));
}
END_TEST

START_TEST(a_file_that_is_gone_or_locked_is_no_fault_of_its_format) {
  const char *path = scratch("gone.h5");
  hid_t file = H5I_INVALID_HID;
  ck_refused(mst_hdf5_open_team(team, path, true, &file), MST_ERR_IO, "cannot be opened by HDF5");
  write_file(path, 10, NULL);
  if (rank == 0 && getenv("HDF5_USE_FILE_LOCKING") == NULL) {
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_refused(mst_hdf5_open(path, true, &file), MST_ERR_IO, "cannot be opened by HDF5");
    ck_refused(mst_hdf5_open(path, false, &file), MST_ERR_IO, "cannot be opened by HDF5");
    close(fd);
  }
  remove_file(path);
}
END_TEST

START_TEST(missing_rows_are_found_at_commit) {
  const char *path = scratch("gaps.h5");
  mst_dataset_info info = full_info(40);
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_ok(write_full(w, 0, rank == 0 ? 39 : 0));
  ck_refused(same_everywhere(mst_dataset_commit(w)), MST_ERR_INTERNAL, "39 rows were written, 40");
  ck_nothing_left(path);
}
END_TEST

START_TEST(impossible_shapes_are_refused_before_anything_is_made) {
  const char *path = scratch("impossible.h5");
  mst_dataset_writer *w;
  mst_dataset_info info = full_info(0);
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT, "0 rows");
  info = full_info(10);
  info.row_size[1] = 0;
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT, "dimension 1");
  info = full_info(INT64_MAX / 8);
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT, "impossibly large");
  info = full_info(10);
  info.row_size[1] = 1 << 26;
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT,
             "larger than the 512 MiB");
  info = full_info(10);
  info.n_classes = 0;
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT, "n_classes is 0");
  info = full_info(10);
  info.target = MST_TARGET_VALUES;
  info.outputs = MST_DATASET_OUTPUTS + 1;
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT, "outputs is 1000001");
  info = (mst_dataset_info){.rows = INT64_MAX / 8, .row_dims = 1, .row_size = {1}, .outputs = 4,
                            .target = MST_TARGET_VALUES};
  ck_refused(mst_dataset_create(team, path, &info, NULL, &w), MST_ERR_INPUT,
             "/y is impossibly large");
  ck_nothing_left(path);
}
END_TEST

START_TEST(a_folder_that_cannot_be_written_is_named) {
  mst_dataset_writer *w;
  mst_dataset_info info = full_info(10);
  ck_refused(same_everywhere(mst_dataset_create(team, scratch("nowhere/a.h5"), &info, NULL, &w)),
             MST_ERR_INPUT, "No such file or directory");
  ck_refused(same_everywhere(mst_dataset_create(team, scratch("."), &info, NULL, &w)), MST_ERR_INPUT,
             "it is a folder");
  ck_refused(same_everywhere(mst_dataset_create(team, "/proc/a.h5", &info, NULL, &w)), MST_ERR_IO,
             "/proc/.a.h5.");
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("dataset");
  TCase *t = tcase_create("dataset");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_loop_test(t, what_is_written_is_read_back_on_another_cut_of_the_rows, 0, 6);
  tcase_add_test(t, values_of_several_outputs_are_kept);
  tcase_add_test(t, more_than_one_piece_is_written_and_read);
  tcase_add_test(t, nothing_appears_under_the_name_before_commit);
  tcase_add_test(t, an_older_file_stays_until_the_new_one_is_whole);
  tcase_add_test(t, nobody_elses_temporary_is_touched);
  tcase_add_test(t, of_two_writers_of_one_path_the_last_to_commit_wins_whole);
  tcase_add_test(t, a_symbolic_link_stays_and_the_file_behind_it_is_written);
  tcase_add_test(t, a_file_that_is_gone_or_locked_is_no_fault_of_its_format);
  tcase_add_test(t, missing_rows_are_found_at_commit);
  tcase_add_test(t, impossible_shapes_are_refused_before_anything_is_made);
  tcase_add_test(t, a_folder_that_cannot_be_written_is_named);
  tcase_add_test(t, a_log_of_decisions_is_kept);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
