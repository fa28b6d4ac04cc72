/* Identity: the features of a row are its numbers, in the order in which the dataset stores
 * them. */
#include <string.h>

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
  if (n > 0) memcpy(out, rows, (size_t)(n * f->width) * sizeof *out);
  return MST_OK;
}

static void destroy(mst_features *f) {
  mst_free(f);
}

const mst_features_ops mst_features_identity = {
    .name = "identity",
    .summary = "the raw numbers of a row",
    .create = create,
    .sample_rows = sample_rows,
    .fit = NULL,
    .parameters = NULL,
    .apply = apply,
    .destroy = destroy,
};
