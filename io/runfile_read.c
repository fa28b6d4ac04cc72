/* Finished run files: their digest recomputed from what is on disk, and what they tell of the
 * run. */
#include "io/runfile_read.h"

#include <string.h>

#include "core/base/memory.h"
#include "io/arrays.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile.h"

#define RESULT "result." /* in front of the headline figures among the attributes */

/* Is this an opened file of that format word and of a known version? */
static mst_status check_format(hid_t file, const char *path, const char *word, const char *called,
                               int latest, int64_t *version) {
  char found[64];
  MST_TRY(mst_hdf5_format(file, path, found, sizeof found, version));
  if (strcmp(found, word) != 0)
    return mst_fail(MST_ERR_FORMAT, "%s: is not a %s: attribute muster_format is '%s', not '%s'",
                    path, called, found, word);
  if (*version < 1)
    return mst_fail(MST_ERR_FORMAT, "%s: has version %lld of the %s format; there is none", path,
                    (long long)*version, called);
  if (*version <= latest) return MST_OK;
  return mst_fail(MST_ERR_UNSUPPORTED,
                  "%s: has version %lld of the %s format; this muster reads up to version %d", path,
                  (long long)*version, called, latest);
}

mst_status mst_runfile_open_as(const char *path, const char *word, const char *called, int latest,
                               int64_t *version, hid_t *file) {
  *file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(path, false, file));
  mst_status st = check_format(*file, path, word, called, latest, version);
  if (st == MST_OK) return MST_OK;
  H5Fclose(*file);
  *file = H5I_INVALID_HID;
  return st;
}

mst_status mst_runfile_open(const char *path, hid_t *file) {
  int64_t version;
  mst_status st =
      mst_runfile_open_as(path, "run", "run file", MST_RUNFILE_VERSION, &version, file);
  return st == MST_ERR_UNSUPPORTED ? mst_fail_within(MST_ERR_FORMAT, "%s", "") : st;
}

mst_status mst_runfile_check_digest(hid_t file, const char *path, mst_manifest *m,
                                    char hex[MST_DIGEST_HEX]) {
  char stored[MST_DIGEST_HEX] = "";
  bool found = false;
  MST_TRY(mst_hdf5_get_text(file, path, "digest", stored, sizeof stored, &found));
  MST_TRY(mst_manifest_digest(m, hex));
  if (!found) return mst_fail(MST_ERR_FORMAT, "%s: has no digest: it is not whole", path);
  if (strcmp(stored, hex) == 0) return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "%s: is damaged or was changed: its digest is %s, its contents give %s", path,
                  stored, hex);
}

static mst_status verify(const char *path, char hex[MST_DIGEST_HEX]) {
  mst_manifest m = {0, 0, NULL};
  hid_t file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_look(path));
  MST_TRY(mst_runfile_open(path, &file));
  mst_status st = mst_manifest_add_group(&m, file, path, "metrics");
  if (st == MST_OK) st = mst_manifest_add_group(&m, file, path, "model");
  if (st == MST_OK) st = mst_runfile_check_digest(file, path, &m, hex);
  H5Fclose(file);
  mst_manifest_free(&m);
  return st;
}

/* Rank 0 reads and digests: the digest of an array is one stream, which more readers do not
 * shorten. */
mst_status mst_runfile_verify(mst_team *team, const char *path, char *digest) {
  char hex[MST_DIGEST_HEX] = "";
  mst_status st = mst_team_rank(team) == 0 ? verify(path, hex) : MST_OK;
  MST_TRY(mst_file_follow(team, st));
  MST_TRY(mst_team_bcast(team, hex, sizeof hex, 0));
  if (digest != NULL) memcpy(digest, hex, sizeof hex);
  return MST_OK;
}

mst_status mst_runfile_read(mst_team *team, const char *path, const char *group, mst_state *state) {
  hid_t file = H5I_INVALID_HID;
  mst_status st = mst_team_agree(team, mst_runfile_open(path, &file));
  if (st == MST_OK) st = mst_arrays_read(team, file, path, group, state);
  if (file >= 0) H5Fclose(file);
  return st;
}

typedef struct reader {
  mst_outcome *out;
  int capacity;
} reader;

static herr_t take_figure(hid_t file, const char *name, const H5A_info_t *info, void *context) {
  reader *r = context;
  mst_figure f = {.whole = false};
  (void)info;
  size_t before = strlen(RESULT);
  if (strncmp(name, RESULT, before) != 0 || strlen(name + before) >= sizeof f.name) return 0;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
  f.whole = type >= 0 && H5Tget_class(type) == H5T_INTEGER;
  bool ok = attribute >= 0 && H5Aread(attribute, f.whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
                                      f.whole ? (void *)&f.count : (void *)&f.value) >= 0;
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  strcpy(f.name, name + before);
  if (ok && r->out->n < r->capacity) r->out->figure[r->out->n++] = f;
  return ok ? 0 : -1;
}

/* In the order in which they were made; a file without that order has them by name. */
static mst_status read_figures(hid_t file, const char *path, mst_outcome *out) {
  H5O_info_t about;
  reader r = {out, 0};
  if (H5Oget_info(file, &about) < 0)
    return mst_hdf5_fail(MST_ERR_FORMAT, "%s: its attributes cannot be read", path);
  r.capacity = (int)about.num_attrs;
  MST_TRY(mst_alloc(&out->figure, r.capacity, sizeof *out->figure, "figures of a run file"));
  if (H5Aiterate2(file, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, take_figure, &r) >= 0)
    return MST_OK;
  out->n = 0;
  if (H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, take_figure, &r) >= 0) return MST_OK;
  return mst_hdf5_fail(MST_ERR_FORMAT, "%s: its attributes cannot be read", path);
}

/* Seconds of rank 0; none where the file has no such timing. */
static mst_status read_seconds(hid_t file, const char *path, double *seconds) {
  static const char name[] = "timing/seconds";
  hid_t dataset = H5I_INVALID_HID;
  mst_state_item item = {.data = NULL};
  if (H5Lexists(file, "timing", H5P_DEFAULT) <= 0 || H5Lexists(file, name, H5P_DEFAULT) <= 0)
    return MST_OK;
  MST_TRY(mst_hdf5_open_dataset(file, path, name, &dataset));
  mst_status st = mst_runfile_shape(dataset, path, name, &item);
  if (st == MST_OK && item.dims == 1 && item.shape[0] > 0)
    st = mst_hdf5_read_rows(path, dataset, H5T_NATIVE_DOUBLE, 0, 1, seconds);
  H5Dclose(dataset);
  return st;
}

static mst_status read_outcome(hid_t file, const char *path, mst_outcome *out) {
  bool found;
  MST_TRY(mst_hdf5_get_text(file, path, "job", out->job, sizeof out->job, &found));
  MST_TRY(mst_hdf5_get_text(file, path, "inputs", out->inputs, sizeof out->inputs, &found));
  MST_TRY(mst_hdf5_get_int(file, path, "rounds", &out->rounds, &found));
  MST_TRY(mst_hdf5_get_int(file, path, "ranks", &out->ranks, &found));
  MST_TRY(read_seconds(file, path, &out->seconds));
  MST_TRY(mst_runfile_get_text(file, path, "experiment", &out->experiment));
  return read_figures(file, path, out);
}

mst_status mst_runfile_outcome(mst_team *team, const char *path, mst_outcome *out) {
  hid_t file = H5I_INVALID_HID;
  *out = (mst_outcome){.n = 0};
  MST_TRY(mst_runfile_verify(team, path, out->digest));
  mst_status st = mst_runfile_open(path, &file);
  if (st == MST_OK) st = read_outcome(file, path, out);
  if (file >= 0) H5Fclose(file);
  st = mst_team_agree(team, st);
  if (st != MST_OK) mst_outcome_clear(out);
  return st;
}

void mst_outcome_clear(mst_outcome *o) {
  mst_free(o->experiment);
  mst_free(o->figure);
  *o = (mst_outcome){.n = 0};
}
