/* Ridge statistics of a linear bandit, kept up to date one interaction at a time.
 *
 * With V = lambda I + sum x x' and b = sum y x, an interaction (x, y) changes V's inverse, theta =
 * V^-1 b and log det V by rank one (Sherman, Morrison 1950), in O(width^2):
 *
 *     g = V^-1 x,  q = x'g,  V^-1 <- V^-1 - g g' / (1 + q),  theta <- theta + g (y - x'theta) / (1
 * + q), log det V <- log det V + log(1 + q),
 *
 * and every MST_RIDGE_REFRESH interactions all are computed anew from V and b, so that rounding
 * does not build up. Several blocks (one an arm, say) are one block-diagonal V. All functions are
 * Local. */
#ifndef MST_CORE_BANDIT_RIDGE_H
#define MST_CORE_BANDIT_RIDGE_H

#include <stdint.h>

#include "core/base/status.h"

#define MST_RIDGE_REFRESH 512 /* interactions between two factorisations */

/* Points into one record of mst_ridge_doubles numbers, which holds all there is to save. */
typedef struct mst_ridge {
  int64_t blocks, width; /* of one block                                             */
  double lambda;
  double *v, *inverse; /* (blocks, width, width), full and symmetric               */
  double *b, *theta;   /* (blocks, width)                                          */
  double *logdet;      /* (1) of all blocks                                        */
  double *learned;     /* (1) interactions since the last factorisation            */
} mst_ridge;

/** Numbers of a record. */
int64_t mst_ridge_doubles(int64_t blocks, int64_t width);

/** The statistics that lie in a record(mst_ridge_doubles). */
mst_ridge mst_ridge_at(double *record, int64_t blocks, int64_t width, double lambda);

/** One block alone, for scores; logdet and learned stay those of all. */
mst_ridge mst_ridge_block(const mst_ridge *r, int64_t block);

/** No interactions: V = lambda I, b = 0. */
void mst_ridge_start(const mst_ridge *r);

/** Take in an interaction with features x(width) and reward y in a block; work(width^2 + width).
 *  \return MST_OK, or what mst_ridge_factor returns. */
mst_status mst_ridge_learn(const mst_ridge *r, int64_t block, const double *x, double y,
                           double *work) MST_CHECKED;

/** Inverse, theta and log det from v and b; work(width^2).
 *  \return MST_OK; MST_ERR_SINGULAR; MST_ERR_NONFINITE when v or b is not finite. */
mst_status mst_ridge_factor(const mst_ridge *r, double *work) MST_CHECKED;

/* Sums of x x' and y x as they travel: for each block the lower triangle by rows, then b. */

/** Numbers of such sums. */
int64_t mst_ridge_sums(int64_t blocks, int64_t width);

/** sums += those of an interaction. */
void mst_ridge_sums_learn(double *sums, int64_t blocks, int64_t width, int64_t block,
                          const double *x, double y);

/** v and b += sums. mst_ridge_factor brings the rest up to date. */
void mst_ridge_add(const mst_ridge *r, const double *sums);

/** For each arm of x(arms, width): mean(arms) = x'theta, spread(arms) = x'V^-1 x, by one product;
 *  work(arms * width). With several blocks arm a is scored by block a; x NULL: every x is 1. */
void mst_ridge_score(const mst_ridge *r, int64_t arms, const double *x, double *mean,
                     double *spread, double *work);

#endif
