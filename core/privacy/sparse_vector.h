/* The sparse vector technique, and the reusable holdout that is built on it (Thresholdout: Dwork,
 * Feldman, Hardt, Pitassi, Reingold and Roth, NIPS 2015 and Science 349).
 *
 * Any number of queries may be asked whether they are above a threshold; only those that are cost
 * anything. Values and thresholds are rounded to a grid of 2^-20 of sigma or finer and the noise is
 * discrete Laplace in its steps, so answers are safe at the level of bits. Equations and sources:
 * doc/methods/mechanisms.md. All functions are Local. */
#ifndef MST_CORE_PRIVACY_SPARSE_VECTOR_H
#define MST_CORE_PRIVACY_SPARSE_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/privacy/discrete.h"

typedef struct mst_sparse_vector {
  double step;       /* of the grid, a power of two                              */
  int64_t threshold; /* in steps                                                 */
  int64_t noisy;     /* the threshold now in force: drawn anew after each "above" */
  int64_t left;      /* times that it may still say "above"                      */
  int64_t asked, above;
  mst_noise threshold_noise, query_noise, answer_noise;
  mst_discrete *law; /* (3) owned: threshold (2 sigma), query (4 sigma), answer (sigma) */
} mst_sparse_vector;

/** Begin: thresholds get Laplace noise of scale 2 sigma, values of scale 4 sigma. With sensitivity
 * s of any value (and half a step for rounding) all answers together are pure
 *  mst_sparse_vector_epsilon(times, sigma, s).
 *  \param times  how often it may say "above".
 *  \param step   of the secret's noise: no two of these of one run may share it.
 *  \return MST_OK; MST_ERR_INPUT for sigma not positive, a threshold beyond 2^30 sigma, times < 1;
 *          MST_ERR_MEMORY. Free with mst_sparse_vector_free in every case. */
mst_status mst_sparse_vector_make(const mst_secret *secret, uint64_t step, double threshold,
                                  double sigma, int64_t times, mst_sparse_vector *out) MST_CHECKED;
void mst_sparse_vector_free(mst_sparse_vector *v);

/** Is this value, of one more query, above the threshold?
 *  \return MST_OK; MST_ERR_BUDGET once it has said so `times` times; MST_ERR_NONFINITE. */
mst_status mst_sparse_vector_ask(mst_sparse_vector *v, double value, bool *above) MST_CHECKED;

/** times * (s + step) / sigma, s + step the sensitivity after rounding: pure epsilon of all the
 *  answers "above" and "below". */
double mst_sparse_vector_epsilon(const mst_sparse_vector *v, int64_t times, double sensitivity);

/** The reusable holdout: answer a query, whose values in [0, 1] have mean `train` over the training
 *  rows and `holdout` over the holdout's, with the training mean where the two are within the
 *  threshold of each other, else with the holdout's mean and Laplace noise of scale sigma.
 *  \param overfit  out, may be NULL: the second case.
 *  \return as mst_sparse_vector_ask; MST_ERR_INPUT for means outside [0, 1]. */
mst_status mst_thresholdout_ask(mst_sparse_vector *v, double train, double holdout, double *answer,
                                bool *overfit) MST_CHECKED;

/** What `times` answers of the second case on n holdout rows cost, pure: 2 times (1/n + step) /
 *  sigma; and for delta > 0 no more than sqrt(32 times ln(2 / delta)) (1/n + step) / sigma. */
double mst_thresholdout_epsilon(const mst_sparse_vector *v, int64_t times, int64_t n, double delta);

#endif
