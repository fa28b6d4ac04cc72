/* Passes through a model: scores forward, gradients backward, and what is made of them. A workspace
 * keeps every layer's output of the last forward pass; backward, two buffers take turns. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/model/ghost.h"
#include "core/model/loss.h"
#include "core/model/pass.h"

static int64_t widest(const mst_model *m) {
  int64_t most = m->outputs;
  for (int i = 0; i < m->layers; i++) most = mst_most(most, mst_extent_size(m->layer[i]->out));
  return most;
}

static int64_t scratch_floats(const mst_model *m, int64_t n) {
  int64_t most = 0;
  for (int i = 0; i < m->layers; i++)
    most = mst_most(most, m->layer[i]->scratch_fixed + n * m->layer[i]->scratch_row);
  return most;
}

static int64_t work_floats(const mst_model *m, int64_t n) {
  int64_t floats =
      2 * mst_pass_padded(n * widest(m)) + mst_pass_padded(n * m->outputs) + mst_pass_padded(scratch_floats(m, n));
  for (int i = 0; i < m->layers; i++)
    floats += mst_pass_padded(n * mst_extent_size(m->layer[i]->out)) + mst_pass_padded(n * m->layer[i]->keep);
  return floats;
}

static void share_out(const mst_model *m, mst_model_work *work) {
  float *at = work->floats;
  int64_t n = work->n_max;
  for (int i = 0; i < m->layers; i++) {
    work->output[i] = mst_pass_take(&at, n * mst_extent_size(m->layer[i]->out));
    work->keep[i] = mst_pass_take(&at, n * m->layer[i]->keep);
  }
  for (int i = 0; i < 2; i++) work->pulled[i] = mst_pass_take(&at, n * widest(m));
  work->residual = mst_pass_take(&at, n * m->outputs);
  work->scratch = at;
}

static mst_status allocate(const mst_model *m, mst_model_work *work) {
  MST_TRY(mst_alloc(&work->output, m->layers, sizeof(float *), "list of layer outputs"));
  MST_TRY(mst_alloc(&work->keep, m->layers, sizeof(float *), "list of layer outputs"));
  MST_TRY(mst_alloc(&work->square, work->n_max, sizeof(double), "squared norms"));
  MST_TRY(mst_alloc(&work->floats, work_floats(m, work->n_max), sizeof(float), "model workspace"));
  share_out(m, work);
  return MST_OK;
}

mst_status mst_model_work_create(const mst_model *m, int64_t n_max, mst_model_work **out) {
  *out = NULL;
  mst_model_work *work = NULL;
  if (n_max < 1) return mst_fail(MST_ERR_INPUT, "batches of %lld rows", (long long)n_max);
  MST_TRY(mst_alloc(&work, 1, sizeof *work, "model workspace"));
  work->n_max = n_max;
  mst_status status = allocate(m, work);
  if (status != MST_OK) {
    mst_model_work_destroy(work);
    return status;
  }
  *out = work;
  return MST_OK;
}

void mst_model_work_destroy(mst_model_work *work) {
  if (work == NULL) return;
  mst_free(work->output);
  mst_free(work->keep);
  mst_free(work->square);
  mst_free(work->floats);
  mst_free(work);
}

int64_t mst_model_work_bytes(const mst_model *m, int64_t n_max) {
  return work_floats(m, n_max) * (int64_t)sizeof(float) + n_max * (int64_t)sizeof(double) +
         m->layers * (int64_t)(2 * sizeof(float *)) + (int64_t)sizeof(mst_model_work);
}

void mst_model_on_gradient(mst_model_work *work,
                           void (*done)(void *context, int64_t first, int64_t count),
                           void *context) {
  work->done = done;
  work->context = context;
}

/* Keep all layers' outputs; the last are the scores. evaluate: nothing goes back from here. */
static const float *pass(const mst_model *m, const float *w, int64_t n, const float *x,
                         mst_model_work *work, bool evaluate) {
  assert(n <= work->n_max);
  for (int i = 0; i < m->layers; i++) {
    const mst_layer *l = m->layer[i];
    const float *in = mst_pass_input(work, x, i);
    if (evaluate && l->ops->evaluate != NULL)
      l->ops->evaluate(l, w + l->first, n, in, work->output[i]);
    else
      l->ops->forward(l, w + l->first, n, in, work->output[i], work->keep[i], work->scratch);
  }
  return work->output[m->layers - 1];
}

static const float *forward(const mst_model *m, const float *w, int64_t n, const float *x,
                            mst_model_work *work) {
  return pass(m, w, n, x, work, false);
}

/* Backward with g, telling of it as it becomes final. */
static void backward_telling(const mst_layer *l, const float *w, int64_t n, const float *x,
                             const float *y, const float *keep, const float *dy, float *dx,
                             float *g, const mst_model_work *work) {
  const mst_gradient_report report = {work->done, work->context, l->first};
  if (l->ops->ranges != NULL) {
    l->ops->ranges(l, w, n, x, y, keep, dy, dx, g, work->scratch, &report);
    return;
  }
  l->ops->backward(l, w, n, x, y, keep, dy, dx, g, work->scratch);
  work->done(work->context, l->first, l->parameters);
}

/* From dy(n, outputs) at the batch of the last forward pass: g unless NULL, and each row's squared
 * gradient norm added to square unless NULL. */
static void backward(const mst_model *m, const float *w, int64_t n, const float *x, const float *dy,
                     mst_model_work *work, float *g, double *square) {
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    const float *own = w + l->first, *in = mst_pass_input(work, x, i), *out = work->output[i];
    float *dx = mst_pass_parameters_before(m, i) ? work->pulled[i % 2] : NULL;
    float *own_g = g != NULL && l->parameters > 0 ? g + l->first : NULL;
    if (square != NULL && l->parameters > 0)
      l->ops->norms(l, own, n, in, out, work->keep[i], dy, square, work->scratch);
    if (own_g != NULL && work->done != NULL)
      backward_telling(l, own, n, in, out, work->keep[i], dy, dx, own_g, work);
    else if (dx != NULL || own_g != NULL)
      l->ops->backward(l, own, n, in, out, work->keep[i], dy, dx, own_g, work->scratch);
    if (dx == NULL) return;
    dy = dx;
  }
}

void mst_model_scores(const mst_model *m, const float *w, int64_t n, const float *x,
                      mst_model_work *work, float *out) {
  const float *scores = pass(m, w, n, x, work, true);
  memcpy(out, scores, (size_t)(n * m->outputs) * sizeof *out);
}

const float *mst_model_given(const mst_model *m, const mst_model_work *work, int64_t n,
                             const float *x, int tensor, int64_t *width) {
  int64_t at = m->tensor[tensor].offset;
  int i = 0;
  while (at >= m->layer[i]->first + m->layer[i]->parameters) i++;
  const mst_layer *l = m->layer[i];
  const float *in = mst_pass_input(work, x, i);
  if (l->ops->given != NULL) return l->ops->given(l, at - l->first, n, in, work->keep[i], width);
  *width = mst_extent_size(l->in);
  return in;
}

void mst_model_loss(const mst_model *m, const float *w, const mst_batch *batch,
                    mst_model_work *work, double *loss, int64_t *correct) {
  const float *scores = pass(m, w, batch->n, batch->x, work, true);
  *loss = mst_loss_residual(m, batch, scores, work->residual);
  if (correct != NULL) *correct = mst_loss_correct(m, batch, scores);
}

double mst_pass_residual(const mst_model *m, const float *w, const mst_batch *batch,
                         mst_model_work *work) {
  const float *scores = forward(m, w, batch->n, batch->x, work);
  return mst_loss_residual(m, batch, scores, work->residual);
}

/* As residual, divided by the rows: of the mean loss. */
static double mean_residual(const mst_model *m, const float *w, const mst_batch *batch,
                            mst_model_work *work) {
  double sum = mst_pass_residual(m, w, batch, work);
  float share = (float)(1.0 / (double)batch->n);
  for (int64_t i = 0; i < batch->n * m->outputs; i++) work->residual[i] *= share;
  return sum;
}

void mst_model_gradient(const mst_model *m, const float *w, const mst_batch *batch,
                        mst_model_work *work, float *g, double *loss) {
  double sum = mean_residual(m, w, batch, work);
  if (loss != NULL) *loss = sum;
  backward(m, w, batch->n, batch->x, work->residual, work, g, NULL);
}

static void descend_layer(const mst_layer *l, const float *w, int64_t n, const float *x,
                          const float *y, const float *keep, const float *dy, float *dx,
                          const mst_descent *d, float *scratch) {
  if (l->ops->descend != NULL && l->parameters > 0) {
    l->ops->descend(l, w, n, x, y, keep, dy, dx, d, scratch);
    return;
  }
  l->ops->backward(l, w, n, x, y, keep, dy, dx, l->parameters > 0 ? d->g : NULL, scratch);
  mst_descend(d, l->parameters, d->g);
}

void mst_model_descend(const mst_model *m, const float *w, const mst_batch *batch,
                       mst_model_work *work, const mst_descent *d, double *loss) {
  double sum = mean_residual(m, w, batch, work);
  const float *dy = work->residual;
  if (loss != NULL) *loss = sum;
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    float *dx = mst_pass_parameters_before(m, i) ? work->pulled[i % 2] : NULL;
    const mst_descent own = mst_descent_at(d, l->first);
    if (dx != NULL || l->parameters > 0)
      descend_layer(l, w + l->first, batch->n, mst_pass_input(work, batch->x, i), work->output[i],
                    work->keep[i], dy, dx, &own, work->scratch);
    if (dx == NULL) return;
    dy = dx;
  }
}

void mst_model_norms(const mst_model *m, const float *w, const mst_batch *batch,
                     mst_model_work *work, double *norm) {
  mst_pass_residual(m, w, batch, work);
  for (int64_t i = 0; i < batch->n; i++) work->square[i] = 0;
  backward(m, w, batch->n, batch->x, work->residual, work, NULL, work->square);
  for (int64_t i = 0; i < batch->n; i++) norm[i] = sqrt(work->square[i]);
}

void mst_model_weighted_gradient(const mst_model *m, const float *w, const mst_batch *batch,
                                 const float *weight, mst_model_work *work, float *g,
                                 double *loss) {
  double sum = mst_pass_residual(m, w, batch, work);
  if (loss != NULL) *loss = sum;
  for (int64_t i = 0; i < batch->n; i++)
    for (int64_t j = 0; j < m->outputs; j++) work->residual[i * m->outputs + j] *= weight[i];
  backward(m, w, batch->n, batch->x, work->residual, work, g, NULL);
}

int64_t mst_model_clipped_room(const mst_model *m, int64_t n) {
  int64_t floats = 0;
  for (int i = 0; i < m->layers; i++)
    if (mst_pass_parameters_before(m, i)) floats += mst_pass_padded(n * mst_extent_size(m->layer[i]->in));
  return floats;
}

/* Backward, each layer's dx into the next part of room, norms into work->square. */
static void pull_and_measure(const mst_model *m, const float *w, const mst_batch *b,
                             mst_model_work *work, float *room) {
  const float *dy = work->residual;
  for (int64_t i = 0; i < b->n; i++) work->square[i] = 0;
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    const float *own = w + l->first, *in = mst_pass_input(work, b->x, i);
    if (l->parameters > 0)
      l->ops->norms(l, own, b->n, in, work->output[i], work->keep[i], dy, work->square,
                    work->scratch);
    if (!mst_pass_parameters_before(m, i)) return;
    float *dx = mst_pass_take(&room, b->n * mst_extent_size(l->in));
    l->ops->backward(l, own, b->n, in, work->output[i], work->keep[i], dy, dx, NULL, work->scratch);
    dy = dx;
  }
}

static void scale_rows(int64_t n, int64_t width, const double *norm, double bound, float *dy) {
  for (int64_t i = 0; i < n; i++) {
    if (norm[i] <= bound) continue;
    float factor = (float)(bound / norm[i]);
    for (int64_t j = 0; j < width; j++) dy[i * width + j] *= factor;
  }
}

bool mst_model_clipped_gradient(const mst_model *m, const float *w, const mst_batch *batch,
                                double bound, mst_model_work *work, float *room, double *norm,
                                float *g) {
  int64_t n = batch->n;
  bool finite = true;
  mst_pass_residual(m, w, batch, work);
  pull_and_measure(m, w, batch, work, room);
  for (int64_t i = 0; i < n; i++) {
    norm[i] = sqrt(work->square[i]);
    finite = finite && isfinite(norm[i]);
  }
  if (!finite) return false;
  float *dy = work->residual;
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    if (l->parameters > 0) {
      scale_rows(n, mst_extent_size(l->out), norm, bound, dy);
      l->ops->backward(l, w + l->first, n, mst_pass_input(work, batch->x, i), work->output[i],
                       work->keep[i], dy, NULL, g + l->first, work->scratch);
    }
    if (!mst_pass_parameters_before(m, i)) return true;
    dy = mst_pass_take(&room, n * mst_extent_size(l->in));
  }
  return true;
}

void mst_model_residual(const mst_model *m, const float *w, const mst_batch *batch,
                        mst_model_work *work, float *scores, float *r) {
  mst_model_scores(m, w, batch->n, batch->x, work, scores);
  mst_loss_residual(m, batch, scores, r);
}

void mst_model_pull(const mst_model *m, const float *w, const mst_batch *batch, const float *v,
                    mst_model_work *work, float *g) {
  backward(m, w, batch->n, batch->x, v, work, g, NULL);
}

/* Pull d(outputs, n, out) of layer i back to its inputs. */
static void pull_all(const mst_model *m, const float *w, const mst_batch *batch,
                     mst_model_work *work, int i, const float *d, float *to) {
  const mst_layer *l = m->layer[i];
  int64_t n = batch->n, in = mst_extent_size(l->in), out = mst_extent_size(l->out);
  for (int64_t a = 0; a < m->outputs; a++)
    l->ops->backward(l, w + l->first, n, mst_pass_input(work, batch->x, i), work->output[i],
                     work->keep[i], d + a * n * out, to + a * n * in, NULL, work->scratch);
}

/* d(outputs, n, outputs): for each output, its derivative in the scores. */
static void unit_pullbacks(int64_t n, int64_t outputs, float *d) {
  for (int64_t a = 0; a < outputs; a++)
    for (int64_t i = 0; i < n; i++)
      for (int64_t b = 0; b < outputs; b++) d[(a * n + i) * outputs + b] = a == b;
}

static void add_kernels(const mst_model *m, const float *w, const mst_batch *batch,
                        mst_model_work *work, float *d[2], double *scratch, double *k) {
  int64_t n = batch->n, rows = n * m->outputs;
  int turn = 0;
  for (int64_t i = 0; i < rows * rows; i++) k[i] = 0;
  forward(m, w, n, batch->x, work);
  unit_pullbacks(n, m->outputs, d[turn]);
  for (int i = m->layers - 1; i >= 0; i--) {
    const mst_layer *l = m->layer[i];
    if (l->parameters > 0)
      l->ops->kernel(l, n, m->outputs, mst_pass_input(work, batch->x, i), d[turn], k, scratch);
    if (!mst_pass_parameters_before(m, i)) return;
    pull_all(m, w, batch, work, i, d[turn], d[1 - turn]);
    turn = 1 - turn;
  }
}

mst_status mst_model_kernel(const mst_model *m, const float *w, const mst_batch *batch,
                            mst_model_work *work, double *k) {
  int64_t n = batch->n, most = 0;
  for (int i = 0; i < m->layers; i++) {
    const mst_layer *l = m->layer[i];
    if (l->parameters > 0 && l->ops->kernel == NULL)
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "model.kind %s has layers (%s) whose gradients have no closed inner product; "
                      "batch-space methods take softmax, glm and mlp",
                      m->ops->name, l->ops->name);
    most = mst_most(most, mst_layer_kernel_scratch(l, n, m->outputs));
  }
  float *d = NULL;
  double *scratch = NULL;
  int64_t each = n * m->outputs * widest(m);
  MST_TRY(mst_alloc(&d, 2 * each, sizeof *d, "pullbacks"));
  mst_status status = mst_alloc(&scratch, most, sizeof *scratch, "kernel of a layer");
  if (status == MST_OK) add_kernels(m, w, batch, work, (float *[]){d, d + each}, scratch, k);
  mst_free(scratch);
  mst_free(d);
  return status;
}
