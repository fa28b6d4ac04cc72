/* Arms uniform in the unit ball: a direction, at a distance whose d-th power is uniform. */
#include <math.h>

#include "core/bandit/environment_member.h"

static void draw(mst_stream *s, int64_t d, double *x) {
  mst_environment_draw_direction(s, d, x);
  const double length = pow(mst_stream_uniform(s), 1 / (double)d);
  for (int64_t i = 0; i < d; i++) x[i] *= length;
}

const mst_environment_ops mst_environment_ball = {
    .name = "ball",
    .summary = "arms uniform in the unit ball",
    .draw = draw,
};
