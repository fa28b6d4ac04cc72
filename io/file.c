/* Files as everybody in io treats them: looked at by rank 0 before anybody opens them, written
 * under a temporary name with the space reserved first, published by fsync and rename. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/base/memory.h"

#define NAME_KEPT 200 /* bytes of a file's name in that of its temporary: names end at 255 */
#define NAME_MORE 12  /* bytes that the name of a temporary may have more                  */
#define ATTEMPTS  100 /* names tried for a temporary file                                 */
#define LINKS     40  /* symbolic links in a row, as many as Linux follows                 */

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
    return mst_fail(errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ? MST_ERR_INPUT
                                                                                 : MST_ERR_IO,
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

mst_status mst_file_folder(const char *path, char **folder) {
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
  MST_TRY(mst_alloc(folder, (int64_t)length + 1, 1, "folder name"));
  memcpy(*folder, slash == NULL ? "." : path, length);
  return MST_OK;
}

static mst_status name_too_long(const char *path) {
  return mst_fail(MST_ERR_INPUT, "%s: cannot write: %s", path, strerror(ENAMETOOLONG));
}

mst_status mst_file_follow_links(const char *path, char *target) {
  char found[PATH_MAX];
  struct stat about;
  if (strlen(path) >= PATH_MAX) return name_too_long(path);
  strcpy(target, path);
  for (int hop = 0; lstat(target, &about) == 0 && S_ISLNK(about.st_mode); hop++) {
    if (hop == LINKS)
      return mst_fail(MST_ERR_INPUT, "%s: cannot write: %s", path, strerror(ELOOP));
    ssize_t length = readlink(target, found, sizeof found - 1);
    if (length < 0)
      return mst_fail(MST_ERR_IO, "%s: cannot write: link %s: %s", path, target, strerror(errno));
    found[length] = '\0';
    char *slash = strrchr(target, '/');
    size_t folder = found[0] == '/' || slash == NULL ? 0 : (size_t)(slash - target) + 1;
    if (folder + (size_t)length >= PATH_MAX) return name_too_long(path);
    strcpy(target + folder, found);
  }
  return MST_OK;
}

mst_status mst_file_check_length(const char *path, const char *target) {
  struct stat about;
  if (strlen(target) + NAME_MORE >= PATH_MAX) return name_too_long(path);
  return stat(target, &about) != 0 && errno == ENAMETOOLONG ? name_too_long(path) : MST_OK;
}

static mst_status check_target(const char *path, const char *target) {
  struct stat about;
  char *folder = NULL;
  MST_TRY(mst_file_check_length(path, target));
  if (stat(target, &about) == 0 && !S_ISREG(about.st_mode))
    return mst_fail(MST_ERR_INPUT,
                    S_ISDIR(about.st_mode)
                        ? "%s: cannot write: it is a folder; name a file in it"
                        : "%s: cannot write: it is not a regular file; name another",
                    path);
  MST_TRY(mst_file_folder(target, &folder));
  mst_status status = MST_OK;
  if (stat(folder, &about) != 0)
    status = mst_fail(errno == ENOENT || errno == ENOTDIR ? MST_ERR_INPUT : MST_ERR_IO,
                      "%s: cannot write: folder %s: %s", path, folder, strerror(errno));
  else if (!S_ISDIR(about.st_mode))
    status = mst_fail(MST_ERR_INPUT, "%s: cannot write: %s is not a folder", path, folder);
  mst_free(folder);
  return status;
}

/* Digits that two runs at the same time hardly share; O_EXCL decides. mkostemps would do as well,
 * but gives a mode that passes over the umask and the folder's default ACL. */
static uint64_t any_digits(int attempt) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t mixed = (uint64_t)now.tv_nsec + ((uint64_t)getpid() << 32) + (uint64_t)attempt;
  return (mixed * 0x9E3779B97F4A7C15u) >> 40;
}

mst_status mst_file_create_beside(const char *path, const char *kind, char *temporary) {
  char target[PATH_MAX];
  MST_TRY(mst_file_follow_links(path, target));
  MST_TRY(check_target(path, target));
  const char *slash = strrchr(target, '/'), *name = slash == NULL ? target : slash + 1;
  int fd = -1;
  for (int attempt = 0; attempt < ATTEMPTS && fd < 0; attempt++) {
    int n = snprintf(temporary, PATH_MAX, "%.*s.%.*s.%s%06llx.tmp", (int)(name - target), target,
                     NAME_KEPT, name, kind, (unsigned long long)any_digits(attempt));
    if (n < 0 || n >= PATH_MAX) return name_too_long(path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0)
    return mst_fail(MST_ERR_IO, "%s: cannot write: %s: %s", path, temporary, strerror(errno));
  close(fd);
  return MST_OK;
}

mst_status mst_file_begin(mst_team *team, const char *path, char **temporary) {
  *temporary = NULL;
  char *name = NULL;
  mst_status status = MST_OK;
  if (path == NULL || *path == 0)
    status = mst_fail(MST_ERR_INPUT, "no name was given for the file to write");
  if (status == MST_OK) status = mst_alloc(&name, PATH_MAX, 1, "temporary file name");
  status = mst_team_agree(team, status);
  if (status == MST_OK) {
    mst_status made = MST_OK;
    if (mst_team_rank(team) == 0) made = mst_file_create_beside(path, "", name);
    status = mst_file_follow(team, made);
  }
  if (status == MST_OK) {
    status = mst_team_bcast(team, name, PATH_MAX, 0);
    if (status != MST_OK) mst_file_discard(team, name);
  }
  if (status != MST_OK) {
    mst_free(name);
    return status;
  }
  *temporary = name;
  return MST_OK;
}

static mst_status no_room(int fd, const char *path, int64_t bytes, const char *reason) {
  const double mega = 1e6;
  struct statvfs disk;
  char room[64] = "";
  if (fstatvfs(fd, &disk) == 0)
    snprintf(room, sizeof room, ", %.1f MB are free there",
             (double)disk.f_bavail * (double)disk.f_frsize / mega);
  return mst_fail(MST_ERR_IO,
                  "%s: cannot write: %s (up to %.1f MB are needed%s); make room or write to "
                  "another folder",
                  path, reason, (double)bytes / mega, room);
}

/* A longer file would end the process by a signal. */
static mst_status check_limit(int fd, const char *path, int64_t bytes) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      (uint64_t)bytes > (uint64_t)limit.rlim_cur)
    return no_room(fd, path, bytes, "the limit on file sizes (ulimit -f) is smaller");
  return MST_OK;
}

mst_status mst_file_fill(int fd, const char *path, int64_t bytes) {
  MST_TRY(check_limit(fd, path, bytes));
  int reason = EINTR;
  while (reason == EINTR) reason = posix_fallocate(fd, 0, (off_t)bytes);
  return reason == 0 ? MST_OK : no_room(fd, path, bytes, strerror(reason));
}

static mst_status reserve(int fd, const char *path, int64_t bytes, bool *sure) {
  *sure = true;
  MST_TRY(check_limit(fd, path, bytes));
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0) return MST_OK;
  int reason = errno;
  if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG || reason == EIO) {
    /* What was taken before the disk was full is given back. */
    struct stat about;
    if (fstat(fd, &about) != 0 || ftruncate(fd, about.st_size) != 0) reason = errno;
    return no_room(fd, path, bytes, strerror(reason));
  }
  *sure = false;
  struct statvfs disk;
  /* Some file systems (ramfs) do not say how large they are. */
  if (fstatvfs(fd, &disk) == 0 && disk.f_blocks > 0 &&
      (double)bytes > (double)disk.f_bavail * (double)disk.f_frsize)
    return no_room(fd, path, bytes, strerror(ENOSPC));
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
  char *folder = NULL, target[PATH_MAX];
  MST_TRY(flush_file(temporary));
  MST_TRY(mst_file_follow_links(path, target));
  MST_TRY(mst_file_folder(target, &folder));
  if (rename(temporary, target) != 0) {
    mst_free(folder);
    return mst_fail(MST_ERR_IO, "%s: cannot be renamed to %s: %s", temporary, target,
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

void mst_file_fill_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", O_RDONLY) < 0) return;
}
