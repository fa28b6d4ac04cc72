/* Arms uniform in the cube [-1, 1]^d / d^(1/2), which the unit ball contains: the setting in which
 * FedLinUCB is published. */
#include <math.h>

#include "core/bandit/environment_member.h"

static void draw(mst_stream *s, int64_t d, double *x) {
  for (int64_t i = 0; i < d; i++) x[i] = (2 * mst_stream_uniform(s) - 1) / sqrt((double)d);
}

const mst_environment_ops mst_environment_cube = {
    .name = "cube",
    .summary = "arms uniform in [-1, 1]^d / sqrt(d)",
    .draw = draw,
};
