/* Exploration by mixed softmax policies, learned from sets of arms whose law is known (Ruan, Yang,
 * Zhou 2021, algorithms 2 to 4). Private to core/bandit; all functions are Local. */
#ifndef MST_CORE_BANDIT_EXPLORATION_H
#define MST_CORE_BANDIT_EXPLORATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/key.h"
#include "core/base/status.h"

/* With probability 1/2 a G-optimal design of the arms that are left, else one of some softmax
 * policies: arm x in proportion to (x'M_i x)^(log K), policy i with probability p_i. */
typedef struct mst_exploration {
  int64_t arms, d;
  int64_t policies, capacity;
  double *matrix; /* (policies, d, d) M_i */
  double *share;  /* (policies) p_i       */
  double *work;
} mst_exploration;

/* Sets of arms from which a policy is learned: x(sets, arms, d), of which keep(sets, arms) are
 * left, at least one in each. */
typedef struct mst_exploration_sets {
  int64_t sets, arms, d;
  const double *x;
  const bool *keep;
} mst_exploration_sets;

/** Learn from sets, with the regularisation lambda of V = lambda I + E x x'.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_SINGULAR. Free with mst_exploration_free in any case. */
mst_status mst_exploration_learn(const mst_exploration_sets *s, double lambda, mst_key key,
                                 mst_exploration *out) MST_CHECKED;
/** Before anything is known of the law: the design of the arms that are left alone.
 *  \return MST_OK, MST_ERR_MEMORY. */
mst_status mst_exploration_start(int64_t arms, int64_t d, mst_exploration *out) MST_CHECKED;
/** Bytes that a learned policy keeps, about. */
double mst_exploration_bytes(double arms, double d);
void mst_exploration_free(mst_exploration *e);

/** probability(arms), with sum 1: of each arm of x(arms, d) of which keep are left.
 *  \return MST_OK, or MST_ERR_SINGULAR. */
mst_status mst_exploration_policy(mst_exploration *e, const double *x, const bool *keep,
                                  double *probability) MST_CHECKED;

#endif
