/* Single passes over a client's parameters in float32: the parts of a local step that are not the
 * model's. Private to core/federated; all functions are Local. The loops are elementwise, and norms
 * are taken over fixed blocks and lanes, so the bits do not depend on vector widths. */
#ifndef MST_CORE_FEDERATED_PASSES_H
#define MST_CORE_FEDERATED_PASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/linalg/descent.h"

/** d = gradient g + proximal (from - start) + constant, over n: the direction of a step t, without
 *  its decay, which is the optimizer's. */
void mst_pass_direction(const mst_descent *t, int64_t n, const float *g, float *d);

/** Square of |g - shift| over n, in double; shift NULL = 0. */
double mst_pass_square_norm(int64_t n, const float *g, const float *shift);

/** point = w + scale (g - shift), over n; shift NULL = 0. */
void mst_pass_perturb(int64_t n, float scale, const float *g, const float *shift, const float *w,
                      float *point);

/** g = (1 - share) g + share second, over n. */
void mst_pass_mix(int64_t n, float share, const float *second, float *g);

/** out = w - start, over n. Returns whether every entry is finite and at most bound. */
bool mst_pass_delta(int64_t n, float bound, const float *w, const float *start, float *out);

/** Whether every |x(i)| is at most bound; false for NaN. */
bool mst_pass_bounded(int64_t n, float bound, const float *x);

#endif
