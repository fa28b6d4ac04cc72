/* Sorting, quantiles, and the figures by which a list of numbers is judged. */
#include "core/base/summary.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/arithmetic.h"

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double mst_summary_mean(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i];
  return n > 0 ? sum / (double)n : (double)NAN;
}

double mst_summary_most(const double *x, int64_t n) {
  double most = n > 0 ? x[0] : (double)NAN;
  for (int64_t i = 1; i < n; i++) most = fmax(most, x[i]);
  return most;
}

double mst_summary_deviation(const double *x, int64_t n) {
  const double mean = mst_summary_mean(x, n);
  double squares = 0;
  for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  return n > 1 ? sqrt(squares / ((double)n - 1)) : 0;
}

double mst_confusion_rows(const double *counts, int64_t classes, int64_t k) {
  double sum = 0;
  for (int64_t j = 0; j < classes; j++) sum += counts[k * classes + j];
  return sum;
}

double mst_confusion_recall(const double *counts, int64_t classes, int64_t k) {
  double rows = mst_confusion_rows(counts, classes, k);
  return rows > 0 ? counts[k * classes + k] / rows : (double)NAN;
}

double mst_confusion_precision(const double *counts, int64_t classes, int64_t k) {
  double chosen = 0;
  for (int64_t j = 0; j < classes; j++) chosen += counts[j * classes + k];
  return chosen > 0 ? counts[k * classes + k] / chosen : (double)NAN;
}

void mst_summary_sort(double *x, int64_t n) {
  if (n > 1) qsort(x, (size_t)n, sizeof *x, ascending);
}

mst_summary mst_summary_make(const double *sorted, int64_t n) {
  mst_summary s = {NAN, NAN, NAN};
  if (n <= 0) return s;
  int64_t tenth = mst_most(n / 10, 1);
  double sum = 0, worst = 0, square = 0;
  for (int64_t i = 0; i < n; i++) {
    sum += sorted[i];
    if (i < tenth) worst += sorted[i];
  }
  s.mean = sum / (double)n;
  s.worst = worst / (double)tenth;
  for (int64_t i = 0; i < n; i++) square += (sorted[i] - s.mean) * (sorted[i] - s.mean);
  s.spread = sqrt(square / (double)n);
  return s;
}

double mst_summary_quantile(const double *sorted, int64_t n, double q) {
  if (n <= 0) return NAN;
  /* A q n that only rounding lifts above a whole number is that number. */
  const double exact = q * (double)n, below = floor(exact);
  int64_t at = (int64_t)(exact - below <= 2 * DBL_EPSILON * exact ? below : below + 1) - 1;
  return sorted[mst_most(0, mst_least(at, n - 1))];
}
