/* Reading dataset files: rank 0 looks at the file alone and shares what it found, so that all
 * ranks open only a file that is known to be good; then every rank reads its own rows. */
#include "io/dataset.h"

#include <limits.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/sparse.h"

#define BLOCK_ROWS 65536 /* integers that are read and checked at a time */

struct mst_dataset {
  mst_team *team;
  char *path;
  hid_t file, x, y, client, group, weight, arm, reward, propensity;
  mst_sparse_parts sparse; /* in the place of x, of compressed rows */
  mst_dataset_info info;
};

/* What one object of the file is, found on rank 0. */
typedef struct column {
  bool there;
  H5T_class_t class;
  int dims;
  hsize_t shape[H5S_MAX_RANK];
} column;

static const char *class_word(H5T_class_t class) {
  switch (class) {
    case H5T_INTEGER: return "integers";
    case H5T_FLOAT: return "real numbers";
    case H5T_STRING: return "text";
    case H5T_ENUM: return "enumerated values (booleans?)";
    case H5T_COMPOUND: return "records";
    default: return "values that are not numbers";
  }
}

static mst_status look_at(hid_t file, const char *path, const char *name, column *c) {
  memset(c, 0, sizeof *c);
  htri_t there = H5Lexists(file, name, H5P_DEFAULT);
  if (there < 0) return mst_hdf5_fail(MST_ERR_FORMAT, "%s: cannot be searched", path);
  if (there == 0) return MST_OK;
  hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
  if (id < 0) return mst_hdf5_fail(MST_ERR_FORMAT, "%s: /%s is not a dataset", path, name);
  hid_t type = H5Dget_type(id), space = H5Dget_space(id);
  mst_status status = MST_OK;
  if (type >= 0 && space >= 0) {
    c->there = true;
    c->class = H5Tget_class(type);
    c->dims = H5Sget_simple_extent_dims(space, c->shape, NULL);
  }
  if (type < 0 || space < 0 || c->dims < 0)
    status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: /%s cannot be read", path, name);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Dclose(id);
  return status;
}

static mst_status check_format(hid_t file, const char *path) {
  char word[32];
  int64_t version;
  MST_TRY(mst_hdf5_format(file, path, word, sizeof word, &version));
  if (word[0] != 0 && strcmp(word, "dataset") != 0)
    return mst_fail(MST_ERR_FORMAT, "%s: is a muster file of format '%s', not a dataset", path,
                    word);
  if (word[0] != 0 && version != 1)
    return mst_fail(MST_ERR_FORMAT, "%s: is a dataset of version %lld; this muster reads version 1",
                    path, (long long)version);
  return MST_OK;
}

static mst_status examine_x(hid_t file, const char *path, mst_dataset_info *info) {
  column x;
  MST_TRY(look_at(file, path, "x", &x));
  if (!x.there)
    return mst_fail(MST_ERR_FORMAT, "%s: has no /x; a dataset holds its rows there", path);
  if (x.class != H5T_FLOAT && x.class != H5T_INTEGER)
    return mst_fail(MST_ERR_FORMAT, "%s: /x holds %s; numbers are needed (best float32)", path,
                    class_word(x.class));
  if (x.dims < 2 || x.dims > 4)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: /x has %d dimension%s; 2 to 4 are allowed: rows, then the 1 to 3 of a row",
                    path, x.dims, x.dims == 1 ? "" : "s");
  info->row_dims = x.dims - 1;
  info->row_elements = 1;
  int64_t bytes = (int64_t)sizeof(float);
  bool fits = true;
  for (int i = 0; i < x.dims; i++) {
    if (x.shape[i] == 0)
      return mst_fail(MST_ERR_FORMAT, "%s: /x has no %s", path, i == 0 ? "rows" : "columns");
    if (x.shape[i] > INT64_MAX || __builtin_mul_overflow(bytes, (int64_t)x.shape[i], &bytes))
      fits = false;
    if (fits && i > 0) {
      info->row_size[i - 1] = (int64_t)x.shape[i];
      info->row_elements *= (int64_t)x.shape[i];
    }
  }
  if (!fits) return mst_fail(MST_ERR_FORMAT, "%s: /x is impossibly large", path);
  info->rows = (int64_t)x.shape[0];
  return MST_OK;
}

static mst_status check_rows(const char *path, const char *name, const column *c,
                             const mst_dataset_info *info) {
  if (c->shape[0] == (hsize_t)info->rows) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: /%s has %lld rows where /x has %lld", path, name,
                  (long long)c->shape[0], (long long)info->rows);
}

static mst_status examine_task(hid_t file, const char *path, mst_dataset_info *info) {
  bool found = false;
  MST_TRY(mst_hdf5_get_text(file, path, "task", info->task, sizeof info->task, &found));
  MST_TRY(mst_hdf5_get_text(file, path, "source", info->source, sizeof info->source, &found));
  if (info->task[0] == 0 || strcmp(info->task, "classification") == 0 ||
      strcmp(info->task, "regression") == 0)
    return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "%s: attribute task is '%s'; 'classification' and 'regression' are allowed", path,
                  info->task);
}

static mst_status check_outputs(const char *path, hsize_t outputs, const mst_dataset_info *info) {
  int64_t bytes = (int64_t)sizeof(float);
  if (outputs > MST_DATASET_OUTPUTS)
    return mst_fail(MST_ERR_FORMAT, "%s: /y has %llu columns; at most %d are allowed", path,
                    (unsigned long long)outputs, MST_DATASET_OUTPUTS);
  if (__builtin_mul_overflow(bytes, info->rows, &bytes) ||
      __builtin_mul_overflow(bytes, (int64_t)outputs, &bytes))
    return mst_fail(MST_ERR_FORMAT, "%s: /y is impossibly large", path);
  return MST_OK;
}

/* Integers are classes unless the task says regression; real numbers are values. */
static mst_status examine_y(hid_t file, const char *path, mst_dataset_info *info) {
  column y;
  MST_TRY(examine_task(file, path, info));
  MST_TRY(look_at(file, path, "y", &y));
  if (!y.there) return MST_OK;
  if (y.class != H5T_FLOAT && y.class != H5T_INTEGER)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: /y holds %s; integers (classes) or real numbers (values) are needed", path,
                    class_word(y.class));
  if (y.dims < 1 || y.dims > 2 || (y.dims == 2 && y.shape[1] == 0))
    return mst_fail(MST_ERR_FORMAT, "%s: /y has %d dimensions; [rows] or [rows, outputs] is needed",
                    path, y.dims);
  MST_TRY(check_rows(path, "y", &y, info));
  MST_TRY(check_outputs(path, y.dims == 1 ? 1 : y.shape[1], info));
  info->outputs = y.dims == 1 ? 1 : (int64_t)y.shape[1];
  bool classes = y.class == H5T_INTEGER && strcmp(info->task, "regression") != 0;
  if (!classes && strcmp(info->task, "classification") == 0)
    return mst_fail(MST_ERR_FORMAT, "%s: task is classification but /y holds %s", path,
                    class_word(y.class));
  info->target = classes ? MST_TARGET_CLASSES : MST_TARGET_VALUES;
  strcpy(info->task, classes ? "classification" : "regression");
  if (!classes) return MST_OK;
  if (info->outputs != 1)
    return mst_fail(MST_ERR_FORMAT, "%s: /y holds %lld integers a row; classes are one a row", path,
                    (long long)info->outputs);
  bool found = false;
  MST_TRY(mst_hdf5_get_int(file, path, "n_classes", &info->n_classes, &found));
  if (found && (info->n_classes < 1 || info->n_classes > INT32_MAX))
    return mst_fail(MST_ERR_FORMAT, "%s: attribute n_classes is %lld; 1 to %d are allowed", path,
                    (long long)info->n_classes, INT32_MAX);
  return MST_OK;
}

static mst_status examine_extra(hid_t file, const char *path, const char *name, bool real,
                                const mst_dataset_info *info, bool *there) {
  column c;
  MST_TRY(look_at(file, path, name, &c));
  *there = c.there;
  if (!c.there) return MST_OK;
  if (c.class != H5T_INTEGER && !(real && c.class == H5T_FLOAT))
    return mst_fail(MST_ERR_FORMAT, "%s: /%s holds %s; %s are needed", path, name,
                    class_word(c.class), real ? "numbers" : "integers");
  if (c.dims != 1)
    return mst_fail(MST_ERR_FORMAT, "%s: /%s has %d dimensions; [rows] is needed", path, name,
                    c.dims);
  return check_rows(path, name, &c, info);
}

/* Logged decisions: all three parts, or the file is no log. */
static mst_status examine_log(hid_t file, const char *path, mst_dataset_info *info) {
  bool arm, reward, propensity, found = false;
  MST_TRY(examine_extra(file, path, "arm", false, info, &arm));
  MST_TRY(examine_extra(file, path, "reward", true, info, &reward));
  MST_TRY(examine_extra(file, path, "propensity", true, info, &propensity));
  info->has_log = arm && reward && propensity;
  if (!info->has_log) return MST_OK;
  MST_TRY(mst_hdf5_get_int(file, path, "n_arms", &info->n_arms, &found));
  if (!found || (info->n_arms >= 1 && info->n_arms <= INT32_MAX)) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: attribute n_arms is %lld; 1 to %d are allowed", path,
                  (long long)info->n_arms, INT32_MAX);
}

/* On rank 0 alone. */
static mst_status examine(const char *path, mst_dataset_info *info) {
  hid_t file;
  MST_TRY(mst_hdf5_look(path));
  MST_TRY(mst_hdf5_open(path, false, &file));
  mst_status status = check_format(file, path);
  if (status == MST_OK) status = mst_sparse_examine(file, path, info);
  if (status == MST_OK && !info->sparse) status = examine_x(file, path, info);
  if (status == MST_OK) status = examine_y(file, path, info);
  if (status == MST_OK)
    status = examine_extra(file, path, "client", false, info, &info->has_client);
  if (status == MST_OK) status = examine_extra(file, path, "group", false, info, &info->has_group);
  if (status == MST_OK) status = examine_extra(file, path, "weight", true, info, &info->has_weight);
  if (status == MST_OK) status = examine_log(file, path, info);
  H5Fclose(file);
  return status;
}

static mst_status check_range(const mst_dataset *d, int64_t first, int64_t count) {
  if (first >= 0 && count >= 0 && first <= d->info.rows && count <= d->info.rows - first)
    return MST_OK;
  return mst_fail(MST_ERR_INPUT, "%s: %lld rows from row %lld on were asked for; it has %lld",
                  d->path, (long long)count, (long long)first, (long long)d->info.rows);
}

/* The first integer outside [low, high] in a range of rows, and the largest one met before it. */
typedef struct integer_scan {
  int64_t low, high;
  int64_t bad_row, bad_value; /* bad_row is INT64_MAX where all are inside */
  int64_t largest;
} integer_scan;

/* Read integers of any width as 64-bit ones, check them, hand on those that fit. Local. */
static mst_status scan_integers(const mst_dataset *d, hid_t id, int64_t first, int64_t count,
                                int32_t *out, integer_scan *scan) {
  scan->bad_row = INT64_MAX;
  scan->largest = INT64_MIN;
  MST_TRY(check_range(d, first, count));
  int64_t *block = NULL;
  MST_TRY(mst_alloc(&block, mst_least(count, BLOCK_ROWS), sizeof *block, "labels"));
  mst_status status = MST_OK;
  for (int64_t at = 0; at < count && status == MST_OK && scan->bad_row == INT64_MAX;
       at += BLOCK_ROWS) {
    int64_t n = mst_least(count - at, BLOCK_ROWS);
    status = mst_hdf5_read_rows(d->path, id, H5T_NATIVE_INT64, first + at, n, block);
    for (int64_t i = 0; i < n && status == MST_OK; i++) {
      if (block[i] < scan->low || block[i] > scan->high) {
        scan->bad_row = first + at + i;
        scan->bad_value = block[i];
        break;
      }
      if (block[i] > scan->largest) scan->largest = block[i];
      if (out != NULL) out[at + i] = (int32_t)block[i];
    }
  }
  mst_free(block);
  return status;
}

/* The same over the team: the lowest bad row of all ranks and its value, the largest of all. */
static mst_status scan_team(const mst_dataset *d, hid_t id, int64_t first, int64_t count,
                            int32_t *out, integer_scan *scan) {
  MST_TRY(mst_team_agree(d->team, scan_integers(d, id, first, count, out, scan)));
  int64_t most[2] = {-scan->bad_row, scan->largest};
  MST_TRY(mst_max_i64(d->team, most, 2));
  scan->largest = most[1];
  if (most[0] == -INT64_MAX) return MST_OK;
  int64_t value = -most[0] == scan->bad_row ? scan->bad_value : INT64_MIN;
  scan->bad_row = -most[0];
  MST_TRY(mst_max_i64(d->team, &value, 1));
  scan->bad_value = value;
  return MST_OK;
}

/* A file without n_classes: one more than the largest label. */
static mst_status find_classes(mst_dataset *d) {
  int64_t first = 0, count = 0;
  mst_team_share(d->team, d->info.rows, &first, &count);
  integer_scan scan = {.low = 0, .high = MST_DATASET_CLASSES - 1};
  MST_TRY(scan_team(d, d->y, first, count, NULL, &scan));
  if (scan.bad_row != INT64_MAX)
    return mst_fail(
        MST_ERR_FORMAT, "%s: the label of row %lld is %lld; classes are 0, 1, 2, ... below %d%s",
        d->path, (long long)scan.bad_row, (long long)scan.bad_value, MST_DATASET_CLASSES,
        scan.bad_value < 0 ? ""
                           : ": is /y an id? (for values set attribute task to "
                             "regression, for so many classes n_classes)");
  d->info.n_classes = scan.largest + 1;
  return MST_OK;
}

static mst_status open_parts(mst_dataset *d) {
  const mst_dataset_info *info = &d->info;
  MST_TRY(info->sparse ? mst_sparse_open(d->file, d->path, &d->sparse)
                       : mst_hdf5_open_dataset(d->file, d->path, "x", &d->x));
  if (info->target != MST_TARGET_NONE) MST_TRY(mst_hdf5_open_dataset(d->file, d->path, "y", &d->y));
  if (info->has_client) MST_TRY(mst_hdf5_open_dataset(d->file, d->path, "client", &d->client));
  if (info->has_group) MST_TRY(mst_hdf5_open_dataset(d->file, d->path, "group", &d->group));
  if (info->has_weight) MST_TRY(mst_hdf5_open_dataset(d->file, d->path, "weight", &d->weight));
  if (!info->has_log) return MST_OK;
  MST_TRY(mst_hdf5_open_dataset(d->file, d->path, "arm", &d->arm));
  MST_TRY(mst_hdf5_open_dataset(d->file, d->path, "reward", &d->reward));
  return mst_hdf5_open_dataset(d->file, d->path, "propensity", &d->propensity);
}

static mst_status allocate(mst_team *team, const char *path, const mst_dataset_info *info,
                           mst_dataset **out) {
  mst_dataset *d = NULL;
  MST_TRY(mst_alloc(&d, 1, sizeof *d, "dataset"));
  d->team = team;
  d->info = *info;
  d->file = d->x = d->y = d->client = d->group = d->weight = H5I_INVALID_HID;
  d->arm = d->reward = d->propensity = H5I_INVALID_HID;
  d->sparse = MST_SPARSE_NONE;
  *out = d;
  MST_TRY(mst_alloc(&d->path, (int64_t)strlen(path) + 1, 1, "dataset name"));
  strcpy(d->path, path);
  return MST_OK;
}

mst_status mst_dataset_open(mst_team *team, const char *path, mst_dataset **out) {
  *out = NULL;
  mst_dataset_info info;
  memset(&info, 0, sizeof info);
  mst_status status = MST_OK;
  if (mst_team_rank(team) == 0) status = examine(path, &info);
  MST_TRY(mst_file_follow(team, status));
  MST_TRY(mst_team_bcast(team, &info, sizeof info, 0));
  mst_dataset *d = NULL;
  status = mst_team_agree(team, allocate(team, path, &info, &d));
  if (status == MST_OK) status = mst_hdf5_open_team(team, path, false, &d->file);
  if (status == MST_OK) status = mst_team_agree(team, open_parts(d));
  if (status == MST_OK && info.target == MST_TARGET_CLASSES && info.n_classes == 0)
    status = find_classes(d);
  if (status != MST_OK) {
    mst_dataset_close(d);
    return status;
  }
  *out = d;
  return MST_OK;
}

mst_status mst_dataset_limit(mst_dataset *d, int64_t rows) {
  if (rows < 1 || rows > d->info.rows)
    return mst_fail(MST_ERR_INPUT, "%s has %lld rows: there are no first %lld", d->path,
                    (long long)d->info.rows, (long long)rows);
  if (d->info.sparse) MST_TRY(mst_dataset_count_entries(d, 0, rows, &d->info.entries));
  d->info.rows = rows;
  return MST_OK;
}

const mst_dataset_info *mst_dataset_about(const mst_dataset *d) {
  return &d->info;
}

void mst_dataset_close(mst_dataset *d) {
  if (d == NULL) return;
  hid_t part[] = {d->x, d->y, d->client, d->group, d->weight, d->arm, d->reward, d->propensity};
  for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
    if (part[i] >= 0) H5Dclose(part[i]);
  mst_sparse_close(&d->sparse);
  if (d->file >= 0) H5Fclose(d->file);
  mst_free(d->path);
  mst_free(d);
}

static mst_status read_floats(mst_dataset *d, hid_t id, int64_t first, int64_t count, float *out) {
  mst_status status = check_range(d, first, count);
  if (status == MST_OK)
    status = mst_hdf5_read_rows(d->path, id, H5T_NATIVE_FLOAT, first, count, out);
  return mst_team_agree(d->team, status);
}

mst_status mst_dataset_read_x(mst_dataset *d, int64_t first, int64_t count, float *x) {
  if (d->info.sparse) {
    mst_status status = check_range(d, first, count);
    if (status == MST_OK)
      status = mst_sparse_read_whole(d->path, &d->sparse, &d->info, first, count, x);
    return mst_team_agree(d->team, status);
  }
  return read_floats(d, d->x, first, count, x);
}

static mst_status check_sparse(const mst_dataset *d, int64_t first, int64_t count) {
  if (d->info.sparse) return check_range(d, first, count);
  return mst_fail(MST_ERR_INPUT, "%s: holds whole rows, no sparse ones", d->path);
}

mst_status mst_dataset_read_sparse(mst_dataset *d, int64_t first, int64_t count,
                                   mst_sparse_rows *out) {
  *out = (mst_sparse_rows){0};
  mst_status status = check_sparse(d, first, count);
  if (status == MST_OK) status = mst_sparse_read(d->path, &d->sparse, &d->info, first, count, out);
  return mst_team_agree(d->team, status);
}

mst_status mst_dataset_count_entries(mst_dataset *d, int64_t first, int64_t count,
                                     int64_t *entries) {
  mst_status status = check_sparse(d, first, count);
  if (status == MST_OK)
    status = mst_sparse_count(d->path, &d->sparse, &d->info, first, count, entries);
  return mst_team_agree(d->team, status);
}

mst_status mst_dataset_read_values(mst_dataset *d, int64_t first, int64_t count, float *value) {
  if (d->info.target != MST_TARGET_VALUES)
    return mst_fail(MST_ERR_INPUT, "%s: has no values to predict (task %s)", d->path,
                    d->info.task[0] == 0 ? "none" : d->info.task);
  return read_floats(d, d->y, first, count, value);
}

mst_status mst_dataset_read_weight(mst_dataset *d, int64_t first, int64_t count, float *out) {
  if (!d->info.has_weight) return mst_fail(MST_ERR_INPUT, "%s: has no /weight", d->path);
  return read_floats(d, d->weight, first, count, out);
}

mst_status mst_dataset_read_labels(mst_dataset *d, int64_t first, int64_t count, int32_t *label) {
  if (d->info.target != MST_TARGET_CLASSES)
    return mst_fail(MST_ERR_INPUT, "%s: has no classes (task %s)", d->path,
                    d->info.task[0] == 0 ? "none" : d->info.task);
  integer_scan scan = {.low = 0, .high = d->info.n_classes - 1};
  MST_TRY(scan_team(d, d->y, first, count, label, &scan));
  if (scan.bad_row == INT64_MAX) return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "%s: the label of row %lld is %lld; with n_classes %lld it must be 0 to %lld",
                  d->path, (long long)scan.bad_row, (long long)scan.bad_value,
                  (long long)d->info.n_classes, (long long)d->info.n_classes - 1);
}

static mst_status read_i32(mst_dataset *d, hid_t id, const char *name, int64_t first, int64_t count,
                           int32_t *out) {
  if (id < 0) return mst_fail(MST_ERR_INPUT, "%s: has no /%s", d->path, name);
  integer_scan scan = {.low = INT32_MIN, .high = INT32_MAX};
  MST_TRY(scan_team(d, id, first, count, out, &scan));
  if (scan.bad_row == INT64_MAX) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: /%s of row %lld is %lld, which does not fit 32 bits",
                  d->path, name, (long long)scan.bad_row, (long long)scan.bad_value);
}

mst_status mst_dataset_read_i32(mst_dataset *d, const char *name, int64_t first, int64_t count,
                                int32_t *out) {
  hid_t id = strcmp(name, "client") == 0 ? d->client : strcmp(name, "group") == 0 ? d->group : -1;
  return read_i32(d, id, name, first, count, out);
}

mst_status mst_dataset_read_log(mst_dataset *d, int64_t first, int64_t count, int32_t *arm,
                                float *reward, float *propensity) {
  if (!d->info.has_log)
    return mst_fail(MST_ERR_INPUT, "%s: is no log: it lacks /arm, /reward or /propensity", d->path);
  MST_TRY(read_i32(d, d->arm, "arm", first, count, arm));
  MST_TRY(read_floats(d, d->reward, first, count, reward));
  return read_floats(d, d->propensity, first, count, propensity);
}
