/* A clip that follows a quantile of the rows' gradient lengths (Andrew, Thakkar, McMahan,
 * Ramaswamy: Differentially private learning with adaptive clipping, NeurIPS 2021).
 *
 * With every step's sum goes a count, s = sum over the sample of (b_i - 1/2), b_i = 1 where row i's
 * gradient was no longer than the clip C. Then
 *
 *     C <- C exp(-rate (1/2 + (s + sigma_b z) / b - quantile)),   b the sample's public size.   (1)
 *
 * A row changes s by 1/2, so sum and count together are one Gaussian release of noise sigma with
 *
 *     sigma^-2 = sigma_g^-2 + (2 sigma_b)^-2,                                                   (2)
 *
 * sigma_g C being the noise of the sum. What C becomes follows from released numbers alone. */
#ifndef MST_PARALLEL_PRIVATE_CLIP_H
#define MST_PARALLEL_PRIVATE_CLIP_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/base/state.h"
#include "core/base/status.h"

struct mst_private_options;

typedef struct mst_private_clip_spec {
  double quantile;    /* of the lengths that the clip is to be at, in (0, 1); 0: it stays */
  double rate;        /* of (1)                                                           */
  double count_noise; /* sigma_b                                                          */
  double most;        /* the greatest clip, which is public                               */
} mst_private_clip_spec;

typedef struct mst_private_clip {
  bool moves;
  double now;
  int64_t twice; /* this rank's 2 s of the step */
} mst_private_clip;

/** sigma_g of (2), for sigma < 2 sigma_b; else infinity. Local. */
double mst_private_clip_sigma(double sigma, double count_noise);

/** \return MST_OK; MST_ERR_INPUT (numbers out of range); MST_ERR_UNSUPPORTED (hardened noise, whose
 *          grid is of one clip; correlated noise, which ends in a sum only if all steps have one).
 *          Local. */
mst_status mst_private_clip_check(const struct mst_private_options *o) MST_CHECKED;

/** That of the first step. Local. */
mst_private_clip mst_private_clip_begin(const struct mst_private_options *o);

/** Enter n rows by the lengths of their gradients. Local. */
void mst_private_clip_count(mst_private_clip *c, int64_t n, const double *norm);

/** What a checkpoint keeps of a clip that moves. Local. */
mst_status mst_private_clip_state(mst_private_clip *c, mst_state *s) MST_CHECKED;

/** The next step's clip from all ranks' counts. Collective. */
mst_status mst_private_clip_move(mst_private_clip *c, mst_team *team,
                                 const struct mst_private_options *o, int64_t step) MST_CHECKED;

#endif
