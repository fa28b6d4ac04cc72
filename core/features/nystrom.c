/* Nystrom features: K^-1/2 k(x) with k(x)(m) the kernel between a row and m landmarks, which are
 * training rows, and K(m, m) that between the landmarks. Their inner products are the kernel's best
 * approximation in the span of the landmarks, and the kernel itself between landmarks (Williams and
 * Seeger, "Using the Nystrom method to speed up kernel machines", NIPS 2000).
 *
 * Directions of K below EIGENVALUE_FLOOR of its largest eigenvalue are left out: in float32 they
 * hold rounding, which K^-1/2 would blow up. */
#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/features/member.h"
#include "core/features/projection.h"
#include "core/linalg/blas.h"

static const double EIGENVALUE_FLOOR = 1e-6;
enum {
  CHUNK_ROWS = 96
};

typedef struct nystrom_map {
  mst_features base;
  bool gaussian;
  mst_projection landmarks; /* weights(d, m): landmarks, less the centre; bias(m): |landmark|^2 */
  mst_projection root;      /* weights(m, m): K^-1/2                                            */
  float *centre;            /* (d): mean landmark of the Gaussian kernel, which knows differences
                               alone; 0 for others                                              */
  float *rows;              /* scratch (CHUNK_ROWS, d): rows less the centre                     */
  float *kernel;            /* scratch (CHUNK_ROWS, m): k(x)                                     */
} nystrom_map;

static mst_status check(const mst_features_spec *spec, bool gaussian) {
  if (gaussian && (!(spec->bandwidth > 0.0) || !isfinite(spec->bandwidth)))
    return mst_fail(MST_ERR_INPUT,
                    "features.bandwidth is %g; the kernel rbf needs a positive length, in units of "
                    "the data, near the typical distance of two rows",
                    spec->bandwidth);
  if (!gaussian && spec->bandwidth != 0.0)
    return mst_fail(MST_ERR_INPUT,
                    "features.bandwidth is %g, but features.kernel linear has none: leave it out",
                    spec->bandwidth);
  return MST_OK;
}

static mst_status create(const mst_features_spec *spec, const mst_row_shape *shape,
                         mst_features **out) {
  const bool gaussian = strcmp(spec->kernel, "rbf") == 0;
  const int64_t d = mst_row_elements(shape), m = spec->count;
  MST_TRY(check(spec, gaussian));
  MST_TRY(mst_features_new(&mst_features_nystrom, spec, shape, sizeof(nystrom_map), out));
  nystrom_map *map = (nystrom_map *)*out;
  map->gaussian = gaussian;
  map->base.width = m;
  mst_status st = mst_projection_create(&map->landmarks, d, m);
  if (st == MST_OK) st = mst_projection_create(&map->root, m, m);
  if (st == MST_OK) st = mst_alloc(&map->centre, d, sizeof *map->centre, "mean landmark");
  if (st == MST_OK)
    st = mst_alloc(&map->rows, CHUNK_ROWS * d, sizeof *map->rows, "rows less the mean landmark");
  if (st == MST_OK)
    st = mst_alloc(&map->kernel, CHUNK_ROWS * m, sizeof *map->kernel, "kernel with the landmarks");
  if (st == MST_OK) return MST_OK;
  mst_features_destroy(*out);
  *out = NULL;
  return st;
}

static int64_t sample_rows(const mst_features *f) {
  return f->spec.count;
}

/* k of two rows: of their inner product and squared lengths. */
static double kernel_of(const nystrom_map *map, double product, double xx, double yy) {
  const double width = map->base.spec.bandwidth;
  if (!map->gaussian) return product;
  return exp(-fmax(xx + yy - 2 * product, 0.0) / (2 * width * width));
}

/* The landmarks, less their mean for the Gaussian kernel, and their squared lengths. */
static void place_landmarks(nystrom_map *map, const float *sample) {
  const int64_t d = map->landmarks.inputs, m = map->landmarks.outputs;
  for (int64_t e = 0; e < d; e++) {
    double sum = 0;
    for (int64_t i = 0; map->gaussian && i < m; i++) sum += (double)sample[i * d + e];
    map->centre[e] = (float)(sum / (double)m);
  }
  for (int64_t i = 0; i < m; i++) {
    double length = 0;
    for (int64_t e = 0; e < d; e++) {
      const float x = sample[i * d + e] - map->centre[e];
      map->landmarks.weights[e * m + i] = x;
      length += (double)x * (double)x;
    }
    map->landmarks.bias[i] = (float)length;
  }
}

/* k(m, m), of which the lower triangle is read on, from landmarks(m, d) in float64. */
static void fill_kernel(const nystrom_map *map, const double *wide, double *k) {
  const int64_t d = map->landmarks.inputs, m = map->landmarks.outputs;
  mst_gemm(true, false, m, m, d, 1.0, wide, m, wide, m, 0.0, k, m);
  for (int64_t i = m - 1; i >= 0; i--)
    for (int64_t j = 0; j < i; j++)
      k[i * m + j] = kernel_of(map, k[i * m + j], k[i * m + i], k[j * m + j]);
  for (int64_t i = 0; i < m; i++)
    k[i * m + i] = kernel_of(map, k[i * m + i], k[i * m + i], k[i * m + i]);
}

/* root = U D^-1/2 U' of K = U D U' without its smallest eigenvalues. */
static mst_status find_root(nystrom_map *map, double *k, double *values, double *root) {
  const int64_t m = map->landmarks.outputs;
  MST_TRY(mst_eigen_symmetric(m, k, m, true, values));
  if (!(values[m - 1] > 0))
    return mst_fail(MST_ERR_INPUT,
                    "the landmarks of features.kind nystrom are all 0: choose another kernel, or "
                    "check the dataset's x");
  for (int64_t i = 0; i < m; i++) {
    const bool kept = values[i] > EIGENVALUE_FLOOR * values[m - 1];
    const double scale = kept ? 1 / sqrt(sqrt(values[i])) : 0;
    for (int64_t j = 0; j < m; j++) k[i * m + j] *= scale;
  }
  mst_gemm(true, false, m, m, m, 1.0, k, m, k, m, 0.0, root, m);
  for (int64_t i = 0; i < m * m; i++) map->root.weights[i] = (float)root[i];
  return MST_OK;
}

static mst_status fit(mst_features *f, const float *sample, int64_t rows) {
  nystrom_map *map = (nystrom_map *)f;
  const int64_t d = map->landmarks.inputs, m = map->landmarks.outputs;
  double *wide = NULL, *k = NULL, *values = NULL;
  if (rows < m)
    return mst_fail(MST_ERR_INPUT,
                    "features.count is %lld landmarks, but there are only %lld training rows to "
                    "choose them from; lower it",
                    (long long)m, (long long)rows);
  place_landmarks(map, sample);
  mst_status st = mst_alloc(&wide, mst_most(d, m) * m, sizeof *wide, "landmarks in float64");
  if (st == MST_OK) st = mst_alloc(&k, m * m, sizeof *k, "kernel of the landmarks");
  if (st == MST_OK) st = mst_alloc(&values, m, sizeof *values, "eigenvalues of the kernel");
  if (st == MST_OK) {
    for (int64_t i = 0; i < d * m; i++) wide[i] = (double)map->landmarks.weights[i];
    fill_kernel(map, wide, k);
    st = find_root(map, k, values, wide);
  }
  mst_free(values);
  mst_free(k);
  mst_free(wide);
  return st;
}

static mst_status parameters(mst_features *f, mst_state *state) {
  nystrom_map *map = (nystrom_map *)f;
  const int64_t d = map->landmarks.inputs, m = map->landmarks.outputs;
  MST_TRY(mst_state_add(state, "features/landmarks", MST_F32, 2, (const int64_t[]){d, m},
                        map->landmarks.weights));
  MST_TRY(mst_state_add(state, "features/squares", MST_F32, 1, &m, map->landmarks.bias));
  MST_TRY(mst_state_add(state, "features/centre", MST_F32, 1, &d, map->centre));
  return mst_state_add(state, "features/root", MST_F32, 2, (const int64_t[]){m, m},
                       map->root.weights);
}

/* k(x) from the inner products in z(m). One number at a time, as the cosine of fourier.c. */
static void apply_kernel(const nystrom_map *map, const float *row, float *z) {
  const int64_t d = map->landmarks.inputs, m = map->landmarks.outputs;
  double length = 0;
  for (int64_t e = 0; e < d; e++) length += (double)row[e] * (double)row[e];
  for (int64_t j = 0; map->gaussian && j < m; j++)
    z[j] = (float)kernel_of(map, (double)z[j], length, (double)map->landmarks.bias[j]);
}

static mst_status apply(mst_features *f, const float *rows, int64_t n, float *out) {
  nystrom_map *map = (nystrom_map *)f;
  const int64_t d = map->landmarks.inputs, m = map->landmarks.outputs;
  for (int64_t first = 0; first < n; first += CHUNK_ROWS) {
    const int64_t count = mst_least(CHUNK_ROWS, n - first);
    for (int64_t i = 0; i < count; i++)
      for (int64_t e = 0; e < d; e++)
        map->rows[i * d + e] = rows[(first + i) * d + e] - map->centre[e];
    mst_projection_apply(&map->landmarks, map->rows, count, map->kernel);
    for (int64_t i = 0; i < count; i++) apply_kernel(map, map->rows + i * d, map->kernel + i * m);
    mst_projection_apply(&map->root, map->kernel, count, out + first * m);
  }
  return MST_OK;
}

static void destroy(mst_features *f) {
  nystrom_map *map = (nystrom_map *)f;
  mst_projection_destroy(&map->landmarks);
  mst_projection_destroy(&map->root);
  mst_free(map->centre);
  mst_free(map->rows);
  mst_free(map->kernel);
  mst_free(map);
}

static const mst_param params[] = {
    {.name = "count",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_features_spec, count),
     .fallback = "500",
     .min = 1,
     .max = 32766,
     .unit = "rows",
     .help = "landmarks: training rows, which are the number of features"},
    {.name = "kernel",
     .type = MST_PARAM_WORD,
     .offset = offsetof(mst_features_spec, kernel),
     .fallback = "rbf",
     .allowed = "rbf|linear",
     .unit = "",
     .help = "rbf: exp(-|x - y|^2 / (2 bandwidth^2)); linear: x'y"},
    {.name = "bandwidth",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_features_spec, bandwidth),
     .fallback = "0",
     .min = 0,
     .max = INFINITY,
     .unit = "units of the data",
     .help = "length scale of the kernel rbf, which must be given there"},
    {.name = NULL}};

const mst_features_ops mst_features_nystrom = {
    .name = "nystrom",
    .summary = "kernel features K^-1/2 k(x) from count training rows, the landmarks",
    .params = params,
    .create = create,
    .sample_rows = sample_rows,
    .fit = fit,
    .parameters = parameters,
    .apply = apply,
    .destroy = destroy,
};
