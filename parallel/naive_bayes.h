/* Naive Bayes from sums: each class has its own law of every feature, features are taken as
 * independent given the class, and all that is learned are sums over rows, exact over ranks
 * (doc/methods/naive_bayes.md). */
#ifndef MST_PARALLEL_NAIVE_BAYES_H
#define MST_PARALLEL_NAIVE_BAYES_H

#include <stdint.h>

#include "core/base/observer.h"
#include "core/naive_bayes/naive_bayes.h"
#include "parallel/analytic.h"
#include "parallel/row_plan.h"

typedef struct mst_naive_bayes_score {
  int64_t rows, correct;
  double accuracy;
  double loss; /* mean of -log of the chance that the model gives to the class */
} mst_naive_bayes_score;

/** Errors as mst_row_plan_make. Local. */
mst_status mst_naive_bayes_arrange(int ranks, int64_t rows, int64_t elements,
                                   const mst_features *features, int64_t classes, int64_t memory,
                                   int64_t held, mst_row_plan *plan) MST_CHECKED;

/** Train on rows with labels. The same on every rank, with the same bits for any number of them;
 *  free with mst_naive_bayes_free; on an error nothing is left to free.
 *  \return MST_OK; MST_ERR_INPUT (a class without rows, a negative count, variances that are all 0);
 *          MST_ERR_MEMORY; MST_ERR_INTERRUPTED; what the source returns. Collective. */
mst_status mst_naive_bayes_train(mst_team *team, const mst_analytic_data *data,
                                 mst_features *features, const mst_row_plan *plan,
                                 const mst_naive_bayes_options *options,
                                 const mst_observer *observer, mst_naive_bayes *out) MST_CHECKED;

/** Score on rows with labels; a row's class is the likeliest, the first of equals.
 *  \param confusion  (c, c) as in mst_analytic_evaluate, or NULL.
 *  Errors as mst_naive_bayes_train. Collective. */
mst_status mst_naive_bayes_evaluate(mst_team *team, const mst_analytic_data *data,
                                    mst_features *features, const mst_row_plan *plan,
                                    const mst_naive_bayes *m, const mst_observer *observer,
                                    mst_naive_bayes_score *score, int64_t *confusion) MST_CHECKED;

#endif
