/* Points between networks, and what the losses there say. */
#include "core/merge/path.h"

#include <math.h>

double mst_merge_place(int points, int i) {
  return (double)i / (double)(points - 1);
}

void mst_merge_point(int64_t n, const float *a, const float *b, double t, float *w) {
  for (int64_t i = 0; i < n; i++) w[i] = (float)((1.0 - t) * (double)a[i] + t * (double)b[i]);
}

double mst_merge_barrier(int points, const double *loss) {
  double first = loss[0], last = loss[points - 1], most = 0;
  for (int i = 0; i < points; i++) {
    double t = mst_merge_place(points, i);
    if (!isfinite(loss[i])) return NAN;
    if (i == 0 || i == points - 1) continue;
    most = fmax(most, loss[i] - (first + t * (last - first))); /* 0 on a level path */
  }
  return most;
}

void mst_merge_mean(int64_t n, int networks, const float *const *network, float *w) {
  for (int64_t i = 0; i < n; i++) {
    double sum = 0;
    for (int k = 0; k < networks; k++) sum += (double)network[k][i];
    w[i] = (float)(sum / networks);
  }
}
