/* Kernels of the rules over columns: each takes n rows' values of m columns and gives one value a
 * column. They work on as many columns side by side as a vector holds: a column is sorted by a
 * network of minima and maxima, which takes the same steps whatever the values are, so there is no
 * branch to mispredict and no index to follow.
 *
 * n is 1 to MST_RULE_ROWS, m any; all entries must be finite; out must not overlap a row. The
 * results have the same bits in any order of the rows, for any width of the processor's vectors,
 * and however columns are cut into calls. A result that is zero is +0. All functions are Local,
 * take no memory but the stack (at most 1 MiB), and never fail. Private to core. */
#ifndef MST_CORE_ROBUST_COLUMNS_H
#define MST_CORE_ROBUST_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

/* One width of vectors. Sums are float64 and are rounded to the result once. */
typedef struct mst_columns_width {
  const char *name; /* avx512 | avx2 | plain */
  /* sum_i w_i x_i / sum_i w_i; weight(n) positive, NULL = all 1. */
  void (*mean_f32)(int64_t n, int64_t m, const float *const *row, const double *weight, float *out);
  void (*mean_f64)(int64_t n, int64_t m, const double *const *row, const double *weight,
                   double *out);
  /* The middle value; half the sum of the two middle ones where n is even. */
  void (*median_f32)(int64_t n, int64_t m, const float *const *row, float *out);
  void (*median_f64)(int64_t n, int64_t m, const double *const *row, double *out);
  /* Mean without the `trim` smallest and the `trim` largest; 0 <= 2 trim < n. */
  void (*trimmed_f32)(int64_t n, int64_t m, const float *const *row, int64_t trim, float *out);
  void (*trimmed_f64)(int64_t n, int64_t m, const double *const *row, int64_t trim, double *out);
  /* Mean of the `keep` values nearest to the median, 1 <= keep <= n; of two that are equally far,
   * to the rounding of a float64, the smaller is nearer. */
  void (*nearest_f32)(int64_t n, int64_t m, const float *const *row, int64_t keep, float *out);
  void (*nearest_f64)(int64_t n, int64_t m, const double *const *row, int64_t keep, double *out);
} mst_columns_width;

/** The i-th width that this processor has, from the widest; NULL past the end. Local. */
const mst_columns_width *mst_columns_width_at(int i);

/** The widest. Local. */
const mst_columns_width *mst_columns(void);

#endif
