/* Importers of binary arrays: IDX and NPY files of every type become float32 rows and integer
 * labels; damage is refused with file and byte, on all ranks, and leaves nothing. */
#define MST_TEST_MPI
#include <math.h>
#include <zlib.h>

#include "io/import.h"
#include "tests/io/scratch.h"

/* A file under construction. */
typedef struct bytes {
  unsigned char at[65536];
  size_t n;
} bytes;

static bytes file_x, file_y;

static void add(bytes *b, const void *data, size_t n) {
  ck_assert_uint_le(b->n + n, sizeof b->at);
  memcpy(b->at + b->n, data, n);
  b->n += n;
}

/* A number of `width` bytes, most significant byte first or last. */
static void add_integer(bytes *b, int64_t value, int width, bool big_endian) {
  unsigned char text[8];
  for (int i = 0; i < width; i++)
    text[big_endian ? width - 1 - i : i] = (unsigned char)((uint64_t)value >> 8 * i);
  add(b, text, (size_t)width);
}

static void add_real(bytes *b, double value, int width, bool big_endian) {
  int64_t bits = 0;
  float single = (float)value;
  memcpy(&bits, width == 4 ? (void *)&single : (void *)&value, (size_t)width);
  add_integer(b, bits, width, big_endian);
}

static void start_idx(bytes *b, int type, int dims, const int *shape) {
  const unsigned char head[4] = {0, 0, (unsigned char)type, (unsigned char)dims};
  b->n = 0;
  add(b, head, 4);
  for (int i = 0; i < dims; i++) add_integer(b, shape[i], 4, true);
}

static void start_npy(bytes *b, int version, const char *descr, const char *order,
                      const char *shape) {
  char text[256];
  snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': %s, 'shape': %s, }   \n", descr,
           order, shape);
  const unsigned char head[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0};
  b->n = 0;
  add(b, head, 8);
  add_integer(b, (int64_t)strlen(text), version == 1 ? 2 : 4, false);
  add(b, text, strlen(text));
}

/* 6 images of 2 x 3 unsigned bytes and their labels. */
static void make_idx(void) {
  start_idx(&file_x, 0x08, 3, (int[]){6, 2, 3});
  for (int i = 0; i < 36; i++) add_integer(&file_x, 7 * i, 1, true);
  start_idx(&file_y, 0x08, 1, (int[]){6});
  for (int i = 0; i < 6; i++) add_integer(&file_y, i % 4, 1, true);
}

static const char *put(const char *name, const bytes *b) {
  return put_bytes(name, b->at, b->n);
}

static const char *put_gz(const char *name, const bytes *b) {
  const char *path = scratch(name);
  if (rank == 0) {
    gzFile file = gzopen(path, "wb9");
    gzwrite(file, b->at, (unsigned)b->n);
    gzclose(file);
  }
  ck_ok(mst_team_barrier(team));
  return path;
}

static float x[4096], value[512];
static int32_t label[512];

/* Import and read back; the rows are left in x, label and value. */
static mst_dataset_info ck_imported(const char *format, const mst_import_options *options) {
  ck_ok(same_everywhere(mst_import_run(team, format, options, NULL)));
  mst_dataset *d;
  ck_ok(mst_dataset_open(team, options->output, &d));
  mst_dataset_info info = *mst_dataset_about(d);
  ck_ok(mst_dataset_read_x(d, 0, info.rows, x));
  if (info.target == MST_TARGET_CLASSES) ck_ok(mst_dataset_read_labels(d, 0, info.rows, label));
  if (info.target == MST_TARGET_VALUES) ck_ok(mst_dataset_read_values(d, 0, info.rows, value));
  mst_dataset_close(d);
  remove_file(options->output);
  return info;
}

static void ck_refused_import(const char *format, const mst_import_options *options,
                              mst_status code, const char *words) {
  ck_refused(same_everywhere(mst_import_run(team, format, options, NULL)), code, words);
  ck_nothing_left(options->output);
}

static mst_import_options both(const char *rows, const char *labels) {
  mst_import_options options = {.input = rows, .labels = labels, .output = scratch("array.h5")};
  return options;
}

START_TEST(idx_images_become_rows_between_0_and_1) {
  make_idx();
  bool packed = _i == 1;
  mst_import_options options = packed ? both(put_gz("x.gz", &file_x), put_gz("y.gz", &file_y))
                                      : both(put("x.idx", &file_x), put("y.idx", &file_y));
  mst_dataset_info info = ck_imported("idx", &options);
  ck_assert_int_eq(info.rows, 6);
  ck_assert_int_eq(info.row_dims, 2);
  ck_assert_int_eq(info.row_size[0], 2);
  ck_assert_int_eq(info.row_size[1], 3);
  ck_assert_int_eq(info.n_classes, 4);
  ck_assert_str_eq(info.source, packed ? "idx x.gz y.gz" : "idx x.idx y.idx");
  for (int i = 0; i < 36; i++) ck_assert(x[i] == (float)(7 * i) / 255.0f);
  for (int i = 0; i < 6; i++) ck_assert_int_eq(label[i], i % 4);
  options.scale = 2;
  ck_imported("idx", &options);
  for (int i = 0; i < 36; i++) ck_assert(x[i] == (float)(14 * i));
}
END_TEST

START_TEST(a_byte_scaled_by_default_is_the_byte_divided_by_255) {
  start_idx(&file_x, 0x08, 2, (int[]){1, 256});
  for (int i = 0; i < 256; i++) add_integer(&file_x, i, 1, true);
  const mst_import_options options = both(put("x.idx", &file_x), NULL);
  mst_dataset_info info = ck_imported("idx", &options);
  ck_assert_int_eq(info.target, MST_TARGET_NONE);
  for (int i = 0; i < 256; i++) ck_assert(x[i] == (float)i / 255.0f);
}
END_TEST

START_TEST(every_type_of_idx_is_read) {
  static const struct {
    int code, width;
    bool real;
  } types[] = {
      {0x09, 1, false}, {0x0b, 2, false}, {0x0c, 4, false}, {0x0d, 4, true}, {0x0e, 8, true}};
  static const double numbers[] = {-3, 0, 127, -128, 5, 100};
  start_idx(&file_x, types[_i].code, 2, (int[]){3, 2});
  for (int i = 0; i < 6; i++)
    if (types[_i].real)
      add_real(&file_x, numbers[i] / 8, types[_i].width, true);
    else
      add_integer(&file_x, (int64_t)numbers[i], types[_i].width, true);
  const mst_import_options options = both(put("x.idx", &file_x), NULL);
  ck_imported("idx", &options);
  for (int i = 0; i < 6; i++) ck_assert(x[i] == (float)(numbers[i] / (types[_i].real ? 8 : 1)));
}
END_TEST

START_TEST(damaged_idx_files_are_refused_with_the_byte) {
  make_idx();
  const char *y = put("y.idx", &file_y);
  mst_import_options options;
  file_x.n -= 5;
  options = both(put("x.idx", &file_x), y);
  ck_refused_import("idx", &options, MST_ERR_FORMAT,
                    "x.idx: is truncated: it ends at byte 47, 5 bytes before the end of its rows");
  make_idx();
  add(&file_x, "!", 1);
  options = both(put("x.idx", &file_x), y);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "goes on after byte 52");
  file_x.n = 11;
  options = both(put("x.idx", &file_x), y);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "1 bytes before the end of its header");
  make_idx();
  file_x.at[0] = 0x1f;
  options = both(put("x.idx", &file_x), y);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "begins with bytes 1f 00");
  make_idx();
  file_x.at[2] = 0x0a;
  options = both(put("x.idx", &file_x), y);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "type byte 0x0a");
  make_idx();
  file_x.at[3] = 9;
  options = both(put("x.idx", &file_x), y);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "9 dimensions");
  start_idx(&file_x, 0x08, 2, (int[]){1000000000, 1000000000}); /* nothing so large is begun */
  options = both(put_gz("x.gz", &file_x), NULL);
  ck_refused_import("idx", &options, MST_ERR_FORMAT,
                    "gzip bytes cannot hold the 1000000000000000000");
  start_idx(&file_x, 0x08, 2, (int[]){0, 4});
  options = both(put("x.idx", &file_x), NULL);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "has no rows");
}
END_TEST

START_TEST(damaged_gzip_files_are_refused_with_the_byte) {
  /* Random bytes, so that the packed file is as long as they are. */
  start_idx(&file_x, 0x08, 2, (int[]){200, 20});
  unsigned seed = 1;
  for (int i = 0; i < 4000; i++)
    add_integer(&file_x, (seed = seed * 1664525 + 1013904223) >> 24, 1, true);
  for (int part = 0; part < 3; part++) {
    const char *path = put_gz("x.gz", &file_x);
    int64_t whole = file_size(path);
    mst_import_options options = both(path, NULL);
    if (rank == 0 && part == 0) ck_assert_int_eq(truncate(path, whole / 2), 0);
    if (rank == 0 && part == 1) ck_assert_int_eq(truncate(path, whole - 3), 0);
    if (rank == 0 && part == 2) { /* a wrong checksum at the very end */
      FILE *file = fopen(path, "r+b");
      fseek(file, -8, SEEK_END);
      fputs("abcd", file);
      fclose(file);
    }
    ck_ok(mst_team_barrier(team));
    ck_refused_import("idx", &options, MST_ERR_FORMAT,
                      part < 2 ? "is truncated: the gzip data end at byte" : "damaged before byte");
  }
}
END_TEST

START_TEST(labels_that_do_not_fit_are_refused) {
  mst_import_options options;
  make_idx();
  const char *images = put("x.idx", &file_x);
  start_idx(&file_y, 0x08, 1, (int[]){5});
  add(&file_y, "\0\1\2\3\4", 5);
  options = both(images, put("y.idx", &file_y));
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "has 5 labels where");
  options = both(images, images);
  ck_refused_import("idx", &options, MST_ERR_FORMAT,
                    "labels need one (is this the file of the rows?)");
  make_idx();
  options = both(put("y.idx", &file_y), images);
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "is this the file of the labels?");
  start_idx(&file_y, 0x09, 1, (int[]){6});
  add(&file_y, "\0\1\2\xff\4\5", 6);
  options = both(put("x.idx", &file_x), put("y.idx", &file_y));
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "the label of row 3 is -1");
  start_idx(&file_y, 0x0d, 1, (int[]){6});
  for (int i = 0; i < 6; i++) add_real(&file_y, i, 4, true);
  options = both(put("x.idx", &file_x), put("y.idx", &file_y));
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "classes are integers (for values say task");
  options.task = "regression";
  ck_assert_int_eq(ck_imported("idx", &options).target, MST_TARGET_VALUES);
  for (int i = 0; i < 6; i++) ck_assert(value[i] == (float)i);
  file_y.n -= 2;
  options = both(put("x.idx", &file_x), put("y.idx", &file_y));
  options.task = "regression";
  ck_refused_import("idx", &options, MST_ERR_FORMAT, "y.idx: is truncated");
}
END_TEST

START_TEST(every_type_of_npy_is_read) {
  static const struct {
    const char *descr;
    int width;
    bool real;
  } types[] = {{"'<f4'", 4, true},  {"'<f8'", 8, true},  {"'|u1'", 1, false}, {"'|i1'", 1, false},
               {"'<i2'", 2, false}, {"'<i4'", 4, false}, {"'<i8'", 8, false}};
  start_npy(&file_x, 1 + _i % 3, types[_i].descr, "False", "(2, 2, 1, 2)");
  for (int i = 0; i < 8; i++)
    if (types[_i].real)
      add_real(&file_x, i / 4.0, types[_i].width, false);
    else
      add_integer(&file_x, i, types[_i].width, false);
  start_npy(&file_y, 1, "'<i8'", "False", "(2,)");
  add_integer(&file_y, 3, 8, false);
  add_integer(&file_y, 0, 8, false);
  const mst_import_options options = both(put("x.npy", &file_x), put("y.npy", &file_y));
  mst_dataset_info info = ck_imported("npy", &options);
  ck_assert_int_eq(info.rows, 2);
  ck_assert_int_eq(info.row_dims, 3);
  ck_assert_int_eq(info.row_size[2], 2);
  ck_assert_int_eq(info.n_classes, 4);
  ck_assert(label[0] == 3 && label[1] == 0);
  for (int i = 0; i < 8; i++)
    ck_assert(x[i] == (types[_i].real ? (float)i / 4 : _i == 2 ? (float)i / 255.0f : (float)i));
}
END_TEST

START_TEST(npy_files_that_cannot_be_read_are_refused_with_advice) {
  static const struct {
    const char *descr, *order, *shape, *words;
  } wrong[] = {
      {"'<f4'", "True", "(2, 3)", "numpy.ascontiguousarray(a)"},
      {"'>f4'", "False", "(2, 3)", "elements of type '>f4'"},
      {"'<U5'", "False", "(2, 3)", "elements of type '<U5'"},
      {"[('a', '<f4')]", "False", "(2, 3)", "save a.astype('<f4')"},
      {"'<f4'", "False", "(2, 3, 1, 1, 1)", "more than 4 dimensions"},
      {"'<f4'", "False", "(6,)", "1 dimension;"},
      {"'<f4'", "False", "()", "0 dimensions"},
      {"'<f4'", "False", "(0, 3)", "has no rows"},
      {"'<f4'", "False", "(x, 3)", "no shape"},
      {"'<f4'", "False", "(4611686018427387904, 3)", "impossibly large"},
      {"'<f4'", "False", "(2, 4)", "x.npy: is truncated: it ends at byte"},
      {"'<f4'", "False", "(2, 2)", "goes on after byte"},
  };
  start_npy(&file_x, 1, wrong[_i].descr, wrong[_i].order, wrong[_i].shape);
  for (int i = 0; i < 6; i++) add_real(&file_x, i, 4, false);
  mst_import_options options = both(put("x.npy", &file_x), NULL);
  ck_refused_import("npy", &options, MST_ERR_FORMAT, wrong[_i].words);
}
END_TEST

START_TEST(foreign_files_are_no_npy_files) {
  mst_import_options options = both(put_bytes("x.npy", "a,b,c\n1,2,3\n", 12), NULL);
  ck_refused_import("npy", &options, MST_ERR_FORMAT, "is not an NPY file");
  start_npy(&file_x, 4, "'<f4'", "False", "(2, 3)");
  options = both(put("x.npy", &file_x), NULL);
  ck_refused_import("npy", &options, MST_ERR_FORMAT, "version 4");
  options = both(put_bytes("x.npy", "\x93NUMPY\2\0\xff\xff\xff\xff", 12), NULL);
  ck_refused_import("npy", &options, MST_ERR_FORMAT, "header of 4294967295 bytes");
  options = both(put_bytes("x.npy", "\x93NUMPY\1\0\5\0{'a'}", 15), NULL);
  ck_refused_import("npy", &options, MST_ERR_FORMAT, "lacks descr");
}
END_TEST

START_TEST(values_that_are_not_finite_are_named_by_row_and_element) {
  start_npy(&file_x, 1, "'<f8'", "False", "(4, 3)");
  for (int i = 0; i < 12; i++) add_real(&file_x, i == 7 ? NAN : i == 10 ? 1e300 : i, 8, false);
  mst_import_options options = both(put("x.npy", &file_x), NULL);
  ck_refused_import("npy", &options, MST_ERR_NONFINITE,
                    "2 values are not finite as float32; the first is nan in row 2, element 1");
  options.scale = 1e-300;
  ck_refused_import("npy", &options, MST_ERR_NONFINITE, "1 value is not");
}
END_TEST

START_TEST(a_compressed_dataset_holds_the_same_rows) {
  make_idx();
  mst_import_options options = both(put("x.idx", &file_x), put("y.idx", &file_y));
  options.dataset.deflate = 9;
  options.dataset.chunk_rows = 4;
  ck_imported("idx", &options);
  for (int i = 0; i < 36; i++) ck_assert(x[i] == (float)(7 * i) / 255.0f);
  for (int i = 0; i < 6; i++) ck_assert_int_eq(label[i], i % 4);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("import_array");
  TCase *t = tcase_create("import_array");
  tcase_add_unchecked_fixture(t, make_team, drop_team);
  tcase_add_loop_test(t, idx_images_become_rows_between_0_and_1, 0, 2);
  tcase_add_test(t, a_byte_scaled_by_default_is_the_byte_divided_by_255);
  tcase_add_loop_test(t, every_type_of_idx_is_read, 0, 5);
  tcase_add_test(t, damaged_idx_files_are_refused_with_the_byte);
  tcase_add_test(t, damaged_gzip_files_are_refused_with_the_byte);
  tcase_add_test(t, labels_that_do_not_fit_are_refused);
  tcase_add_loop_test(t, every_type_of_npy_is_read, 0, 7);
  tcase_add_loop_test(t, npy_files_that_cannot_be_read_are_refused_with_advice, 0, 12);
  tcase_add_test(t, foreign_files_are_no_npy_files);
  tcase_add_test(t, values_that_are_not_finite_are_named_by_row_and_element);
  tcase_add_test(t, a_compressed_dataset_holds_the_same_rows);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  return mst_test_main(argc, argv, suite());
}
