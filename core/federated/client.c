/* One client in one round: its batches, its steps, and what it sends. */
#include "core/federated/client.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/federated/passes.h"
#include "core/federated/trainer.h"

static mst_status reserve_rows(mst_client_trainer *t, int64_t n) {
  if (n <= t->capacity) return MST_OK;
  mst_free(t->order);
  t->order = NULL;
  t->capacity = 0;
  MST_TRY(mst_alloc(&t->order, n, sizeof *t->order, "order of a client's rows"));
  t->capacity = n;
  return MST_OK;
}

/* Copy the next rows of the epoch to where the model reads them in one stretch. */
static mst_batch gather_batch(mst_client_trainer *t, mst_client_visit *v) {
  const mst_client_rows *rows = v->rows;
  const int64_t inputs = t->model->inputs, outputs = t->model->outputs;
  if (v->at == rows->n) v->at = 0;
  if (v->at == 0) mst_stream_permutation(&v->stream, rows->n, t->order);
  const int64_t n = mst_least(v->spec->batch, rows->n - v->at);
  for (int64_t i = 0; i < n; i++) {
    int64_t row = t->order[v->at + i];
    memcpy(t->x + i * inputs, rows->x + row * inputs, (size_t)inputs * sizeof(float));
    if (rows->label != NULL)
      t->label[i] = rows->label[row];
    else
      memcpy(t->value + i * outputs, rows->value + row * outputs, (size_t)outputs * sizeof(float));
  }
  v->at += n;
  return (mst_batch){.n = n,
                     .x = t->x,
                     .label = rows->label != NULL ? t->label : NULL,
                     .value = rows->label != NULL ? NULL : t->value};
}

/* Momentum keeps moving by a gradient after its step: the weight that the gradients so far have
 * got in one step more (doc/methods/federated.md, equation 4). */
static double step_weight(const mst_client_trainer *t, double *held) {
  if (t->optim == NULL || strcmp(t->optim->ops->name, "sgd") != 0) return 1.0;
  const mst_optim_spec *s = &t->optim->spec;
  *held = s->momentum * *held + 1.0;
  return s->nesterov ? 1.0 + s->momentum * *held : *held;
}

static mst_status run_steps(mst_client_trainer *t, mst_client_visit *v, mst_local_result *result) {
  const int64_t n = v->rows->n, each = mst_ceil_div(n, v->spec->batch);
  const int64_t steps = v->spec->steps > 0 ? v->spec->steps : v->spec->epochs * each;
  double held = 0.0;
  for (int64_t k = 0; k < steps; k++) {
    if (v->at == n || k == 0) {
      result->loss = 0.0;
      result->rows = 0;
    }
    mst_batch batch = gather_batch(t, v);
    MST_TRY(mst_client_step(t, v, &batch, result));
    v->view.moves += step_weight(t, &held);
  }
  result->steps = steps;
  return MST_OK;
}

static mst_status check(const mst_client_trainer *t, const mst_local_spec *s,
                        const mst_client_rows *rows) {
  if (rows->n < 1) return mst_fail(MST_ERR_INPUT, "the client has no rows to train on");
  if (s->batch < 1 || (s->steps < 1 && s->epochs < 1))
    return mst_fail(
        MST_ERR_INPUT,
        "local training needs at least 1 epoch or step, and 1 row a step; here are %lld "
        "epochs, %lld steps, %lld rows",
        (long long)s->epochs, (long long)s->steps, (long long)s->batch);
  if (!(s->lr >= 0.0) || !isfinite(s->lr))
    return mst_fail(MST_ERR_INPUT, "the step size is %g; it must be finite and not negative",
                    s->lr);
  if (s->batch > t->batch || s->frozen < 0 || s->frozen > t->model->parameters)
    return mst_fail(
        MST_ERR_INTERNAL,
        "local training was made for %lld rows a step and %lld parameters, not %lld and "
        "%lld",
        (long long)t->batch, (long long)t->model->parameters, (long long)s->batch,
        (long long)s->frozen);
  return MST_OK;
}

static size_t bytes_of(int64_t floats) {
  return (size_t)floats * sizeof(float);
}

/* Everything as it is before a client's first step. */
static void begin_visit(mst_client_trainer *t, mst_client_visit *v, const float *start) {
  const int64_t all = t->model->parameters, n = v->view.n;
  memcpy(t->w, start, bytes_of(all));
  if (v->spec->personal != NULL && n < all) memcpy(t->w + n, v->spec->personal, bytes_of(all - n));
  for (int k = 0; k < t->ops->own; k++) memcpy(t->kept[k], v->view.own[k], bytes_of(n));
  if (v->spec->turned && t->optim != NULL) mst_optim_momentum(t->optim, v->spec->momentum);
  if (v->spec->turned && t->egn != NULL) mst_egn_momentum(t->egn, v->spec->momentum);
  if (t->optim != NULL) mst_optim_start(t->optim, t->w);
  if (t->egn != NULL) mst_egn_start(t->egn);
  v->rule = (mst_local_rule){.gradient = 1.0f, .perturbed = 1.0f};
  if (t->ops->begin != NULL) t->ops->begin(&t->method, &v->view, &v->rule);
}

/* Fill up and scalar. Returns whether all is finite and bounded. */
static bool make_contribution(mst_client_trainer *t, mst_client_visit *v, const float *start,
                              int64_t steps, float *const *up, double *scalar) {
  const int64_t all = t->model->parameters, n = v->view.n;
  const float bound = (float)MST_CONTRIBUTION_BOUND, *end = t->w;
  if (t->optim != NULL && t->optim->ops->averages) {
    mst_optim_average(t->optim, t->w, t->direction);
    end = t->direction;
  }
  bool finite =
      mst_pass_delta(n, bound, end, start, up[0]) && mst_pass_bounded(all - n, bound, end + n);
  if (finite && t->ops->finish != NULL)
    t->ops->finish(&t->method, &v->view, v->spec->lr, steps, up, scalar);
  for (int k = 0; finite && k < t->ops->uplink; k++) finite = mst_pass_bounded(n, bound, up[k]);
  for (int k = 0; k < t->ops->uplink; k++) memset(up[k] + n, 0, bytes_of(all - n));
  if (finite && v->spec->personal != NULL) {
    memcpy(t->g + n, v->spec->personal, bytes_of(all - n)); /* for mst_client_forget */
    memcpy(v->spec->personal, end + n, bytes_of(all - n));
  }
  return finite;
}

static void put_back_own(const mst_client_trainer *t, int64_t n, float *const *own) {
  for (int k = 0; k < t->ops->own; k++) memcpy(own[k], t->kept[k], bytes_of(n));
}

/* As if the client had not been asked: a method's vectors must not keep what is not finite. */
static void forget_visit(mst_client_trainer *t, const mst_client_visit *v, float *const *up,
                         double *scalar) {
  put_back_own(t, v->view.n, v->view.own);
  for (int k = 0; k < t->ops->uplink; k++) memset(up[k], 0, bytes_of(t->model->parameters));
  for (int k = 0; k < t->ops->scalars; k++) scalar[k] = 0.0;
}

mst_status mst_client_train(mst_client_trainer *t, const mst_local_spec *spec, int64_t client,
                            int64_t round, const mst_client_rows *rows, const float *start,
                            const float *const *shared, float *const *own, float *const *up,
                            double *scalar, mst_local_result *result) {
  MST_TRY(check(t, spec, rows));
  MST_TRY(reserve_rows(t, rows->n));
  mst_client_visit v = {.spec = spec,
                        .rows = rows,
                        .view = {.n = spec->frozen,
                                 .start = start,
                                 .shared = shared,
                                 .own = own,
                                 .constant = t->constant,
                                 .shift = t->shift},
                        .stream = mst_stream_of(mst_key_make(spec->seed, MST_PURPOSE_BATCH,
                                                             (uint64_t)client, (uint64_t)round))};
  *result = (mst_local_result){0};
  begin_visit(t, &v, start);
  MST_TRY(run_steps(t, &v, result));
  result->finite = make_contribution(t, &v, start, result->steps, up, scalar);
  if (!result->finite) forget_visit(t, &v, up, scalar);
  return MST_OK;
}

void mst_client_forget(const mst_client_trainer *t, const mst_local_spec *spec, float *const *own) {
  const int64_t n = spec->frozen;
  put_back_own(t, n, own);
  if (spec->personal != NULL) memcpy(spec->personal, t->g + n, bytes_of(t->model->parameters - n));
}
