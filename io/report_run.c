/* Reading a run file for a report: the digest is verified by all, the rest is rank 0's alone. */
#include "io/report_run.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile_read.h"

#define MOST_ELEMENTS ((int64_t)64 << 20) /* of an array that is still read: 512 MiB */

typedef struct reading {
  hid_t file;
  const char *path;
  mst_report_run *out;
  int capacity; /* of the attributes */
  mst_status status;
} reading;

static mst_status read_attribute(reading *r, const char *name, hid_t attribute,
                                 H5T_class_t class) {
  char text[1024] = "", number[MST_NUMBER];
  int64_t whole = 0;
  double real = 0;
  bool found;
  if (class == H5T_STRING)
    MST_TRY(mst_hdf5_get_text(r->file, r->path, name, text, sizeof text, &found));
  else if (class == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_INT64, &whole) >= 0)
    snprintf(text, sizeof text, "%lld", (long long)whole);
  else if (class == H5T_FLOAT && H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0)
    snprintf(text, sizeof text, "%s", mst_text_real(real, number));
  mst_report_word *w = &r->out->word[r->out->words];
  snprintf(w->name, sizeof w->name, "%s", name);
  MST_TRY(mst_text_copy(text, &w->text));
  r->out->words++;
  return MST_OK;
}

static herr_t take_attribute(hid_t file, const char *name, const H5A_info_t *info, void *context) {
  reading *r = context;
  (void)info;
  if (r->out->words == r->capacity) return 0;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
  hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
  bool one = type >= 0 && space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
  if (one) r->status = read_attribute(r, name, attribute, H5Tget_class(type));
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  return r->status == MST_OK ? 0 : -1;
}

static mst_status read_attributes(reading *r) {
  H5O_info_t about;
  if (H5Oget_info(r->file, &about) < 0)
    return mst_hdf5_fail(MST_ERR_FORMAT, "%s: its attributes cannot be read", r->path);
  r->capacity = (int)about.num_attrs;
  MST_TRY(mst_alloc(&r->out->word, r->capacity, sizeof *r->out->word, "attributes of a run file"));
  if (H5Aiterate2(r->file, H5_INDEX_NAME, H5_ITER_INC, NULL, take_attribute, r) < 0 &&
      r->status == MST_OK)
    return mst_hdf5_fail(MST_ERR_FORMAT, "%s: its attributes cannot be read", r->path);
  return r->status;
}

/* Names go into pages and figures: those that muster writes are harmless, others are passed
 * over. */
static bool is_name(const char *name) {
  return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_/")] == '\0';
}

/* One array; one that is too long for a page is passed over. */
static mst_status read_array(reading *r, const char *name) {
  mst_state_item item = {.data = NULL};
  mst_report_array *a = &r->out->array[r->out->arrays];
  hid_t dataset = H5I_INVALID_HID;
  if (!is_name(name)) return MST_OK;
  MST_TRY(mst_hdf5_open_dataset(r->file, r->path, name, &dataset));
  mst_status st = mst_runfile_shape(dataset, r->path, name, &item);
  int64_t n = st == MST_OK ? mst_state_row_elements(&item) * item.shape[0] : 0;
  if (st == MST_OK && n <= MOST_ELEMENTS && strlen(name) < sizeof a->name) {
    *a = (mst_report_array){.dims = item.dims, .n = n};
    strcpy(a->name, name);
    memcpy(a->shape, item.shape, sizeof a->shape);
    st = mst_alloc(&a->value, n, sizeof *a->value, "array of a run file");
    if (st == MST_OK) r->out->arrays++;
    if (st == MST_OK && n > 0)
      st = mst_hdf5_read_rows(r->path, dataset, H5T_NATIVE_DOUBLE, 0, item.shape[0], a->value);
  }
  H5Dclose(dataset);
  return st;
}

static mst_status read_arrays(reading *r) {
  static const char *const groups[] = {"metrics", "ledger",     "timing", "data",
                                       "clients", "evaluation", "model"};
  const size_t all = sizeof groups / sizeof groups[0];
  const bool small = strcmp(r->out->outcome.job, "bandit") == 0; /* what /model holds */
  mst_text names = MST_TEXT_EMPTY;
  mst_status st = MST_OK;
  int64_t n = 0;
  for (size_t g = 0; g < all - !small && st == MST_OK; g++)
    if (H5Lexists(r->file, groups[g], H5P_DEFAULT) > 0)
      st = mst_runfile_list(r->file, r->path, groups[g], &names);
  for (const char *c = names.at; st == MST_OK && c != NULL && *c != '\0'; c++) n += *c == '\n';
  if (st == MST_OK)
    st = mst_alloc(&r->out->array, n, sizeof *r->out->array, "arrays of a run file");
  for (char *at = names.at; st == MST_OK && at != NULL && *at != '\0';) {
    char *end = strchr(at, '\n');
    *end = '\0';
    st = read_array(r, at);
    at = end + 1;
  }
  mst_text_free(&names);
  return st;
}

static mst_status read_all(const char *path, mst_report_run *out) {
  reading r = {.path = path, .out = out};
  MST_TRY(mst_runfile_open(path, &r.file));
  mst_status st = read_attributes(&r);
  if (st == MST_OK) st = read_arrays(&r);
  H5Fclose(r.file);
  return st;
}

mst_status mst_report_run_read(mst_team *team, const char *path, mst_report_run *out) {
  *out = (mst_report_run){.path = path};
  MST_TRY(mst_runfile_outcome(team, path, &out->outcome));
  mst_status st = mst_team_rank(team) == 0 ? read_all(path, out) : MST_OK;
  st = mst_file_follow(team, st);
  if (st != MST_OK) mst_report_run_clear(out);
  return st;
}

void mst_report_run_clear(mst_report_run *run) {
  for (int i = 0; i < run->words; i++) mst_free(run->word[i].text);
  for (int i = 0; i < run->arrays; i++) mst_free(run->array[i].value);
  mst_free(run->word);
  mst_free(run->array);
  mst_outcome_clear(&run->outcome);
  *run = (mst_report_run){.path = NULL};
}

const mst_report_array *mst_report_find(const mst_report_run *run, const char *name) {
  for (int i = 0; i < run->arrays; i++)
    if (strcmp(run->array[i].name, name) == 0) return &run->array[i];
  return NULL;
}

const char *mst_report_attribute(const mst_report_run *run, const char *name) {
  for (int i = 0; i < run->words; i++)
    if (strcmp(run->word[i].name, name) == 0) return run->word[i].text;
  return "";
}
