/* Arms uniform on the unit sphere: normal vectors, made of length 1. */
#include "core/bandit/environment_member.h"

static void draw(mst_stream *s, int64_t d, double *x) {
  mst_environment_draw_direction(s, d, x);
}

const mst_environment_ops mst_environment_sphere = {
    .name = "sphere",
    .summary = "arms uniform on the unit sphere",
    .draw = draw,
};
