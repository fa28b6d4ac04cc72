/* A client's local training: some epochs of batches from its rows under a method's rule, equation
 * (1) of method.h. What one client sends is a pure function of its arguments, so any rank may train
 * any client. doc/methods/federated.md. */
#ifndef MST_CORE_FEDERATED_CLIENT_H
#define MST_CORE_FEDERATED_CLIENT_H

#include "core/federated/method.h"
#include "core/model/model.h"
#include "core/optim/optim.h"

/* A client's rows: x(n, inputs), with labels or values. */
typedef mst_batch mst_client_rows;

typedef struct mst_local_spec {
  int64_t epochs, steps; /* passes over the rows; or (steps > 0) so many steps instead      */
  int64_t batch;         /* rows of a step; the last of an epoch may be smaller              */
  double lr;             /* of this round                                                    */
  bool turned;           /* a schedule turns the optimizer's momentum (beta1) ...            */
  double momentum;       /* ... which is this in the round                                   */
  double clip;           /* most norm of a step's gradient, without the method's terms; 0 = none */
  double weight_decay;   /* of plain SGD; other optimizers have their own in their spec      */
  uint64_t seed;
  int64_t frozen;        /* parameters from this element on are the client's own (FedPer): the
                            method's terms leave them alone and contributions are 0 there;
                            P = none                                                         */
  float *personal;       /* (P - frozen) in: where they start; out: where they end, if the result
                            is finite. NULL: they start from `start` and their end is forgotten */
} mst_local_spec;

typedef struct mst_local_result {
  int64_t steps;
  int64_t gradients; /* batches whose gradient was taken; both of a perturbed step           */
  double loss;       /* sum of the losses over the rows of the last epoch, each at the
                        parameters of its step                                               */
  int64_t rows;      /* of which loss is the sum: the client's, or fewer where steps end within
                        an epoch                                                             */
  bool finite;       /* every entry of the contribution is finite and at most
                        MST_CONTRIBUTION_BOUND                                               */
} mst_local_result;

typedef struct mst_client_trainer mst_client_trainer;

/** What one thread needs to train clients one after the other: parameters, gradients, a batch, the
 *  model's workspace, an optimizer. With optim NULL or kind sgd without momentum the
 *  model makes a step, with all its terms, inside its backward pass (mst_model_descend); unless a
 *  clip, the mixture of two gradients, or parameters of the client's own beside a method's terms
 *  ask for the gradient first. m must outlive it; the specs are copied, their words are not.
 *  batch: the most rows of a step.
 *  \return MST_OK; MST_ERR_UNSUPPORTED for egn with a method that changes gradients, or with
 *          a clip; MST_ERR_MEMORY; or what mst_method_check, mst_optim_create and
 *          mst_egn_create return. Local. */
mst_status mst_client_trainer_create(const mst_model *m, const mst_method_spec *method,
                                     const mst_optim_spec *optim, int64_t batch,
                                     mst_client_trainer **out) MST_CHECKED;
void mst_client_trainer_destroy(mst_client_trainer *t); /* Local; NULL is allowed */
/** Bytes of a trainer, beside 8 a row of its largest client. Local. */
int64_t mst_client_trainer_bytes(const mst_model *m, const mst_method_spec *method,
                                 const mst_optim_spec *optim, int64_t batch);

/** Train one client in one round. Batches are cut from a permutation of its rows, a new one each
 *  epoch, drawn one after the other from key (seed, MST_PURPOSE_BATCH, client, round): a pure
 *  function of its arguments.
 *  \param start   (P) the server's parameters w_t.
 *  \param shared  the method's shared vectors, (P) each.
 *  \param own     the method's vectors of this client, (P) each; renewed, unless the result is not
 *                 finite: then they are as before.
 *  \param up      (uplink) vectors of (P), filled; zero where parameters are frozen, and all zero
 *                 when the result is not finite.
 *  \param scalar  (scalars) likewise; may be NULL when there are none.
 *  \return MST_OK; MST_ERR_INPUT for a client without rows, a spec that makes no step, or a step
 *          size that is negative or not finite; MST_ERR_MEMORY; what mst_egn_step returns, save
 *          that numerical failures make the result not finite. Local. */
mst_status mst_client_train(mst_client_trainer *t, const mst_local_spec *spec, int64_t client,
                            int64_t round, const mst_client_rows *rows, const float *start,
                            const float *const *shared, float *const *own, float *const *up,
                            double *scalar, mst_local_result *result) MST_CHECKED;

/** Put back what the last mst_client_train renewed of its client, as if it had not been asked: for
 *  a finite result that is not used after all. spec and own as they were then. Local. */
void mst_client_forget(const mst_client_trainer *t, const mst_local_spec *spec, float *const *own);

#endif
