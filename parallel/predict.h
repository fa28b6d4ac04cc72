/* Prediction: a trained model applied to rows, block by block of MST_BLOCK_ROWS, exactly as its run
 * scored its test rows; so rows that the run has scored get the same scores and figures again, on
 * any number of ranks. */
#ifndef MST_PARALLEL_PREDICT_H
#define MST_PARALLEL_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/features/features.h"
#include "core/model/model.h"
#include "parallel/analytic.h"

/* A trained model: of the analytic job (analytic), or one with parameters in a flat vector. */
typedef struct mst_trained {
  mst_features *features;
  const mst_analytic_model *analytic; /* or NULL              */
  const mst_model *model;             /* else this one, with  */
  const float *w;                     /* (parameters)         */
  bool classes;                       /* else it gives values */
  int64_t outputs;                    /* scores of a row      */
} mst_trained;

/* Rows with what is known and what is found of them. */
typedef struct mst_predicted {
  const float *x;       /* (n, row elements)                                               */
  const int32_t *label; /* (n), or NULL                                                    */
  const float *target;  /* (n, outputs) of a model that gives values, or NULL              */
  float *score;         /* (n, outputs) out: what the model says                           */
  int32_t *chosen;      /* (n) out: the class, -1 where a score is not finite; or NULL     */
  float *value;         /* (n, outputs) out: the values that are expected; or NULL         */
} mst_predicted;

typedef struct mst_predict mst_predict;

/** Get ready for this rank's part of `rows` rows: whole blocks, [*first, *first + *count).
 *  \return MST_OK or MST_ERR_MEMORY. The trained model must outlive it. Local. */
mst_status mst_predict_create(const mst_team *team, const mst_trained *trained, int64_t rows,
                              int64_t *first, int64_t *count, mst_predict **out) MST_CHECKED;
void mst_predict_destroy(mst_predict *p); /* Local; NULL is allowed */

/** Apply the model to the next n rows of this rank's part: a multiple of MST_BLOCK_ROWS,
 *  but for the last.
 *  \return MST_OK or what the feature map returns. Local. */
mst_status mst_predict_rows(mst_predict *p, int64_t n, const mst_predicted *rows) MST_CHECKED;

typedef struct mst_predict_figures {
  double accuracy, loss; /* NaN where targets were not given or a loss is not finite */
  int64_t nonfinite;     /* rows with a score that is not finite                     */
} mst_predict_figures;

/** What all rows of all ranks came to, as the model's own job reports it. Collective on team. */
mst_status mst_predict_total(mst_team *team, mst_predict *p,
                             mst_predict_figures *figures) MST_CHECKED;

#endif
