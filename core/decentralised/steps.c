/* Steps of decentralised training beside mixing. */
#include "core/decentralised/steps.h"

#include <stddef.h>

void mst_step_descend_f32(int64_t m, double lr, const float *x, const float *direction,
                          float *out) {
  for (int64_t c = 0; c < m; c++) out[c] = (float)((double)x[c] - lr * (double)direction[c]);
}

void mst_step_track_f32(int64_t m, const float *mixed, const float *gradient, const float *before,
                        float *out) {
  for (int64_t c = 0; c < m; c++)
    out[c] = (float)((double)mixed[c] + ((double)gradient[c] - (double)before[c]));
}

void mst_step_d2_f32(int64_t m, double lr, const float *x, const float *x_before,
                     const float *gradient, const float *gradient_before, float *out) {
  for (int64_t c = 0; c < m; c++)
    out[c] = (float)((double)x[c] + ((double)x[c] - (double)x_before[c]) -
                     lr * ((double)gradient[c] - (double)gradient_before[c]));
}

void mst_step_chebyshev_f32(int64_t m, double omega, const float *mixed, const float *before,
                            float *out) {
  for (int64_t c = 0; c < m; c++)
    out[c] = omega == 1
                 ? mixed[c]
                 : (float)((double)before[c] + omega * ((double)mixed[c] - (double)before[c]));
}
