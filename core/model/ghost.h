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

#endif
