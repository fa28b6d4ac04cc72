/* Products over the patches of an image, taken where they lie: a patch is `taps` runs of `run`
 * floats, `pitch` apart, and the patches of a row of positions begin `step` floats apart, so they
 * may overlap. A convolution needs no other product, and no patch is copied for it.
 *
 * Every element is one chain of fused multiply-adds in increasing order (product: over the taps,
 * then along the run; gradient: over the rows, then along the positions), so the bits do not
 * depend on the width of the processor's vectors. Processors without fused multiply-add round
 * differently. `lanes` is a multiple of MST_PATCH_LANES. Private to core/model; Local. */
#ifndef MST_CORE_MODEL_PATCHES_H
#define MST_CORE_MODEL_PATCHES_H

#include <stdbool.h>
#include <stdint.h>

enum {
  MST_PATCH_LANES = 16
};

typedef struct mst_patches {
  int64_t positions, step; /* of a row                                             */
  int64_t taps, pitch;     /* runs of a patch (product), rows of positions (gradient) */
  int64_t run;
} mst_patches;

/** y(positions, lanes) = start(lanes) + patches(positions, taps run) w(taps run, lanes); start
 *  NULL = 0. y's rows are lanes apart. Local. */
void mst_patches_product(const mst_patches *p, const float *x, const float *w, int64_t lanes,
                         const float *start, float *y);

/** g(run, lanes) += sum over `taps` rows of positions of runs(positions, run)' dy(positions,
 *  lanes); the runs' rows are pitch apart, dy's rows follow each other. Local. */
void mst_patches_gradient(const mst_patches *p, const float *x, const float *dy, int64_t lanes,
                          float *g);

/* The products for one width of vectors. */
typedef struct mst_patches_width {
  const char *name;
  bool fused; /* has fused multiply-add; all that have it give the same bits */
  void (*product)(const mst_patches *p, const float *x, const float *w, int64_t lanes,
                  const float *start, float *y);
  void (*gradient)(const mst_patches *p, const float *x, const float *dy, int64_t lanes, float *g);
} mst_patches_width;

/** The i-th width that this processor has, the widest first, or NULL past the end. For tests.
 *  Local. */
const mst_patches_width *mst_patches_width_at(int i);

#endif
