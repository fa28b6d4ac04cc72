/* The coordinate-wise trimmed mean (Yin, Chen, Ramchandran, Bartlett 2018, arXiv 1803.01498,
 * definition 2): the f smallest and the f largest values of each coordinate are left out. */
#include "core/robust/columns.h"
#include "core/robust/member.h"

static void columns_f32(const mst_rule_spec *s, int64_t n, int64_t m, const float *const *row,
                        const double *weight, float *out) {
  (void)weight;
  mst_columns()->trimmed_f32(n, m, row, s->byzantine, out);
}

static void columns_f64(const mst_rule_spec *s, int64_t n, int64_t m, const double *const *row,
                        const double *weight, double *out) {
  (void)weight;
  mst_columns()->trimmed_f64(n, m, row, s->byzantine, out);
}

const mst_rule_ops mst_rule_trimmed_mean = {
    .name = "trimmed_mean",
    .summary = "mean of each coordinate without its f smallest and f largest values",
    .least = mst_rule_majority,
    .columns_f32 = columns_f32,
    .columns_f64 = columns_f64};
