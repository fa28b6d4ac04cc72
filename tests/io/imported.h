/* What the tests of importers of text share: a text goes in, and the dataset that it became is
 * looked at whole. */
#ifndef MST_TESTS_IO_IMPORTED_H
#define MST_TESTS_IO_IMPORTED_H

#include "io/import.h"
#include "tests/io/scratch.h"

/* A dataset as the tests look at it, whole on every rank. */
typedef struct imported {
  mst_dataset_info info;
  float x[4096];
  int32_t label[512], client[512];
  float value[512];
} imported;

static imported got;

static inline const char *put_text(const char *name, const char *text) {
  return put_bytes(name, text, strlen(text));
}

static inline mst_import_options defaults(const char *input) {
  mst_import_options options = {.input = input, .output = scratch("imported.h5")};
  return options;
}

/* Import, then read the file back. */
static inline void ck_imported(const char *format, const mst_import_options *options) {
  mst_dataset_info made;
  memset(&got, 0, sizeof got);
  ck_ok(same_everywhere(mst_import_run(team, format, options, &made)));
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, options->output, &d));
  got.info = *mst_dataset_about(d);
  ck_assert_int_eq(made.rows, got.info.rows);
  ck_assert_int_eq(made.n_classes, got.info.n_classes);
  int64_t rows = got.info.rows;
  ck_assert_int_le(rows * got.info.row_elements, 4096);
  ck_assert_int_le(rows, 512);
  ck_ok(mst_dataset_read_x(d, 0, rows, got.x));
  if (got.info.target == MST_TARGET_CLASSES) ck_ok(mst_dataset_read_labels(d, 0, rows, got.label));
  if (got.info.target == MST_TARGET_VALUES) ck_ok(mst_dataset_read_values(d, 0, rows, got.value));
  if (got.info.has_client) ck_ok(mst_dataset_read_i32(d, "client", 0, rows, got.client));
  mst_dataset_close(d);
  remove_file(options->output);
}

static inline void ck_text(const char *format, const char *text, const mst_import_options *extra) {
  mst_import_options options = *extra;
  options.input = put_text("input.txt", text);
  options.output = scratch("imported.h5");
  ck_imported(format, &options);
}

static inline void ck_text_refused(const char *format, const char *text,
                                   const mst_import_options *extra, mst_status code,
                                   const char *words) {
  mst_import_options options = *extra;
  options.input = put_text("input.txt", text);
  options.output = scratch("imported.h5");
  ck_refused(same_everywhere(mst_import_run(team, format, &options, NULL)), code, words);
  ck_nothing_left(options.output);
}

static inline void ck_rows(int64_t rows, int64_t columns, const float *x) {
  ck_assert_int_eq(got.info.rows, rows);
  ck_assert_int_eq(got.info.row_elements, columns);
  for (int64_t i = 0; i < rows * columns; i++)
    ck_assert_msg(got.x[i] == x[i], "element %d is %g, not %g", (int)i, got.x[i], x[i]);
}

static inline void ck_labels(int64_t n_classes, const int32_t *label) {
  ck_assert_int_eq(got.info.target, MST_TARGET_CLASSES);
  ck_assert_int_eq(got.info.n_classes, n_classes);
  for (int64_t i = 0; i < got.info.rows; i++) ck_assert_int_eq(got.label[i], label[i]);
}

static const mst_import_options plain;

#endif
