/* NPY files (numpy.save), versions 1 to 3: magic, version, length of the header, the header as a
 * Python dictionary with descr, fortran_order and shape, then the elements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/import_source.h"

#define LONGEST_HEADER (1 << 20) /* bytes; numpy's own are 118 */

/* What stands behind 'key': in the dictionary. */
static const char *value_of(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (at == NULL) return NULL;
  at += strlen(key);
  at += strspn(at, " ");
  if (*at != ':') return NULL;
  return at + 1 + strspn(at + 1, " ");
}

static mst_status read_type(mst_import_array *a, const char *descr) {
  static const struct {
    const char *code;
    mst_import_type type;
  } known[] = {{"'<f4'", MST_IMPORT_F32}, {"'<f8'", MST_IMPORT_F64}, {"'|u1'", MST_IMPORT_U8},
               {"'|i1'", MST_IMPORT_I8},  {"'<i2'", MST_IMPORT_I16}, {"'<i4'", MST_IMPORT_I32},
               {"'<i8'", MST_IMPORT_I64}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strncmp(descr, known[i].code, 5) == 0) {
      a->type = known[i].type;
      return MST_OK;
    }
  int length = (int)strcspn(descr, ",}");
  return mst_fail(MST_ERR_FORMAT,
                  "%s: elements of type %.*s; <f4 <f8 |u1 |i1 <i2 <i4 <i8 are read: save "
                  "a.astype('<f4')",
                  a->bytes.path, length < 40 ? length : 40, descr);
}

static mst_status read_shape(mst_import_array *a, const char *shape) {
  const char *at = shape + 1;
  a->dims = 0;
  for (;;) {
    at += strspn(at, " ,");
    if (*at == ')') return MST_OK;
    char *end;
    long long size = strtoll(at, &end, 10);
    if (end == at || size < 0)
      return mst_fail(MST_ERR_FORMAT, "%s: its header has no shape that can be read",
                      a->bytes.path);
    if (a->dims == 4)
      return mst_fail(MST_ERR_FORMAT, "%s: the array has more than 4 dimensions: reshape it",
                      a->bytes.path);
    a->shape[a->dims++] = size;
    at = end;
  }
}

static mst_status read_dictionary(mst_import_array *a, const char *header) {
  const char *descr = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'"),
             *shape = value_of(header, "'shape'");
  if (descr == NULL || order == NULL || shape == NULL || *shape != '(')
    return mst_fail(MST_ERR_FORMAT, "%s: its header lacks descr, fortran_order or shape",
                    a->bytes.path);
  MST_TRY(read_type(a, descr));
  MST_TRY(read_shape(a, shape));
  if (strncmp(order, "False", 5) != 0 && a->dims > 1)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: its elements are stored column by column (Fortran order): save "
                    "numpy.ascontiguousarray(a)",
                    a->bytes.path);
  return MST_OK;
}

mst_status mst_import_npy_header(mst_import_array *a) {
  unsigned char b[8], n[4] = {0};
  MST_TRY(mst_import_bytes_all(&a->bytes, b, sizeof b, "its header"));
  if (memcmp(b, "\x93NUMPY", 6) != 0)
    return mst_fail(MST_ERR_FORMAT, "%s: is not an NPY file: it does not begin with \\x93NUMPY",
                    a->bytes.path);
  if (b[6] < 1 || b[6] > 3)
    return mst_fail(MST_ERR_FORMAT, "%s: is an NPY file of version %d; 1 to 3 are read",
                    a->bytes.path, b[6]);
  MST_TRY(mst_import_bytes_all(&a->bytes, n, b[6] == 1 ? 2 : 4, "its header"));
  int64_t length = (int64_t)n[0] | (int64_t)n[1] << 8 | (int64_t)n[2] << 16 | (int64_t)n[3] << 24;
  if (length > LONGEST_HEADER)
    return mst_fail(MST_ERR_FORMAT, "%s: states a header of %lld bytes; at most %d are read",
                    a->bytes.path, (long long)length, LONGEST_HEADER);
  char *header = NULL;
  MST_TRY(mst_alloc(&header, length + 1, 1, "NPY header"));
  mst_status status = mst_import_bytes_all(&a->bytes, header, length, "its header");
  if (status == MST_OK) status = read_dictionary(a, header);
  mst_free(header);
  return status;
}

static mst_status run(mst_team *team, const mst_import_options *options, mst_dataset_info *made) {
  mst_import_source source = {0};
  mst_status opened = MST_OK;
  if (mst_team_rank(team) == 0)
    opened = mst_import_array_source(options, "npy", mst_import_npy_header, &source);
  return mst_import_stream(team, options, opened, &source, made);
}

const mst_import_ops mst_import_npy = {
    .name = "npy",
    .summary = "arrays saved by numpy.save, with the labels in a second file",
    .run = run,
    .takes_labels = true,
};
