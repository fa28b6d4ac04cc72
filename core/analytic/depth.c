/* A residual layer in closed form. Setting the gradient of the objective to zero gives
 * F'F Omega W W' + gamma Omega = F'R W'; for gamma > 0 the rows of Omega lie in the span of W's
 * columns, and with Omega = Q W' this is F'F Q W'W + gamma Q = F'R. */
#include "core/analytic/depth.h"

#include <string.h>

#include "core/linalg/blas.h"

#define ROUNDING 0x1p-40 /* of the largest eigenvalue of W'W: what is below carries no direction */

mst_status mst_depth_directions(int64_t d, int64_t c, const double *w, double *value,
                                double *vector) {
  mst_syrk_at_a(c, d, 1.0, w, c, 0.0, vector, c);
  MST_TRY(mst_eigen_symmetric(c, vector, c, true, value));
  for (int64_t j = 0; j < c; j++)
    if (!(value[j] > ROUNDING * value[c - 1])) value[j] = 0;
  return MST_OK;
}

mst_status mst_depth_column(int64_t h, int64_t c, const double *gram, const double *moment,
                            double gamma, double s, const double *v, double *b, double *column) {
  memset(column, 0, (size_t)h * sizeof *column);
  if (!(s > 0)) return MST_OK;
  for (int64_t i = 0; i < h; i++) {
    double sum = 0;
    for (int64_t k = 0; k < c; k++) sum += moment[i * c + k] * v[k];
    b[i] = sum / s;
  }
  return mst_ridge_solve(h, 1, gram, h, b, 1, gamma / s, column);
}

void mst_depth_assemble(int64_t h, int64_t c, const double *column, const double *vector,
                        double *q) {
  memset(q, 0, (size_t)(h * c) * sizeof *q);
  for (int64_t j = 0; j < c; j++)
    for (int64_t i = 0; i < h; i++)
      for (int64_t k = 0; k < c; k++) q[i * c + k] += column[j * h + i] * vector[j * c + k];
}
