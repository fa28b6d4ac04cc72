/* Threshold sampling (Flajolet, Martin; Duffield, Lund, Thorup 2005): a row is kept with chance
 * min(1, k |A_i|^2 / |A|_F^2), so k rows or fewer on average, each without regard to the others.
 * doc/methods/sketch.md, equation (2). */
#include "core/sketch/member.h"

static int64_t scores(const mst_sketch_spec *s) {
  (void)s;
  return 0;
}

static double level(const mst_sketch_spec *s, double squares, int64_t n, const double *least) {
  (void)n;
  (void)least;
  return (double)s->size / squares;
}

const mst_sketch_ops mst_sketch_threshold = {
    .name = "threshold",
    .summary = "coordinated sample: rows by a shared hash against their norms, about k of them",
    .scores = scores,
    .level = level};
