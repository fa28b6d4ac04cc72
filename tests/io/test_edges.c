/* Lists of edges: pairs of numbers however they are set apart, comments and blank lines passed
 * over, the same on all ranks; any other line is refused by its number. */
#define MST_TEST_MPI
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/edges.h"
#include "tests/harness.h"

static mst_team *team;
static char path[256];

static void begin(const char *text) {
  mst_team_options o = mst_team_defaults();
  const char *folder = getenv("TEST_SCRATCH");
  int pid = (int)getpid();
  ck_ok(mst_team_create(MPI_COMM_WORLD, &o, &team));
  ck_ok(mst_team_bcast(team, &pid, sizeof pid, 0));
  snprintf(path, sizeof path, "%s/edges.%d", folder != NULL ? folder : "/tmp", pid);
  if (mst_team_rank(team) == 0) {
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
  }
  ck_ok(mst_team_barrier(team));
}

static void end(void) {
  ck_ok(mst_team_barrier(team));
  if (mst_team_rank(team) == 0) unlink(path);
  mst_team_destroy(team);
}

START_TEST(pairs_are_read_however_they_are_set_apart) {
  static const int64_t want[] = {0, 1, 12, 3, 4, 5, 6, 7};
  int64_t *edge = NULL, n = 0;
  begin("# edges\n0 1\n\n12,3\r\n\t4 , 5  \n  # more\n6\t7");
  ck_ok(mst_edges_read(team, path, &edge, &n));
  ck_assert_int_eq(n, 4);
  ck_assert_mem_eq(edge, want, sizeof want);
  mst_free(edge);
  end();
}
END_TEST

START_TEST(a_line_that_is_no_pair_is_named) {
  static const char *const bad[] = {
      "1", "1 2 3", "1;2", "a b", "1 -2", "0.5 1", "1,,2", "1 2,", "99999999999999999999 1"};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    int64_t *edge = NULL, n = 0;
    char text[64], where[300];
    snprintf(text, sizeof text, "0 1\n%s\n", bad[k]);
    begin(text);
    snprintf(where, sizeof where, "%s:2: '%s' is no edge", path, bad[k]);
    ck_refused(mst_edges_read(team, path, &edge, &n), MST_ERR_FORMAT, where);
    ck_assert_ptr_null(edge);
    end();
  }
}
END_TEST

START_TEST(a_file_that_is_not_there_or_empty_is_refused) {
  int64_t *edge = NULL, n = 0;
  begin("");
  ck_refused(mst_edges_read(team, path, &edge, &n), MST_ERR_INPUT, "empty");
  ck_refused(mst_edges_read(team, "/nowhere/edges", &edge, &n), MST_ERR_INPUT, "/nowhere/edges");
  ck_assert_ptr_null(edge);
  end();
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("edges");
  TCase *c = tcase_create("edges");
  tcase_add_test(c, pairs_are_read_however_they_are_set_apart);
  tcase_add_test(c, a_line_that_is_no_pair_is_named);
  tcase_add_test(c, a_file_that_is_not_there_or_empty_is_refused);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
