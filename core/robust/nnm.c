/* Nearest neighbour mixing (Allouah et al. 2023): each vector becomes the mean of the n-f vectors
 * nearest to it, itself among them. */
#include "core/robust/mixer.h"
#include "core/robust/weights.h"

static void mix(const mst_mixer_spec *s, const mst_rule_view *v, double *work, double *matrix) {
  const int64_t taken = v->n - s->byzantine;
  for (int64_t i = 0; i < v->n; i++) {
    double *row = matrix + i * v->points;
    mst_weights_nearest(v->n, v->distance + i * v->points, taken, 1 / (double)taken, work, row);
    for (int64_t j = v->n; j < v->points; j++) row[j] = 0;
  }
}

const mst_mixer_ops mst_mixer_nnm = {
    .name = "nnm",
    .summary = "each vector becomes the mean of the n-f nearest to it",
    .count = mst_mixer_count_all,
    .mix = mix,
};
