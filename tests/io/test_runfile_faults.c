/* Run files in trouble: a damaged or foreign file is refused, and whatever goes wrong while one is
 * written leaves nothing under the final name. */
#define MST_TEST_MPI
#include <signal.h>
#include <sys/resource.h>

#include "tests/io/damage.h"
#include "tests/io/runfile_sample.h"

/* Change the file's bytes on rank 0: one byte's bits, or its length (at < 0). */
static void damage(int64_t at, int64_t length) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) {
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    if (at >= 0) {
      fseek(f, (long)at, SEEK_SET);
      int c = fgetc(f);
      fseek(f, (long)at, SEEK_SET);
      fputc(c ^ 0x10, f);
    }
    fclose(f);
    if (at < 0) ck_assert_int_eq(truncate(path, (off_t)length), 0);
  }
  ck_ok(mst_team_barrier(team));
}

/* Where the stored numbers of an array lie in the file; the same on all ranks. */
static int64_t place_of(const char *name) {
  haddr_t at = 0;
  hsize_t bytes = 0, offset[4];
  unsigned mask = 0;
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t d = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(d);
  ck_assert_int_ge(H5Dget_chunk_info(d, space, 0, offset, &mask, &at, &bytes), 0);
  H5Sclose(space);
  H5Dclose(d);
  H5Fclose(file);
  return (int64_t)at;
}

START_TEST(one_flipped_bit_is_found) {
  static const char *const names[] = {"model/weights", "model/features/filters", "model/flags",
                                      "metrics/accuracy", "metrics/round"};
  ck_ok(write_run(3.0, NULL));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    int64_t at = place_of(names[i]) + 2;
    damage(at, 0);
    ck_refused(mst_runfile_verify(team, path, NULL), MST_ERR_FORMAT, path);
    damage(at, 0);
    ck_ok(mst_runfile_verify(team, path, NULL));
  }
}
END_TEST

START_TEST(a_truncated_file_is_refused) {
  ck_ok(write_run(3.0, NULL));
  const int64_t whole = file_size(path);
  ck_ok(mst_team_barrier(team));
  static const double share[] = {0.999, 0.5, 0.1, 0.001, 0.0};
  for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
    char *text = NULL;
    damage(-1, (int64_t)(share[i] * (double)whole));
    ck_refused(mst_runfile_verify(team, path, NULL), MST_ERR_FORMAT, path);
    ck_refused(mst_runfile_describe(team, path, &text), MST_ERR_FORMAT, path);
  }
}
END_TEST

START_TEST(other_files_are_refused) {
  ck_refused(mst_runfile_verify(team, "/nowhere/run.h5", NULL), MST_ERR_INPUT, "/nowhere/run.h5");
  ck_ok(write_run(3.0, NULL));
  change_attributes(path, "run", 2);
  ck_refused(mst_runfile_verify(team, path, NULL), MST_ERR_FORMAT, "has version 2 of the run file");
  change_attributes(path, "set", 1);
  ck_refused(mst_runfile_verify(team, path, NULL), MST_ERR_FORMAT, "muster_format is 'set'");
  if (rank == 0) {
    FILE *f = fopen(path, "wb");
    fputs("not HDF5 at all", f);
    fclose(f);
  }
  ck_ok(mst_team_barrier(team));
  ck_refused(mst_runfile_verify(team, path, NULL), MST_ERR_FORMAT, "not an HDF5 file");
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_found_at_once) {
  mst_runfile *r = NULL;
  ck_refused(mst_runfile_create(team, "/nowhere/run.h5", "j", "", 0, &r), MST_ERR_INPUT,
             "/nowhere");
  ck_assert_ptr_null(r);
  ck_refused(mst_runfile_create(team, "/tmp", "j", "", 0, &r), MST_ERR_INPUT, "folder");
  ck_assert_ptr_null(r);
}
END_TEST

START_TEST(an_existing_file_stays_until_the_commit) {
  char digest[MST_DIGEST_HEX];
  mst_runfile *r = NULL;
  ck_ok(write_run(3.0, NULL));
  ck_ok(mst_runfile_create(team, path, "analytic", "", 1, &r));
  ck_ok(mst_runfile_verify(team, path, digest));
  ck_assert_str_eq(digest, golden);
  ck_assert(temporaries(path) > 0);
  ck_ok(mst_team_barrier(team));
  mst_runfile_abandon(r);
  ck_ok(mst_team_barrier(team));
  ck_assert(temporaries(path) == 0);
  ck_ok(mst_runfile_verify(team, path, NULL));
  ck_ok(mst_runfile_create(team, path, "analytic", "", 1, &r));
  ck_ok(mst_runfile_commit(r, digest));
  ck_ok(mst_runfile_verify(team, path, NULL));
  ck_assert_str_ne(digest, golden);
  mst_runfile_abandon(NULL);
}
END_TEST

/* A run whose model is small and whose text is not: space runs out at the commit. */
static mst_status write_text(void) {
  enum {
    BYTES = 600000
  };
  mst_runfile *r = NULL;
  char *text = malloc(BYTES + 1);
  memset(text, 'a', BYTES);
  text[BYTES] = '\0';
  mst_status st = mst_runfile_create(team, path, "analytic", text, 42, &r);
  free(text);
  if (st == MST_OK) st = mst_runfile_commit(r, NULL);
  return st;
}

START_TEST(a_full_disk_leaves_nothing) {
  struct rlimit old, small;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_IGN);
  small = (struct rlimit){500000, old.rlim_max};
  for (int i = 0; i < 2; i++) {
    ck_ok(mst_team_barrier(team));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    mst_status st = i == 0 ? write_run(3.0, NULL) : write_text();
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_msg(st == MST_ERR_IO, "%s: %s", mst_status_name(st), mst_status_detail());
    ck_ok(mst_team_barrier(team));
    ck_assert(!exists(path) && temporaries(path) == 0);
  }
  ck_ok(write_text());
}
END_TEST

START_TEST(a_rank_that_fails_alone_fails_the_file_on_all) {
  int last = size - 1;
  int64_t before = mst_memory_current();
  mst_runfile *r = NULL;
  ck_ok(mst_runfile_create(team, path, "analytic", "", 1, &r));
  mst_metric m[] = {{rank == last ? "Bad Name" : "good", 1.0}};
  ck_refused(mst_runfile_round(r, 0, 1, m), MST_ERR_INPUT, "Bad Name");
  mst_runfile_abandon(r);
  mst_status st = MST_ERR_MEMORY;
  for (int n = 1; st != MST_OK && n < 200; n += n < 4 ? 1 : 5) {
    r = NULL;
    if (rank == last) mst_memory_fail_at(n);
    st = mst_runfile_create(team, path, "analytic", "job: x\n", 1, &r);
    if (st == MST_OK) {
      st = record(r, 1.0);
      if (st == MST_OK)
        st = mst_runfile_commit(r, NULL);
      else
        mst_runfile_abandon(r);
    }
    mst_memory_fail_at(0);
    ck_assert_msg(st == MST_OK || st == MST_ERR_MEMORY, "%s", mst_status_detail());
    ck_ok(mst_team_barrier(team));
    ck_assert(exists(path) == (st == MST_OK));
    ck_assert(temporaries(path) == 0);
    ck_assert_int_eq(mst_memory_current(), before);
    ck_ok(mst_team_barrier(team));
  }
  ck_assert_int_eq(st, MST_OK);
}
END_TEST

START_TEST(names_and_rounds_are_checked) {
  static const char *const bad[] = {"", "A", "a b", "/a", "a/", "a//b", "round", "a.b", "\xc3\xa9"};
  mst_runfile *r = NULL;
  ck_ok(mst_runfile_create(team, path, "analytic", "", 1, &r));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    mst_metric m[] = {{bad[i], 1.0}};
    ck_refused(mst_runfile_round(r, 1, 1, m), MST_ERR_INPUT, bad[i]);
  }
  mst_metric good[] = {{"train/loss", 1.0}}, folder[] = {{"train", 1.0}};
  ck_ok(mst_runfile_round(r, 2, 1, good));
  ck_refused(mst_runfile_round(r, 2, 1, folder), MST_ERR_INPUT, "cannot also be a folder");
  ck_refused(mst_runfile_round(r, 1, 1, good), MST_ERR_INTERNAL, "round 1 comes after round 2");
  ck_refused(mst_runfile_timing(r, "Wall", 1.0), MST_ERR_INPUT, "timing 'Wall'");
  ck_refused(mst_runfile_result(r, "x y", 1.0), MST_ERR_INPUT, "result 'x y'");
  ck_refused(mst_runfile_result_int(r, "x y", 1), MST_ERR_INPUT, "result 'x y'");
  ck_refused(mst_runfile_ledger(r, 1, "up", -5, 1), MST_ERR_INTERNAL, "cannot grow by -5");
  mst_runfile_abandon(r);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("runfile_faults");
  TCase *c = tcase_create("runfile_faults");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, one_flipped_bit_is_found);
  tcase_add_test(c, a_truncated_file_is_refused);
  tcase_add_test(c, other_files_are_refused);
  tcase_add_test(c, a_place_that_cannot_be_written_is_found_at_once);
  tcase_add_test(c, an_existing_file_stays_until_the_commit);
  tcase_add_test(c, a_full_disk_leaves_nothing);
  tcase_add_test(c, a_rank_that_fails_alone_fails_the_file_on_all);
  tcase_add_test(c, names_and_rounds_are_checked);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
