/* Target policies of off-policy evaluation: what a fixed policy plays in a context, as a
 * probability for every arm. A context is a row with a 1 behind its numbers. All functions are
 * Local. */
#ifndef MST_CORE_OPE_TARGET_H
#define MST_CORE_OPE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"

typedef enum mst_target_kind {
  MST_OPE_UNIFORM,
  MST_OPE_CONSTANT, /* one arm always                                   */
  MST_OPE_GREEDY,   /* the arm of the largest <weight_a, x>; ties: the first */
  MST_OPE_SOFTMAX   /* in proportion to exp(<weight_a, x> / temperature)  */
} mst_target_kind;

typedef struct mst_target_policy {
  mst_target_kind kind;
  int64_t arms, width;  /* width: numbers of a context, the 1 included     */
  int64_t arm;          /* constant                                        */
  double temperature;   /* softmax, positive                               */
  const double *weight; /* (arms, width) greedy, softmax                   */
} mst_target_policy;

/** context(width) = x(width - 1) and a 1. */
void mst_context_of(const float *x, int64_t width, double *context);

/** out(arms) = weight(arms, width) context. Sums are taken in order. */
void mst_context_scores(const double *weight, int64_t arms, int64_t width, const double *context,
                        double *out);

/** chance(arms): with which probability each arm is played in a context(width). */
void mst_target_chances(const mst_target_policy *t, const double *context, double *chance);

#endif
