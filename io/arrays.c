/* Arrays of a state list: made by rank 0, written by all ranks together, read by each on its
 * own. */
#include "io/arrays.h"

#include <stdio.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile_parts.h"

#define PATH_BYTES (2 * sizeof((mst_state_item *)0)->name) /* of "group/name" */

static mst_status check_name(const char *group, const char *name) {
  bool ok = name[0] != '\0', begins = true;
  for (const char *c = name; *c != '\0'; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                  (*c >= '0' && *c <= '9') || *c == '_';
    ok = ok && (letter || (!begins && (*c == '.' || *c == '-' || (*c == '/' && c[1] != '\0'))));
    begins = *c == '/';
  }
  if (ok) return MST_OK;
  return mst_fail(MST_ERR_INTERNAL,
                  "%s array '%s': a name has letters, digits, _ . - and / between parts", group,
                  name);
}

static mst_status make_array(hid_t file, const char *group, const mst_state_item *item,
                             int64_t *bytes) {
  char path[PATH_BYTES];
  hid_t dataset = H5I_INVALID_HID;
  MST_TRY(check_name(group, item->name));
  snprintf(path, sizeof path, "%s/%s", group, item->name);
  MST_TRY(mst_runfile_groups(file, path, false));
  MST_TRY(mst_hdf5_put_dataset(file, path, mst_runfile_file_type(item->type), item->dims,
                               item->shape, 0, 0, &dataset, bytes));
  if (H5Dclose(dataset) < 0) return mst_hdf5_fail(MST_ERR_IO, "/%s cannot be created", path);
  return MST_OK;
}

mst_status mst_arrays_make(hid_t file, const char *group, const mst_state *state, int64_t *bytes) {
  MST_TRY(mst_runfile_groups(file, group, true));
  for (int i = 0; i < state->n; i++) MST_TRY(make_array(file, group, &state->item[i], bytes));
  return MST_OK;
}

/* Rows of an array that this rank writes: its shard, or its part of what all ranks hold. Small
 * arrays are written by rank 0. */
static void writing_share(const mst_team *team, const mst_state_item *item, int64_t *first,
                          int64_t *count) {
  const int64_t small = 1 << 20; /* bytes: one chunk */
  int64_t rows = item->shape[0];
  int64_t bytes = mst_state_row_elements(item) * mst_dtype_size(item->type) * rows;
  if (item->layout == MST_SHARDED) {
    *first = item->first;
    *count = item->count;
  } else if (bytes <= small) {
    *first = 0;
    *count = mst_team_rank(team) == 0 ? rows : 0;
  } else {
    mst_team_share(team, rows, first, count);
  }
}

/* The shares of a streamed array, a window of each rank's at a time. */
static mst_status write_stream(mst_team *team, const char *path, hid_t dataset,
                               const mst_state_item *item, int64_t row_bytes) {
  int p = mst_team_size(team), rank = mst_team_rank(team);
  int64_t rows = item->shape[0], most = mst_most(1, MST_STATE_WINDOW / row_bytes);
  int64_t longest = mst_ceil_div(rows, p); /* share */
  char *window = NULL;
  mst_status st = mst_alloc(&window, 2 * most, (size_t)row_bytes, "window of an array");
  st = mst_team_agree(team, st);
  for (int64_t at = 0; at < longest && st == MST_OK; at += most) {
    int64_t first = 0, count = 0;
    for (int to = 0; to < p && st == MST_OK; to++) {
      int64_t begin = mst_share_begin(rows, to, p) + at, end = mst_share_begin(rows, to + 1, p);
      int64_t n = mst_least(most, end - begin);
      if (n <= 0) continue;
      if (to == rank) first = begin, count = n;
      st = item->bring(item->data, begin, n, to, to == rank ? window : window + most * row_bytes);
    }
    if (st == MST_OK)
      st = mst_hdf5_write_rows(team, path, dataset, mst_runfile_memory_type(item->type), first,
                               count, window);
  }
  mst_free(window);
  return st;
}

static mst_status write_array(mst_team *team, hid_t file, const char *path, const char *group,
                              const mst_state_item *item) {
  char name[PATH_BYTES];
  hid_t dataset = H5I_INVALID_HID;
  int64_t first = 0, count = 0;
  snprintf(name, sizeof name, "%s/%s", group, item->name);
  bool streamed = item->layout == MST_STREAMED;
  if (!streamed) writing_share(team, item, &first, &count);
  int64_t row_bytes = mst_state_row_elements(item) * mst_dtype_size(item->type);
  const char *rows = streamed ? NULL : item->data;
  if (rows != NULL) rows += (first - item->first) * row_bytes;
  mst_status st = mst_hdf5_open_dataset(file, path, name, &dataset);
  st = mst_team_agree(team, st);
  if (st == MST_OK && streamed && row_bytes > 0)
    st = write_stream(team, path, dataset, item, row_bytes);
  else if (st == MST_OK && row_bytes > 0 && item->shape[0] > 0)
    st = mst_hdf5_write_rows(team, path, dataset, mst_runfile_memory_type(item->type), first, count,
                             rows);
  bool closed = dataset < 0 || H5Dclose(dataset) >= 0;
  if (st == MST_OK && !closed) st = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be written", path);
  return mst_team_agree(team, st);
}

mst_status mst_arrays_write(mst_team *team, const char *path, const char *temporary,
                            const char *group, const mst_state *state) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open_team(team, temporary, true, &file));
  mst_status st = MST_OK;
  for (int i = 0; i < state->n && st == MST_OK; i++)
    st = write_array(team, file, path, group, &state->item[i]);
  if (st == MST_OK && H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
    st = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be brought to disk", path);
  st = mst_team_agree(team, st);
  /* HDF5 writes once more while it closes: let there be room for that on a full disk. */
  if (st != MST_OK) mst_file_empty(team, temporary);
  bool closed = H5Fclose(file) >= 0;
  if (st == MST_OK && !closed) st = mst_hdf5_fail(MST_ERR_IO, "%s: cannot be closed", path);
  return mst_team_agree(team, st);
}

static mst_status unlike(const char *path, const mst_state_item *item, const char *how) {
  return mst_fail(MST_ERR_INPUT,
                  "%s: %s %s: the data, the number of clients or muster itself are not what they "
                  "were",
                  path, item->name, how);
}

/* Open the array that item stands for. */
static mst_status open_array(hid_t file, const char *path, const char *group,
                             const mst_state_item *item, hid_t *dataset) {
  char name[PATH_BYTES];
  mst_state_item stored = {.data = NULL};
  *dataset = H5I_INVALID_HID;
  snprintf(name, sizeof name, "%s/%s", group, item->name);
  /* Every part of a name like a/b must be there for HDF5 to be asked for the next. */
  for (char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    bool there = H5Lexists(file, name, H5P_DEFAULT) > 0;
    *slash = '/';
    if (!there) return unlike(path, item, "is not in it");
  }
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0) return unlike(path, item, "is not in it");
  MST_TRY(mst_hdf5_open_dataset(file, path, name, dataset));
  mst_status st = mst_runfile_shape(*dataset, path, name, &stored);
  if (st == MST_OK && stored.type != item->type) st = unlike(path, item, "has another type");
  bool same = stored.dims == item->dims;
  for (int i = 0; same && i < item->dims; i++) same = stored.shape[i] == item->shape[i];
  if (st == MST_OK && !same) st = unlike(path, item, "has another shape");
  if (st == MST_OK) return MST_OK;
  H5Dclose(*dataset);
  *dataset = H5I_INVALID_HID;
  return st;
}

/* Does the file hold the arrays of state and no others? */
static mst_status compare(hid_t file, const char *path, const char *group, const mst_state *state) {
  mst_text paths = MST_TEXT_EMPTY;
  int64_t arrays = 0;
  for (int i = 0; i < state->n; i++) {
    hid_t dataset = H5I_INVALID_HID;
    MST_TRY(open_array(file, path, group, &state->item[i], &dataset));
    H5Dclose(dataset);
  }
  mst_status st = mst_runfile_list(file, path, group, &paths);
  for (const char *c = paths.at; c != NULL && *c != '\0'; c++) arrays += *c == '\n';
  mst_text_free(&paths);
  if (st != MST_OK || arrays == state->n) return st;
  return mst_fail(MST_ERR_INPUT,
                  "%s: holds %lld arrays where the run keeps %d: muster itself is not "
                  "what it was",
                  path, (long long)arrays, state->n);
}

static mst_status read_arrays(const mst_team *team, hid_t file, const char *path, const char *group,
                              const mst_state *state) {
  for (int i = 0; i < state->n; i++) {
    const mst_state_item *item = &state->item[i];
    hid_t dataset = H5I_INVALID_HID;
    bool mine = item->layout == MST_SHARDED || mst_team_rank(team) == 0;
    if (!mine || mst_state_local_elements(item) == 0) continue;
    MST_TRY(open_array(file, path, group, item, &dataset));
    mst_status st = mst_hdf5_read_rows(path, dataset, mst_runfile_memory_type(item->type),
                                       item->first, item->count, item->data);
    H5Dclose(dataset);
    MST_TRY(st);
  }
  return MST_OK;
}

mst_status mst_arrays_read(mst_team *team, hid_t file, const char *path, const char *group,
                           mst_state *state) {
  MST_TRY(mst_team_agree(team, compare(file, path, group, state)));
  MST_TRY(mst_team_agree(team, read_arrays(team, file, path, group, state)));
  return mst_team_bcast_state(team, state, 0);
}
