/* G-optimal designs: weights on arms under which no arm's mean is estimated much worse than
 * another's (Kiefer, Wolfowitz 1960). Private to core/bandit; all functions are Local. */
#ifndef MST_CORE_BANDIT_DESIGN_H
#define MST_CORE_BANDIT_DESIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

#define MST_DESIGN_RIDGE                                                    \
  1e-8 /* of V, so that arms need not span the space: times the mean square \
          of an arm's entries */

#define MST_DESIGN_STEPS 2000 /* at most; a step gives weight to one arm more at most */

/** Numbers of work for n arms of d numbers. */
int64_t mst_design_work(int64_t n, int64_t d);

/** weight(n), with sum 1, 0 where keep(n) is false: with V = sum weight x x' no kept arm has
 *
 *      x'V^-1 x > (1 + gap) sum weight x'V^-1 x,
 *
 *  whose right side is (1 + gap) times the dimension that the arms span. Frank-Wolfe steps on log
 *  det V (Fedorov 1972). v(d, d) receives V without the ridge.
 *  \param x  (n, d); at least one arm is kept.
 *  \param reached  receives the gap that the weights are certified for; may be NULL.
 *  \return MST_OK, or MST_ERR_SINGULAR when the arms are not finite or all 0. */
mst_status mst_design_find(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                           double *weight, double *v, double *work, double *reached) MST_CHECKED;

/** The same with weight on few arms, certified as it stands: begins with an arm for each dimension
 *  (Kumar, Yildirim 2005), so that O(d log log d) steps reach a gap of 1, each of which adds one
 * arm at most; and steps also take weight from arms (Todd, Yildirim 2007). */
mst_status mst_design_core(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                           double *weight, double *v, double *work, double *reached) MST_CHECKED;

#endif
