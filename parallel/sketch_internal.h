/* What the files of sketches share. Not installed. */
#ifndef MST_PARALLEL_SKETCH_INTERNAL_H
#define MST_PARALLEL_SKETCH_INTERNAL_H

#include "parallel/feature_source.h"
#include "parallel/row_walk.h"
#include "parallel/sketch.h"

/* Columns of the rows that are walked over: A's, or B's. */
typedef struct mst_sketch_part {
  int64_t first, width;
  double *square;   /* of this rank's places: squared norms                */
  int64_t *entries; /* ... and entries that are not zero                   */
  double squares;   /* of all rows: |A|_F^2                                */
} mst_sketch_part;

typedef struct mst_sketching {
  const mst_sketch_options *options;
  const mst_sketch_ops *ops;
  const mst_analytic_data *data;
  const mst_roster *roster;
  mst_feature_source source[2]; /* A's rows, and B's where they are others  */
  mst_block_source blocks[2];
  bool other;
  float *joined;     /* (MST_BLOCK_ROWS, walk.d) a block of [A | B], or Z    */
  mst_row_walk walk; /* over such rows                                       */
  int parts;         /* 1: B is A                                            */
  mst_sketch_part part[2];
  mst_team *team;
} mst_sketching;

/** The rows of A and B side by side, and the norms of each. Free with close, after an error too.
 *  Collective. */
mst_status mst_sketching_open(mst_team *team, const mst_sketch_rows *a, const mst_sketch_rows *b,
                              const mst_row_plan *plan, const mst_sketch_options *options,
                              const mst_observer *observer, mst_sketching *s) MST_CHECKED;
void mst_sketching_close(mst_sketching *s);

/** The number in its dataset of the row at a place. Local. */
int64_t mst_sketching_row(const mst_sketching *s, int64_t place);

/** out->product and the counts, from linear sketches or from samples. Collective. */
mst_status mst_sketching_linear(mst_sketching *s, mst_sketch_result *out) MST_CHECKED;
mst_status mst_sketching_sampled(mst_sketching *s, mst_sketch_result *out) MST_CHECKED;

#endif
