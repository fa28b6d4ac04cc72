/* Private ridge regression: sensitivities, noise in the coordinates of symmetric matrices, and the
 * inverse of a matrix that is mostly noise. */
#include "core/privacy/adassp.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define SLACK (1 - 0x1p-20) /* of a length: entries are rounded to float32 */

void mst_adassp_events(double share, mst_event *gram, mst_event *moments) {
  *gram = (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN, .noise = 1 / sqrt(share), .count = 1};
  *moments =
      (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN, .noise = 1 / sqrt(1 - share), .count = 1};
}

double mst_adassp_class_bound(int64_t classes) {
  return sqrt(1 - 1 / (double)classes);
}

bool mst_adassp_clip(int64_t n, const float *x, double length, float *out) {
  double square = 0;
  for (int64_t i = 0; i < n; i++) square += (double)x[i] * (double)x[i];
  if (!isfinite(square)) {
    memset(out, 0, (size_t)n * sizeof *out);
    return false;
  }
  double norm = sqrt(square), factor = norm > SLACK * length ? SLACK * length / norm : 1;
  for (int64_t i = 0; i < n; i++) out[i] = (float)(factor * (double)x[i]);
  return true;
}

void mst_adassp_gram_noise(const mst_noise *noise, double sd, int64_t row, int64_t first, int64_t n,
                           double *out) {
  mst_noise_gaussian(noise, row * (row + 1) / 2 + first, n, sd * sqrt(0.5), out);
  if (n > 0 && first + n == row + 1) out[n - 1] *= sqrt(2.0);
}

double mst_adassp_edge(int64_t d, double sd) {
  return sqrt(2 * (double)d) * sd;
}

void mst_adassp_regularise(int64_t d, double *value, double sd, mst_adassp_kind kind,
                           double floor) {
  double edge = mst_adassp_edge(d, sd);
  double ridge = d > 0 ? fmax(0, floor * edge - value[0]) : 0;
  for (int64_t i = 0; i < d; i++) {
    double v = value[i];
    if (kind == MST_ADASSP_RIDGE)
      value[i] = v + ridge;
    else
      value[i] = floor * edge + (v > edge ? (v + sqrt((v - edge) * (v + edge))) / 2 : 0);
  }
}

mst_status mst_adassp_solve(int64_t d, int64_t c, double *gram, int64_t ld, const double *moments,
                            double sd, mst_adassp_kind kind, double floor, double *weights,
                            double *condition) {
  double *value = NULL, *part = NULL;
  if (!(floor > 0) || !(sd > 0))
    return mst_fail(MST_ERR_INPUT, "a noisy Gram needs noise and a floor above 0 to be inverted");
  mst_status st = mst_alloc(&value, d, sizeof *value, "eigenvalues");
  if (st == MST_OK) st = mst_alloc(&part, d * c, sizeof *part, "moments of eigenvectors");
  if (st == MST_OK) st = mst_eigen_symmetric(d, gram, ld, true, value);
  if (st == MST_OK) {
    mst_adassp_regularise(d, value, sd, kind, floor);
    mst_gemm(false, false, d, c, d, 1.0, gram, ld, moments, c, 0.0, part, c);
    for (int64_t i = 0; i < d; i++)
      for (int64_t k = 0; k < c; k++) part[i * c + k] /= value[i];
    mst_gemm(true, false, d, c, d, 1.0, gram, ld, part, c, 0.0, weights, c);
    if (condition != NULL) *condition = d > 0 ? value[d - 1] / value[0] : 1;
  }
  mst_free(part);
  mst_free(value);
  return st;
}
