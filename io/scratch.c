/* Scratch files: made by one rank of a domain under a name that no file has, opened by the others,
 * and nameless before anything is put in. */
#include "io/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

_Static_assert(MST_SHARE_NAME >= PATH_MAX, "any file's name can be told to the domain");

static mst_status open_file(void *context, const char *name, int *fd) {
  const char *path = context;
  *fd = open(name, O_RDWR | O_CLOEXEC);
  return *fd >= 0 ? MST_OK
                  : mst_fail(MST_ERR_IO, "%s: cannot open its scratch file %s: %s", path, name,
                             strerror(errno));
}

static mst_status create_file(void *context, int domain, char *name, int *fd) {
  char kind[32];
  snprintf(kind, sizeof kind, "scratch%d-", domain);
  MST_TRY(mst_file_create_beside(context, kind, name));
  mst_status st = open_file(context, name, fd);
  if (st != MST_OK) unlink(name);
  return st;
}

static void forget_file(void *context, const char *name) {
  (void)context;
  unlink(name);
}

static mst_status reserve_file(void *context, int fd, int64_t bytes) {
  mst_status st = mst_file_fill(fd, context, bytes);
  return st == MST_OK ? MST_OK : mst_fail_within(st, "scratch file: ");
}

static void close_file(void *context, int fd) {
  (void)context;
  close(fd);
}

mst_share_backing mst_scratch_beside(const char *path) {
  return (mst_share_backing){.context = (void *)(uintptr_t)path, /* which is only read */
                             .create = create_file,
                             .open = open_file,
                             .forget = forget_file,
                             .reserve = reserve_file,
                             .close = close_file};
}
