/* The exponential moving average of a vector of parameters, or of a shard of it:
 * mean = rho mean + (1 - rho) w after each step.
 *
 * An average that was tuned for some batch keeps its reach over the rows when the batch is scaled
 * by kappa if rho becomes rho^kappa (Busbridge et al., "How to scale your EMA", NeurIPS 2023,
 * arXiv:2307.13813): kappa small steps with the same w shrink the old mean by rho^kappa. */
#ifndef MST_CORE_OPTIM_EMA_H
#define MST_CORE_OPTIM_EMA_H

#include <stdint.h>

#include "core/base/state.h"
#include "core/base/status.h"

typedef struct mst_ema {
  float rho, rest; /* rest = 1 - rho                          */
  int64_t count;
  float *mean; /* (count) what is evaluated                   */
} mst_ema;

/** rho^kappa. Local. */
double mst_ema_rate(double rho, double kappa);

/** An average of count parameters, with the rate for a batch kappa times that of rho.
 *  \return MST_OK; MST_ERR_INPUT unless 0 <= rho < 1, kappa > 0 and their rate is below 1 in
 *          float32; MST_ERR_MEMORY. Local. */
mst_status mst_ema_create(double rho, double kappa, int64_t count, mst_ema *out) MST_CHECKED;
void mst_ema_free(mst_ema *e); /* Local */

/** mean = w(count); then mean = rho mean + (1 - rho) w after each step. Local. */
void mst_ema_start(mst_ema *e, const float *w);
void mst_ema_add(mst_ema *e, const float *w);

/** Add the mean to a state list as "average", rows [first, first + count) of `whole`. Local. */
mst_status mst_ema_state(mst_ema *e, int64_t whole, int64_t first, mst_state *state) MST_CHECKED;

#endif
