/* Sorting, neighbours, and sums of points from distances alone. For weights w of sum 1 and squared
 * distances D, |p_i - sum_j w_j p_j|^2 = (D w)_i - w'D w / 2, and inner products about the mean
 * follow by <a, b> = (|a|^2 + |b|^2 - |a - b|^2) / 2. */
#include "core/robust/weights.h"

#include <float.h>
#include <string.h>

static void sift_down(double *x, int64_t at, int64_t n) {
  const double moved = x[at];
  for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
    if (child + 1 < n && x[child + 1] > x[child]) child++;
    if (!(x[child] > moved)) break;
    x[at] = x[child];
    at = child;
  }
  x[at] = moved;
}

void mst_weights_sort(int64_t n, double *x) {
  for (int64_t i = n / 2 - 1; i >= 0; i--) sift_down(x, i, n);
  for (int64_t last = n - 1; last > 0; last--) {
    const double largest = x[0];
    x[0] = x[last];
    x[last] = largest;
    sift_down(x, 0, last);
  }
}

void mst_weights_nearest(int64_t n, const double *key, int64_t k, double share, double *work,
                         double *weight) {
  memcpy(work, key, (size_t)n * sizeof *work);
  mst_weights_sort(n, work);
  const double last = work[k - 1];
  int64_t equal = k; /* how many of the vectors at the last key belong to the k */
  for (int64_t i = 0; i < n; i++) equal -= key[i] < last;
  for (int64_t i = 0; i < n; i++) {
    bool in = key[i] < last || (key[i] == last && equal-- > 0);
    weight[i] = in ? share : 0;
  }
}

int64_t mst_weights_neighbours(const mst_rule_spec *s, int64_t n) {
  return n - s->byzantine - (strcmp(s->neighbours, "published") == 0 ? 2 : 1);
}

mst_status mst_weights_check_neighbours(const mst_rule_spec *s, int64_t n) {
  if (n == 1 || mst_weights_neighbours(s, n) >= 1) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "%s with aggregate.byzantine: %lld and aggregate.neighbours: %s sums over no "
                  "neighbour of %lld vectors; it needs %lld",
                  s->name, (long long)s->byzantine, s->neighbours, (long long)n,
                  (long long)(n + 1 - mst_weights_neighbours(s, n)));
}

void mst_weights_krum_scores(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                             double *score) {
  const int64_t k = mst_weights_neighbours(s, v->n);
  for (int64_t i = 0; i < v->n; i++) {
    const double *row = v->distance + i * v->points;
    memcpy(work, row, (size_t)i * sizeof *work);
    memcpy(work + i, row + i + 1, (size_t)(v->n - i - 1) * sizeof *work);
    mst_weights_sort(v->n - 1, work);
    score[i] = 0;
    for (int64_t j = 0; j < k; j++) score[i] += work[j];
  }
}

void mst_weights_shares(const mst_rule_view *v, double *share) {
  double total = 0;
  for (int64_t i = 0; i < v->n; i++) total += v->weight != NULL ? v->weight[i] : 1;
  for (int64_t i = 0; i < v->n; i++) share[i] = (v->weight != NULL ? v->weight[i] : 1) / total;
}

void mst_weights_distances(int64_t points, const double *distance, const double *w, double *work,
                           double *away) {
  double *most = work, half = 0;
  for (int64_t i = 0; i < points; i++) {
    const double *row = distance + i * points;
    double sum = 0, path = 0;
    for (int64_t j = 0; j < points; j++) {
      if (w[j] == 0) continue;
      sum += w[j] * row[j];
      path += w[j] * sqrt(row[j]);
    }
    away[i] = sum;
    most[i] = path;
    if (w[i] != 0) half += 0.5 * w[i] * sum;
  }
  const double slack = 4 * DBL_EPSILON * (double)points; /* covers the rounding of the bounds */
  for (int64_t i = 0; i < points; i++) {
    const double *row = distance + i * points;
    double least = 0;
    for (int64_t j = 0; j < points; j++) {
      const double direct = sqrt(row[j]);
      const double bound = direct - most[j] - slack * (direct + most[j]);
      if (bound > least) least = bound;
    }
    const double square = away[i] - half;
    double root = square > 0 ? sqrt(square) : 0;
    if (root < least) root = least;
    away[i] = root < most[i] ? root : most[i];
  }
}

void mst_weights_gram(int64_t n, int64_t stride, const double *distance, const double *share,
                      double *work, double *gram) {
  double whole = 0;
  for (int64_t i = 0; i < n; i++) {
    work[i] = 0;
    for (int64_t j = 0; j < n; j++)
      if (share[j] != 0) work[i] += share[j] * distance[i * stride + j];
    if (share[i] != 0) whole += share[i] * work[i];
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++)
      gram[i * n + j] = gram[j * n + i] =
          0.5 * (work[i] + work[j] - whole - distance[i * stride + j]);
}

void mst_weights_rest(int64_t points, int64_t zero, double *weight) {
  double sum = 0;
  weight[zero] = 0;
  for (int64_t i = 0; i < points; i++) sum += weight[i];
  weight[zero] = 1 - sum;
}
