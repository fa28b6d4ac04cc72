/* User-level private rounds: what one client changes in any round is bounded and hidden by noise.
 *
 * Each client of a cohort sends its change, clipped to a public length and rounded to whole numbers
 * of a public grid; cohorts are drawn by coins from the run's secret; the sum is divided by the
 * public expected number of clients. The noise is one vector, added once to the sum (central), or
 * each member's share, added before its message leaves it (shares).
 * doc/methods/private_training.md. */
#ifndef MST_PARALLEL_FEDERATED_PRIVATE_H
#define MST_PARALLEL_FEDERATED_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/privacy/noise.h"
#include "core/privacy/sampler.h"

typedef struct mst_federated_privacy {
  mst_sampler *sampler; /* of clients: poisson, its population all of them; one a rank, all alike */
  mst_secret secret;    /* the same on all ranks                                                 */
  double clip, sigma;   /* bound of a client's change; noise of the sum in units of it            */
  bool hardened;        /* discrete noise on the grid; shares are always                         */
  bool shares;      /* each of n members adds noise of variance (sigma clip)^2 / (n - t), ...   */
  double tolerance; /* ... t = tolerance n, up to which may be missing, or known to who looks   */
  /* Keep for good that a round (from 0) is being released; nothing of it leaves before. Collective;
   * an error ends the run. */
  mst_status (*charge)(void *context, int64_t round);
  void *context;
  int64_t charged; /* rounds that were charged by earlier starts of this run: never made again */
} mst_federated_privacy;

/** Of n members, those whose shares make the whole noise: n - tolerance n, not rounded, so that the
 *  noise of all is the same for any n and tells nothing of it; of none, as of one. Local. */
double mst_federated_private_sure(int64_t n, double tolerance);

#endif
