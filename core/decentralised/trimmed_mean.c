/* The weighted trimmed mean: of each coordinate the weighted mean of the own value and the
 * neighbours', after weight `trim` is cut off at each end; a value at the cut keeps what is left of
 * its weight. Where nothing would be left it is the weighted median. Compared by He, Karimireddy,
 * Jaggi 2022; with equal weights it is the trimmed mean. */
#include "core/decentralised/member.h"

/* A share of all weight that is rounding: what is left of a value that was cut off whole. */
#define SLIVER 1e-12

static void conclude(mst_mixing_plan *p) {
  mst_mixing_take_weights(p);
  double trim = p->spec->trim;
  if (!(trim > 0)) {
    const int64_t n = mst_mixing_sort_finite(p, p->node->weight, p->keep);
    const int64_t f = mst_least(p->spec->byzantine, n);
    trim = 0;
    for (int64_t i = n - f; i < n; i++) trim += p->keep[i];
  }
  p->keep[0] = trim;
}

/* Shell's sort by value, steps of Ciura 2001: neighbours are few. */
static void sort(int64_t n, double *value, double *weight) {
  static const int64_t steps[] = {701, 301, 132, 57, 23, 10, 4, 1};
  for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
    for (int64_t i = steps[s]; i < n; i++) {
      const double v = value[i], w = weight[i];
      int64_t at = i;
      for (; at >= steps[s] && value[at - steps[s]] > v; at -= steps[s]) {
        value[at] = value[at - steps[s]];
        weight[at] = weight[at - steps[s]];
      }
      value[at] = v;
      weight[at] = w;
    }
}

static double median(int64_t n, const double *value, const double *weight, double total) {
  double below = 0;
  for (int64_t i = 0; i < n; i++) {
    below += weight[i];
    if (below < total / 2 - SLIVER * total) continue;
    const bool between = below <= total / 2 + SLIVER * total && i + 1 < n;
    return between ? value[i] + (value[i + 1] - value[i]) / 2 : value[i];
  }
  return value[n - 1];
}

static double mean(int64_t n, double *value, double *weight, double trim) {
  double total = 0, below = 0, sum = 0, rest = 0;
  for (int64_t i = 0; i < n; i++) total += weight[i];
  sort(n, value, weight);
  if (total - 2 * trim <= SLIVER * total) return median(n, value, weight, total);
  for (int64_t i = 0; i < n; i++) {
    const double from = fmax(below, trim);
    below += weight[i];
    const double part = fmin(below, total - trim) - from;
    if (part <= SLIVER * total) continue;
    sum += part * value[i];
    rest += part;
  }
  return sum / rest;
}

/* The trimmed mean of column c. */
#define COLUMN(name, real)                                                 \
  static double name(const mst_mixing_plan *p, int64_t c, const real *own, \
                     const real *const *neighbour) {                       \
    const int64_t k = p->node->neighbours;                                 \
    double *value = p->keep + 1, *weight = value + k + 1;                  \
    int64_t n = 1;                                                         \
    value[0] = (double)own[c];                                             \
    weight[0] = p->self;                                                   \
    for (int64_t j = 0; j < k; j++) {                                      \
      if (!(p->share[j] > 0)) continue;                                    \
      value[n] = (double)neighbour[j][c];                                  \
      weight[n++] = p->share[j];                                           \
    }                                                                      \
    return mean(n, value, weight, p->keep[0]);                             \
  }
COLUMN(column_f32, float)
COLUMN(column_f64, double)

static void columns_f32(const mst_mixing_plan *p, int64_t m, const float *own,
                        const float *const *neighbour, float *out) {
  for (int64_t c = 0; c < m; c++) out[c] = (float)column_f32(p, c, own, neighbour);
}

static void columns_f64(const mst_mixing_plan *p, int64_t m, const double *own,
                        const double *const *neighbour, double *out) {
  for (int64_t c = 0; c < m; c++) out[c] = column_f64(p, c, own, neighbour);
}

static int64_t doubles(int64_t k, int64_t tensors) {
  (void)tensors;
  return 1 + 2 * (k + 1);
}

static const mst_param params[] = {
    MST_MIXING_BYZANTINE,
    MST_MIXING_REAL(trim, "0", 0, 0.5, false, "",
                    "weight cut off at each end; 0 = that of the `byzantine` heaviest neighbours"),
    {.name = NULL}};

const mst_mixing_ops mst_mixing_trimmed_mean = {
    .name = "trimmed_mean",
    .summary = "of each coordinate the weighted mean without what is at the ends",
    .params = params,
    .passes = 1,
    .doubles = doubles,
    .conclude = conclude,
    .columns_f32 = columns_f32,
    .columns_f64 = columns_f64,
};
