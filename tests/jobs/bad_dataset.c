/* Write a small dataset file with one thing wrong, for the scripts that drive the command:
 *
 *   bad_dataset KIND FILE     KIND: sound labels nonfinite no_rows no_x x_text y_short y_real
 *                             twins parts weights bad_weights repeated y_wide
 *
 * (y_wide: three real values a row; weights: rows of weights 0, 1 and 2, two of them bad in bad_weights; repeated: each of the rows
 * so often)
 *
 * and, for one part of a file of kind parts (real /y, /group, /weight, checksummed), flip a byte of
 * it:
 *
 *   bad_dataset damaged_PART FILE
 *
 * and, for a run file, take a key's line out of its experiment:
 *
 *   bad_dataset without_KEY FILE
 *
 * and, for one with kept statistics, make the first column's scale negative:
 *
 *   bad_dataset bent_statistics FILE */
#include <hdf5.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS    40
#define COLUMNS 6
#define CLASSES 4

static float x[ROWS][COLUMNS];
static int32_t y[ROWS];
static float y_real[ROWS];

static void put(hid_t file, const char *name, hid_t type, int dims, const hsize_t *shape,
                const void *data) {
  hid_t space = H5Screate_simple(dims, shape, NULL);
  hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  H5Dclose(set);
  H5Sclose(space);
}

static void put_attribute(hid_t file, const char *name, int64_t value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t a = H5Acreate2(file, name, H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, H5T_NATIVE_INT64, &value);
  H5Aclose(a);
  H5Sclose(space);
}

static void fill(const char *kind) {
  uint32_t s = 7;
  for (int i = 0; i < ROWS; i++) {
    y[i] = i % CLASSES;
    y_real[i] = (float)(i % CLASSES) + 0.5f;
    for (int j = 0; j < COLUMNS; j++) {
      s = s * 1664525u + 1013904223u;
      x[i][j] = (float)(s >> 8) / 16777216.0f + (float)(j == y[i]);
    }
    if (strcmp(kind, "twins") == 0) x[i][COLUMNS - 1] = x[i][0]; /* equal columns */
  }
  if (strcmp(kind, "labels") == 0) y[13] = CLASSES + 3;
  if (strcmp(kind, "nonfinite") == 0) {
    x[5][2] = NAN;
    x[21][0] = INFINITY;
    x[21][1] = NAN;
  }
}

/* /weight, or the rows as often as it says. */
static void put_weighted(hid_t file, const char *kind) {
  float weight[ROWS], often[2 * ROWS][COLUMNS];
  int32_t labels[2 * ROWS];
  hsize_t shape[2] = {ROWS, COLUMNS};
  int n = 0;
  for (int i = 0; i < ROWS; i++) {
    weight[i] = (float)(i * 5 / 4 % 3);
    for (int k = 0; k < (int)weight[i]; k++, n++) {
      memcpy(often[n], x[i], sizeof x[i]);
      labels[n] = y[i];
    }
  }
  if (strcmp(kind, "bad_weights") == 0) {
    weight[7] = -1;
    weight[30] = INFINITY;
  }
  bool repeated = strcmp(kind, "repeated") == 0;
  if (repeated) shape[0] = (hsize_t)n;
  put(file, "x", H5T_NATIVE_FLOAT, 2, shape, repeated ? often : x);
  put(file, "y", H5T_NATIVE_INT32, 1, shape, repeated ? labels : y);
  if (!repeated) put(file, "weight", H5T_NATIVE_FLOAT, 1, shape, weight);
  put_attribute(file, "n_classes", CLASSES);
}

/* /y of three columns. */
static void put_wide(hid_t file) {
  const hsize_t shape[2] = {ROWS, 3};
  float wide[ROWS][3];
  for (int i = 0; i < ROWS; i++)
    for (int k = 0; k < 3; k++) wide[i][k] = x[i][k] - 2 * x[i][k + 3];
  put(file, "y", H5T_NATIVE_FLOAT, 2, shape, wide);
}

static herr_t put_checked(hid_t file, const char *name, hid_t type, const void *data) {
  const hsize_t rows = ROWS, chunk = ROWS;
  hid_t space = H5Screate_simple(1, &rows, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 1, &chunk);
  H5Pset_fletcher32(properties);
  hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  herr_t written = H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  H5Dclose(set);
  H5Pclose(properties);
  H5Sclose(space);
  return written;
}

static int write_parts(const char *path) {
  const hsize_t shape[2] = {ROWS, COLUMNS};
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0) return 1;
  put(file, "x", H5T_NATIVE_FLOAT, 2, shape, x);
  bool ok = put_checked(file, "y", H5T_NATIVE_FLOAT, y_real) >= 0 &&
            put_checked(file, "group", H5T_NATIVE_INT32, y) >= 0 &&
            put_checked(file, "weight", H5T_NATIVE_FLOAT, y_real) >= 0;
  return H5Fclose(file) < 0 || !ok;
}

/* Change a byte in the middle of the part's only chunk. */
static int damage(const char *path, const char *part) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, part, H5P_DEFAULT);
  haddr_t at = HADDR_UNDEF;
  hsize_t bytes = 0, first = 0;
  unsigned mask;
  hid_t space = H5Dget_space(set);
  herr_t found = H5Dget_chunk_info(set, space, 0, &first, &mask, &at, &bytes);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  FILE *f = found < 0 || at == HADDR_UNDEF ? NULL : fopen(path, "r+b");
  if (f == NULL) return 1;
  fseek(f, (long)(at + bytes / 2), SEEK_SET);
  int c = fgetc(f);
  fseek(f, (long)(at + bytes / 2), SEEK_SET);
  fputc(c ^ 0x10, f);
  return fclose(f) != 0;
}

/* Take the line "  KEY: ..." out of a text. */
static bool take_out(char *text, const char *key) {
  char begin[64];
  snprintf(begin, sizeof begin, "\n  %s:", key);
  char *at = strstr(text, begin);
  if (at == NULL) return false;
  char *end = at + 1 + strcspn(at + 1, "\n");
  memmove(at, end, strlen(end) + 1);
  return true;
}

static int write_without(const char *path, const char *key) {
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "experiment", H5P_DEFAULT), stored = H5Dget_type(set);
  hid_t type = H5Tcopy(stored);
  H5Tclose(stored);
  char *text = calloc(H5Tget_size(type) + 1, 1);
  bool ok = text != NULL && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0 &&
            take_out(text, key);
  H5Dclose(set);
  if (ok) {
    hid_t space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text));
    H5Ldelete(file, "experiment", H5P_DEFAULT);
    set = H5Dcreate2(file, "experiment", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ok = H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    H5Dclose(set);
    H5Sclose(space);
  }
  free(text);
  H5Tclose(type);
  return H5Fclose(file) < 0 || !ok;
}

static int bend_statistics(const char *path) {
  const hsize_t zero = 0, one = 1;
  const double scale = -1;
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "statistics/scale", H5P_DEFAULT), all = H5Dget_space(set);
  hid_t space = H5Screate_simple(1, &one, NULL);
  H5Sselect_hyperslab(all, H5S_SELECT_SET, &zero, NULL, &one, NULL);
  bool ok = H5Dwrite(set, H5T_NATIVE_DOUBLE, space, all, H5P_DEFAULT, &scale) >= 0;
  H5Sclose(space);
  H5Sclose(all);
  H5Dclose(set);
  return H5Fclose(file) < 0 || !ok;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const char *kind = argv[1];
  if (strcmp(kind, "bent_statistics") == 0) return bend_statistics(argv[2]);
  if (strncmp(kind, "damaged_", 8) == 0) return damage(argv[2], kind + 8);
  if (strncmp(kind, "without_", 8) == 0) return write_without(argv[2], kind + 8);
  fill(kind);
  if (strcmp(kind, "parts") == 0) return write_parts(argv[2]);
  hid_t file = H5Fcreate(argv[2], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0) return 1;
  if (strcmp(kind, "weights") == 0 || strcmp(kind, "bad_weights") == 0 ||
      strcmp(kind, "repeated") == 0) {
    put_weighted(file, kind);
    return H5Fclose(file) < 0 ? 1 : 0;
  }
  const hsize_t rows = strcmp(kind, "no_rows") == 0 ? 0 : ROWS;
  const hsize_t shape[2] = {rows, COLUMNS}, less[1] = {ROWS - 1};
  if (strcmp(kind, "x_text") == 0)
    put(file, "x", H5T_C_S1, 1, shape, y);
  else if (strcmp(kind, "no_x") != 0)
    put(file, "x", H5T_NATIVE_FLOAT, 2, shape, x);
  if (strcmp(kind, "y_real") == 0)
    put(file, "y", H5T_NATIVE_FLOAT, 1, shape, y_real);
  else if (strcmp(kind, "y_wide") == 0)
    put_wide(file);
  else
    put(file, "y", H5T_NATIVE_INT32, 1, strcmp(kind, "y_short") == 0 ? less : shape, y);
  if (kind[0] != 'y' || strcmp(kind, "y_short") == 0) put_attribute(file, "n_classes", CLASSES);
  return H5Fclose(file) < 0 ? 1 : 0;
}
