/* Datasets of sparse rows: written and read in parallel, with and without their zeros; and what is
 * no such file, or a damaged one, refused by row and name. */
#define MST_TEST_MPI
#include <hdf5.h>
#include <math.h>

#include "core/base/memory.h"
#include "io/dataset_digest.h"
#include "tests/io/sparse_sample.h"

static void ck_same_rows(const mst_sparse_rows *got, int64_t first, int64_t count) {
  mst_sparse_rows want = sample_rows(first, count);
  const int64_t n = want.start[count];
  ck_assert_int_eq(got->rows, count);
  ck_assert_int_eq(got->columns, SPARSE_COLUMNS);
  ck_assert_mem_eq(got->start, want.start, (size_t)(count + 1) * sizeof *want.start);
  if (n > 0) {
    ck_assert_mem_eq(got->index, want.index, (size_t)n * sizeof *want.index);
    ck_assert_mem_eq(got->value, want.value, (size_t)n * sizeof *want.value);
  }
  mst_sparse_rows_free(&want);
}

START_TEST(rows_come_back_as_they_were_written) {
  enum {
    ROWS = 1200
  };
  static float x[ROWS * SPARSE_COLUMNS];
  const char *path = scratch("sparse.h5");
  write_sparse_file(path, ROWS, _i == 0 ? 0 : 5);
  mst_dataset *d;
  mst_sparse_rows rows;
  ck_ok(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  ck_assert(info->sparse && info->rows == ROWS && info->row_elements == SPARSE_COLUMNS);
  ck_assert_int_eq(info->entries, entries_before(ROWS));
  /* Each rank its own range, of which one is empty. */
  const int64_t first = rank == 0 ? 0 : 700 + rank, count = rank == 1 ? 0 : 300 + rank;
  ck_ok(mst_dataset_read_sparse(d, first, count, &rows));
  ck_same_rows(&rows, first, count);
  mst_sparse_rows_free(&rows);
  int64_t entries = 0;
  ck_ok(mst_dataset_count_entries(d, first, count, &entries));
  ck_assert_int_eq(entries, entries_before(first + count) - entries_before(first));
  ck_ok(mst_dataset_read_x(d, 0, ROWS, x));
  int64_t wrong = 0, filled = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    for (int64_t j = 0; j < SPARSE_COLUMNS; j++) filled += x[i * SPARSE_COLUMNS + j] != 0;
    for (int64_t k = 0; k < i % 5; k++)
      wrong += x[i * SPARSE_COLUMNS + column_of(i, k)] != value_of(i, k);
  }
  ck_assert(wrong == 0 && filled == info->entries);
  int32_t client[3];
  ck_ok(mst_dataset_read_i32(d, "client", 600, 3, client));
  ck_assert(client[0] == 600 && client[2] == 602);
  ck_refused(same_everywhere(mst_dataset_read_sparse(d, ROWS - 1, 2, &rows)), MST_ERR_INPUT,
             "2 rows from row 1199 on were asked for; it has 1200");
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(a_dataset_says_the_same_in_either_form) {
  enum {
    ROWS = 90
  };
  static float x[ROWS * SPARSE_COLUMNS];
  char sparse[MST_DIGEST_HEX], whole[MST_DIGEST_HEX];
  int32_t client[ROWS];
  mst_dataset *d;
  mst_dataset_writer *w;
  const char *path = scratch("sparse.h5"), *other = scratch("whole.h5");
  write_sparse_file(path, ROWS, 0);
  ck_ok(mst_dataset_open(team, path, &d));
  mst_dataset_info info = *mst_dataset_about(d);
  ck_ok(mst_dataset_read_x(d, 0, ROWS, x));
  ck_ok(mst_dataset_read_i32(d, "client", 0, ROWS, client));
  mst_dataset_close(d);
  info.sparse = false;
  ck_ok(mst_dataset_create(team, other, &info, NULL, &w));
  ck_ok(mst_dataset_write(w, 0, rank == 0 ? ROWS : 0, x, NULL, NULL, client, NULL, NULL));
  ck_ok(mst_dataset_commit(w));
  ck_ok(mst_dataset_digest_file(team, path, false, sparse));
  ck_ok(mst_dataset_digest_file(team, other, false, whole));
  ck_assert_str_eq(sparse, whole);
  ck_ok(mst_dataset_open(team, other, &d));
  mst_sparse_rows rows;
  ck_refused(same_everywhere(mst_dataset_read_sparse(d, 0, 1, &rows)), MST_ERR_INPUT,
             "holds whole rows, no sparse ones");
  mst_dataset_close(d);
  remove_file(path);
  remove_file(other);
}
END_TEST

static void put_array(hid_t file, const char *name, hid_t type, int64_t n, const void *data) {
  hid_t links = H5Pcreate(H5P_LINK_CREATE),
        space = H5Screate_simple(1, (hsize_t[]){(hsize_t)n}, NULL);
  H5Pset_create_intermediate_group(links, 1);
  hid_t made = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  ck_assert_int_ge(H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
  H5Dclose(made);
  H5Sclose(space);
  H5Pclose(links);
}

/* What a foreign file holds: 3 rows of 4 columns, with one thing wrong. */
typedef struct foreign {
  int64_t start[4], index[5];
  double value[5];
  int64_t starts, indices, columns;
  const char *words;
  mst_status code;
} foreign;

static const char *put_foreign(const foreign *f) {
  const char *path = scratch("foreign.h5");
  if (rank == 0) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_array(file, "x/indptr", H5T_NATIVE_INT64, f->starts, f->start);
    put_array(file, "x/indices", H5T_NATIVE_INT64, f->indices, f->index);
    put_array(file, "x/data", H5T_NATIVE_DOUBLE, 5, f->value);
    if (f->columns > 0) {
      hid_t group = H5Gopen2(file, "x", H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
      hid_t a = H5Acreate2(group, "columns", H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(a, H5T_NATIVE_INT64, &f->columns);
      H5Aclose(a);
      H5Sclose(space);
      H5Gclose(group);
    }
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  return path;
}

static const foreign sound = {.start = {0, 2, 2, 5},
                              .index = {0, 3, 0, 1, 2},
                              .value = {1, 0.5, 2, -3, 4},
                              .starts = 4,
                              .indices = 5,
                              .columns = 4};

START_TEST(a_file_of_scipy_is_read) {
  const char *path = put_foreign(&sound);
  const float want[12] = {1, 0, 0, 0.5f, 0, 0, 0, 0, 2, -3, 4, 0};
  float x[12];
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, path, &d));
  ck_ok(mst_dataset_read_x(d, 0, 3, x));
  ck_assert_mem_eq(x, want, sizeof want);
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(what_is_wrong_in_a_file_is_said) {
  foreign f = sound;
  f.code = MST_ERR_FORMAT;
  switch (_i) {
    case 0: f.index[3] = 4, f.words = "row 2 has an entry in column 4; they are 0 to 3"; break;
    case 1: f.index[1] = -1, f.words = "row 0 has an entry in column -1"; break;
    case 2: f.index[3] = 0, f.words = "row 2 has two entries in column 0"; break;
    case 3: f.index[2] = 2, f.words = "row 2 has column 1 behind column 2"; break;
    case 4: f.index[4] = (int64_t)1 << 40, f.words = "row 2 has an entry in column"; break;
    case 5: f.value[4] = NAN, f.code = MST_ERR_NONFINITE, f.words = "row 2, column 2 is nan"; break;
    case 6:
      f.value[0] = 1e60, f.code = MST_ERR_NONFINITE, f.words = "row 0, column 0 is inf";
      break;
    case 7: f.start[1] = 3, f.words = "/x/indptr[2] is 2; it must not decrease"; break;
    case 8: f.start[3] = 6, f.words = "/x/indptr[3] is 6"; break;
    case 9: f.start[3] = 4, f.words = "/x/indptr ends with 4 where there are 5 entries"; break;
    case 10: f.start[0] = 1, f.words = "/x/indptr begins with 1 instead of 0"; break;
    case 11: f.indices = 4, f.words = "/x/indices has 4 entries where /x/data has 5"; break;
    case 12: f.columns = 0, f.words = "group /x has no attribute columns"; break;
    case 13: f.starts = 1, f.words = "/x has no rows"; break;
    default: f.columns = (int64_t)1 << 40, f.words = "attribute columns of /x is"; break;
  }
  const char *path = put_foreign(&f);
  mst_dataset *d = NULL;
  mst_sparse_rows rows = {0};
  mst_status st = mst_dataset_open(team, path, &d);
  if (st == MST_OK) st = mst_dataset_read_sparse(d, 0, 3, &rows);
  ck_refused(same_everywhere(st), f.code, f.words);
  ck_assert_ptr_nonnull(strstr(mst_status_detail(), "foreign.h5"));
  mst_sparse_rows_free(&rows);
  mst_dataset_close(d);
  remove_file(path);
}
END_TEST

START_TEST(a_group_that_lacks_a_part_is_refused) {
  const char *path = scratch("foreign.h5");
  if (rank == 0) {
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_array(file, "x/indptr", H5T_NATIVE_INT64, 4, sound.start);
    H5Fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  mst_dataset *d;
  ck_refused(same_everywhere(mst_dataset_open(team, path, &d)), MST_ERR_FORMAT,
             "/x is a group without indices");
  remove_file(path);
}
END_TEST

START_TEST(a_truncated_file_and_a_flipped_bit_are_found) {
  const char *path = scratch("damaged.h5");
  mst_dataset *d = NULL;
  mst_sparse_rows rows = {0};
  write_sparse_file(path, 3000, 0);
  const int64_t bytes = file_size(path);
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    FILE *file = fopen(path, "r+b");
    fseek(file, (long)(bytes / 2), SEEK_SET);
    const int c = fgetc(file);
    fseek(file, (long)(bytes / 2), SEEK_SET);
    fputc(c ^ 0x10, file);
    fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  ck_ok(mst_dataset_open(team, path, &d));
  ck_refused(same_everywhere(mst_dataset_read_sparse(d, 0, 3000, &rows)), MST_ERR_FORMAT,
             "Fletcher32");
  mst_sparse_rows_free(&rows);
  mst_dataset_close(d);
  if (rank == 0) ck_assert_int_eq(truncate(path, bytes - 1), 0);
  ck_ok(mst_team_barrier(team));
  ck_refused(same_everywhere(mst_dataset_open(team, path, &d)), MST_ERR_FORMAT, "is truncated");
  remove_file(path);
}
END_TEST

START_TEST(rows_that_one_rank_gets_wrong_end_the_file_for_all) {
  static const char *const words[] = {"row 51 has two entries in column 2",
                                      "entries of 40 columns from", "an earlier write had failed",
                                      "were announced"};
  const char *path = scratch("wrong.h5");
  const mst_dataset_info info = sparse_info(100);
  mst_dataset_writer *w;
  mst_sparse_rows s = sample_rows(rank == 0 ? 50 : 0, rank == 0 ? 50 : 0);
  int32_t client[100] = {0};
  ck_ok(mst_dataset_create(team, path, &info, NULL, &w));
  ck_ok(mst_dataset_write(w, 0, rank == 0 ? 100 : 0, NULL, NULL, NULL, client, NULL, NULL));
  if (_i != 1 && _i != 3 && rank == 0) {
    ck_assert_int_eq(s.index[s.start[2]], column_of(52, 0));
    s.index[0] = s.index[1] = 2;
    s.start[1] = 0;
    s.start[2] = 2;
  }
  const int64_t at = entries_before(50) + (_i == 1 ? 1 : 0);
  mst_status st = mst_dataset_write_sparse(w, rank == 0 ? 50 : 0, rank == 0 ? at : 0, &s);
  if (_i == 2) st = mst_dataset_write_sparse(w, 0, 0, &s);
  if (_i == 3) {
    ck_ok(st);
    ck_refused(same_everywhere(mst_dataset_commit(w)), MST_ERR_INTERNAL, words[_i]);
  } else {
    ck_assert_int_ne(same_everywhere(st), MST_OK);
    ck_assert_msg(strstr(mst_status_detail(), words[_i]) != NULL, "%s", mst_status_detail());
    mst_dataset_abandon(w);
  }
  mst_sparse_rows_free(&s);
  ck_nothing_left(path);
}
END_TEST

START_TEST(memory_that_one_rank_lacks_ends_the_call_for_all) {
  const char *path = scratch("memory.h5");
  write_sparse_file(path, 60, 0);
  mst_dataset *d = NULL;
  const int64_t before = mst_memory_current();
  ck_ok(mst_dataset_open(team, path, &d));
  mst_status st = MST_ERR_MEMORY;
  int n = 0;
  while (st != MST_OK) {
    mst_sparse_rows rows;
    if (rank == size - 1) mst_memory_fail_at(++n);
    st = same_everywhere(mst_dataset_read_sparse(d, 0, 60, &rows));
    mst_memory_fail_at(0);
    ck_assert(st == MST_OK || st == MST_ERR_MEMORY);
    mst_sparse_rows_free(&rows);
  }
  if (rank == size - 1) ck_assert_int_gt(n, 4);
  mst_dataset_close(d);
  ck_assert_int_eq(mst_memory_current(), before);
  remove_file(path);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("sparse rows");
  TCase *t = tcase_create("sparse rows");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_loop_test(t, rows_come_back_as_they_were_written, 0, 2);
  tcase_add_test(t, a_dataset_says_the_same_in_either_form);
  tcase_add_test(t, a_file_of_scipy_is_read);
  tcase_add_loop_test(t, what_is_wrong_in_a_file_is_said, 0, 15);
  tcase_add_test(t, a_group_that_lacks_a_part_is_refused);
  tcase_add_test(t, a_truncated_file_and_a_flipped_bit_are_found);
  tcase_add_loop_test(t, rows_that_one_rank_gets_wrong_end_the_file_for_all, 0, 4);
  tcase_add_test(t, memory_that_one_rank_lacks_ends_the_call_for_all);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
