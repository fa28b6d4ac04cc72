/* Finished run files: their digest recomputed from what is on disk. */
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile.h"
#include "io/runfile_read.h"

static mst_status check_format(hid_t file, const char *path) {
  char word[64];
  int64_t version = 0;
  MST_TRY(mst_hdf5_format(file, path, word, sizeof word, &version));
  if (strcmp(word, "run") != 0)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: is not a run file: attribute muster_format is '%s', "
                    "not 'run'",
                    path, word);
  if (version < 1 || version > MST_RUNFILE_VERSION)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: has version %lld of the run file format; this muster "
                    "reads up to version %d",
                    path, (long long)version, MST_RUNFILE_VERSION);
  return MST_OK;
}

mst_status mst_runfile_open(const char *path, hid_t *file) {
  *file = H5I_INVALID_HID;
  MST_TRY(mst_hdf5_open(path, false, file));
  mst_status st = check_format(*file, path);
  if (st == MST_OK) return MST_OK;
  H5Fclose(*file);
  *file = H5I_INVALID_HID;
  return st;
}

static mst_status read_share(const mst_team *team, hid_t dataset, const char *file,
                             const char *path, mst_state_item *item) {
  MST_TRY(mst_runfile_shape(dataset, file, path, item));
  int64_t rank = mst_team_rank(team), size = mst_team_size(team), rows = item->shape[0];
  int64_t share = rows / size + (rows % size != 0);
  item->layout = MST_SHARDED;
  item->first = rank * share < rows ? rank * share : rows;
  item->count = item->first + share < rows ? share : rows - item->first;
  int64_t elements = mst_state_local_elements(item);
  MST_TRY(mst_alloc(&item->data, elements, (size_t)mst_dtype_size(item->type), "array to verify"));
  if (elements == 0) return MST_OK;
  return mst_hdf5_read_rows(file, dataset, mst_runfile_memory_type(item->type), item->first,
                            item->count, item->data);
}

/* Digest one array; every rank reads its share of the rows. */
static mst_status verify_array(mst_team *team, hid_t file, const char *name, const char *group,
                               const char *path, mst_manifest *m) {
  mst_state_item item = {.data = NULL};
  hid_t dataset = H5I_INVALID_HID;
  const char *below = path + strlen(group) + 1;
  mst_status st = MST_OK;
  if (strlen(below) >= sizeof item.name)
    st = mst_fail(MST_ERR_FORMAT, "%s: /%.80s...: no run file has such a name", name, path);
  else
    strcpy(item.name, below);
  if (st == MST_OK) st = mst_hdf5_open_dataset(file, name, path, &dataset);
  if (st == MST_OK) st = read_share(team, dataset, name, path, &item);
  if (dataset >= 0) H5Dclose(dataset);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_manifest_add(m, team, group, &item);
  mst_free(item.data);
  return st;
}

static mst_status verify_group(mst_team *team, hid_t file, const char *name, const char *group,
                               mst_manifest *m) {
  mst_text paths = MST_TEXT_EMPTY;
  mst_status st = mst_team_agree(team, mst_runfile_list(file, name, group, &paths));
  for (char *p = paths.at; st == MST_OK && p != NULL && *p != '\0';) {
    char *end = strchr(p, '\n');
    *end = '\0';
    st = verify_array(team, file, name, group, p, m);
    p = end + 1;
  }
  mst_text_free(&paths);
  return st;
}

static mst_status compare(hid_t file, const char *path, mst_manifest *m, char hex[MST_DIGEST_HEX]) {
  char stored[MST_DIGEST_HEX] = "";
  bool found = false;
  MST_TRY(mst_hdf5_get_text(file, path, "digest", stored, sizeof stored, &found));
  MST_TRY(mst_manifest_digest(m, hex));
  if (!found)
    return mst_fail(MST_ERR_FORMAT, "%s: has no digest: it is not a whole run file", path);
  if (strcmp(stored, hex) == 0) return MST_OK;
  return mst_fail(MST_ERR_FORMAT,
                  "%s: is damaged or was changed: its digest is %s, its contents give %s", path,
                  stored, hex);
}

mst_status mst_runfile_verify(mst_team *team, const char *path, char *digest) {
  mst_manifest m = {0, 0, NULL};
  hid_t file = H5I_INVALID_HID;
  char hex[MST_DIGEST_HEX] = "";
  mst_status st = mst_team_rank(team) == 0 ? mst_hdf5_look(path) : MST_OK;
  MST_TRY(mst_file_follow(team, st));
  st = mst_team_agree(team, mst_runfile_open(path, &file));
  if (st == MST_OK) st = verify_group(team, file, path, "metrics", &m);
  if (st == MST_OK) st = verify_group(team, file, path, "model", &m);
  if (st == MST_OK) st = mst_team_agree(team, compare(file, path, &m, hex));
  if (file >= 0) H5Fclose(file);
  mst_manifest_free(&m);
  if (st == MST_OK && digest != NULL) memcpy(digest, hex, sizeof hex);
  return st;
}
