/* Dataset files under faults: damaged bytes, missing rights, a rank that is wrong or without memory,
 * disks that are full. All ranks see the same error, and what fails leaves nothing behind. */
#define MST_TEST_MPI
#include <signal.h>
#include <sys/resource.h>

#include "core/base/memory.h"
#include "tests/io/damage.h"
#include "tests/io/dataset_sample.h"

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

START_TEST(a_file_that_one_rank_alone_does_not_see_is_refused) {
  const char *path = scratch("node.h5");
  char there[4096], folder[512], name[] = "node.h5";
  const bool blind = size > 1 && rank == size - 1;
  snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
  write_file(path, 300, NULL);
  mst_dataset *d;
  ck_assert(getcwd(there, sizeof there) != NULL);
  ck_ok(mst_team_barrier(team));
  ck_assert_int_eq(chdir(blind ? "/" : folder), 0);
  mst_status status = mst_dataset_open(team, name, &d);
  ck_assert_int_eq(chdir(there), 0);
  if (size > 1) {
    ck_refused(same_everywhere(status), MST_ERR_IO, "node.h5: cannot be opened by HDF5: No such");
  } else {
    ck_ok(status);
    mst_dataset_close(d);
  }
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
  Suite *s = suite_create("faults of datasets");
  TCase *t = tcase_create("faults of datasets");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_loop_test(t, one_flipped_bit_of_data_is_found_on_all_ranks, 0, 2);
  tcase_add_test(t, a_truncated_file_is_refused);
  tcase_add_test(t, a_file_without_permission_is_refused);
  tcase_add_test(t, a_file_that_one_rank_alone_does_not_see_is_refused);
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
