/* EASE, item-item recommendation in closed form (Steck, "Embarrassingly shallow autoencoders for
 * sparse data", WWW 2019): with X the users' ratings and P = (X'X + lambda I)^-1, the scores are X
 * B with B_ij = -P_ij / P_jj off the diagonal, which is 0. And how scores are judged: items of each
 * user are held out, and looked for among those that score highest. */
#ifndef MST_CORE_EASE_EASE_H
#define MST_CORE_EASE_EASE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

#define MST_EASE_RECALL 20  /* items recommended where recall is measured               */
#define MST_EASE_TOP    100 /* and where the discounted gain is: the longer of the lists */

/** b(d, d) in: the symmetric P; out: B, with B_jj = 0. Equation (8) of the paper. Local. */
void mst_ease_weights(int64_t d, double *b);

/** Mark which of a user's n items are held out: floor(share * n) of them, one at least where share
 *  is not 0 and n > 1, never all; the same for the same seed and user. scratch(n). Local. */
void mst_ease_hold_out(uint64_t seed, int64_t user, double share, int64_t n, int64_t *scratch,
                       bool *held);

/** The `most` items of largest score that are not excluded, in order, the lower number first of
 *  equals. top(most) out. \return how many there are. Local. */
int64_t mst_ease_top(int64_t d, const double *score, const bool *excluded, int64_t most,
                     int64_t *top);

/** Judge a list top(n) by the items held out, held(d), of which there are `count` > 0: hits among
 *  the first MST_EASE_RECALL over the most there can be, and the discounted gain of the first
 *  MST_EASE_TOP over the largest there can be (Liang et al., WWW 2018, section 4.2). Local. */
void mst_ease_grade(int64_t n, const int64_t *top, const bool *held, int64_t count, double *recall,
                    double *gain);

#endif
