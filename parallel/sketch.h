/* Products A'B and least squares from sketches of sharded rows. A and B have the same rows and are
 * sketched apart; what the two sketches say of A'B is the estimate. Every rank sketches its own
 * rows: linear sketches are sums over rows, and samples keep a row by its number and norm, so
 * neither knows how rows lie on ranks. Equations: doc/methods/sketch.md. */
#ifndef MST_PARALLEL_SKETCH_H
#define MST_PARALLEL_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/observer.h"
#include "core/sketch/sketch.h"
#include "parallel/analytic.h"
#include "parallel/row_plan.h"

typedef struct mst_sketch_options {
  mst_sketch_spec spec;
  bool whole;   /* A = B = Z = [features | targets | 1], one sketch: for least squares           */
  bool exact;   /* the product itself too, and how far the estimate is from it                   */
  double ridge; /* of least squares, on the features, >= 0                                       */
} mst_sketch_options;

/* Rows, assigned to a roster, and what is made of each. */
typedef struct mst_sketch_rows {
  const mst_analytic_data *data;
  mst_features *features;
} mst_sketch_rows;

typedef struct mst_sketch_result {
  int64_t rows, d, m; /* A (rows, d), B (rows, m)                                               */
  double *product;    /* (d, m) the estimate of A'B                                             */
  double *exact;      /* (d, m) A'B, or NULL                                                    */
  double error;       /* |estimate - A'B|_F / (|A|_F |B|_F); NaN unless options->exact          */
  double norm_a, norm_b;        /* Frobenius norms                                           */
  int64_t sampled_a, sampled_b; /* rows in each sample, 0 of linear sketches                 */
  int64_t sampled_both;         /* rows in both                                              */
  int64_t numbers_a, numbers_b; /* that are sent for each; numbers_b is 0 where B is A       */
} mst_sketch_result;

/** Arrange the work of so many ranks for rows of `elements` numbers in all, with d columns of A and
 *  m of B (whole: d of Z, and m is d); `held` bytes are in use already. Errors as
 *  mst_row_plan_make. Local. */
mst_status mst_sketch_arrange(int ranks, int64_t rows, int64_t elements, int64_t d, int64_t m,
                              const mst_features *features, const mst_sketch_options *options,
                              int64_t memory, int64_t held, mst_row_plan *plan) MST_CHECKED;

/** Numbers of 8 bytes that sketches of rows of d numbers take at most. Local. */
int64_t mst_sketch_most_numbers(const mst_sketch_spec *s, int64_t rows, int64_t d);

/** Sketch A, the features of `a`, and B, the features of `b`, or where b is NULL the targets of
 *  `a`; and estimate A'B. b's rows are those of a's, assigned to the same roster in as many groups.
 *  The result is the same on every rank, with the same bits for any number of them; free with
 *  mst_sketch_free; on an error nothing is left to free.
 *  \return MST_OK; MST_ERR_INPUT (A or B is all zeros); MST_ERR_MEMORY; MST_ERR_INTERRUPTED; what
 *          the source of rows returns. Collective. */
mst_status mst_sketch_estimate(mst_team *team, const mst_sketch_rows *a, const mst_sketch_rows *b,
                               const mst_row_plan *plan, const mst_sketch_options *options,
                               const mst_observer *observer, mst_sketch_result *out) MST_CHECKED;
/** Local. */
void mst_sketch_free(mst_sketch_result *r);

/** Ridge regression of c targets on d features, with an intercept that costs nothing, from
 *  gram(d + c + 1, d + c + 1), an estimate of Z'Z. train_loss and condition of the model are NaN.
 *  The result is the same on every rank; free with mst_analytic_model_free; on an error nothing is
 *  left to free.
 *  \return MST_OK; MST_ERR_SINGULAR with advice; MST_ERR_MEMORY. Collective. */
mst_status mst_sketch_regress(mst_team *team, int64_t d, int64_t c, const double *gram,
                              double ridge, mst_analytic_model *model) MST_CHECKED;

/** Mean squared residual of the model over rows and outputs, from the exact Z'Z. Local. */
double mst_sketch_loss(const mst_analytic_model *m, int64_t rows, const double *gram);

#endif
