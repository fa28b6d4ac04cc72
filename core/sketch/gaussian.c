/* Gaussian sketch: S with independent normal entries of variance 1 / k (Johnson, Lindenstrauss
 * 1984). */
#include <math.h>

#include "core/sketch/member.h"

/* No normal draw is larger in magnitude: sqrt(2 * 53 ln 2) = 8.58, from a uniform one of at least
 * 2^-53. */
#define LARGEST_NORMAL 8.6

static int64_t nonzeros(const mst_sketch_spec *s) {
  return s->size;
}

static double deviation(const mst_sketch_spec *s) {
  return 1 / sqrt((double)s->size);
}

static double largest_normal(const mst_sketch_spec *s) {
  return LARGEST_NORMAL * deviation(s);
}

static void normals(const mst_sketch_spec *s, int64_t row, int64_t *place, double *entry) {
  const double scale = deviation(s);
  mst_stream draw = mst_sketch_stream(s, row);
  for (int64_t r = 0; r < s->size; r++) {
    place[r] = r;
    entry[r] = scale * mst_stream_normal(&draw);
  }
}

const mst_sketch_ops mst_sketch_gaussian = {
    .name = "gaussian",
    .summary = "linear: k sums of all rows with normal weights (Johnson-Lindenstrauss)",
    .nonzeros = nonzeros,
    .largest = largest_normal,
    .column = normals};
