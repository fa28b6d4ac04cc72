/* The trainer of client.h from inside: what it holds, and a client's visit in a round. Private to
 * core/federated; all functions are Local. */
#ifndef MST_CORE_FEDERATED_TRAINER_H
#define MST_CORE_FEDERATED_TRAINER_H

#include "core/base/key.h"
#include "core/federated/client.h"
#include "core/optim/egn.h"

struct mst_client_trainer {
  const mst_model *model;
  const mst_method_ops *ops;
  mst_method_spec method;
  mst_optim *optim; /* NULL = plain SGD, or egn                                  */
  mst_egn *egn;     /* NULL = one of the others                                  */
  int64_t batch;
  mst_model_work *work;
  /* All (P), parts of `vectors`; NULL where the method or the path does not need them. */
  float *vectors;
  float *w, *g, *second, *point; /* second: of the two gradients that are mixed    */
  float *constant, *shift, *direction;
  float *kept[MST_METHOD_VECTORS]; /* the client's vectors as they were                */
  float *x, *value;                /* (batch, inputs), (batch, outputs)                */
  int32_t *label;                  /* (batch)                                          */
  int64_t *order, capacity;        /* the rows of this epoch                           */
};

/* One client in one round. */
typedef struct mst_client_visit {
  const mst_local_spec *spec;
  const mst_client_rows *rows;
  mst_client_view view;
  mst_local_rule rule;
  mst_stream stream;
  int64_t at; /* rows of this epoch that are done */
} mst_client_visit;

/** Make one step on a batch: t->w moves; loss, rows and gradients are added to result. What a step
 *  of egn meets in a client that diverged makes t->w not finite.
 *  \return MST_OK, or what mst_egn_step returns. Local. */
mst_status mst_client_step(mst_client_trainer *t, const mst_client_visit *v, const mst_batch *batch,
                           mst_local_result *result) MST_CHECKED;

#endif
