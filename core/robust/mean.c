/* The mean, which a single vector can move anywhere: what robust rules are compared with, and what
 * they fall back on when nobody is suspected. */
#include "core/robust/columns.h"
#include "core/robust/member.h"

static int64_t least(int64_t byzantine) {
  return byzantine + 1;
}

static void columns_f32(const mst_rule_spec *s, int64_t n, int64_t m, const float *const *row,
                        const double *weight, float *out) {
  (void)s;
  mst_columns()->mean_f32(n, m, row, weight, out);
}

static void columns_f64(const mst_rule_spec *s, int64_t n, int64_t m, const double *const *row,
                        const double *weight, double *out) {
  (void)s;
  mst_columns()->mean_f64(n, m, row, weight, out);
}

const mst_rule_ops mst_rule_mean = {.name = "mean",
                                    .summary = "the mean; one vector can move it anywhere",
                                    .needs = MST_RULE_WEIGHTS | MST_RULE_LINEAR,
                                    .least = least,
                                    .columns_f32 = columns_f32,
                                    .columns_f64 = columns_f64};
