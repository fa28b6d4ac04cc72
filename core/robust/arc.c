/* Adaptive robust clipping (Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan 2024):
 * the k = floor(2 f (n - f) / n) longest vectors are shortened to the norm of the next one. */
#include "core/robust/mixer.h"
#include "core/robust/weights.h"

static void mix(const mst_mixer_spec *s, const mst_rule_view *v, double *work, double *matrix) {
  const int64_t n = v->n, clipped = 2 * s->byzantine * (n - s->byzantine) / n;
  for (int64_t i = 0; i < n; i++) work[i] = v->distance[i * v->points + v->zero];
  mst_weights_sort(n, work);
  mst_mixer_shorten(v, sqrt(work[n - clipped - 1]), matrix);
}

const mst_mixer_ops mst_mixer_arc = {
    .name = "arc",
    .summary = "the longest vectors are shortened to the norm of the next one",
    .needs = MST_RULE_ZERO,
    .further = true,
    .count = mst_mixer_count_all,
    .mix = mix,
};
