/* Sketch by random signs: S with independent entries of k^(-1/2) and -k^(-1/2) (Achlioptas 2003),
 * as good as normal ones and cheaper to draw. */
#include <math.h>

#include "core/sketch/member.h"

static int64_t nonzeros(const mst_sketch_spec *s) {
  return s->size;
}

static double deviation(const mst_sketch_spec *s) {
  return 1 / sqrt((double)s->size);
}

static void signs(const mst_sketch_spec *s, int64_t row, int64_t *place, double *entry) {
  const double scale = deviation(s);
  mst_stream draw = mst_sketch_stream(s, row);
  uint32_t bits = 0;
  for (int64_t r = 0; r < s->size; r++) {
    if (r % 32 == 0) bits = mst_stream_u32(&draw);
    place[r] = r;
    entry[r] = bits & 1 ? scale : -scale;
    bits >>= 1;
  }
}

const mst_sketch_ops mst_sketch_rademacher = {
    .name = "rademacher",
    .summary = "linear: k sums of all rows with random signs",
    .nonzeros = nonzeros,
    .largest = deviation,
    .column = signs};
