/* Priority sampling (Duffield, Lund, Thorup 2007): the k rows of least score hash / |A_i|^2, with
 * the next score as the level that they lie below; a sample of a size that is known.
 * doc/methods/sketch.md, equation (3). */
#include <math.h>

#include "core/sketch/member.h"

static int64_t scores(const mst_sketch_spec *s) {
  return s->size + 1;
}

/* With k rows or fewer all are kept, and surely. */
static double level(const mst_sketch_spec *s, double squares, int64_t n, const double *least) {
  (void)squares;
  return n > s->size ? least[s->size] : INFINITY;
}

const mst_sketch_ops mst_sketch_priority = {
    .name = "priority",
    .summary = "coordinated sample: the k rows that a shared hash and their norms put first",
    .scores = scores,
    .level = level};
