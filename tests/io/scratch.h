/* What the tests of io share: a team, files in a scratch folder, and checks that all ranks saw the
 * same. */
#ifndef MST_TESTS_IO_SCRATCH_H
#define MST_TESTS_IO_SCRATCH_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/sum.h"
#include "comm/team.h"
#include "tests/harness.h"

static mst_team *team;
static int rank, size;

static inline void make_team(void) {
  ck_ok(mst_team_create(MPI_COMM_WORLD, NULL, &team));
  rank = mst_team_rank(team);
  size = mst_team_size(team);
}

static inline void drop_team(void) {
  mst_team_destroy(team);
  team = NULL;
}

/* A name in the scratch folder; the same text for the same name, for good. */
static inline const char *scratch(const char *name) {
  static char path[64][512];
  const char *folder = getenv("TEST_SCRATCH");
  char wanted[512];
  int i = 0;
  snprintf(wanted, sizeof wanted, "%s/%s", folder == NULL ? "/tmp" : folder, name);
  while (i < 63 && path[i][0] != 0 && strcmp(path[i], wanted) != 0) i++;
  memcpy(path[i], wanted, sizeof wanted);
  return path[i];
}

static inline bool exists(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

/* How many temporary files stand for that path: ".NAME.XXXXXX.tmp" beside it. */
static inline int temporaries(const char *path) {
  char pattern[600];
  const char *name = strrchr(path, '/') + 1;
  glob_t found;
  snprintf(pattern, sizeof pattern, "%.*s.%s.*.tmp", (int)(name - path), path, name);
  int n = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 ? (int)found.gl_pathc : 0;
  globfree(&found);
  return n;
}

/* Nothing of a file that was not finished is left. */
static inline void ck_nothing_left(const char *path) {
  ck_ok(mst_team_barrier(team));
  ck_assert_msg(temporaries(path) == 0, "a temporary of %s is left", path);
  ck_assert_msg(!exists(path), "%s is there", path);
  ck_ok(mst_team_barrier(team));
}

/* Rank 0 writes these bytes; all wait for it. */
static inline const char *put_bytes(const char *name, const void *bytes, size_t n) {
  const char *path = scratch(name);
  if (rank == 0) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
    fclose(file);
  }
  ck_ok(mst_team_barrier(team));
  return path;
}

static inline void remove_file(const char *path) {
  ck_ok(mst_team_barrier(team));
  if (rank == 0) unlink(path);
  ck_ok(mst_team_barrier(team));
}

static inline int64_t file_size(const char *path) {
  struct stat about;
  ck_assert_int_eq(stat(path, &about), 0);
  return about.st_size;
}

/* The status, after checking that every rank has the same one and the same sentence. */
static inline mst_status same_everywhere(mst_status status) {
  char mine[MST_STATUS_DETAIL_MAX], first[MST_STATUS_DETAIL_MAX];
  snprintf(mine, sizeof mine, "%d %s", (int)status, status == MST_OK ? "" : mst_status_detail());
  memcpy(first, mine, sizeof first);
  ck_ok(mst_team_bcast(team, first, sizeof first, 0));
  ck_assert_str_eq(mine, first);
  if (status != MST_OK) return mst_fail(status, "%s", strchr(mine, ' ') + 1);
  return MST_OK;
}

#endif
