/* Files as everybody in io treats them: looked at by rank 0 before anybody opens them, written
 * under a temporary name with the space reserved first, published by fsync and rename. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/memory.h"

mst_status mst_file_follow(mst_team *team, mst_status of_rank_0) {
  struct {
    int64_t code;
    char text[MST_STATUS_DETAIL_MAX];
  } said;
  memset(&said, 0, sizeof said);
  bool leads = mst_team_rank(team) == 0;
  if (leads) {
    said.code = of_rank_0;
    snprintf(said.text, sizeof said.text, "%s", of_rank_0 == MST_OK ? "" : mst_status_detail());
  }
  MST_TRY(mst_team_bcast(team, &said.code, sizeof said.code, 0));
  if (said.code == MST_OK) return MST_OK;
  MST_TRY(mst_team_bcast(team, said.text, sizeof said.text, 0));
  return leads ? of_rank_0 : mst_fail((mst_status)said.code, "%s", said.text);
}

mst_status mst_file_look(const char *path) {
  if (path == NULL || *path == 0) return mst_fail(MST_ERR_INPUT, "no file name was given");
  struct stat about;
  if (stat(path, &about) != 0) /* a name that leads nowhere is the user's; the rest the disk's */
    return mst_fail(errno == ENOENT || errno == ENOTDIR ? MST_ERR_INPUT : MST_ERR_IO,
                    "%s: cannot read: %s", path, strerror(errno));
  if (S_ISDIR(about.st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: is a folder; name a file in it", path);
  if (!S_ISREG(about.st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: is not a regular file (it is read more than once)", path);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return mst_fail(MST_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
  close(fd);
  if (about.st_size == 0) return mst_fail(MST_ERR_FORMAT, "%s: the file is empty", path);
  return MST_OK;
}

/* The folder of path, as "." or "/a/b"; to be freed with mst_free. */
static mst_status folder_of(const char *path, char **folder) {
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
  MST_TRY(mst_alloc(folder, (int64_t)length + 1, 1, "folder name"));
  memcpy(*folder, slash == NULL ? "." : path, length);
  return MST_OK;
}

static mst_status create_empty(const char *path, const char *folder, const char *temporary) {
  struct stat about;
  if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: cannot write: it is a folder; name a file in it", path);
  if (stat(folder, &about) != 0)
    return mst_fail(errno == ENOENT || errno == ENOTDIR ? MST_ERR_INPUT : MST_ERR_IO, "%s: cannot write: folder %s: %s", path, folder, strerror(errno));
  if (!S_ISDIR(about.st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: cannot write: %s is not a folder", path, folder);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0)
    return mst_fail(MST_ERR_IO, "%s: cannot write: %s: %s", path, temporary, strerror(errno));
  close(fd);
  return MST_OK;
}

mst_status mst_file_begin(mst_team *team, const char *path, char **temporary) {
  *temporary = NULL;
  char *name = NULL, *folder = NULL;
  mst_status status = MST_OK;
  if (path == NULL || *path == 0)
    status = mst_fail(MST_ERR_INPUT, "no name was given for the file to write");
  if (status == MST_OK) {
    size_t size = strlen(path) + sizeof ".tmp";
    status = mst_alloc(&name, (int64_t)size, 1, "temporary file name");
    if (status == MST_OK) snprintf(name, size, "%s.tmp", path);
  }
  if (status == MST_OK) status = folder_of(path, &folder);
  status = mst_team_agree(team, status);
  if (status == MST_OK) {
    mst_status made = MST_OK;
    if (mst_team_rank(team) == 0) made = create_empty(path, folder, name);
    status = mst_file_follow(team, made);
  }
  mst_free(folder);
  if (status != MST_OK) {
    mst_free(name);
    return status;
  }
  *temporary = name;
  return MST_OK;
}

static mst_status no_room(const char *path, int64_t bytes, const char *reason) {
  const double mega = 1e6;
  struct statvfs disk;
  char room[64] = "";
  if (statvfs(path, &disk) == 0)
    snprintf(room, sizeof room, ", %.1f MB are free there",
             (double)disk.f_bavail * (double)disk.f_frsize / mega);
  return mst_fail(MST_ERR_IO,
                  "%s: cannot write: %s (up to %.1f MB are needed%s); make room or write to "
                  "another folder",
                  path, reason, (double)bytes / mega, room);
}

static mst_status reserve(int fd, const char *path, int64_t bytes, bool *sure) {
  *sure = true;
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      (uint64_t)bytes > (uint64_t)limit.rlim_cur)
    return no_room(path, bytes, "the limit on file sizes (ulimit -f) is smaller");
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0) return MST_OK;
  int reason = errno;
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG || reason == EIO) {
    /* What was taken before the disk was full is given back. */
    struct stat about;
    if (fstat(fd, &about) != 0 || ftruncate(fd, about.st_size) != 0) reason = errno;
    return no_room(path, bytes, strerror(reason));
  }
  *sure = false;
  struct statvfs disk;
  /* Some file systems (ramfs) do not say how large they are. */
  if (fstatvfs(fd, &disk) == 0 && disk.f_blocks > 0 &&
      (double)bytes > (double)disk.f_bavail * (double)disk.f_frsize)
    return no_room(path, bytes, strerror(ENOSPC));
  return MST_OK;
}

mst_status mst_file_reserve(mst_team *team, const char *temporary, int64_t bytes, bool *sure) {
  mst_status status = MST_OK;
  int64_t done = 0;
  if (mst_team_rank(team) == 0 && bytes > 0) {
    int fd = open(temporary, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
      status = mst_fail(MST_ERR_IO, "%s: cannot write: %s", temporary, strerror(errno));
    } else {
      bool reserved = false;
      status = reserve(fd, temporary, bytes, &reserved);
      done = reserved;
      close(fd);
    }
  }
  MST_TRY(mst_file_follow(team, status));
  MST_TRY(mst_team_bcast(team, &done, sizeof done, 0));
  if (sure != NULL) *sure = done != 0;
  return MST_OK;
}

static mst_status flush_file(const char *temporary) {
  int fd = open(temporary, O_RDWR | O_CLOEXEC);
  if (fd < 0) return mst_fail(MST_ERR_IO, "%s: cannot write: %s", temporary, strerror(errno));
  struct stat about;
  /* Setting the size that it has gives back space that was reserved beyond the end. */
  bool ok = fstat(fd, &about) == 0 && ftruncate(fd, about.st_size) == 0 && fsync(fd) == 0;
  int reason = errno;
  if (close(fd) != 0 && ok) {
    ok = false;
    reason = errno;
  }
  if (ok) return MST_OK;
  return mst_fail(MST_ERR_IO, "%s: cannot be brought to disk: %s", temporary, strerror(reason));
}

static mst_status publish(const char *temporary, const char *path) {
  MST_TRY(flush_file(temporary));
  char *folder = NULL;
  MST_TRY(folder_of(path, &folder));
  if (rename(temporary, path) != 0) {
    mst_free(folder);
    return mst_fail(MST_ERR_IO, "%s: cannot be renamed to %s: %s", temporary, path,
                    strerror(errno));
  }
  /* The name itself reaches the disk with its folder. Not every file system lets a folder be
   * flushed; the file is complete either way. */
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)fsync(fd);
    close(fd);
  }
  mst_free(folder);
  return MST_OK;
}

mst_status mst_file_publish(mst_team *team, const char *temporary, const char *path) {
  mst_status status = MST_OK;
  if (mst_team_rank(team) == 0) {
    status = publish(temporary, path);
    if (status != MST_OK) unlink(temporary);
  }
  return mst_file_follow(team, status);
}

void mst_file_empty(mst_team *team, const char *temporary) {
  if (mst_team_rank(team) == 0 && truncate(temporary, 0) != 0) errno = 0;
  /* Nobody goes on to close the file before its space is back. */
  (void)!mst_team_barrier(team);
}

void mst_file_discard(mst_team *team, const char *temporary) {
  if (temporary != NULL && mst_team_rank(team) == 0) unlink(temporary);
}
