/* A privacy loss on a grid: the pair's P as masses at multiples of a step.
 *
 * Two ways to bring a mass between two grid points onto the grid. `dots` (connect the dots,
 * Doroshenko et al. 2022) divides it so that both its P and its Q stay: the curve through the true
 * one's values at grid points, never below it, and so in any composition. The same division is also
 * a coarsening of the outcomes, which can only lose; what the losses of the coarse outcomes differ
 * from their grid points by (`defect`, of the order of step^2) gives a bound from below. `nearest`
 * (Gopi et al. 2021) takes it to the nearer point; all is then shifted so that the mean is right.
 *
 * Masses come from Gauss's rule in every cell, of positive terms alone: none is negative, none a
 * difference of two probabilities. Private to core/privacy. Local. */
#ifndef MST_CORE_PRIVACY_LOSS_H
#define MST_CORE_PRIVACY_LOSS_H

#include "core/privacy/pair.h"

typedef enum mst_rounding {
  MST_ROUNDING_DOTS,
  MST_ROUNDING_NEAREST
} mst_rounding;

#define MST_LOSS_SURPLUS 2 /* the point that takes `surplus` */

typedef struct mst_loss {
  double step;
  int64_t first, count; /* grid points first .. first + count - 1, in steps                     */
  double *mass;         /* (count)                                                              */
  double *defect;  /* (count) dots: sum over what came to the point of mass (e^-(t-point) - 1) */
  double infinite; /* mass at loss infinity, with what was cut off above                   */
  double surplus;  /* mass that is here too much: put in for what was cut off below        */
  double cut;      /* of `infinite`, what was only cut off                                 */
  double snapped;  /* what atoms beside grid points were moved by onto them, at most          */
  double greatest; /* loss; INFINITY where it has no bound                                 */
  double shift, variance; /* nearest: mean of the true loss less the rounded one, and the variance
                             of that difference                                                 */
} mst_loss;

/** Put a pair on the grid. \return MST_OK, MST_ERR_MEMORY, or MST_ERR_UNSUPPORTED when the grid would
 *  have more than 2^24 points. */
mst_status mst_loss_make(const mst_pair *pair, double step, mst_rounding rounding,
                         mst_loss *out) MST_CHECKED;

/** ln sum mass e^(alpha t), for any real alpha, without overflow; what is infinite is left out. */
double mst_loss_cumulant(const mst_loss *loss, double alpha);

/** Free its arrays; zeros are fine. */
void mst_loss_clear(mst_loss *loss);

#endif
