/* Writing dataset files: rank 0 makes the file's structure alone and reserves its space, then all
 * ranks open it together and write their rows collectively; the name appears at the very end. */
#include <limits.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/dataset.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/sparse.h"

#define SPARSE_ROWS 8192 /* compressed rows that are written at once */

enum {
  PART_X,
  PART_Y,
  PART_CLIENT,
  PART_GROUP,
  PART_WEIGHT,
  PART_ARM, /* from here on of a log, and written apart */
  PART_REWARD,
  PART_PROPENSITY,
  PARTS
};
static const char *const part_name[PARTS] = {"x",      "y",   "client", "group",
                                             "weight", "arm", "reward", "propensity"};

struct mst_dataset_writer {
  mst_team *team;
  char *path, *temporary;
  mst_dataset_info info;
  hid_t file, part[PARTS];
  mst_sparse_parts sparse; /* in the place of /x, of compressed rows             */
  int64_t chunk_rows;      /* of /x                                                   */
  int64_t written;         /* rows by this rank                                        */
  int64_t logged;          /* the same of a log                                        */
  int64_t listed;          /* the same of sparse rows, and of their entries:            */
  int64_t entries;
  bool reserved;     /* the disk cannot become full while writing                */
  mst_status status; /* of the first write that failed, the same on all ranks     */
};

static bool has_part(const mst_dataset_info *info, int part) {
  switch (part) {
    case PART_X: return !info->sparse;
    case PART_Y: return info->target != MST_TARGET_NONE;
    case PART_CLIENT: return info->has_client;
    case PART_GROUP: return info->has_group;
    case PART_WEIGHT: return info->has_weight;
    default: return info->has_log;
  }
}

static mst_status check_info(const char *path, const mst_dataset_info *info) {
  if (path == NULL || *path == 0)
    return mst_fail(MST_ERR_INPUT, "no name was given for the dataset to write");
  if (info->rows < 1)
    return mst_fail(MST_ERR_INPUT, "%s: a dataset of %lld rows cannot be written", path,
                    (long long)info->rows);
  if (info->row_dims < 1 || info->row_dims > 3)
    return mst_fail(MST_ERR_INPUT, "%s: a row has %d dimensions; 1 to 3 are allowed", path,
                    info->row_dims);
  if (info->sparse && (info->row_dims != 1 || info->entries < 1 || info->row_size[0] > INT32_MAX))
    return mst_fail(
        MST_ERR_INPUT,
        "%s: sparse rows of %d dimensions, %lld columns and %lld entries in all cannot be "
        "written",
        path, info->row_dims, (long long)info->row_size[0], (long long)info->entries);
  int64_t bytes = (int64_t)sizeof(float);
  bool fits = true;
  for (int i = 0; i < info->row_dims; i++) {
    if (info->row_size[i] < 1)
      return mst_fail(MST_ERR_INPUT, "%s: dimension %d of a row has size %lld", path, i,
                      (long long)info->row_size[i]);
    fits = fits && !__builtin_mul_overflow(bytes, info->row_size[i], &bytes);
  }
  if (!fits || (!info->sparse && bytes > MST_HDF5_ROW_BYTES))
    return mst_fail(MST_ERR_INPUT, "%s: a row is larger than the %lld MiB that a dataset can hold",
                    path, (long long)MST_HDF5_ROW_BYTES >> 20);
  if (__builtin_mul_overflow(bytes, info->rows, &bytes))
    return mst_fail(MST_ERR_INPUT, "%s: the dataset is impossibly large", path);
  if (info->target == MST_TARGET_CLASSES && (info->n_classes < 1 || info->n_classes > INT32_MAX))
    return mst_fail(MST_ERR_INPUT, "%s: n_classes is %lld; 1 to %d are allowed", path,
                    (long long)info->n_classes, INT32_MAX);
  if (info->has_log && (info->n_arms < 1 || info->n_arms > INT32_MAX))
    return mst_fail(MST_ERR_INPUT, "%s: n_arms is %lld; 1 to %d are allowed", path,
                    (long long)info->n_arms, INT32_MAX);
  if (info->target != MST_TARGET_VALUES) return MST_OK;
  if (info->outputs < 1 || info->outputs > MST_DATASET_OUTPUTS)
    return mst_fail(MST_ERR_INPUT, "%s: outputs is %lld; 1 to %d are allowed", path,
                    (long long)info->outputs, MST_DATASET_OUTPUTS);
  bytes = (int64_t)sizeof(float) * info->outputs;
  if (__builtin_mul_overflow(bytes, info->rows, &bytes))
    return mst_fail(MST_ERR_INPUT, "%s: /y is impossibly large", path);
  return MST_OK;
}

static mst_status put_attributes(hid_t file, const mst_dataset_info *info,
                                 const mst_dataset_options *options) {
  MST_TRY(mst_hdf5_put_text(file, "muster_format", "dataset"));
  MST_TRY(mst_hdf5_put_int(file, "version", 1));
  MST_TRY(mst_hdf5_put_text(file, "task", info->task));
  MST_TRY(mst_hdf5_put_text(file, "source", info->source));
  if (info->has_log) MST_TRY(mst_hdf5_put_int(file, "n_arms", info->n_arms));
  if (info->target != MST_TARGET_CLASSES) return MST_OK;
  MST_TRY(mst_hdf5_put_int(file, "n_classes", info->n_classes));
  if (options->class_names == NULL) return MST_OK;
  return mst_hdf5_put_texts(file, "class_names", info->n_classes, options->class_names);
}

/* Which parts the file has, with their types and shapes. */
static mst_status put_parts(hid_t file, const mst_dataset_info *info,
                            const mst_dataset_options *options, int64_t *bytes) {
  bool classes = info->target == MST_TARGET_CLASSES;
  int64_t shape[4] = {info->rows};
  memcpy(shape + 1, info->row_size, (size_t)info->row_dims * sizeof shape[0]);
  int64_t y_shape[2] = {info->rows, info->outputs};
  const struct {
    hid_t type;
    int dims;
    const int64_t *shape;
  } part[PARTS] = {
      {H5T_IEEE_F32LE, info->row_dims + 1, shape},
      {classes ? H5T_STD_I32LE : H5T_IEEE_F32LE, classes || info->outputs == 1 ? 1 : 2, y_shape},
      {H5T_STD_I32LE, 1, shape},
      {H5T_STD_I32LE, 1, shape},
      {H5T_IEEE_F32LE, 1, shape},
      {H5T_STD_I32LE, 1, shape},
      {H5T_IEEE_F32LE, 1, shape},
      {H5T_IEEE_F32LE, 1, shape},
  };
  if (info->sparse) MST_TRY(mst_sparse_put(file, info, options, bytes));
  for (int i = 0; i < PARTS; i++) {
    hid_t made;
    if (!has_part(info, i)) continue;
    MST_TRY(mst_hdf5_put_dataset(file, part_name[i], part[i].type, part[i].dims, part[i].shape,
                                 i == PART_X ? options->chunk_rows : 0, options->deflate, &made,
                                 bytes));
    if (H5Dclose(made) < 0)
      return mst_hdf5_fail(MST_ERR_IO, "dataset %s cannot be created", part_name[i]);
  }
  return MST_OK;
}

/* On rank 0 alone: the file with all its attributes and empty datasets. */
static mst_status make_structure(const mst_dataset_writer *w, const mst_dataset_options *options,
                                 int64_t *bytes) {
  hid_t file;
  MST_TRY(mst_hdf5_create(w->temporary, &file));
  mst_status status = put_attributes(file, &w->info, options);
  if (status == MST_OK) status = put_parts(file, &w->info, options, bytes);
  if (H5Fclose(file) < 0 && status == MST_OK)
    status = mst_hdf5_fail(MST_ERR_IO, "the file cannot be written");
  return status == MST_OK ? MST_OK : mst_fail_within(status, "%s: ", w->path);
}

static mst_status open_parts(mst_dataset_writer *w) {
  MST_TRY(mst_hdf5_open_team(w->team, w->temporary, true, &w->file));
  for (int i = 0; i < PARTS; i++)
    if (has_part(&w->info, i))
      MST_TRY(mst_team_agree(
          w->team, mst_hdf5_open_dataset(w->file, w->temporary, part_name[i], &w->part[i])));
  if (w->info.sparse) {
    w->chunk_rows = SPARSE_ROWS;
    return mst_team_agree(w->team, mst_sparse_open(w->file, w->temporary, &w->sparse));
  }
  hsize_t chunk[4] = {1};
  hid_t properties = H5Dget_create_plist(w->part[PART_X]);
  if (properties >= 0) {
    H5Pget_chunk(properties, 4, chunk);
    H5Pclose(properties);
  }
  w->chunk_rows = (int64_t)chunk[0];
  return MST_OK;
}

static mst_status allocate(mst_team *team, const char *path, const mst_dataset_info *info,
                           mst_dataset_writer **out) {
  mst_dataset_writer *w = NULL;
  MST_TRY(mst_alloc(&w, 1, sizeof *w, "dataset writer"));
  w->team = team;
  w->info = *info;
  w->file = H5I_INVALID_HID;
  w->sparse = MST_SPARSE_NONE;
  for (int i = 0; i < PARTS; i++) w->part[i] = H5I_INVALID_HID;
  w->info.row_elements = 1;
  for (int i = 0; i < info->row_dims; i++) w->info.row_elements *= info->row_size[i];
  if (info->target == MST_TARGET_CLASSES) w->info.outputs = 1;
  *out = w;
  MST_TRY(mst_alloc(&w->path, (int64_t)strlen(path) + 1, 1, "dataset name"));
  strcpy(w->path, path);
  return MST_OK;
}

/* Close what is open; true if HDF5 could write all it had. */
static bool close_file(mst_dataset_writer *w) {
  bool ok = mst_sparse_close(&w->sparse);
  for (int i = 0; i < PARTS; i++) {
    if (w->part[i] >= 0 && H5Dclose(w->part[i]) < 0) ok = false;
    w->part[i] = H5I_INVALID_HID;
  }
  if (w->file >= 0 && H5Fclose(w->file) < 0) ok = false;
  w->file = H5I_INVALID_HID;
  return ok;
}

mst_status mst_dataset_create(mst_team *team, const char *path, const mst_dataset_info *info,
                              const mst_dataset_options *options, mst_dataset_writer **out) {
  static const mst_dataset_options defaults;
  if (options == NULL) options = &defaults;
  *out = NULL;
  mst_dataset_writer *w = NULL;
  mst_status status = check_info(path, info);
  if (status == MST_OK) status = allocate(team, path, info, &w);
  status = mst_team_agree(team, status);
  if (status == MST_OK) status = mst_file_begin(team, path, &w->temporary);
  if (status == MST_OK) {
    int64_t bytes = 65536; /* the file's structure */
    mst_status made = MST_OK;
    if (mst_team_rank(team) == 0) made = make_structure(w, options, &bytes);
    status = mst_file_follow(team, made);
    if (status == MST_OK) status = mst_file_reserve(team, w->temporary, bytes, &w->reserved);
  }
  if (status == MST_OK) status = open_parts(w);
  if (status != MST_OK) {
    mst_dataset_abandon(w);
    return status;
  }
  *out = w;
  return MST_OK;
}

int64_t mst_dataset_chunk_rows(const mst_dataset_writer *w) {
  return w->chunk_rows;
}

static mst_status check_part(const mst_dataset_writer *w, int part, int64_t count,
                             const void *data) {
  bool wanted = w->part[part] >= 0;
  if (count == 0 || wanted == (data != NULL)) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "%s: /%s %s", w->path, part_name[part],
                  wanted ? "is part of the dataset but was not given"
                         : "was given but is not part of the dataset");
}

static mst_status check_labels(const mst_dataset_writer *w, int64_t first, int64_t count,
                               const int32_t *label) {
  for (int64_t i = 0; i < count; i++)
    if (label[i] < 0 || label[i] >= w->info.n_classes)
      return mst_fail(MST_ERR_INPUT,
                      "%s: the label of row %lld is %d; with n_classes %lld it must be 0 to %lld",
                      w->path, (long long)(first + i), label[i], (long long)w->info.n_classes,
                      (long long)w->info.n_classes - 1);
  return MST_OK;
}

/* Parts [begin, end) of rows. */
static mst_status check_write(const mst_dataset_writer *w, int begin, int end, int64_t first,
                              int64_t count, const void *const data[PARTS]) {
  if (first < 0 || count < 0 || first > w->info.rows || count > w->info.rows - first)
    return mst_fail(MST_ERR_INPUT, "%s: %lld rows from row %lld on were given; it has %lld",
                    w->path, (long long)count, (long long)first, (long long)w->info.rows);
  for (int i = begin; i < end; i++) MST_TRY(check_part(w, i, count, data[i]));
  if (begin == PART_X && w->info.target == MST_TARGET_CLASSES && count > 0)
    return check_labels(w, first, count, data[PART_Y]);
  return MST_OK;
}

/* Collective. */
static mst_status write_parts(mst_dataset_writer *w, int begin, int end, int64_t first,
                              int64_t count, const hid_t type[PARTS], const void *const data[PARTS],
                              int64_t *written) {
  if (w->status != MST_OK) return mst_fail(w->status, "%s: an earlier write had failed", w->path);
  mst_status status = mst_team_agree(w->team, check_write(w, begin, end, first, count, data));
  for (int i = begin; i < end && status == MST_OK; i++)
    if (w->part[i] >= 0)
      status = mst_hdf5_write_rows(w->team, w->path, w->part[i], type[i], first, count, data[i]);
  if (status == MST_OK) *written += count;
  w->status = status;
  return status;
}

mst_status mst_dataset_write(mst_dataset_writer *w, int64_t first, int64_t count, const float *x,
                             const int32_t *label, const float *value, const int32_t *client,
                             const int32_t *group, const float *weight) {
  bool classes = w->info.target == MST_TARGET_CLASSES;
  const void *data[PARTS] = {x, classes ? (const void *)label : (const void *)value, client, group,
                             weight};
  const hid_t type[PARTS] = {H5T_NATIVE_FLOAT, classes ? H5T_NATIVE_INT32 : H5T_NATIVE_FLOAT,
                             H5T_NATIVE_INT32, H5T_NATIVE_INT32, H5T_NATIVE_FLOAT};
  return write_parts(w, PART_X, PART_ARM, first, count, type, data, &w->written);
}

mst_status mst_dataset_write_log(mst_dataset_writer *w, int64_t first, int64_t count,
                                 const int32_t *arm, const float *reward, const float *propensity) {
  const void *data[PARTS] = {
      [PART_ARM] = arm, [PART_REWARD] = reward, [PART_PROPENSITY] = propensity};
  const hid_t type[PARTS] = {[PART_ARM] = H5T_NATIVE_INT32,
                             [PART_REWARD] = H5T_NATIVE_FLOAT,
                             [PART_PROPENSITY] = H5T_NATIVE_FLOAT};
  return write_parts(w, PART_ARM, PARTS, first, count, type, data, &w->logged);
}

mst_status mst_dataset_write_sparse(mst_dataset_writer *w, int64_t first, int64_t at,
                                    const mst_sparse_rows *rows) {
  if (w->status != MST_OK) return mst_fail(w->status, "%s: an earlier write had failed", w->path);
  mst_status status = MST_OK;
  if (!w->info.sparse)
    status = mst_fail(MST_ERR_INPUT, "%s: sparse rows were given but are not part of the dataset",
                      w->path);
  if (status == MST_OK)
    status = mst_sparse_write(w->team, w->path, &w->sparse, &w->info, first, at, rows);
  if (status == MST_OK) {
    w->listed += rows->rows;
    w->entries += rows->rows > 0 ? rows->start[rows->rows] : 0;
  }
  w->status = status;
  return status;
}

static mst_status read_back_sparse(const mst_dataset_writer *w, hid_t file, int64_t first,
                                   int64_t share) {
  mst_sparse_parts parts = MST_SPARSE_NONE;
  mst_status status = mst_sparse_open(file, w->path, &parts);
  for (int64_t done = 0; done < share && status == MST_OK; done += w->chunk_rows) {
    mst_sparse_rows rows;
    status = mst_sparse_read(w->path, &parts, &w->info, first + done,
                             mst_least(share - done, w->chunk_rows), &rows);
    mst_sparse_rows_free(&rows);
  }
  mst_sparse_close(&parts);
  return status;
}

/* This rank's share of every part, read back so that all checksums are compared. Local. */
static mst_status read_back(const mst_dataset_writer *w, hid_t file) {
  const mst_dataset_info *info = &w->info;
  int64_t widest = mst_most(info->sparse ? 1 : info->row_elements, info->outputs);
  int64_t first = 0, share = 0;
  mst_team_share(w->team, info->rows, &first, &share);
  float *rows = NULL;
  MST_TRY(mst_alloc(&rows, w->chunk_rows * widest, sizeof *rows, "rows that are read back"));
  mst_status status = MST_OK;
  for (int i = 0; i < PARTS && status == MST_OK; i++) {
    hid_t part;
    if (!has_part(info, i)) continue;
    status = mst_hdf5_open_dataset(file, w->path, part_name[i], &part);
    for (int64_t done = 0; done < share && status == MST_OK; done += w->chunk_rows)
      status = mst_hdf5_read_rows(w->path, part, H5T_NATIVE_FLOAT, first + done,
                                  mst_least(share - done, w->chunk_rows), rows);
    if (part >= 0) H5Dclose(part);
  }
  mst_free(rows);
  if (info->sparse && status == MST_OK) status = read_back_sparse(w, file, first, share);
  return status;
}

/* For file systems that cannot reserve space, where a full disk may have gone unnoticed. */
static mst_status verify(const mst_dataset_writer *w) {
  hid_t file;
  MST_TRY(mst_hdf5_open_team(w->team, w->temporary, false, &file));
  mst_status status = mst_team_agree(w->team, read_back(w, file));
  H5Fclose(file);
  if (status == MST_OK) return MST_OK;
  return mst_fail_within(MST_ERR_IO,
                         "%s: what was written does not read back (disk full?): ", w->path);
}

static mst_status finish(mst_dataset_writer *w) {
  if (w->status != MST_OK)
    return mst_fail(w->status, "%s: was not written because a write had failed", w->path);
  int64_t written[4] = {w->written, w->logged, w->listed, w->entries};
  MST_TRY(mst_sum_i64(w->team, written, 4));
  if (w->info.sparse && (written[2] != w->info.rows || written[3] != w->info.entries))
    return mst_fail(
        MST_ERR_INTERNAL,
        "%s: %lld sparse rows of %lld entries were written, %lld of %lld were announced", w->path,
        (long long)written[2], (long long)written[3], (long long)w->info.rows,
        (long long)w->info.entries);
  for (int i = 0; i < (w->info.has_log ? 2 : 1); i++)
    if (written[i] != w->info.rows)
      return mst_fail(MST_ERR_INTERNAL, "%s: %lld rows%s were written, %lld were announced",
                      w->path, (long long)written[i], i == 0 ? "" : " of the log",
                      (long long)w->info.rows);
  /* The flush brings every rank's bytes to disk; closing alone does not. */
  mst_status status = MST_OK;
  if (H5Fflush(w->file, H5F_SCOPE_GLOBAL) < 0)
    status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be brought to disk", w->path);
  MST_TRY(mst_team_agree(w->team, status));
  if (!close_file(w)) status = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be closed", w->path);
  MST_TRY(mst_team_agree(w->team, status));
  if (!w->reserved) MST_TRY(verify(w));
  return mst_file_publish(w->team, w->temporary, w->path);
}

mst_status mst_dataset_commit(mst_dataset_writer *w) {
  mst_status status = finish(w);
  if (status != MST_OK) {
    mst_dataset_abandon(w);
    return status;
  }
  mst_free(w->temporary);
  mst_free(w->path);
  mst_free(w);
  return MST_OK;
}

void mst_dataset_abandon(mst_dataset_writer *w) {
  if (w == NULL) return;
  if (w->file >= 0) {
    /* HDF5 writes once more while it closes: let there be room for that on a full disk. */
    mst_file_empty(w->team, w->temporary);
    close_file(w);
  }
  mst_file_discard(w->team, w->temporary);
  mst_free(w->temporary);
  mst_free(w->path);
  mst_free(w);
}
