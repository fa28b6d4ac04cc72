/* The coordinate-wise median (Yin, Chen, Ramchandran, Bartlett 2018, arXiv 1803.01498, definition
 * 1): of an even number of values half the sum of the two in the middle, rounded as the rows are.
 */
#include "core/robust/columns.h"
#include "core/robust/member.h"

static void columns_f32(const mst_rule_spec *s, int64_t n, int64_t m, const float *const *row,
                        const double *weight, float *out) {
  (void)s, (void)weight;
  mst_columns()->median_f32(n, m, row, out);
}

static void columns_f64(const mst_rule_spec *s, int64_t n, int64_t m, const double *const *row,
                        const double *weight, double *out) {
  (void)s, (void)weight;
  mst_columns()->median_f64(n, m, row, out);
}

const mst_rule_ops mst_rule_median = {.name = "median",
                                      .summary = "the middle value of each coordinate",
                                      .least = mst_rule_majority,
                                      .columns_f32 = columns_f32,
                                      .columns_f64 = columns_f64};
