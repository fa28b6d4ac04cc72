/* Bytes of an input file, plain or gzip (zlib tells them apart), with the place of any damage. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "io/file.h"
#include "io/import_source.h"

#define BUFFER_BYTES (1 << 18) /* zlib's, of compressed bytes */
#define MOST_PACKED  1032      /* bytes that deflate can make of one */

const char *mst_import_base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

mst_status mst_import_bytes_open(mst_import_bytes *b, const char *path) {
  b->path = path;
  b->file = NULL;
  MST_TRY(mst_file_look(path));
  b->file = gzopen(path, "rb");
  if (b->file == NULL)
    return mst_fail(MST_ERR_IO, "%s: cannot read: %s", path, strerror(errno == 0 ? ENOMEM : errno));
  gzbuffer(b->file, BUFFER_BYTES);
  return MST_OK;
}

void mst_import_bytes_close(mst_import_bytes *b) {
  if (b->file != NULL) gzclose(b->file);
  b->file = NULL;
}

mst_status mst_import_bytes_rewind(mst_import_bytes *b) {
  if (gzrewind(b->file) == 0) return MST_OK;
  return mst_fail(MST_ERR_IO, "%s: cannot be read a second time", b->path);
}

/* What zlib found wrong, if anything. */
static mst_status check(const mst_import_bytes *b) {
  int code = Z_OK;
  const char *reason = gzerror(b->file, &code);
  if (code == Z_OK || code == Z_STREAM_END) return MST_OK;
  size_t prefix = strlen(b->path); /* zlib puts "path: " in front */
  if (strncmp(reason, b->path, prefix) == 0 && strncmp(reason + prefix, ": ", 2) == 0)
    reason += prefix + 2;
  long long at = (long long)gzoffset(b->file), unpacked = (long long)gztell(b->file);
  if (code == Z_ERRNO)
    return mst_fail(MST_ERR_IO, "%s: cannot be read at byte %lld: %s", b->path, at,
                    strerror(errno));
  if (code == Z_BUF_ERROR)
    return mst_fail(
        MST_ERR_FORMAT,
        "%s: is truncated: the gzip data end at byte %lld in the midst of their content "
        "(byte %lld unpacked); copy or download it again",
        b->path, at, unpacked);
  return mst_fail(MST_ERR_FORMAT,
                  "%s: the gzip data are damaged before byte %lld (byte %lld unpacked): %s",
                  b->path, at, unpacked, reason);
}

mst_status mst_import_bytes_some(mst_import_bytes *b, void *out, int64_t n, int64_t *got) {
  *got = 0;
  while (*got < n) {
    int64_t piece = n - *got < (1 << 30) ? n - *got : (1 << 30);
    int read = gzread(b->file, (char *)out + *got, (unsigned)piece);
    if (read > 0) *got += read;
    if (read < piece) return check(b);
  }
  return MST_OK;
}

/* The file ends at byte `end`, with `missing` bytes of what it should hold not there. */
static mst_status cut_short(const mst_import_bytes *b, long long end, int64_t missing,
                            const char *what) {
  return mst_fail(MST_ERR_FORMAT,
                  "%s: is truncated: it ends at byte %lld%s, %lld bytes before the end of %s",
                  b->path, end, gzdirect(b->file) ? "" : " (unpacked)", (long long)missing, what);
}

mst_status mst_import_bytes_all(mst_import_bytes *b, void *out, int64_t n, const char *what) {
  int64_t got;
  MST_TRY(mst_import_bytes_some(b, out, n, &got));
  if (got == n) return MST_OK;
  return cut_short(b, (long long)gztell(b->file), n - got, what);
}

mst_status mst_import_bytes_fit(mst_import_bytes *b, int64_t n, const char *what) {
  struct stat about;
  if (stat(b->path, &about) != 0)
    return mst_fail(MST_ERR_IO, "%s: cannot read: %s", b->path, strerror(errno));
  if (gzdirect(b->file)) {
    int64_t left = about.st_size - (int64_t)gztell(b->file);
    return left < n ? cut_short(b, (long long)about.st_size, n - left, what) : MST_OK;
  }
  if (n / MOST_PACKED <= about.st_size) return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "%s: is truncated: %lld gzip bytes cannot hold the %lld bytes of %s", b->path,
                  (long long)about.st_size, (long long)n, what);
}

mst_status mst_import_bytes_end(mst_import_bytes *b) {
  char more;
  int64_t got;
  MST_TRY(mst_import_bytes_some(b, &more, 1, &got));
  if (got == 0) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: goes on after byte %lld, where its header says that it ends",
                  b->path, (long long)gztell(b->file) - 1);
}

int64_t mst_import_bytes_place(const mst_import_bytes *b) {
  return (int64_t)gztell(b->file);
}
