/* Sums of privacy losses: the law of the total loss of many releases, by FFT.
 *
 * The masses are tilted by e^(alpha t) first, with alpha so that the tilted sum lies where the
 * answer is: the transform's absolute errors then are relative ones there, and deltas of 1e-100 are
 * as good as of 1e-5. Only the sum's own window must fit the transform; single losses are wrapped
 * into it, which changes nothing modulo its length. What the window does not hold is bounded by
 * Chernoff's inequality, what the transform may lose by a running error bound; both are added to
 * what is given from above and taken from what is given from below. Private to core/privacy. Local.
 * Source: doc/methods/accounting.md. */
#ifndef MST_CORE_PRIVACY_COMPOSE_H
#define MST_CORE_PRIVACY_COMPOSE_H

#include "core/privacy/loss.h"

typedef struct mst_part {
  const mst_loss *loss; /* all parts have the same step */
  double count;         /* whole */
} mst_part;

typedef struct mst_composition {
  double step, alpha;
  int64_t first, count;  /* window of the sum, in steps                                          */
  double centre;         /* what the sums below are scaled about                                 */
  double *above;         /* (count + 1) sums of e^(-alpha (t - centre)) mass from a point on      */
  double *above_reduced; /* (count + 1) the same with e^-(t - centre)                             */
  double log_scale;      /* of both                                                              */
  double infinite, surplus, cut; /* mass at infinity; put in; of infinite, what was cut off       */
  double noise;          /* of delta from rounding at epsilon = centre, in units of log_scale     */
  double log_beyond;     /* mass above the window, at most                                       */
  double log_wrapped;    /* delta at centre from below the window, at most                        */
  double log_over, over; /* and from above it at epsilon: e^(log_over - (alpha + over) epsilon), */
  double log_top;        /* or e^(log_top - alpha epsilon), the smaller                           */
} mst_composition;

/** The law of the sum where delta(epsilon) is about `delta`; or, for delta = 0, at that epsilon.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_UNSUPPORTED when the window takes more than 2^24 steps. */
mst_status mst_compose(const mst_part *part, int n, double delta, double epsilon,
                       mst_composition *out) MST_CHECKED;

/** delta at an epsilon of the sum on the grid, from above and from below, errors of the arithmetic
 * and tails included. */
double mst_composition_delta(const mst_composition *c, double epsilon);
double mst_composition_delta_below(const mst_composition *c, double epsilon);

/** The least epsilon at which delta from above is at most `delta`, not below 0; and the greatest at
 *  which delta from below is at least `delta`, -INFINITY if none. */
double mst_composition_epsilon(const mst_composition *c, double delta);
double mst_composition_epsilon_below(const mst_composition *c, double delta);

/** Free its arrays; zeros are fine. */
void mst_composition_clear(mst_composition *c);

#endif
