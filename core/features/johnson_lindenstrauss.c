/* Johnson-Lindenstrauss projections: x Phi' with Phi(k, d) of independent N(0, 1/k), drawn from the
 * seed and so public. Inner products and lengths are kept up to about 1 / sqrt(k).
 *
 * A generalised linear model of the projected rows is one of the rows themselves, with the vector
 * Phi' w; so private training in k dimensions has noise that does not know d (Arora et al., ICML
 * 2023, algorithm 4; Jain and Thakurta, ICML 2014). doc/methods/private_variance_reduced.md. */
#include <math.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/member.h"
#include "core/features/projection.h"

typedef struct projection_map {
  mst_features base;
  mst_projection projection;
} projection_map;

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  MST_TRY(mst_features_new(&mst_features_johnson_lindenstrauss, spec, shape, sizeof(projection_map),
                           out));
  projection_map *map = (projection_map *)*out;
  mst_status status = mst_projection_create(&map->projection, mst_row_elements(shape), spec->count);
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
    return status;
  }
  mst_stream stream = mst_stream_of(mst_key_make(spec->seed, MST_PURPOSE_FEATURE, 0, 0));
  mst_projection_draw(&map->projection, &stream, 1.0 / sqrt((double)spec->count));
  map->base.width = spec->count;
  return MST_OK;
}

static int64_t sample_rows(const mst_features *f) {
  (void)f;
  return 0;
}

static mst_status parameters(mst_features *f, mst_state *state) {
  return mst_projection_parameters(&((projection_map *)f)->projection, state);
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  mst_projection_apply(&((projection_map *)f)->projection, rows, n, out);
  return MST_OK;
}

static void destroy(mst_features *f) {
  mst_projection_destroy(&((projection_map *)f)->projection);
  mst_free(f);
}

static const mst_param params[] = {MST_PROJECTION_COUNT, {.name = NULL}};

const mst_features_ops mst_features_johnson_lindenstrauss = {
    .name = "johnson_lindenstrauss",
    .summary = "random projection to count numbers, which keeps lengths and inner products",
    .params = params,
    .create = create,
    .sample_rows = sample_rows,
    .fit = NULL,
    .parameters = parameters,
    .apply = apply,
    .destroy = destroy,
};
