/* Analytic (closed-form) federated learning: the mathematics on one rank's arrays.
 *
 * He, Tong, Fang, Sun, Zeng, Li, Chen, Zhuang, "AFL" (CVPR 2025, arXiv:2405.16240): client k makes
 * C_k = X_k'X_k + gamma I and W_k = C_k^-1 X_k'Y_k. The published aggregation law (AA) folds pairs;
 * it equals one sum, (sum C_k)^-1 sum X_k'Y_k, which parallel/gram takes on the lattice. The RI
 * step removes K gamma from the summed statistics. Equation numbers: doc/methods/analytic.md. */
#ifndef MST_CORE_ANALYTIC_ANALYTIC_H
#define MST_CORE_ANALYTIC_ANALYTIC_H

#include <stdint.h>

#include "core/base/status.h"

/* What a client uploads under the published law: W (d, c), C (d, d) = X'X + gamma I, full. */
typedef struct mst_aa_model {
  int64_t d, c;
  double *weights; /* (d, c) */
  double *gram;    /* (d, d) */
} mst_aa_model;

/** A client's model from its rows X(n,d) and targets Y(n,c), gamma > 0. Allocates; free with
 *  mst_aa_free. Local. Equations (1)-(3). */
mst_status mst_aa_local(int64_t n, int64_t d, int64_t c, const double *x, const double *y,
                        double gamma, mst_aa_model *out) MST_CHECKED;

/** Fold v into u by the AA law: W = A_u W_u + A_v W_v with
 *  A_u = I - R_u C_v + R_u C_v (C_u + C_v)^-1 C_v, A_v likewise, R = C^-1; C = C_u + C_v.
 *  O(d^3), deliberately as published: this is the slow reference. Equations (4)-(6). Local. */
mst_status mst_aa_fold(mst_aa_model *u, const mst_aa_model *v) MST_CHECKED;

/** Remove the regularisers of K clients: W <- (C - K gamma I)^-1 C W and C <- C - K gamma I (the RI
 *  step, equation (8)). Local. */
mst_status mst_aa_remove_regulariser(mst_aa_model *u, int64_t clients, double gamma) MST_CHECKED;

void mst_aa_free(mst_aa_model *u);

#endif
