/* Rank 0 looks at a file and tells the others what it found; then every rank reads for itself: an
 * NPY array with plain reads at the rows' place, an HDF5 file like every dataset. */
#include "io/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/import_source.h"

#define READ_BYTES     ((int64_t)1 << 30) /* of one call                          */
#define PIECE          65536              /* entries that are converted at a time */
#define HEADER_BYTES   128                /* of an NPY file of version 1          */
#define PREAMBLE_BYTES 10                 /* magic, version, length               */
#define DIMS           4

/* What rank 0 finds. */
typedef struct found {
  mst_vectors_info info;
  bool npy;
  int64_t offset; /* of the first element, in bytes */
} found;

struct mst_vectors {
  mst_team *team;
  const char *path;
  found found;
  int descriptor; /* of an NPY file */
  hid_t file, x;  /* of an HDF5 file */
};

/* n and d from a shape. */
static mst_status take_shape(const char *path, int dims, const int64_t *shape, found *f) {
  int64_t bytes = (int64_t)sizeof(double);
  if (dims < 1 || dims > DIMS)
    return mst_fail(MST_ERR_FORMAT, "%s: holds an array of %d dimensions; vectors need 1 to %d",
                    path, dims, DIMS);
  f->info.n = dims == 1 ? 1 : shape[0];
  f->info.d = 1;
  for (int i = 0; i < dims; i++) {
    if (shape[i] < 1)
      return mst_fail(MST_ERR_FORMAT, "%s: holds no %s", path, i == 0 ? "vectors" : "entries");
    if (__builtin_mul_overflow(bytes, shape[i], &bytes))
      return mst_fail(MST_ERR_FORMAT, "%s: its header states an impossibly large shape", path);
    if (i > 0 || dims == 1) f->info.d *= shape[i];
  }
  return MST_OK;
}

static int64_t entry_bytes(bool wide) {
  return (int64_t)(wide ? sizeof(double) : sizeof(float));
}

static mst_status read_npy_header(mst_import_array *a, found *f) {
  MST_TRY(mst_import_npy_header(a));
  if (a->type != MST_IMPORT_F32 && a->type != MST_IMPORT_F64)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: its elements are integers; vectors are <f4 or <f8: save "
                    "a.astype('<f4')",
                    a->bytes.path);
  MST_TRY(take_shape(a->bytes.path, a->dims, a->shape, f));
  f->npy = true;
  f->info.wide = a->type == MST_IMPORT_F64;
  f->offset = mst_import_bytes_place(&a->bytes);
  return mst_import_bytes_fit(&a->bytes, f->info.n * f->info.d * entry_bytes(f->info.wide),
                              "its vectors");
}

static mst_status look_at_npy(const char *path, found *f) {
  mst_import_array a = {.dims = 0};
  mst_status st = mst_import_bytes_open(&a.bytes, path);
  if (st == MST_OK) st = read_npy_header(&a, f);
  mst_import_bytes_close(&a.bytes);
  return st;
}

static mst_status look_at_x(hid_t file, const char *path, found *f) {
  hsize_t extent[H5S_MAX_RANK];
  int64_t shape[DIMS] = {0};
  if (H5Lexists(file, "x", H5P_DEFAULT) <= 0)
    return mst_hdf5_fail(MST_ERR_FORMAT, "%s: has no /x, where vectors are looked for", path);
  hid_t x = H5Dopen2(file, "x", H5P_DEFAULT);
  if (x < 0) return mst_hdf5_fail(MST_ERR_FORMAT, "%s: /x is not a dataset", path);
  hid_t type = H5Dget_type(x), space = H5Dget_space(x);
  int dims = space >= 0 ? H5Sget_simple_extent_dims(space, extent, NULL) : -1;
  bool real = type >= 0 && H5Tget_class(type) == H5T_FLOAT;
  if (real) f->info.wide = H5Tget_size(type) > sizeof(float);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  H5Dclose(x);
  if (!real) return mst_fail(MST_ERR_FORMAT, "%s: /x does not hold real numbers", path);
  for (int i = 0; i < dims && i < DIMS; i++)
    shape[i] = extent[i] > INT64_MAX ? 0 : (int64_t)extent[i];
  return take_shape(path, dims, shape, f);
}

static mst_status look_at_hdf5(const char *path, found *f) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_look(path));
  MST_TRY(mst_hdf5_open(path, false, &file));
  mst_status st = look_at_x(file, path, f);
  H5Fclose(file);
  return st;
}

/* The first bytes say what a file is, its name does not. */
static mst_status look(const char *path, found *f) {
  char opening[sizeof MST_VECTORS_OPENING - 1] = {0};
  MST_TRY(mst_file_look(path));
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = descriptor < 0 ? -1 : read(descriptor, opening, sizeof opening);
  int reason = errno;
  if (descriptor >= 0) close(descriptor);
  if (got < 0) return mst_fail(MST_ERR_IO, "%s: cannot read: %s", path, strerror(reason));
  if (memcmp(opening, MST_VECTORS_OPENING, sizeof opening) == 0) return look_at_npy(path, f);
  if (memcmp(opening, "\x1f\x8b", 2) == 0)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: is packed with gzip; ranks read vectors at their place, so "
                    "unpack it first",
                    path);
  if (memcmp(opening, "\x89HDF", 4) == 0) return look_at_hdf5(path, f);
  return mst_fail(MST_ERR_FORMAT, "%s: is neither an NPY file nor an HDF5 file", path);
}

/* Collective. */
static mst_status open_parts(mst_vectors *v) {
  if (v->found.npy) {
    mst_status st = MST_OK;
    v->descriptor = open(v->path, O_RDONLY | O_CLOEXEC);
    if (v->descriptor < 0)
      st = mst_fail(MST_ERR_IO, "%s: cannot read: %s", v->path, strerror(errno));
    return mst_team_agree(v->team, st);
  }
  MST_TRY(mst_hdf5_open_team(v->team, v->path, false, &v->file));
  return mst_team_agree(v->team, mst_hdf5_open_dataset(v->file, v->path, "x", &v->x));
}

mst_status mst_vectors_open(mst_team *team, const char *path, mst_vectors **out) {
  found f;
  mst_vectors *v = NULL;
  *out = NULL;
  memset(&f, 0, sizeof f);
  MST_TRY(mst_file_follow(team, mst_team_rank(team) == 0 ? look(path, &f) : MST_OK));
  MST_TRY(mst_team_bcast(team, &f, sizeof f, 0));
  mst_status st = mst_team_agree(team, mst_alloc(&v, 1, sizeof *v, "file of vectors"));
  if (st == MST_OK) {
    *v = (mst_vectors){.team = team,
                       .path = path,
                       .found = f,
                       .descriptor = -1,
                       .file = H5I_INVALID_HID,
                       .x = H5I_INVALID_HID};
    st = open_parts(v);
  }
  if (st != MST_OK) {
    mst_vectors_close(v);
    return st;
  }
  *out = v;
  return MST_OK;
}

const mst_vectors_info *mst_vectors_about(const mst_vectors *v) {
  return &v->found.info;
}

void mst_vectors_close(mst_vectors *v) {
  if (v == NULL) return;
  if (v->descriptor >= 0) close(v->descriptor);
  if (v->x >= 0) H5Dclose(v->x);
  if (v->file >= 0) H5Fclose(v->file);
  mst_free(v);
}

/* Bytes [at, at + n) of the file. */
static mst_status read_bytes(const mst_vectors *v, int64_t at, int64_t n, char *out) {
  for (int64_t done = 0; done < n;) {
    ssize_t got = pread(v->descriptor, out + done, (size_t)mst_least(n - done, READ_BYTES),
                        (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return mst_fail(MST_ERR_IO, "%s: cannot be read at byte %lld: %s", v->path,
                      (long long)(at + done), strerror(errno));
    if (got == 0)
      return mst_fail(MST_ERR_FORMAT, "%s: is truncated: it ends at byte %lld", v->path,
                      (long long)(at + done));
    done += got;
  }
  return MST_OK;
}

/* Entries of the other type, a piece at a time. */
static mst_status read_converted(const mst_vectors *v, int64_t at, int64_t n, void *out) {
  char *piece = NULL;
  const bool wide = v->found.info.wide;
  float *narrow = out;
  double *wider = out;
  mst_status st = mst_alloc(&piece, PIECE, sizeof(double), "entries of another type");
  for (int64_t done = 0; done < n && st == MST_OK; done += PIECE) {
    int64_t m = mst_least(n - done, PIECE);
    st = read_bytes(v, at + done * entry_bytes(wide), m * entry_bytes(wide), piece);
    for (int64_t i = 0; i < m && st == MST_OK; i++) {
      if (wide)
        narrow[done + i] = (float)((const double *)(const void *)piece)[i];
      else
        wider[done + i] = (double)((const float *)(const void *)piece)[i];
    }
  }
  mst_free(piece);
  return st;
}

static mst_status read_rows(const mst_vectors *v, int64_t first, int64_t count, bool wide,
                            void *x) {
  const mst_vectors_info *info = &v->found.info;
  if (first < 0 || count < 0 || count > info->n - first)
    return mst_fail(MST_ERR_INTERNAL, "%s: vectors %lld and %lld more of %lld", v->path,
                    (long long)first, (long long)count, (long long)info->n);
  if (count == 0) return MST_OK;
  if (!v->found.npy)
    return mst_hdf5_read_rows(v->path, v->x, wide ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT, first,
                              count, x);
  int64_t row = info->d * entry_bytes(info->wide), at = v->found.offset + first * row;
  return wide == info->wide ? read_bytes(v, at, count * row, x)
                            : read_converted(v, at, count * info->d, x);
}

mst_status mst_vectors_read(mst_vectors *v, int64_t first, int64_t count, bool wide, void *x) {
  return mst_team_agree(v->team, read_rows(v, first, count, wide, x));
}

/* Magic, version 1.0, length, and the dictionary, padded so that the elements are aligned. */
static void make_header(bool wide, int64_t d, char header[HEADER_BYTES]) {
  char text[HEADER_BYTES];
  const int rest = HEADER_BYTES - PREAMBLE_BYTES;
  int n =
      snprintf(text, sizeof text, "{'descr': '<f%d', 'fortran_order': False, 'shape': (%lld,), }",
               wide ? 8 : 4, (long long)d);
  memset(header, ' ', HEADER_BYTES);
  memcpy(header, MST_VECTORS_OPENING "\x01\x00", 8);
  header[8] = (char)rest;
  header[9] = 0;
  memcpy(header + PREAMBLE_BYTES, text, (size_t)n);
  header[HEADER_BYTES - 1] = '\n';
}

static mst_status write_all(const char *temporary, bool wide, int64_t d, const void *x) {
  char header[HEADER_BYTES];
  make_header(wide, d, header);
  FILE *f = fopen(temporary, "wb");
  bool ok = f != NULL && fwrite(header, 1, sizeof header, f) == sizeof header &&
            fwrite(x, (size_t)entry_bytes(wide), (size_t)d, f) == (size_t)d;
  int reason = errno;
  if (f != NULL && fclose(f) != 0 && ok) {
    ok = false;
    reason = errno;
  }
  return ok ? MST_OK : mst_fail(MST_ERR_IO, "%s: cannot write: %s", temporary, strerror(reason));
}

mst_status mst_vectors_write(mst_team *team, const char *path, bool wide, int64_t d,
                             const void *x) {
  char *temporary = NULL;
  MST_TRY(mst_file_begin(team, path, &temporary));
  mst_status st = mst_file_reserve(team, temporary, HEADER_BYTES + d * entry_bytes(wide), NULL);
  if (st == MST_OK)
    st =
        mst_file_follow(team, mst_team_rank(team) == 0 ? write_all(temporary, wide, d, x) : MST_OK);
  if (st == MST_OK)
    st = mst_file_publish(team, temporary, path);
  else
    mst_file_discard(team, temporary);
  mst_free(temporary);
  return st;
}
