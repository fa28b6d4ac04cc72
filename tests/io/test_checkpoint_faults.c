/* Checkpoints under faults: damaged, truncated and foreign files are passed over, disks that are full
 * and ranks without memory leave the older checkpoints as they were. */
#define MST_TEST_MPI
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/io/checkpoint_sample.h"
#include "tests/io/damage.h"

/* Rank 0 changes some bits of a file. */
static void flip(const char *path, int64_t at, int bits) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    fseek(file, (long)at, SEEK_SET);
    int c = fgetc(file);
    fseek(file, (long)at, SEEK_SET);
    fputc(c ^ bits, file);
    fclose(file);
  }
  ck_ok(mst_team_barrier(team));
}

/* Where the numbers of an array lie in a file; the same on all ranks. */
static int64_t place_of(const char *path, const char *name) {
  haddr_t at = 0;
  hsize_t bytes = 0, offset[4];
  unsigned mask = 0;
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t d = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(d);
  if (H5Dget_chunk_info(d, space, 0, offset, &mask, &at, &bytes) < 0) at = H5Dget_offset(d);
  H5Sclose(space);
  H5Dclose(d);
  H5Fclose(file);
  return (int64_t)at;
}

/* The newest, of round 6, is passed over with one remark; the run goes on from round 3. */
static void ck_passed_over(const char *path, const char *why) {
  char remarks[4096];
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, remarks), 3);
  if (rank != 0) return;
  ck_assert_msg(strstr(remarks, why) != NULL, "'%s' not in: %s", why, remarks);
  ck_assert_ptr_nonnull(strstr(remarks, "passed over: "));
  ck_assert_ptr_nonnull(strstr(remarks, "000000006.h5"));
  ck_assert_ptr_eq(strchr(remarks, '\n'), remarks + strlen(remarks) - 1);
}

START_TEST(every_part_that_is_damaged_is_noticed) {
  static const char *const part[] = {"state/weights", "state/method/clients", "state/counts",
                                     "state/figures", "metrics/round",        "metrics/loss",
                                     "metrics/accuracy", "ledger/round", "ledger/uplink_bytes",
                                     "ledger/uplink_messages", "experiment"};
  const char *path = scratch("damaged.h5"), *newest = checkpoint(path, 6);
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
    int64_t at = place_of(newest, part[i]) + 4;
    flip(newest, at, 0x10);
    ck_passed_over(path, "damaged.checkpoint-000000006.h5");
    flip(newest, at, 0x10);
    ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 6);
  }
  remove_all(path);
}
END_TEST

/* fletcher32 does not tell 0x0000 from 0xFFFF: the digest does. */
START_TEST(what_the_checksum_does_not_see_the_digest_does) {
  const char *path = scratch("unseen.h5"), *newest = checkpoint(path, 6);
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  int64_t at = place_of(newest, "state/counts"); /* 6, 12, 18 as int64: bytes 2 and 3 are zero */
  flip(newest, at + 2, 0xFF);
  flip(newest, at + 3, 0xFF);
  ck_passed_over(path, "its digest is");
  remove_all(path);
}
END_TEST

START_TEST(a_truncated_one_is_passed_over) {
  const char *path = scratch("short.h5"), *newest = checkpoint(path, 6);
  for (int i = 0; i < 5; i++) {
    remove_all(path);
    leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
    int64_t whole = file_size(newest);
    const int64_t kept[] = {whole - 1, whole / 2, 100, 30, 0};
    ck_ok(mst_team_barrier(team));
    if (rank == 0) ck_assert_int_eq(truncate(newest, kept[i]), 0);
    ck_ok(mst_team_barrier(team));
    ck_passed_over(path, kept[i] > 0 ? "is truncated" : "is empty");
  }
  remove_all(path);
}
END_TEST

START_TEST(foreign_files_are_passed_over) {
  const char *path = scratch("foreign.h5"), *newest = checkpoint(path, 6);
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  change_attributes(newest, "checkpoinT", 1);
  ck_passed_over(path, "is not a checkpoint: attribute muster_format is 'checkpoinT'");
  remove_file(newest);
  put_bytes("foreign.checkpoint-000000006.h5", "not HDF5 at all", 15);
  ck_passed_over(path, "is not an HDF5 file");
  mst_runfile *r = begin_run(team, newest, EXPERIMENT);
  ck_ok(mst_runfile_commit(r, NULL));
  ck_passed_over(path, "muster_format is 'run'");
  ck_ok(mst_team_barrier(team));
  if (rank == 0) ck_assert_int_eq(rename(checkpoint(path, 3), newest), 0);
  ck_ok(mst_team_barrier(team));
  char remarks[4096];
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, remarks), 0);
  if (rank == 0) {
    ck_assert_ptr_nonnull(strstr(remarks, "was renamed: it was written after round 3"));
    ck_assert_ptr_nonnull(strstr(remarks, "\nno checkpoint is sound: the run begins anew\n"));
  }
  remove_all(path);
}
END_TEST

START_TEST(one_of_another_version_is_refused) {
  static const struct {
    int64_t version;
    const char *says;
  } other[] = {{3, "has version 3 of the checkpoint format"},
               {1, "has version 1 of the checkpoint format: an earlier muster wrote it; begin anew "
                   "without --resume"}};
  const char *path = scratch("later.h5");
  mst_checkpoints *c = NULL;
  char *said = NULL;
  int64_t round;
  remove_all(path);
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  change_attributes(checkpoint(path, 6), "checkpoint", other[_i].version);
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_refused(same_everywhere(mst_checkpoints_choose(c, EXPERIMENT, &said, &round)),
             MST_ERR_UNSUPPORTED, other[_i].says);
  mst_checkpoints_remove(c, EXPERIMENT);
  ck_ok(mst_team_barrier(team));
  ck_assert(exists(checkpoint(path, 6)));
  mst_checkpoints_close(c);
  remove_all(path);
}
END_TEST

START_TEST(memory_that_one_rank_lacks_leaves_everything_as_it_was) {
  const char *path = scratch("memory.h5");
  sample s;
  mst_checkpoints *c = NULL;
  mst_runfile *r = NULL;
  char *said = NULL;
  int64_t round = 0;
  remove_all(path);
  make_sample(team, &s);
  leave_checkpoints(team, path, EXPERIMENT, 1, (int64_t[]){3});
  int64_t before = mst_memory_current();
  int failed = 0;
  mst_status st = MST_ERR_MEMORY;
  for (int n = 1; st != MST_OK; n++) { /* the n-th allocation of the last rank fails */
    if (rank == size - 1) mst_memory_fail_at(n);
    st = same_everywhere(mst_checkpoints_open(team, path, &c));
    if (st == MST_OK) {
      st = same_everywhere(mst_checkpoints_choose(c, EXPERIMENT, &said, &round));
      mst_free(said);
      if (st == MST_OK) {
        r = NULL;
        st = same_everywhere(mst_runfile_create(team, path, "federated", EXPERIMENT, 1, &r));
        if (st == MST_OK) st = same_everywhere(mst_checkpoints_restore(c, r, &s.state, &round));
        if (st == MST_OK) {
          fill_sample(&s, 6);
          st = same_everywhere(mst_checkpoints_save(c, r, 6, &s.state));
        }
        mst_runfile_abandon(r);
      }
      mst_checkpoints_close(c);
    }
    mst_memory_fail_at(0);
    ck_assert_msg(st == MST_OK || st == MST_ERR_MEMORY, "%s", mst_status_detail());
    ck_ok(mst_team_barrier(team));
    ck_assert_int_eq(files_of(path), st == MST_OK ? 2 : 1);
    ck_assert_int_eq(mst_memory_current(), before);
    ck_ok(mst_team_barrier(team));
    failed += st != MST_OK;
  }
  ck_assert_int_gt(failed, 20);
  free_sample(&s);
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 6);
  remove_all(path);
}
END_TEST

static int open_descriptors(void) {
  int n = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (folder != NULL && readdir(folder) != NULL) n++;
  if (folder != NULL) closedir(folder);
  return n;
}

/* Saving after round 6 fails, `times` in a row, then there is room again. */
static void ck_no_room(const char *path, int times, void (*take)(void), void (*give)(void),
                       const char *why) {
  sample s;
  mst_checkpoints *c = NULL;
  char *said = NULL;
  int64_t round = 0;
  mst_runfile *r = begin_run(team, path, EXPERIMENT);
  make_sample(team, &s);
  ck_ok(mst_checkpoints_open(team, path, &c));
  ck_ok(mst_checkpoints_choose(c, EXPERIMENT, &said, &round));
  ck_ok(mst_checkpoints_restore(c, r, &s.state, &round));
  ck_assert_int_eq(round, 3);
  record_rounds(r, 4, 6);
  fill_sample(&s, 6);
  int descriptors = 0;
  for (int i = 0; i < times; i++) {
    take();
    mst_status st = same_everywhere(mst_checkpoints_save(c, r, 6, &s.state));
    give();
    ck_refused(st == MST_OK ? st : mst_fail(st, "%s", mst_status_detail()), MST_ERR_IO, why);
    ck_assert(!exists(checkpoint(path, 6)) && temporaries(checkpoint(path, 6)) == 0);
    ck_assert_int_eq(mst_checkpoints_saved(c), 3);
    ck_ok(mst_team_barrier(team));
    if (i == 0) descriptors = open_descriptors();
  }
  if (times > 1) ck_assert_int_eq(open_descriptors(), descriptors);
  ck_ok(mst_checkpoints_save(c, r, 6, &s.state));
  mst_checkpoints_close(c);
  mst_runfile_abandon(r);
  free_sample(&s);
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 6);
}

static struct rlimit no_limit;
static int64_t most;
static void limit_files(void) {
  struct rlimit small = {.rlim_cur = (rlim_t)most, .rlim_max = no_limit.rlim_max};
  ck_ok(mst_team_barrier(team));
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
}
static void free_files(void) {
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &no_limit), 0);
  ck_ok(mst_team_barrier(team));
}

START_TEST(a_limit_on_file_sizes_leaves_the_older_one) {
  const char *path = scratch("limit.h5");
  static const int64_t limit[] = {1 << 20, 3000, 0};
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &no_limit), 0);
  for (int i = 0; i < 3; i++) {
    remove_all(path);
    leave_checkpoints(team, path, EXPERIMENT, 1, (int64_t[]){3});
    most = limit[i];
    ck_no_room(path, 3, limit_files, free_files, "limit.checkpoint-000000006.h5");
  }
  remove_all(path);
}
END_TEST

/* Fill the disk up to the last `most` bytes. */
static void fill_disk(void) {
  static char block[4096];
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    FILE *file = fopen(scratch("disk/full"), "wb");
    setvbuf(file, NULL, _IONBF, 0);
    while (fwrite(block, 1, sizeof block, file) == sizeof block) {
    }
    fclose(file);
    int64_t bytes = file_size(scratch("disk/full"));
    ck_assert_int_eq(truncate(scratch("disk/full"), bytes > most ? bytes - most : 0), 0);
  }
  ck_ok(mst_team_barrier(team));
}
static void empty_disk(void) { remove_file(scratch("disk/full")); }

START_TEST(a_full_disk_leaves_the_older_one) {
  if (!mount_disk("tmpfs", "size=16m")) return;
  const char *path = scratch("disk/full.h5");
  static const int64_t room[] = {1 << 20, 8192, 4096, 0};
  for (int i = 0; i < 4; i++) {
    leave_checkpoints(team, scratch("full.h5"), EXPERIMENT, 1, (int64_t[]){3});
    ck_ok(mst_team_barrier(team));
    if (rank == 0) {
      char copy[1200];
      snprintf(copy, sizeof copy, "rm -f %s/full.check*; cp %s %s", scratch("disk"),
               checkpoint(scratch("full.h5"), 3), scratch("disk/full.checkpoint-000000003.h5"));
      ck_assert_int_eq(system(copy), 0);
    }
    ck_ok(mst_team_barrier(team));
    most = room[i];
    sample s;
    mst_checkpoints *c = NULL;
    char *said = NULL;
    int64_t round = 0;
    int descriptors = 0;
    mst_runfile *r = begin_run(team, path, EXPERIMENT);
    make_sample(team, &s);
    ck_ok(mst_checkpoints_open(team, path, &c));
    ck_ok(mst_checkpoints_choose(c, EXPERIMENT, &said, &round));
    ck_ok(mst_checkpoints_restore(c, r, &s.state, &round));
    ck_assert_int_eq(round, 3);
    fill_sample(&s, 6);
    for (int k = 0; k < 5; k++) {
      fill_disk();
      mst_status st = same_everywhere(mst_checkpoints_save(c, r, 6, &s.state));
      ck_assert_msg(st == MST_ERR_IO, "%s: %s", mst_status_name(st), mst_status_detail());
      ck_assert(!exists(scratch("disk/full.checkpoint-000000006.h5")));
      ck_assert_int_eq(mst_checkpoints_saved(c), 3);
      ck_ok(mst_team_barrier(team));
      empty_disk();
      if (k == 0) descriptors = open_descriptors();
    }
    ck_assert_int_eq(open_descriptors(), descriptors);
    ck_ok(mst_checkpoints_save(c, r, 6, &s.state));
    mst_checkpoints_close(c);
    mst_runfile_abandon(r);
    free_sample(&s);
    ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 6);
  }
  unmount_disk();
  remove_all(scratch("full.h5"));
}
END_TEST

START_TEST(where_space_cannot_be_reserved_the_file_is_read_back) {
  if (!mount_disk("ramfs", "")) return;
  const char *path = scratch("disk/back.h5");
  leave_checkpoints(team, path, EXPERIMENT, 2, (int64_t[]){3, 6});
  ck_assert_int_eq(resumed_round(team, path, EXPERIMENT, NULL), 6);
  unmount_disk();
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("faults of checkpoints");
  TCase *t = tcase_create("faults of checkpoints");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_set_timeout(t, 0);
  tcase_add_test(t, every_part_that_is_damaged_is_noticed);
  tcase_add_test(t, what_the_checksum_does_not_see_the_digest_does);
  tcase_add_test(t, a_truncated_one_is_passed_over);
  tcase_add_test(t, foreign_files_are_passed_over);
  tcase_add_loop_test(t, one_of_another_version_is_refused, 0, 2);
  tcase_add_test(t, memory_that_one_rank_lacks_leaves_everything_as_it_was);
  tcase_add_test(t, a_limit_on_file_sizes_leaves_the_older_one);
  tcase_add_test(t, a_full_disk_leaves_the_older_one);
  tcase_add_test(t, where_space_cannot_be_reserved_the_file_is_read_back);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
