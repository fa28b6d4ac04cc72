/* Gauss-Newton in the space of the parameters, written out with the whole Jacobian, and the models
 * and rows that it is tried on. */
#ifndef MST_TESTS_CORE_EGN_REFERENCE_H
#define MST_TESTS_CORE_EGN_REFERENCE_H

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/optim/egn.h"
#include "tests/core/optim_rules.h"

enum {
  ROWS = 12,
  INPUTS = 4
};
static const mst_row_shape shape = {1, {INPUTS}};
static float x[ROWS * INPUTS], value[ROWS * 3];
static int32_t label[ROWS];

/* A model for classes (label) or for values. */
static inline mst_model *made(const char *kind, const char *family, bool stable, bool classes,
                              int64_t outputs) {
  mst_model_spec spec = {.kind = kind,
                         .init = "xavier",
                         .hidden = {1, {5}},
                         .activation = "tanh",
                         .stable_max = stable,
                         .family = family};
  mst_model *m;
  ck_ok(mst_model_create(&spec, &shape, classes, outputs, &m));
  return m;
}

static inline mst_batch batch_of(const mst_model *m, int64_t n, bool classes) {
  const int32_t few = m->loss == MST_LOSS_LOGISTIC ? 2 : 3;
  for (int i = 0; i < ROWS * INPUTS; i++) x[i] = 2 * sample(i, 50);
  for (int i = 0; i < ROWS; i++) label[i] = (int32_t)((sample(i, 51) + 1) / 2 * (float)few) % few;
  for (int i = 0; i < ROWS * 3; i++)
    value[i] = m->loss == MST_LOSS_POISSON ? floorf(3 * (sample(i, 52) + 1)) : sample(i, 52);
  return (mst_batch){n, x, classes ? label : NULL, classes ? NULL : value};
}

/* Q(c, c) of a row, as the loss defines it, in the scores; for StableMax in the logarithms whose
 * softmax it is, multiplied by their slopes. */
static inline void hessian(const mst_model *m, const float *score, double *q) {
  const int64_t c = m->outputs;
  double p[8], slope[8], sum = 0;
  if (m->loss != MST_LOSS_CROSS_ENTROPY) {
    for (int64_t k = 0; k < c * c; k++) q[k] = 0;
    for (int64_t k = 0; k < c; k++) {
      const double s = score[k], e = 1 / (1 + exp(-s));
      q[k * c + k] = m->loss == MST_LOSS_LOGISTIC  ? e * (1 - e)
                     : m->loss == MST_LOSS_POISSON ? exp(s)
                                                   : 1;
    }
    return;
  }
  for (int64_t k = 0; k < c; k++) {
    const double s = score[k];
    p[k] = !m->spec.stable_max ? exp(s) : s >= 0 ? s + 1 : 1 / (1 - s);
    slope[k] = !m->spec.stable_max ? 1 : s >= 0 ? 1 / (1 + s) : 1 / (1 - s);
    sum += p[k];
  }
  for (int64_t k = 0; k < c; k++) p[k] /= sum;
  for (int64_t a = 0; a < c; a++)
    for (int64_t b = 0; b < c; b++)
      q[a * c + b] = slope[a] * ((a == b ? p[a] : 0) - p[a] * p[b]) * slope[b];
}

/* d(P) = (J'QJ + ridge I)^-1 J' r. */
static inline void dense_direction(const mst_model *m, const float *w, const mst_batch *batch,
                                   double ridge, double *d) {
  const int64_t c = m->outputs, order = batch->n * c, P = m->parameters;
  mst_model_work *work;
  float *scores, *r, *v, *row;
  double *jacobian, *qj, *h;
  ck_ok(mst_model_work_create(m, batch->n, &work));
  ck_ok(mst_alloc(&scores, order, sizeof *scores, "scores"));
  ck_ok(mst_alloc(&r, order, sizeof *r, "r"));
  ck_ok(mst_alloc(&v, order, sizeof *v, "v"));
  ck_ok(mst_alloc(&row, P, sizeof *row, "row"));
  ck_ok(mst_alloc(&jacobian, order * P, sizeof *jacobian, "J"));
  ck_ok(mst_alloc(&qj, order * P, sizeof *qj, "QJ"));
  ck_ok(mst_alloc(&h, P * P, sizeof *h, "H"));
  mst_model_residual(m, w, batch, work, scores, r);
  for (int64_t k = 0; k < order; k++) {
    memset(v, 0, (size_t)order * sizeof *v);
    v[k] = 1;
    mst_model_pull(m, w, batch, v, work, row);
    for (int64_t j = 0; j < P; j++) jacobian[k * P + j] = row[j];
  }
  for (int64_t i = 0; i < order; i += c) {
    double q[64];
    hessian(m, scores + i, q);
    for (int64_t a = 0; a < c; a++)
      for (int64_t b = 0; b < c; b++)
        for (int64_t j = 0; j < P; j++)
          qj[(i + a) * P + j] += q[a * c + b] * jacobian[(i + b) * P + j];
  }
  mst_gemm(true, false, P, P, order, 1, jacobian, P, qj, P, 0, h, P);
  for (int64_t j = 0; j < P; j++) {
    h[j * P + j] += ridge;
    d[j] = 0;
    for (int64_t k = 0; k < order; k++) d[j] += jacobian[k * P + j] * r[k];
  }
  ck_ok(mst_cholesky(P, h, P));
  mst_cholesky_solve(P, 1, h, P, d, 1);
  mst_model_work_destroy(work);
  mst_free(scores), mst_free(r), mst_free(v), mst_free(row);
  mst_free(jacobian), mst_free(qj), mst_free(h);
}

#endif
