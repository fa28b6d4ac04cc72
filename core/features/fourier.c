/* Random Fourier features: sqrt(2/D) cos(x W + b) with W(d, D) ~ N(0, 1/bandwidth^2) and b(D)
 * uniform in [0, 2 pi). Their inner products tend to the Gaussian kernel
 * exp(-||x - y||^2 / (2 bandwidth^2)) (Rahimi and Recht, "Random features for large-scale kernel
 * machines", NIPS 2007, algorithm 1). With `orthogonal` the columns of W are orthogonal in groups
 * of d, which lowers the variance (Yu et al., "Orthogonal random features", NIPS 2016, section 3).
 */
#include <math.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/features/member.h"
#include "core/features/projection.h"
#include "core/linalg/blas.h"

typedef struct fourier_map {
  mst_features base;
  mst_projection projection;
} fourier_map;

/* Columns [first, first + m) of the drawn weights become orthogonal and keep their lengths. The
 * directions of normal columns do not know their lengths, so what the paper draws for a diagonal of
 * its own is at hand. block(inputs, m) is scratch. */
static mst_status turn_columns(mst_projection *p, int64_t first, int64_t m, double *block,
                               double *length) {
  for (int64_t j = 0; j < m; j++) length[j] = 0;
  for (int64_t i = 0; i < p->inputs; i++)
    for (int64_t j = 0; j < m; j++) {
      const double w = p->weights[i * p->outputs + first + j];
      block[i * m + j] = w;
      length[j] += w * w;
    }
  MST_TRY(mst_orthonormalise(p->inputs, m, block, m));
  for (int64_t i = 0; i < p->inputs; i++)
    for (int64_t j = 0; j < m; j++)
      p->weights[i * p->outputs + first + j] = (float)(block[i * m + j] * sqrt(length[j]));
  return MST_OK;
}

static mst_status orthogonalise(mst_projection *p) {
  const int64_t most = mst_least(p->inputs, p->outputs);
  double *block = NULL, *length = NULL;
  mst_status st = mst_alloc(&block, p->inputs * most, sizeof *block, "orthogonal directions");
  if (st == MST_OK) st = mst_alloc(&length, most, sizeof *length, "lengths of directions");
  for (int64_t j = 0; st == MST_OK && j < p->outputs; j += most)
    st = turn_columns(p, j, mst_least(most, p->outputs - j), block, length);
  mst_free(length);
  mst_free(block);
  return st;
}

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  if (!(spec->bandwidth > 0.0) || !isfinite(spec->bandwidth))
    return mst_fail(MST_ERR_INPUT,
                    "features.bandwidth is %g; choose a positive length, in units of the data, "
                    "near the typical distance of two rows",
                    spec->bandwidth);
  MST_TRY(mst_features_new(&mst_features_fourier, spec, shape, sizeof(fourier_map), out));
  fourier_map *map = (fourier_map *)*out;
  mst_status status = mst_projection_create(&map->projection, mst_row_elements(shape), spec->count);
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
    return status;
  }
  mst_projection *p = &map->projection;
  mst_stream stream = mst_stream_of(mst_key_make(spec->seed, MST_PURPOSE_FEATURE, 0, 0));
  mst_projection_draw(p, &stream, 1.0 / spec->bandwidth);
  for (int64_t j = 0; j < p->outputs; j++)
    p->bias[j] = (float)(2.0 * M_PI * mst_stream_uniform(&stream));
  map->base.width = spec->count;
  if (spec->orthogonal) status = orthogonalise(p);
  if (status != MST_OK) {
    mst_features_destroy(*out);
    *out = NULL;
  }
  return status;
}

static int64_t sample_rows(const mst_features *f) {
  (void)f;
  return 0;
}

static mst_status parameters(mst_features *f, mst_state *state) {
  return mst_projection_parameters(&((fourier_map *)f)->projection, state);
}

/* The library's cosine, one number at a time: a vector cosine may round otherwise in the tail of
 * a loop, and then a feature would depend on its place. */
static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  mst_projection *p = &((fourier_map *)f)->projection;
  mst_projection_apply(p, rows, n, out);
  float scale = (float)sqrt(2.0 / (double)p->outputs);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < p->outputs; j++) {
      float *z = out + i * p->outputs + j;
      *z = scale * cosf(*z + p->bias[j]);
    }
  return MST_OK;
}

static void destroy(mst_features *f) {
  mst_projection_destroy(&((fourier_map *)f)->projection);
  mst_free(f);
}

static const mst_param params[] = {
    MST_PROJECTION_COUNT,
    {.name = "bandwidth",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_features_spec, bandwidth),
     .min = 0,
     .max = INFINITY,
     .open_min = true,
     .unit = "units of the data",
     .help = "length scale of the Gaussian kernel"},
    {.name = "orthogonal",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_features_spec, orthogonal),
     .fallback = "false",
     .unit = "",
     .help = "directions orthogonal in groups of a row's width: a lower variance"},
    {.name = NULL}};

const mst_features_ops mst_features_fourier = {
    .name = "fourier",
    .summary = "random Fourier features of the Gaussian kernel, sqrt(2/count) cos(x W + b)",
    .params = params,
    .create = create,
    .sample_rows = sample_rows,
    .fit = NULL,
    .parameters = parameters,
    .apply = apply,
    .destroy = destroy,
};
