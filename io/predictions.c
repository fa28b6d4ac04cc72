/* Prediction files: rank 0 makes the structure, all ranks write their rows, the name appears
 * last. */
#include "io/predictions.h"

#include <stdio.h>
#include <sys/stat.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/arrays.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile_parts.h"
#include "io/runfile_read.h"
#include "io/runfile_write.h"

#define STRUCTURE_BYTES 65536              /* of attributes and headers    */
#define WINDOW_BYTES    ((int64_t)8 << 20) /* that are read back at a time */

static mst_status open_predictions(const char *path, hid_t *file) {
  int64_t version;
  *file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_look(path));
  return mst_runfile_open_as(path, "predictions", "prediction file", MST_PREDICTIONS_VERSION,
                             &version, file);
}

/* On rank 0: a file of that name may be replaced when it is empty or an older one of
 * predictions. */
static mst_status check_replaceable(const char *path) {
  struct stat about;
  hid_t file = H5I_INVALID_HID;
  if (stat(path, &about) != 0 || about.st_size == 0) return MST_OK;
  mst_status st = open_predictions(path, &file);
  if (file >= 0) H5Fclose(file);
  if (st == MST_OK) return MST_OK;
  if (st == MST_ERR_UNSUPPORTED)
    return mst_fail_within(MST_ERR_INPUT, "%s exists; name another file, or remove it: ", path);
  return mst_fail(MST_ERR_INPUT,
                  "%s exists and is not a file of predictions; name another file, or remove it",
                  path);
}

mst_status mst_predictions_check(mst_team *team, const char *path) {
  return mst_file_follow(team, mst_team_rank(team) == 0 ? check_replaceable(path) : MST_OK);
}

static mst_status put_attributes(hid_t file, const mst_predictions_about *a) {
  MST_TRY(mst_hdf5_put_text(file, "muster_format", "predictions"));
  MST_TRY(mst_hdf5_put_int(file, "version", MST_PREDICTIONS_VERSION));
  MST_TRY(mst_hdf5_put_text(file, "program", mst_runfile_program()));
  MST_TRY(mst_hdf5_put_text(file, "run", a->run));
  MST_TRY(mst_hdf5_put_text(file, "run_digest", a->digest));
  MST_TRY(mst_hdf5_put_text(file, "data", a->data));
  MST_TRY(mst_hdf5_put_text(file, "job", a->job));
  MST_TRY(mst_hdf5_put_int(file, "n_classes", a->n_classes));
  return mst_hdf5_put_int(file, "nonfinite_rows", a->nonfinite);
}

/* On rank 0. */
static mst_status make(const char *path, const char *temporary, const mst_predictions_about *about,
                       const mst_state *state, int64_t *bytes) {
  hid_t file = H5I_INVALID_HID;
  *bytes = STRUCTURE_BYTES;
  MST_TRY(mst_hdf5_create(temporary, &file));
  mst_status st = put_attributes(file, about);
  if (st == MST_OK) st = mst_arrays_make(file, "/", state, bytes);
  return mst_hdf5_close_written(file, temporary, path, st);
}

/* This rank's rows of an array, so that their checksums are compared. */
static mst_status read_rows(hid_t file, const char *path, const mst_state_item *item) {
  hid_t dataset = H5I_INVALID_HID;
  char *window = NULL;
  int64_t row_bytes = mst_state_row_elements(item) * mst_dtype_size(item->type);
  int64_t most = mst_most(1, WINDOW_BYTES / mst_most(1, row_bytes));
  MST_TRY(mst_alloc(&window, most, (size_t)row_bytes, "rows that are read back"));
  mst_status st = mst_hdf5_open_dataset(file, path, item->name, &dataset);
  for (int64_t at = 0; at < item->count && st == MST_OK; at += most)
    st = mst_hdf5_read_rows(path, dataset, mst_runfile_memory_type(item->type), item->first + at,
                            mst_least(most, item->count - at), window);
  if (dataset >= 0) H5Dclose(dataset);
  mst_free(window);
  return st;
}

/* For file systems that cannot reserve space, where a full disk may have gone unnoticed. */
static mst_status read_back(mst_team *team, const char *temporary, const mst_state *state) {
  hid_t file = H5I_INVALID_HID;
  mst_status st = mst_hdf5_open(temporary, false, &file);
  for (int i = 0; i < state->n && st == MST_OK; i++)
    st = read_rows(file, temporary, &state->item[i]);
  if (file >= 0) H5Fclose(file);
  return mst_team_agree(team, st);
}

static mst_status fill(mst_team *team, const char *path, const char *temporary,
                       const mst_predictions_about *about, const mst_state *state) {
  int64_t bytes = 0;
  bool sure = false, first = mst_team_rank(team) == 0;
  MST_TRY(mst_file_follow(team, first ? make(path, temporary, about, state, &bytes) : MST_OK));
  MST_TRY(mst_team_bcast(team, &bytes, sizeof bytes, 0));
  MST_TRY(mst_file_reserve(team, temporary, bytes, &sure));
  MST_TRY(mst_arrays_write(team, path, temporary, "/", state));
  return sure ? MST_OK : read_back(team, temporary, state);
}

mst_status mst_predictions_write(mst_team *team, const char *path,
                                 const mst_predictions_about *about, const mst_state *state) {
  char *temporary = NULL;
  MST_TRY(mst_file_begin(team, path, &temporary));
  mst_status st = fill(team, path, temporary, about, state);
  if (st == MST_OK)
    st = mst_file_publish(team, temporary, path);
  else
    mst_file_discard(team, temporary);
  mst_free(temporary);
  return st;
}

/* The arrays of a prediction file: scores, and classes or values. */
static const struct {
  const char *name;
  mst_dtype type;
} array[] = {{"scores", MST_F32}, {"class", MST_I32}, {"value", MST_F32}};
#define ARRAYS ((int)(sizeof array / sizeof array[0]))

/* What an array of an opened file is; *found is false when it is not there. */
static mst_status look_at(hid_t file, const char *path, int i, mst_state_item *item, bool *found) {
  hid_t dataset = H5I_INVALID_HID;
  *item = (mst_state_item){.data = NULL};
  *found = H5Lexists(file, array[i].name, H5P_DEFAULT) > 0;
  if (!*found) return MST_OK;
  MST_TRY(mst_hdf5_open_dataset(file, path, array[i].name, &dataset));
  mst_status st = mst_runfile_shape(dataset, path, array[i].name, item);
  H5Dclose(dataset);
  MST_TRY(st);
  snprintf(item->name, sizeof item->name, "%s", array[i].name);
  if (item->type == array[i].type) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: /%s holds %s; it should hold %s", path, item->name,
                  mst_dtype_name(item->type), mst_dtype_name(array[i].type));
}

static mst_status describe_arrays(hid_t file, const char *path, mst_text *out) {
  int64_t rows = 0;
  int results = 0;
  MST_TRY(mst_text_add(out, "arrays\n"));
  for (int i = 0; i < ARRAYS; i++) {
    mst_state_item item;
    bool found;
    MST_TRY(look_at(file, path, i, &item, &found));
    if (i == 0 && !found) return mst_fail(MST_ERR_FORMAT, "%s: has no /scores", path);
    if (!found) continue;
    if (i == 0) rows = item.shape[0];
    results += i > 0;
    if (item.shape[0] != rows)
      return mst_fail(MST_ERR_FORMAT, "%s: /%s has %lld rows, /scores has %lld", path, item.name,
                      (long long)item.shape[0], (long long)rows);
    MST_TRY(mst_describe_array(item.name, &item, out));
  }
  if (results == 1) return MST_OK;
  return mst_fail(MST_ERR_FORMAT, "%s: has %s", path,
                  results == 0 ? "neither /class nor /value" : "both /class and /value");
}

static mst_status describe(const char *path, mst_text *out) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(open_predictions(path, &file));
  mst_status st = mst_describe_attributes(file, path, "predictions", out);
  if (st == MST_OK) st = describe_arrays(file, path, out);
  H5Fclose(file);
  return st;
}

/* This rank's share of every array. */
static mst_status read_share(const mst_team *team, const char *path) {
  hid_t file = H5I_INVALID_HID;
  MST_TRY(open_predictions(path, &file));
  mst_status st = MST_OK;
  for (int i = 0; i < ARRAYS && st == MST_OK; i++) {
    mst_state_item item;
    bool found;
    st = look_at(file, path, i, &item, &found);
    if (st != MST_OK || !found) continue;
    mst_team_share(team, item.shape[0], &item.first, &item.count);
    st = read_rows(file, path, &item);
  }
  H5Fclose(file);
  return st;
}

mst_status mst_predictions_describe(mst_team *team, const char *path, char **text) {
  MST_TRY(mst_describe_together(team, path, describe, text));
  mst_status st = mst_team_agree(team, read_share(team, path));
  if (st == MST_OK) return MST_OK;
  mst_free(*text);
  *text = NULL;
  return st;
}
