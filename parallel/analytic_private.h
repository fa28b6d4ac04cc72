/* Private analytic learning: the statistics of the analytic job, released once with noise.
 *
 * Rows come from a map of bounded features (core/features/bounded.h), targets are bounded too. What
 * is summed is as in the plain job, on a lattice whose step follows from public numbers alone; the
 * owner of each entry adds that entry's noise before the entry leaves it. doc/methods/
 * private_analytic.md. */
#ifndef MST_PARALLEL_ANALYTIC_PRIVATE_H
#define MST_PARALLEL_ANALYTIC_PRIVATE_H

#include "core/privacy/adassp.h"
#include "core/privacy/noise.h"
#include "parallel/analytic.h"

#define MST_ANALYTIC_PRIVATE_ROWS 2 /* there may be for one of the population */

typedef struct mst_analytic_privacy {
  double clip;          /* of a row of the bounded features                                       */
  double target_bound;  /* of its targets; classes: mst_adassp_class_bound, or less               */
  int64_t population;   /* public number of rows, of which there may be twice as many             */
  int64_t client_rows;  /* what a client's rows may weigh together, in rows; 0: rows are not
                           weighed, and one row more or less is what the noise hides             */
  double gram, moments; /* deviation of the noise of either release                              */
  mst_adassp_kind kind;
  double floor;
  mst_secret secret; /* the same on all ranks */
} mst_analytic_privacy;

/** Train on data's rows as `bounded` makes features of them. The model is one of `features`, the
 * map within `bounded`. Its arrays are allocated, replicated, with the same bits on every rank;
 *  train_loss is NaN, and condition that of what was inverted. The releases must have been charged.
 *  \return as mst_analytic_train; MST_ERR_INPUT for more rows than twice the population. Collective
 *          on team. */
mst_status mst_analytic_private_train(mst_team *team, const mst_analytic_data *data,
                                      const mst_features *features, mst_features *bounded,
                                      const mst_analytic_plan *plan,
                                      const mst_analytic_privacy *privacy,
                                      const mst_observer *observer, mst_analytic_model *model,
                                      mst_gram_result *gram) MST_CHECKED;

#endif
