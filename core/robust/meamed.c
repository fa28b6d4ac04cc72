/* The mean around the median (Xie, Koyejo, Gupta 2018, arXiv 1802.10116): of each
 * coordinate the mean of the n-f values nearest to the median. Of two values that are equally far
 * the smaller counts as nearer, so the choice does not depend on the order of the vectors. */
#include "core/robust/columns.h"
#include "core/robust/member.h"

static void columns_f32(const mst_rule_spec *s, int64_t n, int64_t m, const float *const *row,
                        const double *weight, float *out) {
  (void)weight;
  mst_columns()->nearest_f32(n, m, row, n - s->byzantine, out);
}

static void columns_f64(const mst_rule_spec *s, int64_t n, int64_t m, const double *const *row,
                        const double *weight, double *out) {
  (void)weight;
  mst_columns()->nearest_f64(n, m, row, n - s->byzantine, out);
}

const mst_rule_ops mst_rule_meamed = {
    .name = "meamed",
    .summary = "mean of the n-f values of each coordinate that are nearest to its median",
    .least = mst_rule_majority,
    .columns_f32 = columns_f32,
    .columns_f64 = columns_f64};
