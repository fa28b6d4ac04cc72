/* Exact Gauss-Newton in batch space (Korbit, Adeoye, Bemporad and Zanon, arXiv:2405.14402): the
 * damped Gauss-Newton direction of a batch of b rows and c scores,
 *   d = -(J'QJ + b lambda I)^-1 J' r,
 * where J(b c, P) is the Jacobian of the scores, Q the block-diagonal Hessian of the loss in the
 * scores and r its gradient, is found by factoring a matrix of order b c only. Q = R R' is split,
 * so that this matrix is symmetric and positive definite:
 *   d = -J' R (b lambda I + R' J J' R)^-1 t,   R t = r.
 * Damping follows the Levenberg-Marquardt ratio; a backtracking line search takes the loss of the
 * batch; momentum averages the directions. Derivations: doc/methods/optimizers.md. */
#ifndef MST_CORE_OPTIM_EGN_H
#define MST_CORE_OPTIM_EGN_H

#include "core/model/model.h"
#include "core/optim/optim.h"

typedef struct mst_egn mst_egn;

typedef struct mst_egn_report {
  double loss;    /* sum of the losses over the batch before the step                     */
  double after;   /* and after it                                                         */
  double length;  /* multiple of the direction that was taken; 0 = none lowered the loss  */
  double damping; /* lambda of this step                                                  */
  double ratio;   /* fall of the loss over the fall that its quadratic model predicts     */
  int passes;     /* evaluations of the loss                                              */
} mst_egn_report;

/** For batches of at most n_max rows. The spec's lr is not read (it comes with each step).
 *  \return MST_OK; MST_ERR_INPUT (a bad setting, or n_max rows are too many to factor);
 *          MST_ERR_MEMORY. Local. */
mst_status mst_egn_create(const mst_optim_spec *spec, const mst_model *m, int64_t n_max,
                          mst_egn **out) MST_CHECKED;
void mst_egn_destroy(mst_egn *e); /* Local; NULL is allowed */
int64_t mst_egn_bytes(const mst_optim_spec *spec, const mst_model *m, int64_t n_max);

/** Forget the directions and damping of earlier steps. Local. */
void mst_egn_start(mst_egn *e);

/** The momentum of the steps to come, for schedules that turn it; it stays 0 where it began so.
 *  Local. */
void mst_egn_momentum(mst_egn *e, double momentum);

/** One step of w(parameters) on a batch, of at most lr times the direction. report may be NULL.
 *  \return MST_OK; MST_ERR_UNSUPPORTED for a model without a kernel; MST_ERR_NONFINITE when the
 *          kernel or the gradient is not finite; MST_ERR_MEMORY; MST_ERR_SINGULAR when
 *          LAPACK does not converge. On an error w is unchanged. Local. */
mst_status mst_egn_step(mst_egn *e, float *w, const mst_batch *batch, double lr,
                        mst_egn_report *report) MST_CHECKED;

/** Add damping, momentum and their counts to a state list under "optimizer/...". Local. */
mst_status mst_egn_state(mst_egn *e, mst_state *state) MST_CHECKED;

#endif
