/* Compressed rows in dataset files. indptr says where each row's entries begin, so a rank that has
 * rows [first, first + count) reads count + 1 numbers and then one run of indices and of data. */
#include "io/sparse.h"

#include <limits.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/hdf5_file.h"

#define WHOLE_ROWS 1024 /* compressed rows that are held while they get their zeros */

static const char *const part_name[3] = {"x/indptr", "x/indices", "x/data"};

static bool is_group(hid_t file) {
  if (H5Lexists(file, "x", H5P_DEFAULT) <= 0) return false;
  hid_t x = H5Oopen(file, "x", H5P_DEFAULT);
  if (x < 0) return false; /* whoever looks at it next says why */
  const bool group = H5Iget_type(x) == H5I_GROUP;
  H5Oclose(x);
  return group;
}

/* Length of a part, of which the class is right. */
static mst_status examine_part(hid_t file, const char *path, const char *name, bool real,
                               int64_t *length) {
  hsize_t shape[H5S_MAX_RANK] = {0};
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: /x is a group without %s; sparse rows are indptr, indices and data there",
                    path, name + 2);
  hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
  if (id < 0) return mst_hdf5_fail(MST_ERR_FORMAT, "%s: /%s is not a dataset", path, name);
  hid_t type = H5Dget_type(id), space = H5Dget_space(id);
  const H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
  const int dims = space >= 0 ? H5Sget_simple_extent_dims(space, shape, NULL) : -1;
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Dclose(id);
  if (class != H5T_INTEGER && !(real && class == H5T_FLOAT))
    return mst_fail(MST_ERR_FORMAT, "%s: /%s does not hold %s", path, name,
                    real ? "numbers" : "integers");
  if (dims != 1 || shape[0] > INT64_MAX / 16)
    return mst_fail(MST_ERR_FORMAT, "%s: /%s has %d dimensions; one is needed", path, name, dims);
  *length = (int64_t)shape[0];
  return MST_OK;
}

static mst_status examine_columns(hid_t file, const char *path, int64_t *columns) {
  bool found = false;
  hid_t group = H5Gopen2(file, "x", H5P_DEFAULT);
  if (group < 0) return mst_hdf5_fail(MST_ERR_FORMAT, "%s: /x cannot be opened", path);
  mst_status st = mst_hdf5_get_int(group, path, "columns", columns, &found);
  H5Gclose(group);
  MST_TRY(st);
  if (!found)
    return mst_fail(MST_ERR_FORMAT, "%s: group /x has no attribute columns, the width of its rows",
                    path);
  if (*columns >= 1 && *columns <= INT32_MAX) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: attribute columns of /x is %lld; 1 to %d are allowed", path,
                  (long long)*columns, INT32_MAX);
}

mst_status mst_sparse_examine(hid_t file, const char *path, mst_dataset_info *info) {
  int64_t length[3];
  if (!is_group(file)) return MST_OK;
  for (int i = 0; i < 3; i++) MST_TRY(examine_part(file, path, part_name[i], i == 2, &length[i]));
  MST_TRY(examine_columns(file, path, &info->row_size[0]));
  if (length[0] < 2 || length[1] == 0)
    return mst_fail(MST_ERR_FORMAT, "%s: /x has no %s", path, length[0] < 2 ? "rows" : "entries");
  if (length[1] != length[2])
    return mst_fail(MST_ERR_FORMAT, "%s: /x/indices has %lld entries where /x/data has %lld", path,
                    (long long)length[1], (long long)length[2]);
  info->sparse = true;
  info->rows = length[0] - 1;
  info->row_dims = 1;
  info->row_elements = info->row_size[0];
  info->entries = length[1];
  return MST_OK;
}

mst_status mst_sparse_open(hid_t file, const char *path, mst_sparse_parts *p) {
  MST_TRY(mst_hdf5_open_dataset(file, path, part_name[0], &p->start));
  MST_TRY(mst_hdf5_open_dataset(file, path, part_name[1], &p->index));
  return mst_hdf5_open_dataset(file, path, part_name[2], &p->value);
}

bool mst_sparse_close(mst_sparse_parts *p) {
  const hid_t part[3] = {p->start, p->index, p->value};
  bool ok = true;
  for (int i = 0; i < 3; i++)
    if (part[i] >= 0 && H5Dclose(part[i]) < 0) ok = false;
  *p = MST_SPARSE_NONE;
  return ok;
}

/* start(count + 1) of rows from `first` on, as places among all entries. */
static mst_status check_starts(const char *path, const mst_dataset_info *info, int64_t first,
                               int64_t count, const int64_t *start) {
  const bool whole = first + count == info->rows;
  for (int64_t i = 0; i <= count; i++)
    if (start[i] < (i > 0 ? start[i - 1] : 0) || start[i] > info->entries)
      return mst_fail(
          MST_ERR_FORMAT,
          "%s: /x/indptr[%lld] is %lld; it must not decrease, from 0 to the %lld entries", path,
          (long long)(first + i), (long long)start[i], (long long)info->entries);
  if (first == 0 && start[0] != 0)
    return mst_fail(MST_ERR_FORMAT, "%s: /x/indptr begins with %lld instead of 0", path,
                    (long long)start[0]);
  if (whole && start[count] != info->entries)
    return mst_fail(MST_ERR_FORMAT, "%s: /x/indptr ends with %lld where there are %lld entries",
                    path, (long long)start[count], (long long)info->entries);
  return MST_OK;
}

/* Columns of a foreign file may be wider than 32 bits: HDF5 then takes the nearest that it can,
 * which is no column. */
static mst_status read_entries(const char *path, const mst_sparse_parts *p, int64_t first,
                               const int64_t *start, mst_sparse_rows *out) {
  const int64_t n = start[out->rows] - start[0];
  for (int64_t i = 0; i <= out->rows; i++) out->start[i] = start[i] - start[0];
  MST_TRY(mst_hdf5_read_rows(path, p->index, H5T_NATIVE_INT32, start[0], n, out->index));
  MST_TRY(mst_hdf5_read_rows(path, p->value, H5T_NATIVE_FLOAT, start[0], n, out->value));
  return mst_sparse_rows_check(out, path, first);
}

mst_status mst_sparse_read(const char *path, const mst_sparse_parts *p,
                           const mst_dataset_info *info, int64_t first, int64_t count,
                           mst_sparse_rows *out) {
  int64_t *start = NULL;
  *out = (mst_sparse_rows){0};
  MST_TRY(mst_alloc(&start, count + 1, sizeof *start, "places of rows being read"));
  mst_status st = MST_OK;
  if (count > 0) st = mst_hdf5_read_rows(path, p->start, H5T_NATIVE_INT64, first, count + 1, start);
  if (st == MST_OK && count > 0) st = check_starts(path, info, first, count, start);
  if (st == MST_OK)
    st = mst_sparse_rows_create(count, info->row_elements, start[count] - start[0], out);
  if (st == MST_OK && count > 0) st = read_entries(path, p, first, start, out);
  mst_free(start);
  return st;
}

mst_status mst_sparse_count(const char *path, const mst_sparse_parts *p,
                            const mst_dataset_info *info, int64_t first, int64_t count,
                            int64_t *entries) {
  int64_t start[2];
  MST_TRY(mst_hdf5_read_rows(path, p->start, H5T_NATIVE_INT64, first, 1, &start[0]));
  MST_TRY(mst_hdf5_read_rows(path, p->start, H5T_NATIVE_INT64, first + count, 1, &start[1]));
  if (start[0] < 0 || start[1] < start[0] || start[1] > info->entries)
    return mst_fail(
        MST_ERR_FORMAT,
        "%s: /x/indptr[%lld] is %lld and [%lld] is %lld; it must not decrease, from 0 to "
        "the %lld entries",
        path, (long long)first, (long long)start[0], (long long)(first + count),
        (long long)start[1], (long long)info->entries);
  *entries = start[1] - start[0];
  return MST_OK;
}

mst_status mst_sparse_read_whole(const char *path, const mst_sparse_parts *p,
                                 const mst_dataset_info *info, int64_t first, int64_t count,
                                 float *x) {
  for (int64_t done = 0; done < count; done += WHOLE_ROWS) {
    mst_sparse_rows rows;
    mst_status st =
        mst_sparse_read(path, p, info, first + done, mst_least(count - done, WHOLE_ROWS), &rows);
    for (int64_t i = 0; st == MST_OK && i < rows.rows; i++)
      mst_sparse_rows_whole(&rows, i, x + (done + i) * info->row_elements);
    mst_sparse_rows_free(&rows);
    MST_TRY(st);
  }
  return MST_OK;
}

/* What the rows or columns were called before they were numbered. */
static mst_status put_names(hid_t file, const char *name, int64_t n, const char *const *names,
                            int64_t *bytes) {
  size_t longest = 1;
  char *table = NULL;
  hid_t made = H5I_INVALID_HID;
  if (names == NULL) return MST_OK;
  for (int64_t i = 0; i < n; i++) {
    const size_t length = strlen(names[i]);
    if (length > longest) longest = length;
  }
  MST_TRY(mst_alloc(&table, n, longest, "names of rows or columns"));
  for (int64_t i = 0; i < n; i++) memcpy(table + (size_t)i * longest, names[i], strlen(names[i]));
  hid_t type = H5Tcopy(H5T_C_S1);
  mst_status st = MST_OK;
  if (type < 0 || H5Tset_size(type, longest) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
      H5Tset_cset(type, H5T_CSET_UTF8) < 0)
    st = mst_hdf5_fail(MST_ERR_IO, "dataset %s cannot be created", name);
  if (st == MST_OK) st = mst_hdf5_put_dataset(file, name, type, 1, &n, 0, 0, &made, bytes);
  if (st == MST_OK && H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, table) < 0)
    st = mst_hdf5_fail(MST_ERR_IO, "dataset %s cannot be written", name);
  if (made >= 0 && H5Dclose(made) < 0 && st == MST_OK)
    st = mst_hdf5_fail(MST_ERR_IO, "dataset %s cannot be written", name);
  if (type >= 0) H5Tclose(type);
  mst_free(table);
  return st;
}

mst_status mst_sparse_put(hid_t file, const mst_dataset_info *info,
                          const mst_dataset_options *options, int64_t *bytes) {
  const hid_t type[3] = {H5T_STD_I64LE, H5T_STD_I32LE, H5T_IEEE_F32LE};
  const int64_t length[3] = {info->rows + 1, info->entries, info->entries};
  hid_t creation = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
  /* No time stamps: the same content makes the same file. */
  if (creation >= 0 && H5Pset_obj_track_times(creation, false) >= 0)
    group = H5Gcreate2(file, "x", H5P_DEFAULT, creation, H5P_DEFAULT);
  if (creation >= 0) H5Pclose(creation);
  if (group < 0) return mst_hdf5_fail(MST_ERR_IO, "group x cannot be created");
  mst_status st = mst_hdf5_put_int(group, "columns", info->row_elements);
  if (H5Gclose(group) < 0 && st == MST_OK)
    st = mst_hdf5_fail(MST_ERR_IO, "group x cannot be written");
  for (int i = 0; i < 3 && st == MST_OK; i++) {
    hid_t made;
    st = mst_hdf5_put_dataset(file, part_name[i], type[i], 1, &length[i], 0, options->deflate,
                              &made, bytes);
    if (st == MST_OK && H5Dclose(made) < 0)
      st = mst_hdf5_fail(MST_ERR_IO, "dataset %s cannot be created", part_name[i]);
  }
  if (st == MST_OK) st = put_names(file, "row_id", info->rows, options->row_ids, bytes);
  if (st == MST_OK)
    st = put_names(file, "column_id", info->row_elements, options->column_ids, bytes);
  return st;
}

static mst_status check_rows(const char *path, const mst_dataset_info *info, int64_t first,
                             int64_t at, const mst_sparse_rows *rows) {
  const int64_t count = rows->rows, entries = count > 0 ? rows->start[count] : 0;
  if (first < 0 || first > info->rows || count > info->rows - first)
    return mst_fail(MST_ERR_INPUT, "%s: %lld rows from row %lld on were given; it has %lld", path,
                    (long long)count, (long long)first, (long long)info->rows);
  if (count == 0) return MST_OK;
  const bool begins = first > 0 || at == 0, ends = first + count < info->rows;
  if (!begins || at < 0 || at + entries > info->entries ||
      (!ends && at + entries != info->entries) || rows->columns != info->row_elements)
    return mst_fail(
        MST_ERR_INPUT,
        "%s: %lld entries of %lld columns from entry %lld on were given for the rows from "
        "row %lld on; it has %lld of %lld",
        path, (long long)entries, (long long)rows->columns, (long long)at, (long long)first,
        (long long)info->entries, (long long)info->row_elements);
  return mst_sparse_rows_check(rows, path, first);
}

mst_status mst_sparse_write(mst_team *team, const char *path, const mst_sparse_parts *p,
                            const mst_dataset_info *info, int64_t first, int64_t at,
                            const mst_sparse_rows *rows) {
  const int64_t count = rows->rows, entries = count > 0 ? rows->start[count] : 0;
  const int64_t places = count > 0 && first + count == info->rows ? count + 1 : count;
  int64_t *start = NULL;
  mst_status st = check_rows(path, info, first, at, rows);
  if (st == MST_OK) st = mst_alloc(&start, places, sizeof *start, "places of rows being written");
  st = mst_team_agree(team, st);
  for (int64_t i = 0; st == MST_OK && i < places; i++) start[i] = at + rows->start[i];
  if (st == MST_OK)
    st = mst_hdf5_write_rows(team, path, p->start, H5T_NATIVE_INT64, first, places, start);
  if (st == MST_OK)
    st = mst_hdf5_write_rows(team, path, p->index, H5T_NATIVE_INT32, at, entries, rows->index);
  if (st == MST_OK)
    st = mst_hdf5_write_rows(team, path, p->value, H5T_NATIVE_FLOAT, at, entries, rows->value);
  mst_free(start);
  return st;
}
