/* Dataset files: what is written is read, on any number of ranks and any cut of the rows; what is
 * damaged, foreign or contradictory is refused with the same sentence on all ranks; what fails
 * leaves nothing behind. */
#define MST_TEST_MPI
#include <fcntl.h>
#include <hdf5.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "core/base/memory.h"
#include "io/dataset.h"
#include "io/hdf5_file.h"
#include "tests/io/scratch.h"

static float x_of(int64_t i) {
  return (float)((i * 2654435761u) % 1000003) / 1024.0f;
}
static bool holds_x(const float *x, int64_t first, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (x[i] != x_of(first + i)) return false;
  return true;
}

static int32_t label_of(int64_t row) {
  return (int32_t)(row * row % 7);
}

static mst_dataset_info full_info(int64_t rows) {
  mst_dataset_info info = {.rows = rows,
                           .row_dims = 2,
                           .row_size = {3, 5},
                           .target = MST_TARGET_CLASSES,
                           .n_classes = 7,
                           .has_client = true,
                           .has_group = true,
                           .has_weight = true,
                           .task = "classification",
                           .source = "a test"};
  return info;
}

/* Rows [first, first+count) of all parts. */
static mst_status write_full(mst_dataset_writer *w, int64_t first, int64_t count) {
  float x[15 * 1000], weight[1000];
  int32_t label[1000], client[1000], group[1000];
  for (int64_t i = 0; i < count * 15; i++) x[i] = x_of(first * 15 + i);
  for (int64_t i = 0; i < count; i++) {
    label[i] = label_of(first + i);
    client[i] = (int32_t)(first + i) / 10;
    group[i] = -(int32_t)(first + i);
    weight[i] = 0.5f * (float)(first + i);
  }
  return mst_dataset_write(w, first, count, x, label, NULL, client, group, weight);
}

static void read_full(mst_dataset *d, int64_t first, int64_t count) {
  float x[15 * 1000], weight[1000];
  int32_t label[1000], client[1000], group[1000];
  ck_ok(mst_dataset_read_x(d, first, count, x));
  ck_ok(mst_dataset_read_labels(d, first, count, label));
  ck_ok(mst_dataset_read_i32(d, "client", first, count, client));
  ck_ok(mst_dataset_read_i32(d, "group", first, count, group));
  ck_ok(mst_dataset_read_weight(d, first, count, weight));
  ck_assert(holds_x(x, first * 15, count * 15));
  int64_t wrong = 0; /* Check's own macros cost a system call each */
  for (int64_t i = 0; i < count; i++)
    wrong += label[i] != label_of(first + i) || client[i] != (first + i) / 10 ||
             group[i] != -(first + i) || weight[i] != 0.5f * (float)(first + i);
  ck_assert_int_eq(wrong, 0);
}

/* Where rank r's part of n rows begins when parts grow with the rank. */
static int64_t cut(int64_t n, int r) {
  return n * r * (r + 1) / ((int64_t)size * (size + 1));
}

/* A file of n rows, written in two calls whose parts share chunks between ranks. */
static void write_file(const char *path, int64_t n, const mst_dataset_options *options) {
  mst_dataset_info info = full_info(n);
  mst_dataset_writer *w;
  int64_t half = n / 2;
  ck_ok(mst_dataset_create(team, path, &info, options, &w));
  ck_ok(write_full(w, cut(half, rank), cut(half, rank + 1) - cut(half, rank)));
  ck_ok(write_full(w, half + cut(n - half, rank), cut(n - half, rank + 1) - cut(n - half, rank)));
  ck_ok(mst_dataset_commit(w));
}

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

/* Change one byte of a file. */
static void flip(const char *path, int64_t at) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    FILE *file = fopen(path, "r+b");
    fseek(file, (long)at, SEEK_SET);
    int c = fgetc(file);
    fseek(file, (long)at, SEEK_SET);
    fputc(c ^ 0x10, file);
    fclose(file);
  }
  ck_ok(mst_team_barrier(team));
}

START_TEST(one_flipped_bit_of_data_is_found_on_all_ranks) {
  const mst_dataset_options options = {.chunk_rows = 50, .deflate = _i == 0 ? 0 : 6};
  const char *path = scratch("flipped.h5");
  write_file(path, 900, &options);
  flip(path, file_size(path) / 2);
  mst_dataset *d;
  static float x[900 * 15];
  int64_t first = 900 * rank / size, end = 900 * (rank + 1) / size;
  ck_ok(mst_dataset_open(team, path, &d));
  mst_status status = same_everywhere(mst_dataset_read_x(d, first, end - first, x));
  ck_refused(status == MST_OK ? status : mst_fail(status, "%s", mst_status_detail()),
             MST_ERR_FORMAT, _i == 0 ? "Fletcher32" : "flipped.h5: rows");
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

/* Files as h5py makes them: contiguous, of any number type, without attributes. Rank 0. */
static const char *foreign(const char *name, hid_t x_type, int x_dims, hid_t y_type, int y_dims,
                           const void *y) {
  const char *path = scratch(name);
  hsize_t shape[5] = {6, 4, 1, 1, 1}, y_shape[2] = {6, 2};
  double x[24];
  for (int i = 0; i < 24; i++) x[i] = i;
  if (x_dims == 1) shape[0] = 24;
  if (rank == 0) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (x_dims > 0) {
      hid_t space = H5Screate_simple(x_dims, shape, NULL);
      hid_t set = H5Dcreate2(file, "x", x_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
      H5Dclose(set);
      H5Sclose(space);
    }
    if (y_dims > 0) {
      hid_t space = H5Screate_simple(y_dims, y_shape, NULL);
      hid_t set = H5Dcreate2(file, "y", y_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      H5Dwrite(set, H5Tget_class(y_type) == H5T_INTEGER ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
               H5S_ALL, H5S_ALL, H5P_DEFAULT, y);
      H5Dclose(set);
      H5Sclose(space);
    }
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  return path;
}

static void add_text(const char *path, const char *name, const char *text, bool variable) {
  if (rank == 0) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, variable ? H5T_VARIABLE : strlen(text) + 1);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, variable ? (const void *)&text : text);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
}

static void add_integer(const char *path, const char *name, int64_t value) {
  if (rank == 0) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, name, H5T_STD_I16BE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT64, &value);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
}

static const int64_t labels[12] = {0, 2, 1, 2, 0, 1, 0, 0, 0, 0, 0, 0};
static const double values[12] = {0.5, 1, -2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

START_TEST(a_file_with_just_x_and_y_of_any_number_type_is_accepted) {
  const hid_t x_type[] = {H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_STD_U8LE, H5T_STD_I64BE};
  const hid_t y_type[] = {H5T_STD_I64LE, H5T_STD_U8LE, H5T_STD_I16BE, H5T_STD_U32LE};
  const char *path = foreign("plain.h5", x_type[_i], 2, y_type[_i], 1, labels);
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  ck_assert_int_eq(info->target, MST_TARGET_CLASSES);
  ck_assert_int_eq(info->n_classes, 3);
  ck_assert_str_eq(info->task, "classification");
  ck_assert_int_eq(info->row_elements, 4);
  float x[24];
  int32_t label[6];
  ck_ok(mst_dataset_read_x(d, 0, 6, x));
  ck_ok(mst_dataset_read_labels(d, 0, 6, label));
  for (int i = 0; i < 24; i++) ck_assert(x[i] == (float)i);
  for (int i = 0; i < 6; i++) ck_assert_int_eq(label[i], labels[i]);
  ck_refused(same_everywhere(mst_dataset_read_x(d, 3, rank == 0 ? 4 : 0, x)), MST_ERR_INPUT,
             "4 rows from row 3");
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(real_y_are_values) {
  mst_dataset *d;
  float value[12];
  const char *path = foreign("real.h5", H5T_IEEE_F32LE, 2, H5T_IEEE_F64LE, 1 + _i, values);
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert_int_eq(mst_dataset_about(d)->target, MST_TARGET_VALUES);
  ck_assert_int_eq(mst_dataset_about(d)->outputs, 1 + _i);
  ck_ok(mst_dataset_read_values(d, 0, 6, value));
  for (int i = 0; i < 6 * (1 + _i); i++) ck_assert(value[i] == (float)values[i]);
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(the_task_attribute_makes_integers_values) {
  mst_dataset *d;
  float value[6];
  const char *path = foreign("counts.h5", H5T_IEEE_F32LE, 2, H5T_STD_I64LE, 1, labels);
  add_text(path, "task", "regression", true);
  ck_ok(mst_dataset_open(team, path, &d));
  ck_assert_int_eq(mst_dataset_about(d)->target, MST_TARGET_VALUES);
  ck_ok(mst_dataset_read_values(d, 0, 6, value));
  for (int i = 0; i < 6; i++) ck_assert(value[i] == (float)labels[i]);
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(the_lowest_label_out_of_range_is_named) {
  const int64_t bad[6] = {0, 1, 2, 5000000000, 0, -1};
  const char *path = foreign("labels.h5", H5T_IEEE_F32LE, 2, H5T_STD_I64LE, 1, bad);
  mst_dataset *d;
  int32_t label[6];
  /* Every rank reads from another row on; the lowest bad one of all is reported by all. */
  add_integer(path, "n_classes", 3);
  ck_ok(mst_dataset_open(team, path, &d));
  int64_t first = size - 1 - rank < 6 ? size - 1 - rank : 6;
  ck_refused(same_everywhere(mst_dataset_read_labels(d, first, 6 - first, label)), MST_ERR_FORMAT,
             "the label of row 3 is 5000000000; with n_classes 3 it must be 0 to 2");
  ck_ok(mst_dataset_read_labels(d, 0, 3, label));
  mst_dataset_close(d);
  /* Without n_classes it is found while opening. */
  path = foreign("labels.h5", H5T_IEEE_F32LE, 2, H5T_STD_I64LE, 1, bad);
  ck_refused(same_everywhere(mst_dataset_open(team, path, &d)), MST_ERR_FORMAT,
             "the label of row 3 is 5000000000");
  remove_file(path);
}
END_TEST

/* Opening must fail everywhere with that status and those words. */
static void ck_not_opened(const char *path, mst_status code, const char *words) {
  mst_dataset *d;
  ck_refused(same_everywhere(mst_dataset_open(team, path, &d)), code, words);
  ck_assert_ptr_null(d);
  ck_assert_ptr_nonnull(strstr(mst_status_detail(), path));
  if (strstr(path, "refused") != NULL) remove_file(path);
}

START_TEST(what_is_no_dataset_is_refused_with_its_reason) {
  const char *name = "refused.h5";
  const hid_t real = H5T_IEEE_F32LE, integer = H5T_STD_I32LE;
  ck_not_opened(scratch("missing.h5"), MST_ERR_INPUT, "No such file");
  ck_not_opened(scratch("."), MST_ERR_INPUT, "is a folder");
  ck_not_opened("/dev/null", MST_ERR_INPUT, "not a regular file");
  ck_not_opened(put_bytes(name, "", 0), MST_ERR_FORMAT, "is empty");
  ck_not_opened(put_bytes(name, "a,b,c\n1,2,3\n", 12), MST_ERR_FORMAT, "is not an HDF5 file");
  ck_not_opened(put_bytes(name, "\x89HDF\r\n\x1a\n", 8), MST_ERR_FORMAT, "is truncated");
  ck_not_opened(foreign(name, real, 0, integer, 1, labels), MST_ERR_FORMAT, "has no /x");
  ck_not_opened(foreign(name, real, 1, integer, 0, labels), MST_ERR_FORMAT, "has 1 dimension;");
  ck_not_opened(foreign(name, real, 5, integer, 0, labels), MST_ERR_FORMAT, "has 5 dimensions");
  ck_not_opened(foreign(name, real, 2, integer, 2, labels), MST_ERR_FORMAT, "2 integers a row");
  const char *path = foreign(name, real, 2, integer, 1, labels);
  add_text(path, "muster_format", "run", false);
  ck_not_opened(path, MST_ERR_FORMAT, "of format 'run', not a dataset");
  path = foreign(name, real, 2, integer, 1, labels);
  add_text(path, "muster_format", "dataset", false);
  add_integer(path, "version", 2);
  ck_not_opened(path, MST_ERR_FORMAT, "version 2");
  path = foreign(name, real, 2, integer, 1, labels);
  add_integer(path, "n_classes", 0);
  ck_not_opened(path, MST_ERR_FORMAT, "n_classes is 0");
  path = foreign(name, real, 2, integer, 1, labels);
  add_text(path, "n_classes", "ten", false);
  ck_not_opened(path, MST_ERR_FORMAT, "attribute n_classes must be one integer");
  path = foreign(name, real, 2, integer, 1, labels);
  add_text(path, "task", "guessing", false);
  ck_not_opened(path, MST_ERR_FORMAT, "task is 'guessing'");
  path = foreign(name, real, 2, real, 1, values);
  add_text(path, "task", "classification", false);
  ck_not_opened(path, MST_ERR_FORMAT, "task is classification but /y holds real numbers");
}
END_TEST

/* Add a dataset of the given type and rows, content zero. */
static void add_column(const char *path, const char *name, hid_t type, hsize_t rows) {
  if (rank == 0) {
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(1, &rows, NULL);
    H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
}

START_TEST(columns_that_do_not_fit_x_are_refused) {
  const char *name = "refused.h5";
  const hid_t real = H5T_IEEE_F32LE, integer = H5T_STD_I32LE;
  const char *path = foreign(name, real, 2, integer, 0, labels);
  add_column(path, "y", integer, 7);
  ck_not_opened(path, MST_ERR_FORMAT, "/y has 7 rows where /x has 6");
  path = foreign(name, real, 2, integer, 0, labels);
  add_column(path, "y", H5T_C_S1, 6);
  ck_not_opened(path, MST_ERR_FORMAT, "/y holds text");
  path = foreign(name, real, 2, integer, 0, labels);
  add_column(path, "client", real, 6);
  ck_not_opened(path, MST_ERR_FORMAT, "/client holds real numbers; integers are needed");
  path = foreign(name, real, 2, integer, 0, labels);
  add_column(path, "weight", real, 5);
  ck_not_opened(path, MST_ERR_FORMAT, "/weight has 5 rows");
}
END_TEST

/* Datasets of that shape without storage: no disk holds them. */
static const char *vast(const char *name, const hsize_t *x_shape, const hsize_t *y_shape) {
  const char *path = scratch(name);
  if (rank == 0) {
    const hsize_t chunk[2] = {1, 1};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 2, chunk);
    for (int i = 0; i < 2; i++) {
      hid_t space = H5Screate_simple(2, i == 0 ? x_shape : y_shape, NULL);
      hid_t set = H5Dcreate2(file, i == 0 ? "x" : "y", H5T_IEEE_F32LE, space, H5P_DEFAULT,
                             properties, H5P_DEFAULT);
      ck_assert(set >= 0);
      H5Dclose(set);
      H5Sclose(space);
    }
    H5Pclose(properties);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  return path;
}

START_TEST(targets_of_an_impossible_size_are_refused) {
  const hsize_t wide = (hsize_t)1 << 62, tall = (hsize_t)1 << 60;
  ck_not_opened(vast("refused.h5", (hsize_t[]){40, 3}, (hsize_t[]){40, wide}), MST_ERR_FORMAT,
                "/y has 4611686018427387904 columns; at most 1000000 are allowed");
  ck_not_opened(vast("refused.h5", (hsize_t[]){40, 3}, (hsize_t[]){40, MST_DATASET_OUTPUTS + 1}),
                MST_ERR_FORMAT, "/y has 1000001 columns");
  ck_not_opened(vast("refused.h5", (hsize_t[]){tall, 1}, (hsize_t[]){tall, 8}), MST_ERR_FORMAT,
                "/y is impossibly large");
}
END_TEST

START_TEST(labels_that_look_like_ids_are_refused) {
  const int64_t ids[6] = {0, 999999, 7, 1000000, 123456789, 3};
  const char *path = foreign("refused.h5", H5T_IEEE_F32LE, 2, H5T_STD_I64LE, 1, ids);
  ck_not_opened(path, MST_ERR_FORMAT, "the label of row 3 is 1000000; ");
  path = foreign("refused.h5", H5T_IEEE_F32LE, 2, H5T_STD_I64LE, 1, ids);
  ck_not_opened(path, MST_ERR_FORMAT, "is /y an id?");
  /* A file that states its classes may have more. */
  path = foreign("stated.h5", H5T_IEEE_F32LE, 2, H5T_STD_I64LE, 1, ids);
  add_integer(path, "n_classes", 200000000);
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(a_truncated_file_is_refused) {
  const char *path = scratch("short.h5");
  for (int i = 0; i < 4; i++) {
    write_file(path, 300, NULL);
    ck_ok(mst_team_barrier(team));
    int64_t whole = file_size(path);
    const int64_t kept[] = {whole - 1, whole / 2, 100, 30};
    ck_ok(mst_team_barrier(team));
    if (rank == 0) ck_assert_int_eq(truncate(path, kept[i]), 0);
    ck_ok(mst_team_barrier(team));
    mst_dataset *d;
    ck_refused(same_everywhere(mst_dataset_open(team, path, &d)), MST_ERR_FORMAT, "is truncated");
  }
  remove_file(path);
}
END_TEST

START_TEST(a_file_without_permission_is_refused) {
  const char *path = scratch("secret.h5");
  write_file(path, 10, NULL);
  ck_ok(mst_team_barrier(team));
  bool root = geteuid() == 0;
  if (rank == 0) ck_assert_int_eq(chmod(path, 0), 0);
  ck_ok(mst_team_barrier(team));
  if (root) ck_assert_int_eq(seteuid(65534), 0);
  mst_dataset *d;
  mst_status status = mst_dataset_open(team, path, &d);
  if (root) ck_assert_int_eq(seteuid(0), 0);
  ck_refused(same_everywhere(status), MST_ERR_IO, "Permission denied");
  remove_file(path);
}
END_TEST

START_TEST(a_label_that_one_rank_gets_wrong_ends_the_file_for_all) {
  const char *path = scratch("wrong.h5");
  mst_dataset_info info = full_info(10 * size);
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  float x[150] = {0}, weight[10] = {0};
  int32_t zero[10] = {0}, label[10] = {0};
  if (rank == size - 1) label[4] = 7;
  char words[64];
  snprintf(words, sizeof words, "the label of row %d is 7", 10 * size - 6);
  ck_refused(
      same_everywhere(mst_dataset_write(w, 10 * rank, 10, x, label, NULL, zero, zero, weight)),
      MST_ERR_INPUT, words);
  ck_refused(write_full(w, 10 * rank, 10), MST_ERR_INPUT, "an earlier write had failed");
  ck_refused(same_everywhere(mst_dataset_commit(w)), MST_ERR_INPUT, "a write had failed");
  ck_nothing_left(path);
}
END_TEST

START_TEST(a_part_that_one_rank_forgets_ends_the_write_for_all) {
  const char *path = scratch("forgotten.h5");
  mst_dataset_info info = full_info(10 * size);
  mst_dataset_writer *w;
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  float x[150] = {0}, weight[10] = {0};
  int32_t zero[10] = {0};
  ck_refused(same_everywhere(mst_dataset_write(w, 10 * rank, 10, x, zero, NULL,
                                               rank == size - 1 ? NULL : zero, zero, weight)),
             MST_ERR_INPUT, "/client is part of the dataset but was not given");
  mst_dataset_abandon(w);
  ck_nothing_left(path);
}
END_TEST

START_TEST(memory_that_one_rank_lacks_ends_the_call_for_all) {
  const char *path = scratch("memory.h5");
  mst_dataset_info info = full_info(10);
  mst_dataset_writer *w = NULL;
  mst_dataset *d = NULL;
  int64_t before = mst_memory_current();
  mst_status status = MST_ERR_MEMORY;
  int n = 0;
  while (status != MST_OK) { /* the n-th allocation of the last rank fails, n = 1, 2, ... */
    if (rank == size - 1) mst_memory_fail_at(++n);
    status = same_everywhere(mst_dataset_create(team, path, &info, NULL, &w));
    mst_memory_fail_at(0);
    ck_assert(status == MST_OK || status == MST_ERR_MEMORY);
    if (status != MST_OK) ck_nothing_left(path);
  }
  if (rank == size - 1) ck_assert_int_gt(n, 2);
  ck_ok(write_full(w, 0, rank == 0 ? 10 : 0));
  ck_ok(mst_dataset_commit(w));
  n = 0;
  for (status = MST_ERR_MEMORY; status != MST_OK;) {
    int32_t label[10];
    if (rank == size - 1) mst_memory_fail_at(++n);
    status = same_everywhere(mst_dataset_open(team, path, &d));
    if (status == MST_OK) {
      status = same_everywhere(mst_dataset_read_labels(d, 0, 10, label));
      mst_dataset_close(d);
    }
    mst_memory_fail_at(0);
    ck_assert(status == MST_OK || status == MST_ERR_MEMORY);
  }
  if (rank == size - 1) ck_assert_int_gt(n, 3);
  ck_assert_int_eq(mst_memory_current(), before);
  remove_file(path);
}
END_TEST

START_TEST(a_limit_on_file_sizes_is_found_before_writing) {
  const char *path = scratch("limit.h5");
  mst_dataset_info info = full_info(100000);
  mst_dataset_writer *w;
  struct rlimit limit, small;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 1 << 20;
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
  mst_status status = mst_dataset_create(team, path, &info, NULL, &w);
  setrlimit(RLIMIT_FSIZE, &limit);
  ck_refused(same_everywhere(status), MST_ERR_IO, "the limit on file sizes (ulimit -f)");
  ck_nothing_left(path);
}
END_TEST

/* A small file system of that type at scratch("disk"); false where this process may not make one
 * (the limit above is then what is tested). */
static bool mount_disk(const char *type, const char *options) {
  const char *folder = scratch("disk");
  int mounted = 0;
  if (rank == 0 && geteuid() == 0) {
    mkdir(folder, 0700);
    mounted = mount(type, folder, type, 0, options) == 0;
  }
  ck_ok(mst_team_bcast(team, &mounted, sizeof mounted, 0));
  return mounted;
}

static void unmount_disk(void) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    ck_assert_int_eq(umount(scratch("disk")), 0);
    rmdir(scratch("disk"));
  }
  ck_ok(mst_team_barrier(team));
}

START_TEST(a_full_disk_is_found_before_writing) {
  if (!mount_disk("tmpfs", "size=4m")) return;
  const char *path = scratch("disk/full.h5");
  mst_dataset_info info = full_info(100000);
  const mst_dataset_options options = {.deflate = _i == 0 ? 0 : 4};
  mst_dataset_writer *w;
  mst_status status = mst_dataset_create(team, path, &info, &options, &w);
  ck_refused(same_everywhere(status), MST_ERR_IO, "No space left on device");
  ck_assert_ptr_nonnull(strstr(mst_status_detail(), "MB are needed"));
  ck_nothing_left(path);
  /* What fits is written on what is left: nothing of the reservation was kept. */
  write_file(path, 1000, &options);
  struct stat about;
  ck_assert_int_eq(stat(path, &about), 0);
  ck_assert_int_le(about.st_blocks * 512, about.st_size + 65536);
  unmount_disk();
}
END_TEST

START_TEST(where_space_cannot_be_reserved_the_file_is_read_back) {
  if (!mount_disk("ramfs", "")) return;
  const char *path = scratch("disk/back.h5");
  write_file(path, 1000, &(mst_dataset_options){.chunk_rows = 30});
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  read_full(d, 0, 1000);
  mst_dataset_close(d);
  unmount_disk();
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
  tcase_add_loop_test(t, one_flipped_bit_of_data_is_found_on_all_ranks, 0, 2);
  tcase_add_loop_test(t, a_file_with_just_x_and_y_of_any_number_type_is_accepted, 0, 4);
  tcase_add_loop_test(t, real_y_are_values, 0, 2);
  tcase_add_test(t, the_task_attribute_makes_integers_values);
  tcase_add_test(t, the_lowest_label_out_of_range_is_named);
  tcase_add_test(t, what_is_no_dataset_is_refused_with_its_reason);
  tcase_add_test(t, columns_that_do_not_fit_x_are_refused);
  tcase_add_test(t, targets_of_an_impossible_size_are_refused);
  tcase_add_test(t, labels_that_look_like_ids_are_refused);
  tcase_add_test(t, a_truncated_file_is_refused);
  tcase_add_test(t, a_file_without_permission_is_refused);
  tcase_add_test(t, a_label_that_one_rank_gets_wrong_ends_the_file_for_all);
  tcase_add_test(t, a_part_that_one_rank_forgets_ends_the_write_for_all);
  tcase_add_test(t, memory_that_one_rank_lacks_ends_the_call_for_all);
  tcase_add_test(t, a_limit_on_file_sizes_is_found_before_writing);
  tcase_add_loop_test(t, a_full_disk_is_found_before_writing, 0, 2);
  tcase_add_test(t, where_space_cannot_be_reserved_the_file_is_read_back);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
