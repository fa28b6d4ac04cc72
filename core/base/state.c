/* State list: named arrays with type, shape and layout, without owning them. */
#include "core/base/state.h"

#include <string.h>

#include "core/base/memory.h"

int64_t mst_dtype_size(mst_dtype t) {
  switch (t) {
    case MST_F32:
    case MST_I32: return 4;
    case MST_F64:
    case MST_I64: return 8;
    case MST_U8: return 1;
  }
  return 0;
}

const char *mst_dtype_name(mst_dtype t) {
  switch (t) {
    case MST_F32: return "float32";
    case MST_F64: return "float64";
    case MST_I32: return "int32";
    case MST_I64: return "int64";
    case MST_U8: return "uint8";
  }
  return "unknown";
}

void mst_state_init(mst_state *s) {
  *s = (mst_state){0};
}

void mst_state_clear(mst_state *s) {
  mst_free(s->item);
  *s = (mst_state){0};
}

static mst_status grow(mst_state *s) {
  if (s->n < s->capacity) return MST_OK;
  int capacity = s->capacity > 0 ? 2 * s->capacity : 8;
  mst_state_item *item;
  MST_TRY(mst_alloc(&item, capacity, sizeof *item, "state list"));
  if (s->n > 0) memcpy(item, s->item, (size_t)s->n * sizeof *item);
  mst_free(s->item);
  s->item = item;
  s->capacity = capacity;
  return MST_OK;
}

static mst_status check_name(const mst_state *s, const char *name) {
  size_t longest = sizeof s->item->name - 1;
  if (name[0] == '\0' || strlen(name) > longest)
    return mst_fail(MST_ERR_INTERNAL, "state array '%s': a name has 1 to %zu characters", name,
                    longest);
  if (mst_state_find(s, name) != NULL)
    return mst_fail(MST_ERR_INTERNAL, "state array '%s' is in the list already; names are unique",
                    name);
  return MST_OK;
}

static mst_status check_shape(const char *name, mst_dtype type, int dims, const int64_t *shape) {
  if (mst_dtype_size(type) == 0)
    return mst_fail(MST_ERR_INTERNAL, "state array '%s': element type %d is unknown", name,
                    (int)type);
  if (dims < 1 || dims > MST_STATE_DIMS)
    return mst_fail(MST_ERR_INTERNAL, "state array '%s': %d dimensions; 1 to %d are possible", name,
                    dims, MST_STATE_DIMS);
  int64_t bytes = mst_dtype_size(type);
  for (int i = 0; i < dims; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(bytes, shape[i], &bytes))
      return mst_fail(MST_ERR_INTERNAL,
                      "state array '%s': length %lld of dimension %d is not usable", name,
                      (long long)shape[i], i);
  return MST_OK;
}

static mst_status add_item(mst_state *s, const char *name, mst_dtype type, int dims,
                           const int64_t *shape, mst_layout layout, int64_t first, int64_t count,
                           void *data) {
  MST_TRY(check_name(s, name));
  MST_TRY(check_shape(name, type, dims, shape));
  if (first < 0 || count < 0 || first > shape[0] - count)
    return mst_fail(MST_ERR_INTERNAL,
                    "state array '%s': rows [%lld, %lld + %lld) are not within its %lld rows", name,
                    (long long)first, (long long)first, (long long)count, (long long)shape[0]);
  mst_state_item item = {
      .type = type, .dims = dims, .layout = layout, .first = first, .count = count, .data = data};
  memcpy(item.name, name, strlen(name));
  memcpy(item.shape, shape, (size_t)dims * sizeof *shape);
  if (data == NULL && mst_state_local_elements(&item) > 0)
    return mst_fail(MST_ERR_INTERNAL, "state array '%s' has elements but no data", name);
  MST_TRY(grow(s));
  s->item[s->n++] = item;
  return MST_OK;
}

mst_status mst_state_add(mst_state *s, const char *name, mst_dtype type, int dims,
                         const int64_t *shape, void *data) {
  return add_item(s, name, type, dims, shape, MST_REPLICATED, 0, dims >= 1 ? shape[0] : 0, data);
}

mst_status mst_state_add_shard(mst_state *s, const char *name, mst_dtype type, int dims,
                               const int64_t *shape, int64_t first, int64_t count, void *data) {
  return add_item(s, name, type, dims, shape, MST_SHARDED, first, count, data);
}

mst_status mst_state_add_stream(mst_state *s, const char *name, mst_dtype type, int dims,
                                const int64_t *shape, mst_state_bring bring, void *context) {
  MST_TRY(add_item(s, name, type, dims, shape, MST_STREAMED, 0, 0, context));
  s->item[s->n - 1].bring = bring;
  return MST_OK;
}

mst_state_item *mst_state_find(const mst_state *s, const char *name) {
  for (int i = 0; i < s->n; i++)
    if (strcmp(s->item[i].name, name) == 0) return &s->item[i];
  return NULL;
}

int64_t mst_state_row_elements(const mst_state_item *item) {
  int64_t elements = 1;
  for (int i = 1; i < item->dims; i++) elements *= item->shape[i];
  return elements;
}

int64_t mst_state_local_elements(const mst_state_item *item) {
  return item->count * mst_state_row_elements(item);
}
