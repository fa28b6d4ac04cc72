/* Static clipping: a vector longer than the bound is shortened to it. */
#include "core/robust/mixer.h"
#include "core/robust/weights.h"

static void mix(const mst_mixer_spec *s, const mst_rule_view *v, double *work, double *matrix) {
  (void)work;
  mst_mixer_shorten(v, s->bound, matrix);
}

static const mst_param params[] = {{.name = "bound",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_mixer_spec, bound),
                                    .fallback = "2",
                                    .min = 0,
                                    .max = INFINITY,
                                    .open_min = true,
                                    .unit = "length of the vectors",
                                    .help = "largest norm"},
                                   {.name = NULL}};

const mst_mixer_ops mst_mixer_clipping = {
    .name = "clipping",
    .summary = "vectors longer than a bound are shortened to it",
    .params = params,
    .needs = MST_RULE_ZERO,
    .further = true,
    .count = mst_mixer_count_all,
    .mix = mix,
};
