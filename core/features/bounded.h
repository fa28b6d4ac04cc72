/* Bounded features: those of another map, projected onto fewer random directions that are drawn
 * from the key alone, and shortened to a public length; a constant may be appended. What private
 * releases are made of: no row is longer than is promised. doc/methods/private_analytic.md. */
#ifndef MST_CORE_FEATURES_BOUNDED_H
#define MST_CORE_FEATURES_BOUNDED_H

#include "core/features/features.h"

typedef struct mst_bounded_spec {
  uint64_t seed;
  int64_t project; /* directions; 0: the features as they are                            */
  double length;   /* of a row, the constant included                                    */
  double constant; /* the last feature of every row, below length; 0: there is none      */
} mst_bounded_spec;

/** Wrap a map, which is not owned and must outlive the new one. Rows with an entry that is not
 *  finite have no features but the constant.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY. Local. */
mst_status mst_bounded_create(const mst_bounded_spec *spec, mst_features *inner,
                              mst_features **out) MST_CHECKED;

/** weights(inner width, c) and intercept(c) of a linear model of the inner map's features from
 *  bounded(width, c), that of a bounded map's: its scores are the same where no row was shortened,
 *  and of the same order among outputs where there is no constant. Local. */
void mst_bounded_unfold(const mst_features *map, int64_t c, const double *bounded, double *weights,
                        double *intercept);

#endif
