/* What one thread needs to train clients: the vectors that a method and an optimizer ask for, cut
 * from one allocation; a batch; the model's workspace; the optimizer. */
#include "core/federated/trainer.h"

#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

#define PAD         16 /* floats: vectors begin on cache lines */
#define MOST_LAYERS 1024

static bool is_plain(const mst_optim_spec *optim) {
  return optim == NULL || (strcmp(optim->kind, "sgd") == 0 && optim->momentum == 0.0);
}

/* Vectors of a trainer, in the order of carve_vectors. */
static int count_vectors(const mst_method_ops *ops, const mst_optim_spec *optim) {
  return 2 + (ops->gradients > 1 ? 2 : 0) + (ops->own + ops->shared > 0) + (ops->perturb != NULL) +
         !is_plain(optim) + ops->own;
}

static int64_t padded(const mst_model *m) {
  return mst_ceil_div(m->parameters, PAD) * PAD;
}

static void carve_vectors(mst_client_trainer *t, const mst_optim_spec *optim) {
  const int64_t size = padded(t->model);
  float *next = t->vectors;
#define TAKE(wanted) ((wanted) ? (next += size) - size : NULL)
  t->w = TAKE(true);
  t->g = TAKE(true);
  t->second = TAKE(t->ops->gradients > 1);
  t->point = TAKE(t->ops->gradients > 1);
  t->constant = TAKE(t->ops->own + t->ops->shared > 0);
  t->shift = TAKE(t->ops->perturb != NULL);
  t->direction = TAKE(!is_plain(optim));
  for (int v = 0; v < t->ops->own; v++) t->kept[v] = TAKE(true);
#undef TAKE
}

/* The tensors as layers; or one layer, if they are very many. */
static mst_optim_layers layers_of(const mst_model *m, int64_t first[MOST_LAYERS + 1]) {
  const int n = m->tensors <= MOST_LAYERS ? m->tensors : 1;
  first[0] = 0;
  for (int i = 1; i < n; i++) first[i] = m->tensor[i].offset;
  first[n] = m->parameters;
  return (mst_optim_layers){.n = n, .first = first};
}

static bool needs_model(const mst_optim_spec *optim) {
  const mst_optim_ops *ops = optim != NULL ? mst_optim_find(optim->kind) : NULL;
  return ops != NULL && ops->needs_model;
}

static mst_status create_egn(mst_client_trainer *t, const mst_optim_spec *spec) {
  if (t->ops->begin != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "optimizer.kind %s takes batches, but method.name %s changes gradients; choose "
                    "another optimizer, or a method such as fedavg",
                    spec->kind, t->ops->name);
  if (spec->clip > 0.0)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "optimizer.clip bounds gradients, but optimizer.kind %s takes none; leave it out",
        spec->kind);
  return mst_egn_create(spec, t->model, t->batch, &t->egn);
}

static mst_status create_optimizer(mst_client_trainer *t, const mst_optim_spec *spec) {
  int64_t first[MOST_LAYERS + 1];
  if (needs_model(spec)) return create_egn(t, spec);
  const mst_optim_layers layers = layers_of(t->model, first);
  return mst_optim_create(spec, &layers, 0, t->model->parameters, &t->optim);
}

static mst_status allocate(mst_client_trainer *t, const mst_optim_spec *optim) {
  const mst_model *m = t->model;
  MST_TRY(mst_alloc(&t->vectors, count_vectors(t->ops, optim) * padded(m), sizeof(float),
                    "vectors of local training"));
  carve_vectors(t, optim);
  MST_TRY(mst_alloc(&t->x, t->batch * m->inputs, sizeof(float), "batch"));
  MST_TRY(mst_alloc(&t->value, t->batch * m->outputs, sizeof(float), "batch"));
  MST_TRY(mst_alloc(&t->label, t->batch, sizeof *t->label, "batch"));
  if (!is_plain(optim)) MST_TRY(create_optimizer(t, optim));
  return mst_model_work_create(m, t->batch, &t->work);
}

mst_status mst_client_trainer_create(const mst_model *m, const mst_method_spec *method,
                                     const mst_optim_spec *optim, int64_t batch,
                                     mst_client_trainer **out) {
  mst_client_trainer *t = NULL;
  *out = NULL;
  MST_TRY(mst_method_check(method));
  if (batch < 1)
    return mst_fail(MST_ERR_INPUT, "a local step needs at least 1 row, not %lld", (long long)batch);
  MST_TRY(mst_alloc(&t, 1, sizeof *t, "local training"));
  t->model = m;
  t->ops = mst_method_find(method->name);
  t->method = *method;
  t->batch = batch;
  mst_status st = allocate(t, optim);
  if (st != MST_OK) {
    mst_client_trainer_destroy(t);
    return st;
  }
  *out = t;
  return MST_OK;
}

void mst_client_trainer_destroy(mst_client_trainer *t) {
  if (t == NULL) return;
  mst_model_work_destroy(t->work);
  mst_egn_destroy(t->egn);
  mst_optim_destroy(t->optim);
  mst_free(t->order);
  mst_free(t->label);
  mst_free(t->value);
  mst_free(t->x);
  mst_free(t->vectors);
  mst_free(t);
}

int64_t mst_client_trainer_bytes(const mst_model *m, const mst_method_spec *method,
                                 const mst_optim_spec *optim, int64_t batch) {
  const mst_method_ops *ops = mst_method_find(method->name);
  int64_t vectors = ops != NULL ? count_vectors(ops, optim) : 0, optimizer = 0;
  if (needs_model(optim)) {
    optimizer = mst_egn_bytes(optim, m, batch);
  } else if (!is_plain(optim)) {
    int64_t first[MOST_LAYERS + 1];
    const mst_optim_layers layers = layers_of(m, first);
    optimizer = mst_optim_bytes(optim, &layers, m->parameters);
  }
  int64_t floats = vectors * padded(m) + batch * (m->inputs + m->outputs + 1);
  return (int64_t)sizeof(mst_client_trainer) + floats * (int64_t)sizeof(float) + optimizer +
         mst_model_work_bytes(m, batch);
}
