/* Folders, and the times of their files, by plain POSIX calls. */
#include "io/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"

bool mst_folder_is(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static mst_status make(const char *path) {
  if (mkdir(path, 0777) == 0 || (errno == EEXIST && mst_folder_is(path))) return MST_OK;
  int reason = errno;
  if (reason == EEXIST) return mst_fail(MST_ERR_INPUT, "%s is there, and is not a folder", path);
  return mst_fail(reason == ENOENT || reason == ENOTDIR ? MST_ERR_INPUT : MST_ERR_IO,
                  "the folder %s cannot be made: %s", path, strerror(reason));
}

mst_status mst_folder_make(mst_team *team, const char *path) {
  return mst_file_follow(team, mst_team_rank(team) == 0 ? make(path) : MST_OK);
}

int64_t mst_file_stamp(const char *path) {
  struct stat about;
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
  return (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec;
}

void mst_file_remove(const char *path) {
  (void)unlink(path);
}
