/* The workspace of a model's passes, and the way through the layers: for the files that go it
 * (model_pass.c, ghost_difference.c). Private to core/model. */
#ifndef MST_CORE_MODEL_PASS_H
#define MST_CORE_MODEL_PASS_H

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/model/layer.h"

struct mst_model_work {
  int64_t n_max;
  float **output;   /* (layers) each (n_max, out)                              */
  float **keep;     /* (layers) each (n_max, keep)                             */
  float *pulled[2]; /* (n_max, widest): gradients in outputs                   */
  float *residual;  /* (n_max, outputs)                                        */
  float *scratch;   /* of the layer that needs most                            */
  float *floats;    /* all of the above in one piece                           */
  double *square;   /* (n_max)                                                 */
  void (*done)(void *context, int64_t first, int64_t count);
  void *context;
};

/** Floats of a part, in whole cache lines. Local. */
static inline int64_t mst_pass_padded(int64_t count) {
  const int64_t line = MST_ALIGNMENT / (int64_t)sizeof(float);
  return mst_ceil_div(count, line) * line;
}

/** The next part of so many floats. Local. */
static inline float *mst_pass_take(float **at, int64_t count) {
  float *taken = *at;
  *at += mst_pass_padded(count);
  return taken;
}

/** What layer i was given at the last forward pass over x. Local. */
static inline const float *mst_pass_input(const mst_model_work *work, const float *x, int i) {
  return i == 0 ? x : work->output[i - 1];
}

/** Whether layers before the i-th have parameters, so that its inputs' gradients are wanted.
 *  Local. */
static inline bool mst_pass_parameters_before(const mst_model *m, int i) {
  return m->layer[i]->first > 0;
}

/** Forward, and every row's own loss gradient in the scores into work->residual; the sum of the
 *  losses. Local. */
double mst_pass_residual(const mst_model *m, const float *w, const mst_batch *batch,
                         mst_model_work *work);

#endif
