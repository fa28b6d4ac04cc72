/* Sums in fixed lanes: the same bits at any width of the processor's vectors. */
#include "core/model/lanes.h"

#include "core/base/wide.h"

#define LANES 16

MST_WIDE_BODY sum_rows_body(int64_t n, int64_t m, const float *restrict x, float *restrict sum) {
  for (int64_t j = 0; j < m; j++) sum[j] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < m; j++) sum[j] += x[i * m + j];
}
MST_WIDE(sum_rows, (int64_t n, int64_t m, const float *restrict x, float *restrict sum),
         (n, m, x, sum))

void mst_sum_rows(int64_t n, int64_t m, const float *x, float *sum) {
  sum_rows(n, m, x, sum);
}

MST_WIDE_BODY square_lanes_body(int64_t n, const float *restrict x, double *restrict lane) {
  double s[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) s[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 0; i + j < n; j++) s[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 0; j < LANES; j++) lane[j] = s[j];
}
MST_WIDE(square_lanes, (int64_t n, const float *restrict x, double *restrict lane), (n, x, lane))

double mst_square_sum(int64_t n, const float *x) {
  double lane[LANES];
  square_lanes(n, x, lane);
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) lane[j] += lane[j + half];
  return lane[0];
}
