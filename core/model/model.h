/* Models: differentiable maps from a row to scores, with exact gradients, in float32 and batched.
 *
 * A model is an architecture: an ordered list of tensors that lie one after the other in ONE flat
 * vector of parameters, w(parameters), which the caller owns. So a round loop, an optimizer or a
 * checkpoint treats every model alike. A model is immutable after its creation; what a pass needs
 * beside it is a workspace, one a thread.
 *
 * The gradients of a batch are computed with a sequence of operations that depends only on the
 * model and the batch, so their bits do not depend on ranks or threads.
 *
 * One file a member: softmax.c glm.c mlp.c lenet.c resnet.c; the table is in model.c; the parts
 * that they are built of are layers (layer.h). Equations: doc/methods/models.md. */
#ifndef MST_CORE_MODEL_MODEL_H
#define MST_CORE_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/param.h"
#include "core/base/status.h"
#include "core/features/features.h" /* mst_row_shape */
#include "core/linalg/descent.h"

/* What the experiment says of the model. Members read the fields that their params name. */
typedef struct mst_model_spec {
  const char *kind;       /* registry name                                            */
  const char *init;       /* all: xavier | he | uniform | zero                        */
  mst_int_list hidden;    /* mlp: widths of the hidden layers                         */
  const char *activation; /* mlp: relu | gelu | tanh                                  */
  const char *norm;       /* mlp: none | batch; NULL: none                            */
  int64_t ghost;          /* mlp: rows that batch norm takes its statistics over      */
  double momentum;        /* mlp: part of its running statistics that a step keeps    */
  bool stable_max;        /* all classifiers: StableMax instead of softmax            */
  const char *family;     /* glm: logistic | brier | linear | poisson                 */
  int64_t channels;       /* lenet, resnet: of the first convolution                  */
  int64_t groups;         /* lenet, resnet: of group norm                             */
  int64_t blocks;         /* resnet: residual blocks of a stage                       */
} mst_model_spec;

/* What the scores are compared with. */
typedef enum mst_loss {
  MST_LOSS_CROSS_ENTROPY, /* classes; softmax or StableMax over the scores            */
  MST_LOSS_LOGISTIC,      /* one score, label 0 or 1                                  */
  MST_LOSS_SQUARED,       /* values: half the squared difference, summed over outputs */
  MST_LOSS_POISSON,       /* values: exp(score) - value * score                       */
  MST_LOSS_BRIER          /* one score, label 0 or 1: half the squared difference of
                             1 / (1 + exp(-score)) and the label; not convex           */
} mst_loss;

typedef enum mst_tensor_role {
  MST_TENSOR_WEIGHT,  /* drawn by the initialisation from fan_in, fan_out */
  MST_TENSOR_BIAS,    /* 0                                                */
  MST_TENSOR_SCALE,   /* 1                                                */
  MST_TENSOR_MEAN,    /* 0; a running statistic (mst_tensor_runs)         */
  MST_TENSOR_VARIANCE /* 1; likewise                                      */
} mst_tensor_role;

typedef struct mst_tensor {
  char name[32]; /* "dense1/weight"; unique in the model      */
  mst_tensor_role role;
  int dims;
  int64_t shape[4];
  int64_t offset, count; /* in the flat vector                  */
  int64_t fan_in, fan_out;
} mst_tensor;

typedef struct mst_layer mst_layer;

typedef struct mst_model {
  const struct mst_model_ops *ops;
  mst_model_spec spec;
  mst_row_shape shape;
  int64_t inputs, outputs; /* floats of a row; scores                        */
  mst_loss loss;
  int64_t parameters;
  int tensors;
  mst_tensor *tensor;
  int layers;
  mst_layer **layer;
} mst_model;

typedef struct mst_model_ops {
  const char *name;
  const char *summary; /* one line for `muster list models` */
  const mst_param *params;
  bool classes, values; /* which targets it can learn */
  /* Check the spec against the shape and add the layers (mst_model_add of layer.h). */
  mst_status (*build)(mst_model *m, bool classes);
} mst_model_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. Local. */
const mst_model_ops *mst_model_find(const char *name);
const mst_model_ops *mst_model_at(int i);

/** Create a model for rows of that shape and `outputs` classes (classes) or value columns.
 *  \return MST_OK; MST_ERR_INPUT (unknown kind, a shape or target that the model cannot take, an
 *          impossible width: says what to change); MST_ERR_MEMORY. Local. */
mst_status mst_model_create(const mst_model_spec *spec, const mst_row_shape *shape, bool classes,
                            int64_t outputs, mst_model **out) MST_CHECKED;
void mst_model_destroy(mst_model *m); /* Local; NULL is allowed */

/** Classes that labels tell apart, from 0; 0 = the targets are values. Local. */
int64_t mst_model_classes(const mst_model *m);

/** Is it a running statistic of the rows, which only scores are made with? In a gradient its
 * entries are what it differs from the statistics of the batch: it moves by 1 - spec.momentum of
 * that, and no optimizer moves it. Local. */
static inline bool mst_tensor_runs(const mst_tensor *t) {
  return t->role == MST_TENSOR_MEAN || t->role == MST_TENSOR_VARIANCE;
}

/** Refuse, for `who` (named in the message) with the reason `why`, a model in which a row's
 * gradient depends on the other rows of its batch (model.norm: batch).
 *  \return MST_OK; MST_ERR_UNSUPPORTED. Local. */
mst_status mst_model_refuse_shared(const mst_model *m, const char *who,
                                   const char *why) MST_CHECKED;

/** Fill w(parameters): weights uniform in +-sqrt(6/(fan_in+fan_out)) (xavier, Glorot and Bengio
 *  2010), normal with variance 2/fan_in (he, He et al. 2015), uniform in +-1/sqrt(fan_in) (uniform:
 *  also the biases of dense layers and convolutions), or 0; other biases and means 0, scales and
 * variances 1. Drawn from key (seed, MST_PURPOSE_INIT, tensor number, copy): copy tells models of
 * one seed apart, 0 where there is one. Local. */
void mst_model_init(const mst_model *m, uint64_t seed, int64_t copy, float *w);

/* A batch: x(n, inputs) and its targets: label(n), or value(n, outputs) with label NULL. */
typedef struct mst_batch {
  int64_t n;
  const float *x;
  const int32_t *label;
  const float *value;
} mst_batch;

typedef struct mst_model_work mst_model_work;

/** Scratch for batches of at most n_max rows, for one thread; it takes mst_model_work_bytes.
 *  \return MST_OK or MST_ERR_MEMORY. Local. */
mst_status mst_model_work_create(const mst_model *m, int64_t n_max,
                                 mst_model_work **out) MST_CHECKED;
void mst_model_work_destroy(mst_model_work *work);               /* Local; NULL is allowed */
int64_t mst_model_work_bytes(const mst_model *m, int64_t n_max); /* Local */

/** Told while a backward pass goes on that g[first .. first+count) is final (tensors come from
 *  the last to the first). NULL turns it off. Local. */
void mst_model_on_gradient(mst_model_work *work,
                           void (*done)(void *context, int64_t first, int64_t count),
                           void *context);

/** out(n, outputs) = scores, with running statistics where the model has any; so have loss and
 *  residual, and a gradient those of its rows. Local; never fails (NaN flows through). */
void mst_model_scores(const mst_model *m, const float *w, int64_t n, const float *x,
                      mst_model_work *work, float *out);

/** Sum of the losses over the batch, and (correct may be NULL) how many rows' largest score is
 *  their class (first of equals); 0 for values. Local. */
void mst_model_loss(const mst_model *m, const float *w, const mst_batch *batch,
                    mst_model_work *work, double *loss, int64_t *correct);

/** What scores(n, outputs) come to. choose: label(n) = the class of each row's largest score (first
 *  of equals; of one logistic score, 1 when it is positive); 0 for values. cost: the sum of the
 *  rows' losses, for the batch's targets (x is not read); r(n, outputs) is scratch. Local. */
void mst_model_choose(const mst_model *m, int64_t n, const float *scores, int32_t *label);
double mst_model_cost(const mst_model *m, const mst_batch *batch, const float *scores, float *r);

/** g(parameters) = gradient of the MEAN loss over the batch; *loss (may be NULL) the SUM of the
 *  losses. g is overwritten. Local. */
void mst_model_gradient(const mst_model *m, const float *w, const mst_batch *batch,
                        mst_model_work *work, float *g, double *loss);

/** One step of gradient descent d (core/linalg/descent.h) along the gradient of the mean loss at w,
 *  which may be d->from, d->to or neither: the bits of mst_model_gradient and then mst_descend, but
 *  where layers can, without the gradient being stored. d->g(parameters) is scratch; *loss (may be
 *  NULL) as there. Local. */
void mst_model_descend(const mst_model *m, const float *w, const mst_batch *batch,
                       mst_model_work *work, const mst_descent *d, double *loss);

/** norm(n) = Euclidean norm of each row's own gradient, without a row's gradient ever being
 *  stored: for a dense layer |x|^2 |dy|^2 (Goodfellow 2015, arXiv:1510.01799), for a convolution
 *  the double sum over positions or one row's gradient at a time, whichever is cheaper. Local. */
void mst_model_norms(const mst_model *m, const float *w, const mst_batch *batch,
                     mst_model_work *work, double *norm);

/** g = sum over rows of weight(i) times row i's gradient (for clipping: weight = min(1, C/norm)).
 *  Local. */
void mst_model_weighted_gradient(const mst_model *m, const float *w, const mst_batch *batch,
                                 const float *weight, mst_model_work *work, float *g, double *loss);

/** What the layer that tensor `tensor` belongs to was given at the last forward pass of this
 *  workspace, over x(n, inputs): (n, *width), valid until the next pass. Local. */
const float *mst_model_given(const mst_model *m, const mst_model_work *work, int64_t n,
                             const float *x, int tensor, int64_t *width);

/** For batch-space methods: r(n, outputs) = loss gradient in the scores (not divided by n), and
 *  scores(n, outputs). Local. */
void mst_model_residual(const mst_model *m, const float *w, const mst_batch *batch,
                        mst_model_work *work, float *scores, float *r);
/** g = J' v for v(n, outputs), J the Jacobian of the scores at the batch of the last
 *  mst_model_residual of this workspace. Local. */
void mst_model_pull(const mst_model *m, const float *w, const mst_batch *batch, const float *v,
                    mst_model_work *work, float *g);
/** k(n outputs, n outputs) = J J', row-major, double, from the layers' own products (no row of J
 *  is stored). MST_ERR_UNSUPPORTED for models with layers that cannot (convolutions). Local. */
mst_status mst_model_kernel(const mst_model *m, const float *w, const mst_batch *batch,
                            mst_model_work *work, double *k) MST_CHECKED;

#endif
