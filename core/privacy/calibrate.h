/* Calibration: noise from a budget, steps from a budget. Whatever comes back keeps to the target:
 * the noise is rounded up, the steps down. A budget from noise is mst_account_epsilon. Local. */
#ifndef MST_CORE_PRIVACY_CALIBRATE_H
#define MST_CORE_PRIVACY_CALIBRATE_H

#include "core/privacy/accountant.h"

/** The least factor by which the noise of all events must be multiplied so that the list keeps to
 *  (epsilon, delta), to a relative `tolerance` (0 = 1e-6) upward. Of pure mechanisms epsilon is
 *  divided by it.
 *  \param spent  what the list then spends: spent->epsilon <= epsilon; may be NULL
 *  \return MST_OK, the errors of mst_account_epsilon; MST_ERR_UNSUPPORTED when the accountant only
 *          estimates, or no noise is enough. */
mst_status mst_calibrate_noise(const mst_account_spec *spec, const mst_events *events,
                               double epsilon, double delta, double tolerance, double *factor,
                               mst_spent *spent) MST_CHECKED;

/** The most times that the whole list can be released within (epsilon, delta), up to `most`; 0 when
 *  once is too much. Errors of mst_calibrate_noise. */
mst_status mst_calibrate_steps(const mst_account_spec *spec, const mst_events *events,
                               double epsilon, double delta, int64_t most, int64_t *times,
                               mst_spent *spent) MST_CHECKED;

#endif
