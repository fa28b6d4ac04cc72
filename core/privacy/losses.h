/* What the accountants on a grid (pld, prv) share: the list's losses, in one direction, on one
 * step. Private to core/privacy. Local. */
#ifndef MST_CORE_PRIVACY_LOSSES_H
#define MST_CORE_PRIVACY_LOSSES_H

#include "core/privacy/compose.h"

typedef struct mst_losses {
  mst_loss *loss; /* (n), of which the parts are made */
  mst_part *part; /* (n)                              */
  int n;
  double greatest; /* loss of the whole sum; INFINITY where it has no bound */
} mst_losses;

/** Put one direction of a list on a grid: the Gaussian events without sampling as one event, equal
 *  steps of the rest as a power. `share` of delta may be cut off in all.
 *  \return MST_OK, MST_ERR_UNSUPPORTED, MST_ERR_MEMORY. */
mst_status mst_losses_make(const mst_events *events, bool remove, double step,
                           mst_rounding rounding, double share, mst_losses *out) MST_CHECKED;

/** A first step for that many releases and that width of epsilon; and, 0 if none, the lattice that
 *  the step must divide. */
mst_status mst_losses_step(const mst_events *events, double accuracy, double *step,
                           double *lattice) MST_CHECKED;

/** Free it; zeros are fine. */
void mst_losses_clear(mst_losses *grid);

#endif
