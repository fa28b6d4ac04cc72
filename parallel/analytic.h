/* The analytic job: closed-form federated learning in one round.
 *
 * From the summed statistics G = Z'Z, Z = [features | targets | 1], the model is the ridge
 * solution on centred and (if asked) standardised features with an unpenalised intercept;
 * centring and scaling are done on G, so they cost no further round. Equations:
 * doc/methods/analytic.md. */
#ifndef MST_PARALLEL_ANALYTIC_H
#define MST_PARALLEL_ANALYTIC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/analytic/head.h"
#include "core/base/observer.h"
#include "core/features/features.h"
#include "parallel/gram.h"
#include "parallel/pipeline.h"
#include "parallel/roster.h"
#include "parallel/rows.h"

typedef struct mst_analytic_options {
  double ridge;            /* kept ridge on the (scaled) features, >= 0                        */
  double gamma;            /* each client's regulariser, removed again from the sum, >= 0      */
  bool standardize;        /* divide each feature by its standard deviation over all clients   */
  bool bias;               /* centre the features and learn an unpenalised intercept           */
  bool fast;               /* floating-point sums and ScaLAPACK's own grid: bits follow the run */
  double save_seconds;     /* as in mst_gram_options                                        */
  mst_mask_options secure; /* secure aggregation; bound: of the norm of a row's features   */
  double target_bound;     /* ... and of its targets                                       */
  double weight_bound;     /* ... and of its weight, which keeps to it already; 0: 1       */
  mst_gram_sums *sums;     /* kept here, as in mst_gram_options; NULL: not kept            */
  mst_head_statistics *statistics; /* what the model was solved of, for heads of clients' own; freed
                                      by the caller; NULL: not kept                        */
} mst_analytic_options;

/* What the clients hold: classes (label of each sequence place, for all rows) or values. */
typedef struct mst_analytic_data {
  mst_row_store *rows; /* assigned to the roster below                              */
  const mst_roster *roster;
  const int32_t *label; /* (roster->rows) class of each place, or NULL: use values   */
  int64_t outputs;      /* classes, or columns of the values                         */
  const double *weight; /* (roster->rows) what the row at each place counts for; NULL: 1 */
} mst_analytic_data;

typedef struct mst_analytic_model {
  int64_t d, c;      /* features, outputs                                               */
  double *weights;   /* (d, c): score = feature weights + intercept, features unscaled   */
  double *intercept; /* (c)                                                              */
  double train_loss; /* mean squared residual over rows and outputs, from the statistics; NaN
                        when it is too small against the targets for these to tell       */
  double condition;  /* of the solved system in units that give it a diagonal near 1: an
                        estimate from a random probe, within about sqrt(d) either way    */
} mst_analytic_model;

/* How the work is arranged on one rank, and what that costs. Bytes are a rank's. */
typedef struct mst_analytic_plan {
  mst_gram_plan gram;
  int64_t groups;        /* in which the rows are brought to their owners              */
  bool resident;         /* features are computed once and kept                        */
  int64_t window_bytes;  /* of one read                                                */
  int64_t row_bytes;     /* raw rows held at once                                      */
  int64_t feature_bytes; /* features held at once                                      */
  int64_t matrix_bytes;  /* the tiled matrix                                           */
  int64_t solve_bytes;   /* panels of the factorisation                                */
  int64_t rank_bytes;    /* peak of everything above as it coexists                    */
  int64_t uplink_bytes;  /* logical: all clients with rows, one round, both triangles
                            packed as one                                              */
  int64_t uplink_messages;
  int64_t downlink_bytes; /* logical: the model to each of them                         */
} mst_analytic_plan;

/** Arrange the work of so many ranks for rows of the dataset, K clients and a memory limit (bytes a
 *  rank; 0 = none), of which `held` are in use already. The model's bits do not depend on the
 *  arrangement.
 *  \return MST_OK, MST_ERR_INPUT (impossible sizes), or MST_ERR_MEMORY saying the least that would
 *          do. Local; all ranks compute the same. */
mst_status mst_analytic_arrange(int ranks, int64_t rows, int64_t row_elements, int64_t clients,
                                const mst_features *features, int64_t outputs,
                                const mst_pipeline *pipeline, int64_t memory, int64_t held,
                                mst_analytic_plan *plan) MST_CHECKED;

/** Fit the feature map on a keyed sample of the kept rows: rank 0 fits, all get its parameters.
 *  \param sampled  out: rows that the fit looked at.
 *  \return MST_OK, MST_ERR_MEMORY, or what mst_features_fit and the rows' reader return.
 *          Collective on team. */
mst_status mst_analytic_fit_features(mst_team *team, mst_row_store *rows, mst_features *features,
                                     int64_t *sampled) MST_CHECKED;

/** What can be refused before any work: MST_OK, MST_ERR_INPUT or MST_ERR_UNSUPPORTED with the
 * reason. Local. */
mst_status mst_analytic_check(const mst_analytic_options *options) MST_CHECKED;

/** Make the mask that the options ask for, NULL without, and put its stage into the pipeline, in
 * place of a plan's. What mst_analytic_check and mst_mask_create return. Collective. */
mst_status mst_analytic_mask(mst_team *team, const mst_analytic_options *options,
                             mst_pipeline *pipeline, mst_mask **mask) MST_CHECKED;

/** Train. model's arrays are allocated, replicated, with the same bits on every rank.
 *  Free with mst_analytic_model_free; on an error nothing is left to free.
 *  \return MST_OK; MST_ERR_INPUT (no row is left); MST_ERR_SINGULAR with a ridge that would do;
 *          what mst_gram returns. Collective on team. */
mst_status mst_analytic_train(mst_team *team, const mst_analytic_data *data, mst_features *features,
                              const mst_pipeline *pipeline, const mst_analytic_plan *plan,
                              const mst_analytic_options *options, const mst_observer *observer,
                              mst_analytic_model *model, mst_gram_result *gram) MST_CHECKED;
/** Local. */
void mst_analytic_model_free(mst_analytic_model *m);

typedef struct mst_analytic_score {
  int64_t rows, correct;
  double accuracy; /* share of rows whose largest score is their class; NaN for values */
  double loss;     /* mean squared error over rows and outputs                         */
} mst_analytic_score;

/** Score the model on rows delivered by a store with the identity roster (one client).
 *  \param confusion  (c, c) in: zero; out: rows of each class by the class that the model chose.
 *                    NULL: not wanted. Classes only.
 *  Sums are exact, so the figures have the same bits on any rank count.
 *  \return MST_OK; MST_ERR_INPUT (no row is left); MST_ERR_NONFINITE naming rows whose scores
 *          overflow; MST_ERR_MEMORY; what the rows' reader returns. Collective on team. */
mst_status mst_analytic_evaluate(mst_team *team, const mst_analytic_data *data,
                                 mst_features *features, const mst_analytic_model *model,
                                 const mst_observer *observer, mst_analytic_score *score,
                                 int64_t *confusion) MST_CHECKED;

/** score(rows, c) of features(rows, d), at most MST_BLOCK_ROWS rows; wide(rows, d) is scratch. A
 *  row's class is the largest score's (first of equals); the cost of rows is the sum of the squared
 *  differences between scores and targets(rows, c), one-hot for classes. Local. */
void mst_analytic_scores(const mst_analytic_model *m, int64_t rows, const float *features,
                         double *wide, double *score);
int64_t mst_analytic_choose(const mst_analytic_model *m, const double *score);
double mst_analytic_cost(const mst_analytic_model *m, int64_t rows, const double *score,
                         const float *target);

#endif
