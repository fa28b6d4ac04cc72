/* Clipped gradients: the sum over a batch of every row's own gradient, each shortened to a bound.
 */
#ifndef MST_CORE_MODEL_GHOST_H
#define MST_CORE_MODEL_GHOST_H

#include "core/model/model.h"

/** Floats of room(...) below for batches of n rows: what the layers are given backward. Local. */
int64_t mst_model_clipped_room(const mst_model *m, int64_t n);

/** g(parameters) = sum over rows of min(1, bound / norm(i)) times row i's gradient, where norm(n) =
 *  the lengths of the rows' own gradients (mst_model_norms). A row's gradient is never stored: a
 *  pass backward keeps in `room` what each layer is given and makes the norms; the gradients are
 *  made of that, each row's part of it shortened (Bu, Wang, Zha and Karypis 2023,
 *  arXiv:2210.00038).
 *  \return true; false when some norm is not finite: g is then not touched, for such a row would
 *          spoil the others' sum. Local. */
bool mst_model_clipped_gradient(const mst_model *m, const float *w, const mst_batch *batch,
                                double bound, mst_model_work *work, float *room, double *norm,
                                float *g);

/** The same of differences of gradients: g(parameters) = sum over rows of min(1, bound / length(i))
 *  times row i's gradient at w[0] less that at w[1], where length(n) = the lengths of the
 *  differences, and a little more: 2^-18 of the terms that they are made of, many times what
 *  float32 rounds off of them; so what is added of a row has a length of at most bound. work: one a
 *  point. Models of dense layers alone never store a row's gradient; others are taken row by row.
 *  doc/methods/private_variance_reduced.md.
 *  \param room  mst_model_difference_room floats.
 *  \return true; false when some length is not finite: g is then not of use. Local. */
bool mst_model_clipped_difference(const mst_model *m, const float *const w[2],
                                  const mst_batch *batch, double bound,
                                  mst_model_work *const work[2], float *room, double *length,
                                  float *g);
int64_t mst_model_difference_room(const mst_model *m, int64_t n); /* batches of n rows. Local */

#endif
