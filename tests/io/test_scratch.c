/* Scratch files: shares that lie beside a run's file hold what is written, leave no name behind and
 * touch nobody's file; a folder that cannot be written, a disk without room and a rank that cannot
 * open a file end the call for all ranks. */
#define MST_TEST_MPI
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/memory.h"
#include "io/scratch.h"
#include "tests/io/scratch.h"

static mst_team *make_team_of(bool shared, int ranks_per_node) {
  mst_team_options options = mst_team_defaults();
  mst_team *made = NULL;
  options.shared_memory = shared;
  options.ranks_per_node = ranks_per_node;
  ck_ok(mst_team_create(MPI_COMM_WORLD, &options, &made));
  return made;
}

/* Descriptors of this process that lead to a file without a name beside path. */
static int nameless_beside(const char *path) {
  char link[64], to[1024];
  int n = 0;
  for (int fd = 0; fd < 256; fd++) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, to, sizeof to - 1);
    to[length > 0 ? length : 0] = 0;
    n += strncmp(to, path, (size_t)(strrchr(path, '/') - path)) == 0 && strstr(to, "(deleted)");
  }
  return n;
}

START_TEST(a_scratch_file_holds_what_is_written_and_has_no_name) {
  static const struct {
    bool shared;
    int ranks_per_node;
  } kind[] = {{true, 0}, {false, 0}, {true, 2}};
  const char *path = scratch("holds.h5");
  mst_share_backing backing = mst_scratch_beside(path);
  for (size_t t = 0; t < sizeof kind / sizeof *kind; t++) {
    mst_team *spread = make_team_of(kind[t].shared, kind[t].ranks_per_node);
    mst_share *a = NULL, *b = NULL;
    const int64_t each = 100000;
    int mates = mst_team_domain_size(spread), place = mst_team_domain_rank(spread);
    ck_ok(mst_share_create_in(spread, mates * each, "first", &backing, &a));
    ck_ok(mst_share_create_in(spread, mates * each, "second", &backing, &b));
    ck_nothing_left(path);
    memset(mst_share_visit(a, place * each, each), 'a' + rank, (size_t)each);
    memset(mst_share_visit(b, place * each, each), 'A' + rank, (size_t)each);
    ck_ok(mst_share_sync(a));
    ck_ok(mst_share_sync(b));
    const char *x = mst_share_at(a), *y = mst_share_at(b);
    int64_t wrong = 0;
    for (int r = 0, mate = 0; r < size; r++) {
      if (mst_team_domain_of(spread, r) != mst_team_domain(spread)) continue;
      for (int64_t i = mate * each; i < (mate + 1) * each; i++)
        wrong += (x[i] != 'a' + r) + (y[i] != 'A' + r);
      mate++;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(nameless_beside(path), 0); /* the mapping needs no descriptor */
    mst_share_destroy(b);
    mst_share_destroy(a);
    mst_team_destroy(spread);
  }
}
END_TEST

/* Another run's scratch file and run file, and the older one of this run, stay as they are. */
START_TEST(nobodys_file_is_touched) {
  static const char *const name[] = {"same.h5", ".same.h5.scratch0-012345.tmp",
                                     ".same.h5.012345.tmp"};
  const char *path = scratch("same.h5");
  mst_share_backing backing = mst_scratch_beside(path);
  mst_share *s = NULL;
  for (int i = 0; i < 3; i++) put_bytes(name[i], "kept", 4);
  ck_ok(mst_share_create_in(team, 1000, "test", &backing, &s));
  mst_share_destroy(s);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(file_size(scratch(name[i])), 4);
    remove_file(scratch(name[i]));
  }
  ck_nothing_left(path);
}
END_TEST

START_TEST(a_folder_that_cannot_be_written_is_told) {
  mst_share *s = NULL;
  mst_share_backing backing = mst_scratch_beside(scratch("nowhere/run.h5"));
  ck_refused(same_everywhere(mst_share_create_in(team, 1000, "test", &backing, &s)), MST_ERR_INPUT,
             "nowhere");
  ck_assert_ptr_null(s);
  backing = mst_scratch_beside("/proc/run.h5"); /* which not even root can write to */
  ck_refused(same_everywhere(mst_share_create_in(team, 1000, "test", &backing, &s)), MST_ERR_IO,
             "/proc/run.h5: cannot write: ");
}
END_TEST

START_TEST(a_disk_without_room_is_found_before_writing) {
  const char *folder = scratch("disk");
  int mounted = 0;
  if (rank == 0 && geteuid() == 0) {
    mkdir(folder, 0700);
    mounted = mount("tmpfs", folder, "tmpfs", 0, "size=4m") == 0;
  }
  ck_ok(mst_team_bcast(team, &mounted, sizeof mounted, 0));
  if (!mounted) return;
  const char *path = scratch("disk/run.h5");
  mst_share_backing backing = mst_scratch_beside(path);
  mst_share *small = NULL, *large = NULL;
  int64_t held = mst_memory_current();
  ck_ok(mst_share_create_in(team, 3 << 20, "small", &backing, &small));
  /* Nobody has touched a page of the first, and there is no room for a second. */
  for (int again = 0; again < 2; again++)
    ck_refused(same_everywhere(mst_share_create_in(team, 3 << 20, "large", &backing, &large)),
               MST_ERR_IO, "disk/run.h5: cannot write: No space left on device (up to 3.1 MB are");
  ck_assert_ptr_nonnull(strstr(mst_status_detail(), "scratch file: "));
  ck_nothing_left(path);
  memset(mst_share_at(small), 1, 3 << 20); /* room was reserved: no signal */
  mst_share_destroy(small);
  ck_ok(mst_share_create_in(team, 3 << 20, "large", &backing, &large));
  mst_share_destroy(large);
  ck_assert_int_eq(mst_memory_current(), held);
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    ck_assert_int_eq(umount(folder), 0);
    rmdir(folder);
  }
  ck_ok(mst_team_barrier(team));
}
END_TEST

/* Without shared memory every rank has a file of its own, so that the last one can fail alone. */
START_TEST(a_limit_on_file_sizes_of_one_rank_ends_the_call_for_all) {
  mst_team *apart = make_team_of(false, 0);
  const char *path = scratch("limit.h5");
  mst_share_backing backing = mst_scratch_beside(path);
  mst_share *s = NULL;
  struct rlimit limit;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  struct rlimit small = {.rlim_cur = 5000, .rlim_max = limit.rlim_max};
  if (rank == size - 1) ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
  mst_status st = same_everywhere(mst_share_create_in(apart, 10000, "test", &backing, &s));
  setrlimit(RLIMIT_FSIZE, &limit);
  ck_refused(st, MST_ERR_IO, "limit.h5: cannot write: the limit on file sizes");
  ck_assert_ptr_null(s);
  ck_nothing_left(path);
  mst_team_destroy(apart);
}
END_TEST

START_TEST(a_rank_without_a_descriptor_left_ends_the_call_for_all) {
  if (size == 1) return; /* the others open what the first one makes */
  const char *path = scratch("descriptors.h5");
  mst_share_backing backing = mst_scratch_beside(path);
  mst_share *s = NULL;
  struct rlimit limit;
  ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
  int next = dup(0); /* the lowest that is free */
  ck_assert_int_gt(next, 0);
  close(next);
  struct rlimit small = {.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
  if (rank == size - 1) ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
  mst_status st = same_everywhere(mst_share_create_in(team, 10000, "test", &backing, &s));
  setrlimit(RLIMIT_NOFILE, &limit);
  ck_refused(st, MST_ERR_IO, "Too many open files");
  ck_assert_ptr_null(s);
  ck_nothing_left(path);
  ck_ok(mst_share_create_in(team, 10000, "test", &backing, &s));
  mst_share_destroy(s);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("scratch");
  TCase *c = tcase_create("scratch");
  tcase_add_unchecked_fixture(c, make_team, drop_team);
  tcase_set_timeout(c, 0);
  tcase_add_test(c, a_scratch_file_holds_what_is_written_and_has_no_name);
  tcase_add_test(c, nobodys_file_is_touched);
  tcase_add_test(c, a_folder_that_cannot_be_written_is_told);
  tcase_add_test(c, a_disk_without_room_is_found_before_writing);
  tcase_add_test(c, a_limit_on_file_sizes_of_one_rank_ends_the_call_for_all);
  tcase_add_test(c, a_rank_without_a_descriptor_left_ends_the_call_for_all);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
