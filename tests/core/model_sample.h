/* Small dense models of every kind with a batch, and the same models in double by their definition:
 * what core/model is held against. */
#ifndef MST_TESTS_CORE_MODEL_SAMPLE_H
#define MST_TESTS_CORE_MODEL_SAMPLE_H

#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/model/model.h"
#include "tests/harness.h"

#define SAMPLE_ROWS   7
#define SAMPLE_INPUTS 37 /* of 1 + 32 + 4: whole vectors and a rest */

typedef struct sample_kind {
  const char *name;
  mst_model_spec spec;
  bool classes;
  int64_t outputs;
} sample_kind;

static const sample_kind sample_kinds[] = {
    {"softmax", {.kind = "softmax"}, true, 3},
    {"softmax, stable", {.kind = "softmax", .stable_max = true}, true, 3},
    {"logistic", {.kind = "glm", .family = "logistic"}, true, 2},
    {"brier", {.kind = "glm", .family = "brier"}, true, 2},
    {"linear", {.kind = "glm", .family = "linear"}, false, 2},
    {"poisson", {.kind = "glm", .family = "poisson"}, false, 2},
    {"relu", {.kind = "mlp", .hidden = {2, {19, 17}}, .activation = "relu"}, true, 3},
    {"gelu", {.kind = "mlp", .hidden = {2, {19, 17}}, .activation = "gelu"}, true, 3},
    {"tanh", {.kind = "mlp", .hidden = {3, {5, 18, 4}}, .activation = "tanh"}, true, 4},
    {"tanh, stable",
     {.kind = "mlp", .hidden = {1, {20}}, .activation = "tanh", .stable_max = true},
     true,
     3},
    {"values", {.kind = "mlp", .hidden = {1, {6}}, .activation = "gelu"}, false, 2},
    {"no hidden", {.kind = "mlp"}, true, 3},
};
enum {
  SAMPLE_KINDS = sizeof sample_kinds / sizeof sample_kinds[0]
};

typedef struct sample {
  const char *name;
  mst_model *m;
  mst_model_work *work;
  float *w, *x, *value, *g;
  int32_t *label;
  mst_batch batch;
} sample;

static inline sample sample_of(const sample_kind *kind, int64_t n) {
  sample s = {.name = kind->name};
  mst_model_spec spec = kind->spec;
  mst_row_shape shape = {1, {SAMPLE_INPUTS}};
  spec.init = "xavier";
  ck_ok(mst_model_create(&spec, &shape, kind->classes, kind->outputs, &s.m));
  ck_ok(mst_model_work_create(s.m, n, &s.work));
  ck_ok(mst_alloc(&s.w, s.m->parameters, sizeof *s.w, "w"));
  ck_ok(mst_alloc(&s.g, s.m->parameters, sizeof *s.g, "g"));
  ck_ok(mst_alloc(&s.x, n * SAMPLE_INPUTS, sizeof *s.x, "x"));
  ck_ok(mst_alloc(&s.label, n, sizeof *s.label, "label"));
  ck_ok(mst_alloc(&s.value, n * kind->outputs, sizeof *s.value, "value"));
  mst_model_init(s.m, 5, 0, s.w);
  mst_stream r = mst_stream_of(mst_key_make(9, MST_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < n * SAMPLE_INPUTS; i++) s.x[i] = (float)mst_stream_normal(&r);
  for (int64_t i = 0; i < n; i++)
    s.label[i] = (int32_t)mst_stream_below(&r, (uint64_t)kind->outputs);
  for (int64_t i = 0; i < n * kind->outputs; i++) s.value[i] = (float)mst_stream_below(&r, 5);
  /* Biases that are not 0, so that their place shows. */
  for (int t = 0; t < s.m->tensors; t++)
    if (s.m->tensor[t].role == MST_TENSOR_BIAS)
      for (int64_t i = 0; i < s.m->tensor[t].count; i++)
        s.w[s.m->tensor[t].offset + i] = (float)(0.3 * mst_stream_normal(&r));
  s.batch = (mst_batch){.n = n,
                        .x = s.x,
                        .label = kind->classes ? s.label : NULL,
                        .value = kind->classes ? NULL : s.value};
  return s;
}

static inline void sample_release(sample *s) {
  mst_free(s->w);
  mst_free(s->x);
  mst_free(s->value);
  mst_free(s->g);
  mst_free(s->label);
  mst_model_work_destroy(s->work);
  mst_model_destroy(s->m);
}

/* One row of the batch alone. */
static inline mst_batch sample_row(const sample *s, int64_t i) {
  return (mst_batch){.n = 1,
                     .x = s->x + i * SAMPLE_INPUTS,
                     .label = s->batch.label != NULL ? s->label + i : NULL,
                     .value = s->batch.value != NULL ? s->value + i * s->m->outputs : NULL};
}

static inline double reference_activation(const char *kind, double x) {
  if (strcmp(kind, "gelu") == 0) return x * 0.5 * erfc(-x / sqrt(2.0));
  if (strcmp(kind, "tanh") == 0) return tanh(x);
  return x > 0 ? x : 0;
}

/* Scores of one row: the tensors come in pairs, weight(in, out) and bias(out). */
static inline void reference_scores(const mst_model *m, const double *w, const float *row,
                                    double *scores) {
  double x[64], y[64];
  for (int64_t k = 0; k < m->inputs; k++) x[k] = row[k];
  for (int t = 0; t < m->tensors; t += 2) {
    const mst_tensor *weight = &m->tensor[t], *bias = &m->tensor[t + 1];
    int64_t in = weight->shape[0], out = weight->shape[1];
    for (int64_t j = 0; j < out; j++) {
      y[j] = w[bias->offset + j];
      for (int64_t k = 0; k < in; k++) y[j] += x[k] * w[weight->offset + k * out + j];
    }
    for (int64_t j = 0; j < out; j++)
      x[j] = t + 2 < m->tensors ? reference_activation(m->spec.activation, y[j]) : y[j];
  }
  for (int64_t j = 0; j < m->outputs; j++) scores[j] = x[j];
}

static inline double reference_stable(double x) {
  return x >= 0 ? x + 1 : 1 / (1 - x);
}

static inline double reference_loss(const mst_model *m, const mst_batch *b, int64_t i,
                                    const double *s) {
  double loss = 0, sum = 0;
  for (int64_t j = 0; j < m->outputs; j++) {
    double v = b->value != NULL ? b->value[i * m->outputs + j] : 0;
    if (m->loss == MST_LOSS_SQUARED) loss += 0.5 * (s[j] - v) * (s[j] - v);
    if (m->loss == MST_LOSS_POISSON) loss += exp(s[j]) - v * s[j];
    sum += m->spec.stable_max ? reference_stable(s[j]) : exp(s[j]);
  }
  if (m->loss == MST_LOSS_LOGISTIC) loss = -log(1 / (1 + exp(b->label[i] == 1 ? -s[0] : s[0])));
  if (m->loss == MST_LOSS_BRIER) loss = 0.5 * pow(1 / (1 + exp(-s[0])) - b->label[i], 2);
  if (m->loss == MST_LOSS_CROSS_ENTROPY) {
    double own = s[b->label[i]];
    loss = -log((m->spec.stable_max ? reference_stable(own) : exp(own)) / sum);
  }
  return loss;
}

/* The loss gradient in row i's scores and (jacobian(outputs, parameters)) the scores' derivatives,
 * by central differences in double. */
static inline void reference_residual(const mst_model *m, const mst_batch *b, int64_t i,
                                      const double *scores, double *r) {
  const double h = 1e-6;
  double s[64];
  for (int64_t c = 0; c < m->outputs; c++) {
    memcpy(s, scores, (size_t)m->outputs * sizeof *s);
    s[c] = scores[c] + h;
    double up = reference_loss(m, b, i, s);
    s[c] = scores[c] - h;
    r[c] = (up - reference_loss(m, b, i, s)) / (2 * h);
  }
}

static inline void reference_jacobian(const mst_model *m, const float *parameters, const float *row,
                                      double *jacobian) {
  const double h = 1e-6;
  double *w = NULL, up[64], down[64];
  ck_ok(mst_alloc(&w, m->parameters, sizeof *w, "parameters"));
  for (int64_t p = 0; p < m->parameters; p++) w[p] = parameters[p];
  for (int64_t p = 0; p < m->parameters; p++) {
    double at = w[p];
    w[p] = at + h;
    reference_scores(m, w, row, up);
    w[p] = at - h;
    reference_scores(m, w, row, down);
    w[p] = at;
    for (int64_t c = 0; c < m->outputs; c++)
      jacobian[c * m->parameters + p] = (up[c] - down[c]) / (2 * h);
  }
  mst_free(w);
}

/* Everything of a sample: scores(n, outputs), losses(n), residual(n, outputs) and
 * jacobian(n outputs, parameters). */
typedef struct reference {
  double *scores, *loss, *residual, *jacobian;
} reference;

static inline reference reference_of(const sample *s) {
  const mst_model *m = s->m;
  int64_t n = s->batch.n, c = m->outputs;
  reference ref;
  double *w = NULL;
  ck_ok(mst_alloc(&w, m->parameters, sizeof *w, "w"));
  ck_ok(mst_alloc(&ref.scores, n * c, sizeof(double), "scores"));
  ck_ok(mst_alloc(&ref.loss, n, sizeof(double), "losses"));
  ck_ok(mst_alloc(&ref.residual, n * c, sizeof(double), "residual"));
  ck_ok(mst_alloc(&ref.jacobian, n * c * m->parameters, sizeof(double), "jacobian"));
  for (int64_t p = 0; p < m->parameters; p++) w[p] = s->w[p];
  for (int64_t i = 0; i < n; i++) {
    reference_scores(m, w, s->x + i * m->inputs, ref.scores + i * c);
    ref.loss[i] = reference_loss(m, &s->batch, i, ref.scores + i * c);
    reference_residual(m, &s->batch, i, ref.scores + i * c, ref.residual + i * c);
    reference_jacobian(m, s->w, s->x + i * m->inputs, ref.jacobian + i * c * m->parameters);
  }
  mst_free(w);
  return ref;
}

static inline void reference_release(reference *ref) {
  mst_free(ref->scores);
  mst_free(ref->loss);
  mst_free(ref->residual);
  mst_free(ref->jacobian);
}

#endif
