/* Private sums of whole numbers: clip a vector onto the lattice's grid so that its norm is bounded
 * exactly, rounding included; choose the grid; the noise goes on top with mst_mechanism_add_whole.
 *
 * With S = mst_whole_bound(clip, shift) every clipped vector k of whole numbers has norm at most S,
 * as integers: adding or removing one moves the sum by at most S, replacing one by 2 S, whatever
 * the order or partition of the sum, which is of integers. Discrete noise of scale multiplier * S
 * is then exactly what the accountant charges: nothing is lost to rounding. All functions are
 * Local. */
#ifndef MST_CORE_PRIVACY_WHOLE_H
#define MST_CORE_PRIVACY_WHOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum mst_whole_norm {
  MST_WHOLE_L1 = 1, /* for Laplace noise  */
  MST_WHOLE_L2 = 2  /* for Gaussian noise */
} mst_whole_norm;

/** The finest shift (core/linalg/lattice.h) at which `summands` vectors of norm clip and noise of
 *  multiplier * clip, up to 1,000 times its scale, stay within the lattice's 62 bits, and the scale
 *  within the sampler's range. From public numbers alone.
 *  \return MST_OK, or MST_ERR_INPUT for numbers that are not positive and finite, or that leave fewer
 *          than 2^10 steps to the clip. */
mst_status mst_whole_shift(double clip, double multiplier, int64_t summands,
                           int *shift) MST_CHECKED;

/** S = floor(clip 2^shift): the sensitivity, in steps of the grid, of a sum of clipped vectors to
 *  adding or removing one; replacing one: 2 S. 0 where it is not in 1 .. 2^61. */
int64_t mst_whole_bound(double clip, int shift);

/** out(n) = x(n) on the grid, scaled down to a norm of at most S where it is longer. Rounds to
 *  nearest; where that alone makes the vector too long, it is scaled down a little more, at last
 *  rounding toward zero; then the norm is checked in integers.
 *  \param finite  out: false when x has an entry that is not finite; such a vector becomes 0, since a
 *                 refusal would depend on the data.
 *  \return MST_OK, or MST_ERR_INPUT when mst_whole_bound is 0. x and out may be the same memory. */
mst_status mst_whole_clip(const double *x, int64_t n, mst_whole_norm norm, double clip, int shift,
                          int64_t *out, bool *finite) MST_CHECKED;

#endif
