/* The feature family: its table of members, the checks that hold for all of them, and the
 * functions through which the rest of muster uses a map. */
#include "core/features/features.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/registry.h"
#include "core/features/member.h"

static const mst_features_ops *const members[] = {
    &mst_features_identity, &mst_features_relu,       &mst_features_fourier,
    &mst_features_conv,     &mst_features_scattering, &mst_features_johnson_lindenstrauss,
    &mst_features_nystrom,  &mst_features_conv_stack,
};
enum {
  MEMBERS = sizeof members / sizeof members[0]
};

int64_t mst_row_elements(const mst_row_shape *shape) {
  int64_t elements = 1;
  for (int i = 0; i < shape->dims; i++) elements *= shape->size[i];
  return elements;
}

const mst_features_ops *mst_features_at(int i) {
  return i >= 0 && i < MEMBERS ? members[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? members[i]->name : NULL;
}

const mst_features_ops *mst_features_find(const char *name) {
  return mst_features_at(mst_registry_find(name_at, name));
}

mst_features_spec mst_features_defaults(const char *kind) {
  mst_features_spec spec = {.kind = kind, .seed = 1};
  const mst_features_ops *ops = mst_features_find(kind);
  if (ops != NULL) mst_param_defaults(ops->params, &spec);
  return spec;
}

mst_status mst_features_new(const mst_features_ops *ops, const mst_features_spec *spec,
                            const mst_row_shape *shape, size_t size, mst_features **out) {
  mst_features *f = NULL;
  MST_TRY(mst_alloc(&f, 1, size, "feature map"));
  f->ops = ops;
  f->spec = *spec;
  f->spec.kind = ops->name;
  f->shape = *shape;
  *out = f;
  return MST_OK;
}

mst_status mst_image_shape_of(const mst_row_shape *shape, const char *kind,
                              mst_image_shape *image) {
  if (shape->dims < 2)
    return mst_fail(MST_ERR_INPUT,
                    "features.kind %s needs images, but the rows are vectors of %lld numbers; give "
                    "the dataset's x the shape [n, height, width] or [n, height, width, channels], "
                    "or choose identity, relu or fourier",
                    kind, (long long)shape->size[0]);
  image->height = shape->size[0];
  image->width = shape->size[1];
  image->channels = shape->dims == 3 ? shape->size[2] : 1;
  return MST_OK;
}

mst_status mst_features_check_range(const char *key, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "features.%s is %lld; choose a value from %lld to %lld", key,
                  (long long)value, (long long)low, (long long)high);
}

static mst_status check_shape(const mst_row_shape *shape) {
  /* A row of more numbers than this cannot be a row: it would overflow sizes below. */
  const int64_t most = INT64_C(1) << 31;
  if (shape->dims < 1 || shape->dims > 3)
    return mst_fail(MST_ERR_INPUT,
                    "rows have %d dimensions; features are made of rows of shape (width), (height, "
                    "width) or (height, width, channels)",
                    shape->dims);
  int64_t elements = 1;
  for (int i = 0; i < shape->dims; i++) {
    int64_t size = shape->size[i];
    if (size < 1 || size > most || elements * size > most)
      return mst_fail(MST_ERR_INPUT,
                      "dimension %d of a row has size %lld; a row needs 1 to 2^31 numbers", i,
                      (long long)size);
    elements *= size;
  }
  return MST_OK;
}

mst_status mst_features_create(const mst_features_spec *spec, const mst_row_shape *shape,
                               mst_features **out) {
  *out = NULL;
  const mst_features_ops *ops = mst_features_find(spec->kind);
  if (ops == NULL) return mst_registry_refuse(name_at, "features.kind", spec->kind);
  for (int i = 0; i < spec->joined; i++)
    if (mst_features_find(spec->join[i]) == NULL)
      return mst_registry_refuse(name_at, "features.join", spec->join[i]);
  MST_TRY(check_shape(shape));
  int64_t before = mst_memory_current();
  MST_TRY(spec->joined > 0 ? mst_features_joined_create(spec, shape, out)
                           : ops->create(spec, shape, out));
  (*out)->bytes = mst_memory_current() - before;
  return MST_OK;
}

const char *mst_features_name(const mst_features *f) {
  return f->ops == &mst_features_joined ? mst_features_joined_name(f) : f->ops->name;
}

bool mst_features_alike(const mst_features *a, const mst_features *b) {
  if (a->ops != b->ops || a->width != b->width) return false;
  if (a->ops != &mst_features_joined) return mst_param_same(a->ops->params, &a->spec, &b->spec);
  if (a->spec.joined != b->spec.joined) return false;
  for (int i = 0; i <= a->spec.joined; i++)
    if (!mst_features_alike(mst_features_joined_part(a, i), mst_features_joined_part(b, i)))
      return false;
  return true;
}

int64_t mst_features_sample_rows(const mst_features *f) {
  return f->ops->sample_rows(f);
}

mst_status mst_features_fit(mst_features *f, const float *sample, int64_t m) {
  int64_t wanted = mst_features_sample_rows(f);
  if (wanted == 0 || f->ops->fit == NULL) return MST_OK;
  if (m < 1 || m > wanted)
    return mst_fail(MST_ERR_INPUT,
                    "features.kind %s is fitted on 1 to %lld training rows, not %lld", f->ops->name,
                    (long long)wanted, (long long)m);
  return f->ops->fit(f, sample, m);
}

mst_status mst_features_parameters(mst_features *f, mst_state *state) {
  return f->ops->parameters == NULL ? MST_OK : f->ops->parameters(f, state);
}

mst_status mst_features_parameters_below(mst_features *f, const char *part, mst_state *state) {
  mst_state own;
  mst_state_init(&own);
  mst_status status = mst_features_parameters(f, &own);
  for (int i = 0; i < own.n && status == MST_OK; i++) {
    const mst_state_item *item = &own.item[i];
    char name[2 * sizeof item->name];
    snprintf(name, sizeof name, "features/%s/%s", part, item->name + strlen("features/"));
    status = mst_state_add(state, name, item->type, item->dims, item->shape, item->data);
  }
  mst_state_clear(&own);
  return status;
}

mst_status mst_features_apply(mst_features *f, const float *rows, int64_t n, float *out) {
  if (n < 0) return mst_fail(MST_ERR_INTERNAL, "features of %lld rows", (long long)n);
  return f->ops->apply(f, rows, n, out);
}

int64_t mst_features_memory(const mst_features *f) {
  return f->bytes;
}

void mst_features_destroy(mst_features *f) {
  if (f != NULL) f->ops->destroy(f);
}
