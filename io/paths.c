/* The files that a run names, looked at before any work: nothing that it writes may be a file that
 * it reads or writes elsewhere, and every target must be one that can be written and replaced.
 * Files are compared as the file system knows them, so that two names of one file are found out. */
#include "io/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/text.h"

#define OPENING_BYTES 64 /* most of a text by which a file is known */

/* What a name leads to. A file that does not exist is known by its folder and its name there. */
typedef struct place {
  char target[PATH_MAX]; /* the name, after the links that begin at it   */
  bool exists;
  bool folder;       /* exists or its folder does: about is known        */
  struct stat about; /* of the file when it exists, else of its folder   */
} place;

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* MST_OK also for what leads nowhere: those who read it say so better. out is zero before. */
static mst_status find_place(const mst_named_path *p, place *out) {
  char *folder = NULL;
  if (!p->written && strlen(p->path) >= PATH_MAX) return MST_OK;
  MST_TRY(mst_file_follow_links(p->path, out->target));
  if (p->written) MST_TRY(mst_file_check_length(p->path, out->target));
  out->exists = out->folder = stat(out->target, &out->about) == 0;
  if (out->exists) return MST_OK;
  MST_TRY(mst_file_folder(out->target, &folder));
  out->folder = stat(folder, &out->about) == 0;
  mst_free(folder);
  return MST_OK;
}

static bool same_place(const place *a, const place *b) {
  return a->folder && b->folder && a->exists == b->exists && a->about.st_dev == b->about.st_dev &&
         a->about.st_ino == b->about.st_ino &&
         (a->exists || strcmp(base_name(a->target), base_name(b->target)) == 0);
}

/* The signature stands at the beginning, or after a user block of 512, 1024, 2048... bytes. */
static bool has_signature(int fd, int64_t size) {
  static const char signature[] = "\x89HDF\r\n\x1a\n";
  char found[sizeof signature - 1];
  for (int64_t at = 0; at + (int64_t)sizeof found <= size; at = at == 0 ? 512 : 2 * at)
    if (pread(fd, found, sizeof found, (off_t)at) == (ssize_t)sizeof found &&
        memcmp(found, signature, sizeof found) == 0)
      return true;
  return false;
}

static bool begins_with(int fd, const char *opening) {
  char found[OPENING_BYTES];
  size_t n = strlen(opening);
  return n <= sizeof found && pread(fd, found, n, 0) == (ssize_t)n &&
         memcmp(found, opening, n) == 0;
}

static mst_status refuse_kind(const mst_named_path *p) {
  return p->opening != NULL
             ? mst_fail(
                   MST_ERR_INPUT,
                   "%s: %s exists and was not written by muster; name another file, or remove it",
                   p->key, p->path)
             : mst_fail(MST_ERR_INPUT,
                        "%s: %s is not an HDF5 file: remove it or choose another name", p->key,
                        p->path);
}

/* An older file of muster's may be replaced, and one that was only just made (mktemp). */
static mst_status check_replaceable(const mst_named_path *p, const struct stat *about) {
  if (S_ISDIR(about->st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: %s is a folder; name a file in it", p->key, p->path);
  if (!S_ISREG(about->st_mode))
    return mst_fail(MST_ERR_INPUT, "%s: %s is not a regular file; choose another name", p->key,
                    p->path);
  if (about->st_size == 0) return MST_OK;
  int fd = open(p->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return mst_fail(MST_ERR_IO, "%s: %s exists and cannot be read: %s; choose another name", p->key,
                    p->path, strerror(errno));
  bool ours =
      p->opening != NULL ? begins_with(fd, p->opening) : has_signature(fd, (int64_t)about->st_size);
  close(fd);
  return ours ? MST_OK : refuse_kind(p);
}

static mst_status check_folder(const mst_named_path *p, const char *target) {
  char *folder = NULL;
  struct stat about;
  if (*base_name(target) == '\0')
    return mst_fail(MST_ERR_INPUT, "%s: '%s' names no file; name a file in that folder", p->key,
                    p->path);
  MST_TRY(mst_file_folder(target, &folder));
  mst_status st = MST_OK;
  if (stat(folder, &about) != 0)
    st = mst_fail(errno == ENOENT || errno == ENOTDIR ? MST_ERR_INPUT : MST_ERR_IO,
                  "%s: %s: cannot write: folder %s: %s; make it or choose another", p->key, p->path,
                  folder, strerror(errno));
  else if (!S_ISDIR(about.st_mode))
    st = mst_fail(MST_ERR_INPUT, "%s: %s: cannot write: %s is not a folder", p->key, p->path,
                  folder);
  else if (access(folder, W_OK | X_OK) != 0)
    st = mst_fail(MST_ERR_IO, "%s: %s: cannot write: folder %s: %s; choose another", p->key,
                  p->path, folder, strerror(errno));
  mst_free(folder);
  return st;
}

mst_status mst_paths_check_name(const char *key, const char *path) {
  if (mst_text_is_utf8(path)) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "%s: the name %s is not UTF-8; choose another name", key, path);
}

/* On rank 0. */
static mst_status check_all(const mst_named_path *path, int n, place *at) {
  for (int i = 0; i < n; i++)
    if (path[i].written || path[i].told) MST_TRY(mst_paths_check_name(path[i].key, path[i].path));
  for (int i = 0; i < n; i++) MST_TRY(find_place(&path[i], &at[i]));
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      if (i != k && path[i].written && same_place(&at[i], &at[k]))
        return mst_fail(MST_ERR_INPUT,
                        "%s and %s name the same file, %s: %s would be lost; choose another name "
                        "for %s",
                        path[i].key, path[k].key, path[i].path,
                        path[k].written ? "one of them" : "the input", path[i].key);
  for (int i = 0; i < n; i++) {
    if (!path[i].written) continue;
    MST_TRY(check_folder(&path[i], at[i].target));
    if (at[i].exists) MST_TRY(check_replaceable(&path[i], &at[i].about));
  }
  return MST_OK;
}

mst_status mst_paths_check(mst_team *team, const mst_named_path *path, int n) {
  mst_status st = MST_OK;
  if (mst_team_rank(team) == 0) {
    place *at = NULL;
    st = mst_alloc(&at, n, sizeof *at, "files that the run names");
    if (st == MST_OK) st = check_all(path, n, at);
    mst_free(at);
  }
  return mst_file_follow(team, st);
}
