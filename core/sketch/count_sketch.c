/* Count sketch: every row is added to one row of the sketch, with a sign (Charikar, Chen,
 * Farach-Colton 2002; for matrix products Clarkson, Woodruff 2013). One pass, no more work than
 * reading the rows. */
#include "core/sketch/member.h"

static int64_t nonzeros(const mst_sketch_spec *s) {
  (void)s;
  return 1;
}

static double largest(const mst_sketch_spec *s) {
  (void)s;
  return 1;
}

static void column(const mst_sketch_spec *s, int64_t row, int64_t *place, double *entry) {
  mst_stream draw = mst_sketch_stream(s, row);
  *entry = mst_stream_u32(&draw) & 1 ? 1 : -1;
  *place = (int64_t)mst_stream_below(&draw, (uint64_t)s->size);
}

const mst_sketch_ops mst_sketch_count_sketch = {
    .name = "count_sketch",
    .summary = "linear: each row goes to one of k sums, with a random sign",
    .nonzeros = nonzeros,
    .largest = largest,
    .column = column};
