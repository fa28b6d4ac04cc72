/* Steps of gradient descent in float32, with the terms that federated methods add to a gradient:
 *     to = from - rate (gradient g + proximal (from - start) + constant + decay from),
 * computed from left to right with a rounding after each operation. Terms that are absent are not
 * computed, so a step without them has the bits of plain SGD. All functions are Local. */
#ifndef MST_CORE_LINALG_DESCENT_H
#define MST_CORE_LINALG_DESCENT_H

#include <stdint.h>

typedef struct mst_descent {
  float rate;
  float gradient;        /* share of the gradient                                   */
  float proximal;        /* 0 = none                                                */
  float decay;           /* 0 = none                                                */
  const float *start;    /* read where proximal is not 0                            */
  const float *constant; /* NULL = none                                             */
  const float *from;
  float *to; /* may be `from`                                           */
  float *g;  /* scratch for the gradient; NULL where the caller has one */
} mst_descent;

/** The same step from element `first` of all vectors on. Local. */
mst_descent mst_descent_at(const mst_descent *d, int64_t first);

/** Make the step on n elements with the gradient g(n), which may be d->g or not. Local. */
void mst_descend(const mst_descent *d, int64_t n, const float *g);

#endif
