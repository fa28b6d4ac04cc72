/* Secret files: opened once, locked, written whole, wiped. */
#include "io/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/file.h"

static const char HEADER[] = "muster secret 1\n";
enum {
  HEAD = sizeof HEADER - 1,
  SIZE = HEAD + MST_SECRET_TEXT
};

struct mst_secret_file {
  mst_team *team;
  const char *path;
  int fd; /* rank 0; else -1 */
};

static mst_status failed(const mst_secret_file *f, const char *what) {
  return mst_fail(MST_ERR_IO, "%s: cannot %s the secret of the noise: %s", f->path, what,
                  strerror(errno));
}

static mst_status lock(const mst_secret_file *f) {
  struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  struct stat about;
  if (fcntl(f->fd, F_SETLK, &all) == 0) {
    if (fstat(f->fd, &about) == 0 && about.st_nlink > 0) return MST_OK;
    return mst_fail(MST_ERR_INPUT, "%s: another start of this run has just ended", f->path);
  }
  if (errno != EACCES && errno != EAGAIN) return failed(f, "lock");
  return mst_fail(MST_ERR_INPUT,
                  "%s: another start of this run is going on, and no two may draw its noise",
                  f->path);
}

/* A file that somebody else put there is neither read nor written. */
static mst_status check_file(const mst_secret_file *f) {
  struct stat about;
  char head[HEAD];
  if (fstat(f->fd, &about) != 0) return failed(f, "look at");
  if (S_ISREG(about.st_mode) && about.st_uid == geteuid()) {
    if (about.st_size == 0) return MST_OK;
    if (pread(f->fd, head, sizeof head, 0) == HEAD && memcmp(head, HEADER, HEAD) == 0)
      return MST_OK;
  }
  return mst_fail(MST_ERR_INPUT, "%s: a file that is not a secret of yours is in its place",
                  f->path);
}

static mst_status open_file(mst_secret_file *f) {
  f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (f->fd < 0) return failed(f, "open");
  MST_TRY(check_file(f));
  return lock(f);
}

mst_status mst_secret_file_open(mst_team *team, const char *path, mst_secret_file **out) {
  mst_secret_file *f = NULL;
  *out = NULL;
  MST_TRY(mst_team_agree(team, mst_alloc(&f, 1, sizeof *f, "secret file")));
  *f = (mst_secret_file){team, path, -1};
  mst_status st = mst_file_follow(team, mst_team_rank(team) == 0 ? open_file(f) : MST_OK);
  if (st != MST_OK) {
    mst_secret_file_close(f);
    return st;
  }
  *out = f;
  return MST_OK;
}

void mst_secret_file_close(mst_secret_file *f) {
  if (f == NULL) return;
  if (f->fd >= 0) close(f->fd);
  mst_free(f);
}

static mst_status write_all(const mst_secret_file *f, const char *text) {
  for (ssize_t done = 0; done < SIZE;) {
    ssize_t n = pwrite(f->fd, text + done, (size_t)(SIZE - done), (off_t)done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed(f, "write");
    done += n;
  }
  return fsync(f->fd) == 0 ? MST_OK : failed(f, "write");
}

static mst_status keep(const mst_secret_file *f, const mst_secret *secret, const char *of) {
  char text[SIZE];
  memcpy(text, HEADER, HEAD);
  mst_secret_write(secret, of, text + HEAD);
  mst_status st = MST_OK;
  if (fchmod(f->fd, 0600) != 0 || ftruncate(f->fd, 0) != 0) st = failed(f, "write");
  if (st == MST_OK) st = write_all(f, text);
  explicit_bzero(text, sizeof text);
  return st;
}

mst_status mst_secret_file_keep(mst_secret_file *f, const mst_secret *secret, const char *of) {
  mst_status st = mst_team_rank(f->team) == 0 ? keep(f, secret, of) : MST_OK;
  return mst_file_follow(f->team, st);
}

static mst_status find(const mst_secret_file *f, const char *of, mst_secret *out) {
  struct stat about;
  char text[SIZE + 1];
  if (fstat(f->fd, &about) != 0) return failed(f, "look at");
  if ((about.st_mode & 077) != 0)
    return mst_fail(MST_ERR_INPUT,
                    "%s: others may have read the secret of the noise: nothing more is released",
                    f->path);
  ssize_t n = pread(f->fd, text, sizeof text, 0);
  bool found =
      n == SIZE && memcmp(text, HEADER, HEAD) == 0 && mst_secret_read(text + HEAD, of, out);
  explicit_bzero(text, sizeof text);
  if (found) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "%s: this is not the secret with which the noise of this run began: nothing more "
                  "is released; begin a new run",
                  f->path);
}

mst_status mst_secret_file_find(mst_secret_file *f, const char *of, mst_secret *out) {
  mst_status st = mst_team_rank(f->team) == 0 ? find(f, of, out) : MST_OK;
  MST_TRY(mst_file_follow(f->team, st));
  return mst_team_bcast(f->team, out, sizeof *out, 0);
}

static mst_status wipe(const mst_secret_file *f) {
  const char zeros[SIZE] = {0};
  MST_TRY(write_all(f, zeros));
  return unlink(f->path) == 0 ? MST_OK : failed(f, "remove");
}

mst_status mst_secret_file_remove(mst_secret_file *f) {
  return mst_file_follow(f->team, mst_team_rank(f->team) == 0 ? wipe(f) : MST_OK);
}
