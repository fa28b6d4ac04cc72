/* Rows of HDF5 datasets: created chunked and checksummed, written by all ranks together, read by
 * each rank on its own. */
#include <string.h>

#include "comm/sum.h"
#include "io/hdf5_file.h"

/* Target size of a chunk: a stripe of common parallel file systems. */
#define CHUNK_BYTES (1 << 20)
/* Of one collective write; HDF5 holds a copy of a piece's chunks. */
#define PIECE_BYTES (16 << 20)
/* Of one read: below the 2 GiB that an MPI count can say. */
#define READ_BYTES  (1 << 30)
/* Of chunks kept by a reader, so that blocks smaller than a chunk do not decode it again. */
#define CACHE_BYTES (16 << 20)

static hid_t row_properties(hid_t type, int dims, const int64_t *shape, int64_t chunk_rows,
                            int deflate, int64_t *bytes) {
  hsize_t chunk[H5S_MAX_RANK];
  int64_t row_bytes = (int64_t)H5Tget_size(type);
  for (int i = 1; i < dims; i++) row_bytes *= shape[i];
  for (int i = 0; i < dims; i++) chunk[i] = (hsize_t)shape[i];
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  /* No time stamps: the same content makes the same file. */
  if (properties >= 0) H5Pset_obj_track_times(properties, false);
  if (row_bytes == 0 || shape[0] == 0) return properties; /* nothing to store */
  int64_t rows = chunk_rows > 0 ? chunk_rows : (CHUNK_BYTES + row_bytes - 1) / row_bytes;
  if (rows > MST_HDF5_ROW_BYTES / row_bytes) rows = MST_HDF5_ROW_BYTES / row_bytes;
  if (rows > shape[0]) rows = shape[0];
  chunk[0] = (hsize_t)rows;
  int64_t chunks = (shape[0] + rows - 1) / rows;
  bool ok = H5Pset_chunk(properties, dims, chunk) >= 0;
  if (ok && deflate > 0)
    ok = H5Pset_shuffle(properties) >= 0 && H5Pset_deflate(properties, (unsigned)deflate) >= 0;
  /* Last in the pipeline, so that the checksum is that of the bytes in the file. */
  ok = ok && H5Pset_fletcher32(properties) >= 0;
  ok = ok && H5Pset_alloc_time(properties, H5D_ALLOC_TIME_INCR) >= 0;
  if (bytes != NULL) *bytes += chunks * (rows * row_bytes + 64) + 65536; /* 64: index, checksum */
  if (ok) return properties;
  H5Pclose(properties);
  return H5I_INVALID_HID;
}

mst_status mst_hdf5_put_dataset(hid_t file, const char *name, hid_t type, int dims,
                                const int64_t *shape, int64_t chunk_rows, int deflate,
                                hid_t *dataset, int64_t *bytes) {
  *dataset = H5I_INVALID_HID;
  if (dims < 1 || dims > H5S_MAX_RANK || chunk_rows < 0 || deflate < 0 || deflate > 9)
    return mst_fail(MST_ERR_INTERNAL, "dataset %s: %d dimensions, chunks of %lld rows, deflate %d",
                    name, dims, (long long)chunk_rows, deflate);
  hsize_t extent[H5S_MAX_RANK];
  int64_t row_bytes = (int64_t)H5Tget_size(type);
  bool fits = true;
  for (int i = 1; i < dims; i++)
    fits = fits && !__builtin_mul_overflow(row_bytes, shape[i], &row_bytes);
  if (!fits || row_bytes > MST_HDF5_ROW_BYTES)
    return mst_fail(MST_ERR_INPUT, "dataset %s: a row is larger than %lld MiB", name,
                    (long long)MST_HDF5_ROW_BYTES >> 20);
  for (int i = 0; i < dims; i++) extent[i] = (hsize_t)shape[i];
  hid_t space = H5Screate_simple(dims, extent, NULL);
  hid_t properties = row_properties(type, dims, shape, chunk_rows, deflate, bytes);
  if (space >= 0 && properties >= 0)
    *dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  mst_status status = MST_OK;
  if (*dataset < 0) status = mst_hdf5_fail(MST_ERR_IO, "dataset %s cannot be created", name);
  if (properties >= 0) H5Pclose(properties);
  if (space >= 0) H5Sclose(space);
  return status;
}

mst_status mst_hdf5_open_dataset(hid_t file, const char *path, const char *name, hid_t *dataset) {
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  if (access >= 0)
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, CACHE_BYTES,
                       H5D_CHUNK_CACHE_W0_DEFAULT);
  *dataset = access < 0 ? access : H5Dopen2(file, name, access);
  mst_status status = MST_OK;
  if (*dataset < 0) status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: %s cannot be opened", path, name);
  if (access >= 0) H5Pclose(access);
  return status;
}

/* What a transfer of rows needs to know of its dataset. */
typedef struct row_shape {
  int dims;
  hsize_t extent[H5S_MAX_RANK];
  int64_t row_bytes;  /* in memory */
  int64_t chunk_rows; /* 1 where the dataset is not chunked */
} row_shape;

static mst_status get_shape(const char *path, hid_t dataset, hid_t type, row_shape *shape) {
  memset(shape, 0, sizeof *shape);
  shape->chunk_rows = 1;
  hid_t space = H5Dget_space(dataset);
  if (space >= 0) shape->dims = H5Sget_simple_extent_dims(space, shape->extent, NULL);
  mst_status status = MST_OK;
  if (shape->dims < 1)
    status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: holds a dataset that has no rows", path);
  if (space >= 0) H5Sclose(space);
  MST_TRY(status);
  shape->row_bytes = (int64_t)H5Tget_size(type);
  for (int i = 1; i < shape->dims; i++) shape->row_bytes *= (int64_t)shape->extent[i];
  hid_t properties = H5Dget_create_plist(dataset);
  hsize_t chunk[H5S_MAX_RANK];
  if (properties >= 0) {
    if (H5Pget_layout(properties) == H5D_CHUNKED &&
        H5Pget_chunk(properties, H5S_MAX_RANK, chunk) > 0)
      shape->chunk_rows = (int64_t)chunk[0];
    H5Pclose(properties);
  }
  return MST_OK;
}

/* The end of the piece that begins at row `at`: at most `bytes` large and, where a chunk fits into
 * that, on a chunk's border, so that no chunk is stored twice. */
static int64_t piece_end(const row_shape *shape, int64_t at, int64_t end, int64_t bytes) {
  int64_t rows = shape->row_bytes > 0 ? bytes / shape->row_bytes : end - at;
  if (rows < 1) rows = 1;
  if (end - at <= rows) return end;
  int64_t border = (at + rows) / shape->chunk_rows * shape->chunk_rows;
  return border > at ? border : at + rows;
}

/* Select rows [at, at+count) in the file and as many in memory. */
static bool select_rows(hid_t dataset, const row_shape *shape, int64_t at, int64_t count,
                        hid_t *in_file, hid_t *in_memory) {
  hsize_t start[H5S_MAX_RANK] = {0}, block[H5S_MAX_RANK];
  memcpy(block, shape->extent, sizeof block);
  start[0] = (hsize_t)at;
  block[0] = count > 0 ? (hsize_t)count : 1;
  *in_file = H5Dget_space(dataset);
  *in_memory = H5Screate_simple(shape->dims, block, NULL);
  if (*in_file < 0 || *in_memory < 0) return false;
  if (count == 0) return H5Sselect_none(*in_file) >= 0 && H5Sselect_none(*in_memory) >= 0;
  return H5Sselect_hyperslab(*in_file, H5S_SELECT_SET, start, NULL, block, NULL) >= 0;
}

static void close_spaces(hid_t in_file, hid_t in_memory) {
  if (in_file >= 0) H5Sclose(in_file);
  if (in_memory >= 0) H5Sclose(in_memory);
}

/* One collective write; every rank takes part, with no rows too. Nothing that can fail on one rank
 * alone stands between the agreement and HDF5. */
static mst_status write_piece(mst_team *team, const char *path, hid_t dataset, hid_t type,
                              const row_shape *shape, int64_t at, int64_t count, const void *data) {
  hid_t in_file = H5I_INVALID_HID, in_memory = H5I_INVALID_HID;
  hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
  mst_status status = MST_OK;
  if (transfer < 0 || H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE) < 0 ||
      !select_rows(dataset, shape, at, count, &in_file, &in_memory))
    status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot write rows %lld to %lld", path, (long long)at,
                           (long long)(at + count));
  status = mst_team_agree(team, status);
  if (status == MST_OK) {
    static const char nothing = 0; /* HDF5 wants an address even where no row is selected */
    if (H5Dwrite(dataset, type, in_memory, in_file, transfer, count > 0 ? data : &nothing) < 0)
      status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot write rows %lld to %lld", path, (long long)at,
                             (long long)(at + count));
    status = mst_team_agree(team, status);
  }
  close_spaces(in_file, in_memory);
  if (transfer >= 0) H5Pclose(transfer);
  return status;
}

mst_status mst_hdf5_write_rows(mst_team *team, const char *path, hid_t dataset, hid_t type,
                               int64_t first, int64_t count, const void *data) {
  row_shape shape;
  MST_TRY(mst_team_agree(team, get_shape(path, dataset, type, &shape)));
  int64_t end = first + count, pieces = 0;
  for (int64_t at = first; at < end; at = piece_end(&shape, at, end, PIECE_BYTES)) pieces++;
  MST_TRY(mst_max_i64(team, &pieces, 1));
  int64_t at = first;
  for (int64_t piece = 0; piece < pieces; piece++) {
    int64_t next = at < end ? piece_end(&shape, at, end, PIECE_BYTES) : at;
    const char *rows = data == NULL ? NULL : (const char *)data + (at - first) * shape.row_bytes;
    MST_TRY(write_piece(team, path, dataset, type, &shape, at, next - at, rows));
    at = next;
  }
  return MST_OK;
}

mst_status mst_hdf5_read_rows(const char *path, hid_t dataset, hid_t type, int64_t first,
                              int64_t count, void *data) {
  row_shape shape;
  MST_TRY(get_shape(path, dataset, type, &shape));
  char name[128] = "";
  H5Iget_name(dataset, name, sizeof name);
  int64_t end = first + count;
  for (int64_t at = first, next; at < end; at = next) {
    next = piece_end(&shape, at, end, READ_BYTES);
    hid_t in_file = H5I_INVALID_HID, in_memory = H5I_INVALID_HID;
    bool ok = select_rows(dataset, &shape, at, next - at, &in_file, &in_memory) &&
              H5Dread(dataset, type, in_memory, in_file, H5P_DEFAULT,
                      (char *)data + (at - first) * shape.row_bytes) >= 0;
    mst_status status = MST_OK;
    if (!ok)
      status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: rows %lld to %lld of %s cannot be read", path,
                             (long long)at, (long long)(next - 1), name);
    close_spaces(in_file, in_memory);
    MST_TRY(status);
  }
  return MST_OK;
}
