/* Arms at corners of the cube, {-1, 1}^d / d^(1/2): all 2^d of them in order where that many are
 * offered, else corners drawn at random. With theta: signs and length = d T^(-1/2), noise 1 this
 * is the instance by which linear bandits are shown to regret of the order of d T^(1/2) (Lattimore,
 * Szepesvari 2020, section 24.1). */
#include <math.h>

#include "core/bandit/environment_member.h"

static void draw_set(mst_stream *s, int64_t arms, int64_t d, double *x) {
  const double one = 1 / sqrt((double)d);
  const bool all = d < 20 && arms == (int64_t)1 << d;
  for (int64_t a = 0; a < arms; a++)
    for (int64_t i = 0; i < d; i++) {
      const bool up = all ? (a >> i & 1) != 0 : mst_stream_below(s, 2) != 0;
      x[a * d + i] = up ? one : -one;
    }
}

const mst_environment_ops mst_environment_corners = {
    .name = "corners",
    .summary = "arms in {-1, 1}^d / sqrt(d), all of them if there are 2^d",
    .draw_set = draw_set,
};
