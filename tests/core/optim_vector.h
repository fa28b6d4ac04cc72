/* A vector of eight entries in three layers, on which rules of optimizers can be followed by hand.
 */
#ifndef MST_TESTS_OPTIM_VECTOR_H
#define MST_TESTS_OPTIM_VECTOR_H

#include "tests/core/optim_rules.h"

enum {
  N = 8,
  LAYERS = 3
};
static const int64_t FIRST[LAYERS + 1] = {0, 3, 4, N};
static const mst_optim_layers layers = {LAYERS, FIRST};

static inline mst_optim *made(const mst_optim_spec *spec, const float *w) {
  mst_optim *o;
  ck_ok(mst_optim_create(spec, &layers, 0, N, &o));
  mst_optim_start(o, w);
  return o;
}

#endif
