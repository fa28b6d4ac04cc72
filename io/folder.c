/* Folders, and the times of their files, by plain POSIX calls. */
#include "io/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
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

mst_status mst_folder_make_beside(const char *path, const char *kind, char *folder) {
  char *around = NULL;
  const char *slash = strrchr(path, '/');
  MST_TRY(mst_file_folder(path, &around));
  int n = snprintf(folder, PATH_MAX, "%s/.%s.%sXXXXXX", around, slash != NULL ? slash + 1 : path,
                   kind);
  mst_free(around);
  if (n < 0 || n >= PATH_MAX) return mst_fail(MST_ERR_INPUT, "%s: the name is too long", path);
  if (mkdtemp(folder) != NULL) return MST_OK;
  return mst_fail(MST_ERR_IO, "a folder beside %s cannot be made: %s", path, strerror(errno));
}

void mst_folder_remove(const char *folder) {
  DIR *list = opendir(folder);
  if (list == NULL) return;
  for (const struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      (void)unlinkat(dirfd(list), entry->d_name, 0);
  closedir(list);
  (void)rmdir(folder);
}

int64_t mst_file_stamp(const char *path) {
  struct stat about;
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return 0;
  return (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec;
}

void mst_file_remove(const char *path) {
  (void)unlink(path);
}
