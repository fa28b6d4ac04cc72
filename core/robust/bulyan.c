/* Bulyan over Krum (El Mhamdi, Guerraoui, Rouault 2018): n-2f vectors are picked by Krum, each from
 * those that are left; then of each coordinate the mean of the n-4f picked values that are nearest
 * to their median. Scores of later picks count the neighbours among the vectors that are left. */
#include <string.h>

#include "core/robust/columns.h"
#include "core/robust/weights.h"

static int64_t least(int64_t byzantine) {
  return 4 * byzantine + 3;
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return n * n;
}

/* Drop one entry of that value from the sorted x(n). */
static void drop(int64_t n, double *x, double value) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (x[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  memmove(x + low, x + low + 1, (size_t)(n - low - 1) * sizeof *x);
}

/* near(n, n): row i begins with the sorted squared distances of vector i to the others that are
 * left. weight marks those that were picked. */
static int64_t pick(const mst_rule_spec *s, int64_t n, int64_t left, const double *near,
                    const double *weight) {
  const int64_t k = mst_most(mst_weights_neighbours(s, left), left > 1);
  int64_t best = -1;
  double lowest = 0;
  for (int64_t i = 0; i < n; i++) {
    if (weight[i] != 0) continue;
    double score = 0;
    for (int64_t j = 0; j < k; j++) score += near[i * n + j];
    if (best < 0 || score < lowest) {
      best = i;
      lowest = score;
    }
  }
  return best;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n, picks = n - 2 * s->byzantine;
  for (int64_t i = 0; i < n; i++) {
    const double *row = v->distance + i * v->points;
    memcpy(work + i * n, row, (size_t)i * sizeof *work);
    memcpy(work + i * n + i, row + i + 1, (size_t)(n - i - 1) * sizeof *work);
    mst_weights_sort(n - 1, work + i * n);
  }
  for (int64_t i = 0; i < v->points; i++) weight[i] = 0;
  for (int64_t left = n; left > n - picks; left--) {
    const int64_t best = pick(s, n, left, work, weight);
    weight[best] = 1 / (double)picks;
    for (int64_t i = 0; i < n; i++)
      if (weight[i] == 0) drop(left - 1, work + i * n, v->distance[i * v->points + best]);
  }
  return MST_OK;
}

/* The rows are the n-2f that were picked. */
static void columns_f32(const mst_rule_spec *s, int64_t n, int64_t m, const float *const *row,
                        const double *weight, float *out) {
  (void)weight;
  mst_columns()->nearest_f32(n, m, row, n - 2 * s->byzantine, out);
}

static void columns_f64(const mst_rule_spec *s, int64_t n, int64_t m, const double *const *row,
                        const double *weight, double *out) {
  (void)weight;
  mst_columns()->nearest_f64(n, m, row, n - 2 * s->byzantine, out);
}

static const mst_param params[] = {MST_RULE_NEIGHBOURS, {.name = NULL}};

const mst_rule_ops mst_rule_bulyan = {
    .name = "bulyan",
    .summary = "mean around the median of n-2f vectors that Krum picks one by one",
    .params = params,
    .least = least,
    .work_doubles = work_doubles,
    .weigh = weigh,
    .columns_f32 = columns_f32,
    .columns_f64 = columns_f64,
};
