/* A run file as plain text for a person. Rank 0 reads, all get the text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/file.h"
#include "io/hdf5_file.h"
#include "io/runfile.h"
#include "io/runfile_parts.h"
#include "io/runfile_read.h"

#define RESULT "result." /* in front of the headline figures among the attributes */

typedef struct page {
  hid_t file;
  const char *path;
  bool results; /* which attributes are wanted */
  mst_text *out;
  mst_status status;
} page;

/* "  name            value": names stand in a column of 24. */
static mst_status add_name(mst_text *out, const char *name) {
  return mst_text_add(out, "  %-24s ", name);
}

static mst_status add_number(mst_text *out, double x) {
  char number[MST_NUMBER];
  return mst_text_add(out, "%s\n", mst_text_real(x, number));
}

static mst_status add_text_attribute(page *p, const char *name) {
  char text[512], shown[512];
  bool found = false;
  MST_TRY(mst_hdf5_get_text(p->file, p->path, name, text, sizeof text, &found));
  return mst_text_add(p->out, "%s\n", mst_text_show(text, shown, sizeof shown));
}

static mst_status add_value(page *p, hid_t attribute, H5T_class_t class, const char *name) {
  int64_t whole = 0;
  double real = 0.0;
  if (class == H5T_STRING) return add_text_attribute(p, name);
  if (class == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_INT64, &whole) >= 0)
    return mst_text_add(p->out, "%lld\n", (long long)whole);
  if (class == H5T_FLOAT && H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0)
    return add_number(p->out, real);
  return mst_text_add(p->out, "?\n");
}

static herr_t add_attribute(hid_t file, const char *name, const H5A_info_t *info, void *context) {
  page *p = context;
  char shown[MST_SHOWN];
  (void)info;
  bool result = strncmp(name, RESULT, strlen(RESULT)) == 0;
  if (result != p->results) return 0;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  hid_t type = attribute >= 0 ? H5Aget_type(attribute) : H5I_INVALID_HID;
  hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
  bool one = type >= 0 && space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
  H5T_class_t class = one ? H5Tget_class(type) : H5T_NO_CLASS;
  p->status =
      add_name(p->out, mst_text_show(name + (result ? strlen(RESULT) : 0), shown, MST_SHOWN));
  if (p->status == MST_OK) p->status = add_value(p, attribute, class, name);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  return p->status == MST_OK ? 0 : -1;
}

static mst_status add_attributes(page *p, const char *title, bool results) {
  p->results = results;
  MST_TRY(mst_text_add(p->out, "%s\n", title));
  if (H5Aiterate2(p->file, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, p) < 0 &&
      p->status == MST_OK)
    p->status = mst_hdf5_fail(MST_ERR_FORMAT, "%s: its attributes cannot be read", p->path);
  return p->status;
}

/* How the numbers of a column become the one that is shown. */
typedef enum fold {
  LAST,
  TOTAL,
  LARGEST
} fold;

static double fold_column(const double *x, int64_t n, fold how) {
  double y = n > 0 ? x[how == LAST ? n - 1 : 0] : (double)NAN;
  for (int64_t i = 1; i < n; i++) {
    if (how == TOTAL) y += x[i];
    if (how == LARGEST) y = fmax(y, x[i]);
  }
  return y;
}

static mst_status add_column(page *p, hid_t dataset, const mst_state_item *item, fold how) {
  double *x = NULL;
  int64_t n = item->shape[0];
  if (item->dims != 1) return mst_text_add(p->out, "?\n");
  MST_TRY(mst_alloc(&x, n, sizeof *x, "column to show"));
  mst_status st = MST_OK;
  if (n > 0) st = mst_hdf5_read_rows(p->path, dataset, H5T_NATIVE_DOUBLE, 0, n, x);
  if (st == MST_OK) st = add_number(p->out, fold_column(x, n, how));
  mst_free(x);
  return st;
}

static mst_status add_shape(page *p, const mst_state_item *item) {
  MST_TRY(mst_text_add(p->out, "%s [", mst_dtype_name(item->type)));
  for (int i = 0; i < item->dims; i++)
    MST_TRY(mst_text_add(p->out, "%s%lld", i > 0 ? ", " : "", (long long)item->shape[i]));
  return mst_text_add(p->out, "]\n");
}

static mst_status add_array(page *p, const char *group, const char *path, fold how) {
  mst_state_item item = {.data = NULL};
  hid_t dataset = H5I_INVALID_HID;
  char shown[MST_SHOWN];
  MST_TRY(mst_hdf5_open_dataset(p->file, p->path, path, &dataset));
  mst_status st = mst_runfile_shape(dataset, p->path, path, &item);
  if (st == MST_OK)
    st = add_name(p->out, mst_text_show(path + strlen(group) + 1, shown, sizeof shown));
  if (st == MST_OK)
    st = strcmp(group, "model") == 0 ? add_shape(p, &item) : add_column(p, dataset, &item, how);
  H5Dclose(dataset);
  return st;
}

static mst_status add_group(page *p, const char *group, const char *title, fold how) {
  mst_text paths = MST_TEXT_EMPTY;
  mst_status st = mst_text_add(p->out, "%s\n", title);
  if (st == MST_OK) st = mst_runfile_list(p->file, p->path, group, &paths);
  for (char *at = paths.at; st == MST_OK && at != NULL && *at != '\0';) {
    char *end = strchr(at, '\n');
    *end = '\0';
    if (strcmp(at, "ledger/round") != 0) st = add_array(p, group, at, how);
    at = end + 1;
  }
  mst_text_free(&paths);
  return st;
}

mst_status mst_describe_attributes(hid_t file, const char *path, const char *title,
                                   mst_text *out) {
  page p = {.file = file, .path = path, .out = out};
  return add_attributes(&p, title, false);
}

mst_status mst_describe_array(const char *name, const mst_state_item *item, mst_text *out) {
  page p = {.out = out};
  MST_TRY(add_name(out, name));
  return add_shape(&p, item);
}

static mst_status describe(const char *path, mst_text *out) {
  page p = {.path = path, .out = out};
  MST_TRY(mst_hdf5_look(path));
  MST_TRY(mst_runfile_open(path, &p.file));
  mst_status st = add_attributes(&p, "run", false);
  if (st == MST_OK) st = add_attributes(&p, "result", true);
  if (st == MST_OK) st = add_group(&p, "metrics", "metrics, in the last round", LAST);
  if (st == MST_OK) st = add_group(&p, "model", "model", LAST);
  if (st == MST_OK) st = add_group(&p, "ledger", "ledger, all rounds together", TOTAL);
  if (st == MST_OK) st = add_group(&p, "timing", "timing, the largest of all ranks", LARGEST);
  H5Fclose(p.file);
  return st;
}

mst_status mst_describe_together(mst_team *team, const char *path,
                                 mst_status (*say)(const char *path, mst_text *out),
                                 char **text) {
  mst_text out = MST_TEXT_EMPTY;
  mst_status st = mst_team_rank(team) == 0 ? say(path, &out) : MST_OK;
  int64_t bytes = (int64_t)out.length + 1;
  *text = NULL;
  st = mst_file_follow(team, st);
  if (st == MST_OK) st = mst_team_bcast(team, &bytes, sizeof bytes, 0);
  if (st == MST_OK) {
    st = mst_alloc(text, bytes, 1, "a file's description");
    if (st == MST_OK && out.at != NULL) memcpy(*text, out.at, out.length);
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK) st = mst_team_bcast(team, *text, bytes, 0);
  mst_text_free(&out);
  if (st == MST_OK) return MST_OK;
  mst_free(*text);
  *text = NULL;
  return st;
}

mst_status mst_runfile_describe(mst_team *team, const char *path, char **text) {
  return mst_describe_together(team, path, describe, text);
}
