/* Plain files by pwrite and pread. */
#include "io/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES ((int64_t)1 << 30) /* of one call, which takes less than 2 GiB */

static mst_status failed(const char *path, const char *what, int reason) {
  return mst_fail(MST_ERR_IO, "%s: cannot %s: %s", path, what, strerror(reason));
}

static size_t piece(int64_t left) {
  return (size_t)(left < MOST_BYTES ? left : MOST_BYTES);
}

/* 0, or why not. */
static int write_all(int fd, int64_t offset, int64_t bytes, const char *data) {
  for (int64_t done = 0; done < bytes;) {
    ssize_t n = pwrite(fd, data + done, piece(bytes - done), (off_t)(offset + done));
    if (n < 0 && errno != EINTR) return errno;
    if (n == 0) return ENOSPC;
    if (n > 0) done += n;
  }
  return fsync(fd) != 0 ? errno : 0;
}

static int read_all(int fd, int64_t offset, int64_t bytes, char *data) {
  for (int64_t done = 0; done < bytes;) {
    ssize_t n = pread(fd, data + done, piece(bytes - done), (off_t)(offset + done));
    if (n < 0 && errno != EINTR) return errno;
    if (n == 0) return ENODATA;
    if (n > 0) done += n;
  }
  return 0;
}

mst_status mst_plain_write(const char *path, int64_t offset, int64_t bytes, const void *data) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed(path, "write", errno);
  int reason = write_all(fd, offset, bytes, data);
  if (close(fd) != 0 && reason == 0) reason = errno;
  return reason == 0 ? MST_OK : failed(path, "write", reason);
}

mst_status mst_plain_read(const char *path, int64_t offset, int64_t bytes, void *data) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(path, "read", errno);
  int reason = read_all(fd, offset, bytes, data);
  close(fd);
  return reason == 0 ? MST_OK : failed(path, "read", reason);
}

mst_status mst_plain_clear(const char *path) {
  return truncate(path, 0) == 0 ? MST_OK : failed(path, "write", errno);
}

void mst_plain_forget(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}
