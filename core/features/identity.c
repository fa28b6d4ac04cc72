/* Identity: the features of a row are its numbers, in the order in which the dataset stores them,
 * put on another scale if asked. */
#include "core/base/memory.h"
#include "core/features/member.h"

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  MST_TRY(mst_features_new(&mst_features_identity, spec, shape, sizeof **out, out));
  (*out)->width = mst_row_elements(shape);
  return MST_OK;
}

static int64_t sample_rows(const mst_features *f) {
  (void)f;
  return 0;
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  const float shift = (float)f->spec.shift, scale = (float)(1.0 / f->spec.scale);
  for (int64_t i = 0; i < n * f->width; i++) out[i] = (rows[i] - shift) * scale;
  return MST_OK;
}

static void destroy(mst_features *f) {
  mst_free(f);
}

static const mst_param params[] = {
    {.name = "shift", .type = MST_PARAM_REAL, .offset = offsetof(mst_features_spec, shift),
     .fallback = "0", .min = -1e30, .max = 1e30, .unit = "units of the data",
     .help = "subtracted from every number of a row"},
    {.name = "scale", .type = MST_PARAM_REAL, .offset = offsetof(mst_features_spec, scale),
     .fallback = "1", .min = 1e-30, .max = 1e30, .unit = "units of the data",
     .help = "every number is divided by it"},
    {.name = NULL}};

const mst_features_ops mst_features_identity = {
    .name = "identity",
    .summary = "the raw numbers of a row",
    .params = params,
    .plain = true,
    .create = create,
    .sample_rows = sample_rows,
    .fit = NULL,
    .parameters = NULL,
    .apply = apply,
    .destroy = destroy,
};
