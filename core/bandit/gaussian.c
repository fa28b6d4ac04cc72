/* Arms with independent normal entries of variance 1/d, so of length about 1. */
#include <math.h>

#include "core/bandit/environment_member.h"

static void draw(mst_stream *s, int64_t d, double *x) {
  for (int64_t i = 0; i < d; i++) x[i] = mst_stream_normal(s) / sqrt((double)d);
}

const mst_environment_ops mst_environment_gaussian = {
    .name = "gaussian",
    .summary = "arms with normal entries of variance 1/d",
    .draw = draw,
};
