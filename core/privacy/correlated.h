/* The noise of steps whose noise is correlated (core/privacy/correlation.h), for a shard of the
 * vector. Draws come from the run's counter streams, so what they are does not depend on who makes
 * them; past draws are made again, and of the members that go on from past noise a window is kept,
 * which is as secret as the secret: it is wiped, and is in no checkpoint. All functions are Local.
 */
#ifndef MST_CORE_PRIVACY_CORRELATED_H
#define MST_CORE_PRIVACY_CORRELATED_H

#include "core/privacy/correlation.h"
#include "core/privacy/discrete.h"

typedef struct mst_correlated mst_correlated;

/** Of entries [first, first + n), draws of standard deviation `sigma`. The objects named must
 *  outlive it.
 *  \return MST_OK or MST_ERR_MEMORY. */
mst_status mst_correlated_create(const mst_correlation *correlation, const mst_secret *secret,
                                 double sigma, int64_t first, int64_t n,
                                 mst_correlated **out) MST_CHECKED;
void mst_correlated_destroy(mst_correlated *m); /* wipes it; NULL is allowed */

/** Bytes that it takes beside its object. */
int64_t mst_correlated_bytes(const mst_correlation *correlation, int64_t n);

/** out(n) = the noise of a step (from 0). Any order; steps in turn are quick. */
void mst_correlated_noise(mst_correlated *m, int64_t step, double *out);

/** out(n) = the same of draws of a discrete law, for correlations whose weights are whole numbers
 *  (ops->whole). */
void mst_correlated_whole(mst_correlated *m, const mst_discrete *law, int64_t step, int64_t *out);

#endif
