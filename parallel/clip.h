/* The clip stage: a contribution that is longer than a public bound is shortened to it, so that one
 * client's influence on a sum, and the grid that the sum needs, are known without looking at any.
 */
#ifndef MST_PARALLEL_CLIP_H
#define MST_PARALLEL_CLIP_H

#include "parallel/pipeline.h"

/** A stage that multiplies a contribution by min(1, *bound / its Euclidean norm). *bound, positive
 *  and finite, must outlive it. Applying it returns MST_ERR_NONFINITE for a contribution that is
 * not finite. The norm may exceed the bound by rounding; where that must not be, the numbers are
 * clipped once more on their grid (core/privacy/whole.h). Local. */
mst_stage mst_clip_stage(const double *bound);

/** The factor alone, for x(n): at most 1, 0 when the norm is not finite. Local. */
double mst_clip_factor(int64_t n, const double *x, double bound);

#endif
