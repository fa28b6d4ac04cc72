/* Arrays of binary files (IDX, NPY) as a source of rows. A value is float32(double(v) * scale);
 * classes are the integers of the labels' array as they are, n_classes the largest plus one. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/import_source.h"

#define RAW_BYTES (1 << 20) /* of elements that are converted at a time */

typedef struct array_state {
  mst_import_array x;
  double scale;
  float byte_value[256]; /* of each unsigned byte */
  unsigned char *raw;
  double *number;
  double *y; /* (rows, outputs) labels or values, NULL if there are none */
  int64_t row, outputs;
} array_state;

static int64_t type_bytes(mst_import_type type) {
  static const int64_t bytes[] = {1, 1, 2, 4, 8, 4, 8};
  return bytes[type];
}

static bool is_real(mst_import_type type) {
  return type == MST_IMPORT_F32 || type == MST_IMPORT_F64;
}

static uint64_t load(const unsigned char *at, int64_t bytes, bool big_endian) {
  uint64_t v = 0;
  for (int64_t i = 0; i < bytes; i++) v |= (uint64_t)at[i] << 8 * (big_endian ? bytes - 1 - i : i);
  return v;
}

static double to_double(const unsigned char *at, mst_import_type type, bool big_endian) {
  uint64_t bits = load(at, type_bytes(type), big_endian);
  uint32_t bits32 = (uint32_t)bits;
  float f32;
  double f64;
  switch (type) {
    case MST_IMPORT_U8: return (double)bits;
    case MST_IMPORT_I8: return (double)(int8_t)bits;
    case MST_IMPORT_I16: return (double)(int16_t)bits;
    case MST_IMPORT_I32: return (double)(int32_t)bits;
    case MST_IMPORT_I64: return (double)(int64_t)bits;
    case MST_IMPORT_F32: memcpy(&f32, &bits32, sizeof f32); return (double)f32;
    default: memcpy(&f64, &bits, sizeof f64); return f64;
  }
}

/* The next n elements, n at most RAW_BYTES / 8. */
static mst_status read_numbers(mst_import_array *a, int64_t n, unsigned char *raw, double *out,
                               const char *what) {
  int64_t bytes = type_bytes(a->type);
  MST_TRY(mst_import_bytes_all(&a->bytes, raw, n * bytes, what));
  for (int64_t i = 0; i < n; i++) out[i] = to_double(raw + i * bytes, a->type, a->big_endian);
  return MST_OK;
}

static mst_status fill_bytes(array_state *s, int64_t n, float *x) {
  for (int64_t at = 0; at < n; at += RAW_BYTES) {
    int64_t piece = n - at < RAW_BYTES ? n - at : RAW_BYTES;
    MST_TRY(mst_import_bytes_all(&s->x.bytes, s->raw, piece, "its rows"));
    for (int64_t i = 0; i < piece; i++) x[at + i] = s->byte_value[s->raw[i]];
  }
  return MST_OK;
}

static mst_status fill_numbers(mst_import_source *source, array_state *s, int64_t n, float *x) {
  const int64_t most = RAW_BYTES / (int64_t)sizeof(double);
  for (int64_t at = 0; at < n; at += most) {
    int64_t piece = n - at < most ? n - at : most;
    MST_TRY(read_numbers(&s->x, piece, s->raw, s->number, "its rows"));
    for (int64_t i = 0; i < piece; i++) {
      x[at + i] = (float)(s->number[i] * s->scale);
      if (!isfinite(x[at + i]))
        mst_import_note(source, "%g in row %lld, element %lld", s->number[i],
                        (long long)(s->row + (at + i) / source->info.row_elements),
                        (long long)((at + i) % source->info.row_elements));
    }
  }
  return MST_OK;
}

static mst_status fill(mst_import_source *source, int64_t count, mst_import_block *block) {
  array_state *s = source->state;
  int64_t n = count * source->info.row_elements;
  if (s->x.type == MST_IMPORT_U8)
    MST_TRY(fill_bytes(s, n, block->x));
  else
    MST_TRY(fill_numbers(source, s, n, block->x));
  const double *y = s->y == NULL ? NULL : s->y + s->row * s->outputs;
  for (int64_t i = 0; i < count * s->outputs; i++) {
    if (block->label != NULL) block->label[i] = (int32_t)y[i];
    if (block->value == NULL) continue;
    block->value[i] = (float)y[i];
    if (!isfinite(block->value[i]))
      mst_import_note(source, "the value %g of row %lld", y[i],
                      (long long)(s->row + i / s->outputs));
  }
  s->row += count;
  return MST_OK;
}

static mst_status end(mst_import_source *source) {
  array_state *s = source->state;
  return mst_import_bytes_end(&s->x.bytes);
}

static void close_state(void *state) {
  array_state *s = state;
  if (s == NULL) return;
  mst_import_bytes_close(&s->x.bytes);
  mst_free(s->raw);
  mst_free(s->number);
  mst_free(s->y);
  mst_free(s);
}

/* Shape of the rows. */
static mst_status describe_rows(const mst_import_array *x, mst_dataset_info *info) {
  const char *path = x->bytes.path;
  if (x->dims < 2)
    return mst_fail(MST_ERR_FORMAT,
                    "%s: holds an array of %d dimension%s; rows need 2 to 4 (is this the file of "
                    "the labels?)",
                    path, x->dims, x->dims == 1 ? "" : "s");
  int64_t elements = (int64_t)sizeof(double);
  for (int i = 0; i < x->dims; i++) {
    if (x->shape[i] < 1)
      return mst_fail(MST_ERR_FORMAT, "%s: has no %s", path, i == 0 ? "rows" : "columns");
    if (__builtin_mul_overflow(elements, x->shape[i], &elements))
      return mst_fail(MST_ERR_FORMAT, "%s: its header states an impossibly large shape", path);
  }
  info->rows = x->shape[0];
  info->row_dims = x->dims - 1;
  info->row_elements = 1;
  for (int i = 0; i < info->row_dims; i++) {
    info->row_size[i] = x->shape[i + 1];
    info->row_elements *= x->shape[i + 1];
  }
  return MST_OK;
}

static mst_status check_labels(const mst_import_array *y, const mst_import_array *x, bool classes) {
  const char *path = y->bytes.path;
  if (y->dims < 1 || y->dims > 2 || (y->dims == 2 && y->shape[1] < 1))
    return mst_fail(MST_ERR_FORMAT,
                    "%s: holds an array of %d dimensions; labels need one (is this the file of the "
                    "rows?)",
                    path, y->dims);
  if (y->shape[0] != x->shape[0])
    return mst_fail(MST_ERR_FORMAT, "%s: has %lld labels where %s has %lld rows", path,
                    (long long)y->shape[0], x->bytes.path, (long long)x->shape[0]);
  if (!classes) return MST_OK;
  if (is_real(y->type))
    return mst_fail(MST_ERR_FORMAT,
                    "%s: holds real numbers; classes are integers (for values say task regression)",
                    path);
  if (y->dims == 2 && y->shape[1] != 1)
    return mst_fail(MST_ERR_FORMAT, "%s: holds %lld labels a row; one is needed", path,
                    (long long)y->shape[1]);
  return MST_OK;
}

static mst_status read_labels(array_state *s, mst_import_array *y, const char *task,
                              mst_dataset_info *info) {
  bool classes = task == NULL || strcmp(task, "classification") == 0;
  const int64_t most = RAW_BYTES / (int64_t)sizeof(double);
  MST_TRY(check_labels(y, &s->x, classes));
  s->outputs = info->outputs = y->dims == 1 ? 1 : y->shape[1];
  int64_t n;
  if (__builtin_mul_overflow(info->rows, s->outputs * (int64_t)sizeof(double), &n))
    return mst_fail(MST_ERR_FORMAT, "%s: its header states an impossibly large shape",
                    y->bytes.path);
  n = info->rows * s->outputs;
  MST_TRY(mst_import_bytes_fit(&y->bytes, n * type_bytes(y->type), "its labels"));
  MST_TRY(mst_alloc(&s->y, n, sizeof *s->y, "imported labels"));
  for (int64_t at = 0; at < n; at += most)
    MST_TRY(read_numbers(y, n - at < most ? n - at : most, s->raw, s->y + at, "its labels"));
  MST_TRY(mst_import_bytes_end(&y->bytes));
  info->target = classes ? MST_TARGET_CLASSES : MST_TARGET_VALUES;
  snprintf(info->task, sizeof info->task, "%s", classes ? "classification" : "regression");
  for (int64_t i = 0; classes && i < n; i++) {
    if (s->y[i] < 0 || s->y[i] >= INT32_MAX)
      return mst_fail(MST_ERR_FORMAT, "%s: the label of row %lld is %.0f; classes are 0, 1, 2, ...",
                      y->bytes.path, (long long)i, s->y[i]);
    if ((int64_t)s->y[i] >= info->n_classes) info->n_classes = (int64_t)s->y[i] + 1;
  }
  return MST_OK;
}

static mst_status open_state(const mst_import_options *options,
                             mst_status (*read_header)(mst_import_array *array), array_state *s,
                             mst_dataset_info *info) {
  MST_TRY(mst_import_bytes_open(&s->x.bytes, options->input));
  MST_TRY(read_header(&s->x));
  MST_TRY(describe_rows(&s->x, info));
  MST_TRY(mst_import_bytes_fit(&s->x.bytes, info->rows * info->row_elements * type_bytes(s->x.type),
                               "its rows"));
  MST_TRY(mst_alloc(&s->raw, RAW_BYTES, 1, "raw elements"));
  MST_TRY(mst_alloc(&s->number, RAW_BYTES / (int64_t)sizeof(double), sizeof(double), "elements"));
  s->scale = options->scale != 0 ? options->scale : s->x.type == MST_IMPORT_U8 ? 1.0 / 255.0 : 1.0;
  for (int i = 0; i < 256; i++) s->byte_value[i] = (float)((double)i * s->scale);
  if (!isfinite(s->byte_value[255]))
    return mst_fail(MST_ERR_INPUT, "%s: scale %g takes its values out of the range of float32",
                    options->input, s->scale);
  if (options->labels == NULL) return MST_OK;
  mst_import_array y = {0};
  mst_status status = mst_import_bytes_open(&y.bytes, options->labels);
  if (status == MST_OK) status = read_header(&y);
  if (status == MST_OK) status = read_labels(s, &y, options->task, info);
  mst_import_bytes_close(&y.bytes);
  return status;
}

mst_status mst_import_array_source(const mst_import_options *options, const char *format,
                                   mst_status (*read_header)(mst_import_array *array),
                                   mst_import_source *source) {
  array_state *s = NULL;
  MST_TRY(mst_alloc(&s, 1, sizeof *s, "array importer"));
  source->state = s;
  source->close = close_state;
  source->fill = fill;
  source->end = end;
  MST_TRY(open_state(options, read_header, s, &source->info));
  snprintf(source->info.source, sizeof source->info.source, "%s %s%s%s", format,
           mst_import_base_name(options->input), options->labels == NULL ? "" : " ",
           options->labels == NULL ? "" : mst_import_base_name(options->labels));
  return MST_OK;
}
