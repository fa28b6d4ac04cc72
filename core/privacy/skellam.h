/* Skellam noise: the difference of two Poisson draws. It is closed under sums, so that many parties
 * can each add a part of it (Agarwal, Kairouz and Liu 2021). All functions are Local. */
#ifndef MST_CORE_PRIVACY_SKELLAM_H
#define MST_CORE_PRIVACY_SKELLAM_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/discrete.h"

#define MST_SKELLAM_VARIANCE_MAX 0x1p50

/* A law and the table that proposes. Make it once and keep it. */
typedef struct mst_skellam {
  double mean; /* of either Poisson draw: half the variance */
  int64_t mode;
  double slope; /* proposals are mode + discrete Laplace of scale 1 / slope */
  double top;   /* bound on ln of Poisson over proposal, both 1 at the mode */
  double at_mode;
  mst_discrete proposal;
} mst_skellam;

/** The law of that variance.
 *  \return MST_OK, or MST_ERR_INPUT unless 0 < variance <= MST_SKELLAM_VARIANCE_MAX. */
mst_status mst_skellam_make(double variance, mst_skellam *out) MST_CHECKED;

/** out(n) = entries [first, first + n). Whole numbers, so there are no gaps to read; but each
 * Poisson probability is met only to about 1e-13 of itself (a rejection that is decided in
 * doubles), so the law is not exact: add 1e-12 a draw to delta. */
void mst_noise_skellam(const mst_skellam *law, const mst_noise *noise, int64_t first, int64_t n,
                       int64_t *out);

/** A bound on the Renyi divergence of order alpha > 1 between noise of that variance and itself
 * moved by a vector of whole numbers with norms l1 and l2:
 *
 *      alpha l2^2 / (2 v) + min(((2 alpha - 1) l2^2 + 6 l1) / (4 v^2), 3 l1 / (2 v)).
 *
 *  Agarwal, Kairouz and Liu 2021, theorem 3.5; whole alpha. */
double mst_skellam_renyi(double variance, double l1, double l2, double alpha);

#endif
