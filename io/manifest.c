/* Manifests: the digests of a file's arrays, and the digest of those. They are computed from what
 * the ranks hold while a file is written, and from the file's contents when it is verified. */
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "io/hdf5_file.h"
#include "io/runfile_parts.h"

#define WINDOW_BYTES (8 << 20) /* of an array that are read at a time */

/* Room for one more line; it counts when m->n does. */
static mst_status make_room(mst_manifest *m, const char *group, const char *name) {
  if (m->n == m->capacity) {
    int capacity = m->n > 0 ? 2 * m->n : 16;
    mst_manifest_line *wide = NULL;
    MST_TRY(mst_alloc(&wide, capacity, sizeof *wide, "digests"));
    if (m->n > 0) memcpy(wide, m->line, (size_t)m->n * sizeof *wide);
    mst_free(m->line);
    m->line = wide;
    m->capacity = capacity;
  }
  mst_manifest_line *line = &m->line[m->n];
  snprintf(line->path, sizeof line->path, "%s%s%s", group, group[0] != '\0' ? "/" : "", name);
  return MST_OK;
}

mst_status mst_manifest_add(mst_manifest *m, mst_team *team, const char *group,
                            const mst_state_item *item) {
  MST_TRY(mst_team_agree(team, make_room(m, group, item->name)));
  mst_state one = {1, 1, (mst_state_item *)item};
  MST_TRY(mst_team_digest(team, &one, m->line[m->n].hex));
  m->n++;
  return MST_OK;
}

/* What stands in front of the contents: a state list of one array. */
static void begin_digest(mst_digest *d, const mst_state_item *item) {
  mst_digest_start(d);
  mst_digest_number(d, 1);
  mst_digest_heading(d, item);
}

mst_status mst_manifest_add_here(mst_manifest *m, const char *name, mst_dtype type, int64_t n,
                                 const void *data) {
  mst_state_item item = {.type = type, .dims = 1, .shape = {n}};
  mst_digest d;
  MST_TRY(make_room(m, "", name));
  strcpy(item.name, name);
  begin_digest(&d, &item);
  mst_digest_add(&d, data, n * mst_dtype_size(type));
  mst_digest_hex(&d, m->line[m->n].hex);
  m->n++;
  return MST_OK;
}

/* Feed the contents of an opened array. */
static mst_status digest_rows(mst_digest *d, hid_t dataset, const char *path,
                              const mst_state_item *item) {
  int64_t row_bytes = mst_state_row_elements(item) * mst_dtype_size(item->type);
  int64_t rows = item->shape[0], most = row_bytes > 0 ? mst_most(1, WINDOW_BYTES / row_bytes) : 1;
  char *window = NULL;
  if (rows == 0 || row_bytes == 0) return MST_OK;
  MST_TRY(mst_alloc(&window, mst_least(rows, most), (size_t)row_bytes, "array to verify"));
  mst_status st = MST_OK;
  for (int64_t at = 0; at < rows && st == MST_OK; at += most) {
    int64_t n = mst_least(rows - at, most);
    st = mst_hdf5_read_rows(path, dataset, mst_runfile_memory_type(item->type), at, n, window);
    if (st == MST_OK) mst_digest_add(d, window, n * row_bytes);
  }
  mst_free(window);
  return st;
}

static mst_status add_array(mst_manifest *m, hid_t file, const char *path, const char *group,
                            const char *name) {
  mst_state_item item = {.data = NULL};
  hid_t dataset = H5I_INVALID_HID;
  mst_digest d;
  const char *below = name + strlen(group) + 1;
  if (strlen(below) >= sizeof item.name)
    return mst_fail(MST_ERR_FORMAT, "%s: /%.80s...: no run file has such a name", path, name);
  strcpy(item.name, below);
  MST_TRY(make_room(m, group, below));
  MST_TRY(mst_hdf5_open_dataset(file, path, name, &dataset));
  mst_status st = mst_runfile_shape(dataset, path, name, &item);
  if (st == MST_OK) {
    begin_digest(&d, &item);
    st = digest_rows(&d, dataset, path, &item);
  }
  H5Dclose(dataset);
  if (st != MST_OK) return st;
  mst_digest_hex(&d, m->line[m->n].hex);
  m->n++;
  return MST_OK;
}

mst_status mst_manifest_add_group(mst_manifest *m, hid_t file, const char *path,
                                  const char *group) {
  mst_text paths = MST_TEXT_EMPTY;
  mst_status st = mst_runfile_list(file, path, group, &paths);
  for (char *p = paths.at; st == MST_OK && p != NULL && *p != '\0';) {
    char *end = strchr(p, '\n');
    *end = '\0';
    st = add_array(m, file, path, group, p);
    p = end + 1;
  }
  mst_text_free(&paths);
  return st;
}

static int compare_lines(const void *a, const void *b) {
  return strcmp(((const mst_manifest_line *)a)->path, ((const mst_manifest_line *)b)->path);
}

mst_status mst_manifest_digest(mst_manifest *m, char hex[MST_DIGEST_HEX]) {
  mst_digest d;
  if (m->n > 0) qsort(m->line, (size_t)m->n, sizeof *m->line, compare_lines);
  mst_digest_start(&d);
  for (int i = 0; i < m->n; i++) {
    if (i > 0 && strcmp(m->line[i].path, m->line[i - 1].path) == 0)
      return mst_fail(MST_ERR_INTERNAL, "run file: /%s was given twice", m->line[i].path);
    mst_digest_add(&d, m->line[i].path, (int64_t)strlen(m->line[i].path));
    mst_digest_add(&d, " ", 1);
    mst_digest_add(&d, m->line[i].hex, (int64_t)strlen(m->line[i].hex));
    mst_digest_add(&d, "\n", 1);
  }
  mst_digest_hex(&d, hex);
  return MST_OK;
}

void mst_manifest_free(mst_manifest *m) {
  mst_free(m->line);
  *m = (mst_manifest){0};
}
