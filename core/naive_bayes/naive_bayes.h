/* Naive Bayes on arrays: the model from sums over the rows of each class, and the score of a row
 * (McCallum and Nigam, "A comparison of event models for naive Bayes text classification", 1998).
 * Equations (1) to (4) are those of doc/methods/naive_bayes.md. */
#ifndef MST_CORE_NAIVE_BAYES_NAIVE_BAYES_H
#define MST_CORE_NAIVE_BAYES_NAIVE_BAYES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct mst_naive_bayes_options {
  bool multinomial; /* features are counts; otherwise they are normal given the class        */
  double smoothing; /* multinomial: added to each count; otherwise to each variance, in units of
                       the largest variance of a feature over all rows                       */
} mst_naive_bayes_options;

typedef struct mst_naive_bayes {
  bool multinomial;
  int64_t d, c;
  double *prior;    /* (c) log of a class's share of the rows                       */
  double *mean;     /* (c, d) of a class; multinomial: log of a feature's share      */
  double *variance; /* (c, d), smoothed; NULL for multinomial                        */
} mst_naive_bayes;

/* What is known of the rows. With z = (x - centre) scale: */
typedef struct mst_naive_bayes_sums {
  const double *sum, *square;   /* (c, d) of z and of its squares over the rows of each class  */
  const double *centre, *scale; /* (d); centre is 0 for counts                                 */
  const double *count;          /* (c) rows of each class, above 0                             */
} mst_naive_bayes_sums;

/** A model of d features and c classes, all 0. Free with mst_naive_bayes_free.
 *  \return MST_OK or MST_ERR_MEMORY, with nothing left to free. Local. */
mst_status mst_naive_bayes_create(int64_t d, int64_t c, bool multinomial,
                                  mst_naive_bayes *m) MST_CHECKED;
void mst_naive_bayes_free(mst_naive_bayes *m);

/** sum(c, d) += z and square(c, d) += z^2 of rows z(rows, d) whose classes are label(rows). Local.
 */
void mst_naive_bayes_add(int64_t rows, int64_t d, const int32_t *label, const double *x,
                         const double *scale, double *sum, double *square);

/** Fit m, made by mst_naive_bayes_create with the options' kind: equations (2), (3) or (4).
 *  \return MST_OK, or MST_ERR_INPUT: variances that are all 0; a class in which a feature is
 *          constant, or never seen, without smoothing. Local. */
mst_status mst_naive_bayes_fit(mst_naive_bayes *m, const mst_naive_bayes_options *options,
                               const mst_naive_bayes_sums *sums) MST_CHECKED;

/** constant(c): what does not depend on the row in the score of each class, equation (1). Local. */
void mst_naive_bayes_constants(const mst_naive_bayes *m, double *constant);

/** score(c) = log of the joint chance of the row x(d) and each class, up to what all classes share.
 *  Local. */
void mst_naive_bayes_row_score(const mst_naive_bayes *m, const double *constant, const double *x,
                               double *score);

/** -log of the chance that score(c) gives to class `label`; *best is the likeliest class, the first
 *  of equals. Local. */
double mst_naive_bayes_loss(int64_t c, const double *score, int64_t label, int64_t *best);

#endif
