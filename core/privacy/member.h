/* What accountants share. Private to core/privacy. Local. */
#ifndef MST_CORE_PRIVACY_MEMBER_H
#define MST_CORE_PRIVACY_MEMBER_H

#include <stddef.h>

#include "core/privacy/accountant.h"

extern const mst_accountant_ops mst_accountant_rdp, mst_accountant_pld, mst_accountant_prv,
    mst_accountant_gdp, mst_accountant_gdp_clt, mst_accountant_zcdp, mst_accountant_advanced;

/* A factor for figures that come from short sums of accurate functions: never rounded downward. */
#define MST_UPWARD (1 + 1e-14)

/** Whether an event releases Gaussian noise without sampling, so that GDP is exact. */
static inline bool mst_event_is_whole_gaussian(const mst_event *e) {
  return e->mechanism == MST_MECHANISM_GAUSSIAN && mst_event_rate(e) == 1;
}

/** mu^2 of the list's Gaussian events without sampling, all together. */
double mst_events_whole_mu_square(const mst_events *events);

/** Renyi divergence of order alpha > 1 of one release, in nats.
 *  \return MST_OK or MST_ERR_UNSUPPORTED. */
mst_status mst_rdp_order(const mst_event *e, mst_adjacency adjacency, int64_t group, double alpha,
                         double *out) MST_CHECKED;

/** epsilon at delta, and delta at epsilon, of a Renyi divergence rho of order alpha (Canonne,
 * Kamath and Steinke 2020). */
double mst_rdp_epsilon(double alpha, double rho, double delta);
double mst_rdp_delta(double alpha, double rho, double epsilon);

#endif
