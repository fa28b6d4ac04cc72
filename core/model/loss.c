/* The losses and their gradients in the scores. Sums of losses are taken in double, row by row;
 * no loss overflows where its value is a float. Equations: doc/methods/models.md. */
#include "core/model/loss.h"

#include <math.h>

#include "core/base/wide.h"
#include "core/model/elementary.h"

MST_WIDE_BODY exponentials_body(int64_t count, float *restrict x) {
  for (int64_t i = 0; i < count; i++) x[i] = mst_exp_lane(x[i]);
}
MST_WIDE(exponentials, (int64_t count, float *restrict x), (count, x))

/* r = scores less their row's largest; gives the sum of the labels' entries. */
static double shift_rows(int64_t n, int64_t c, const int32_t *label, const float *scores,
                         float *r) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const float *s = scores + i * c;
    float most = s[0];
    for (int64_t j = 1; j < c; j++) most = s[j] > most ? s[j] : most;
    for (int64_t j = 0; j < c; j++) r[i * c + j] = s[j] - most;
    sum += r[i * c + label[i]];
  }
  return sum;
}

/* -log p(label) with p = e^s / sum e^s; gradient p - [label]. */
static double cross_entropy(int64_t n, int64_t c, const int32_t *label, const float *scores,
                            float *r) {
  double loss = -shift_rows(n, c, label, scores, r);
  exponentials(n * c, r);
  for (int64_t i = 0; i < n; i++) {
    float *row = r + i * c;
    double sum = row[0];
    for (int64_t j = 1; j < c; j++) sum += row[j];
    float share = (float)(1.0 / sum);
    for (int64_t j = 0; j < c; j++) row[j] *= share;
    row[label[i]] -= 1.0f;
    loss += log(sum);
  }
  return loss;
}

/* StableMax: p = s(x) / sum s(x), s(x) = x + 1 for x >= 0 and 1 / (1 - x) below (Prieto et al.
 * 2025, arXiv:2501.04697). log s(x) = sign(x) log(1 + |x|), whose derivative is 1 / (1 + |x|); so
 * the gradient of -log p(label) is (p - [label]) / (1 + |x|). */
static double stable_max(int64_t n, int64_t c, const int32_t *label, const float *scores,
                         float *r) {
  double loss = 0;
  for (int64_t i = 0; i < n; i++) {
    const float *x = scores + i * c;
    float *row = r + i * c;
    for (int64_t j = 0; j < c; j++) {
      float more = 1.0f + fabsf(x[j]);
      row[j] = x[j] < 0.0f ? 1.0f / more : more;
    }
    double sum = row[0];
    for (int64_t j = 1; j < c; j++) sum += row[j];
    double own = x[label[i]];
    loss += log(sum) - copysign(log1p(fabs(own)), own);
    float share = (float)(1.0 / sum);
    for (int64_t j = 0; j < c; j++) row[j] *= share;
    row[label[i]] -= 1.0f;
    for (int64_t j = 0; j < c; j++) row[j] /= 1.0f + fabsf(x[j]);
  }
  return loss;
}

/* log(1 + e^s) - y s; gradient 1 / (1 + e^-s) - y. */
static double logistic(int64_t n, const int32_t *label, const float *scores, float *r) {
  double loss = 0;
  for (int64_t i = 0; i < n; i++) {
    double s = scores[i], y = label[i], e = exp(-fabs(s));
    loss += (s > 0 ? s : 0) - y * s + log1p(e);
    r[i] = (float)((s > 0 ? 1 : e) / (1 + e) - y);
  }
  return loss;
}

/* (p - y)^2 / 2 with p = 1 / (1 + e^-s); gradient (p - y) p (1 - p). */
static double brier(int64_t n, const int32_t *label, const float *scores, float *r) {
  double loss = 0;
  for (int64_t i = 0; i < n; i++) {
    double s = scores[i], e = exp(-fabs(s)), p = (s > 0 ? 1 : e) / (1 + e), gap = p - label[i];
    loss += 0.5 * gap * gap;
    r[i] = (float)(gap * e / ((1 + e) * (1 + e)));
  }
  return loss;
}

static double squared(int64_t count, const float *value, const float *scores, float *r) {
  double loss = 0;
  for (int64_t i = 0; i < count; i++) {
    r[i] = scores[i] - value[i];
    loss += 0.5 * (double)r[i] * (double)r[i];
  }
  return loss;
}

/* e^s - y s, the negative log-likelihood of the count y up to log y!; gradient e^s - y. */
static double poisson(int64_t count, const float *value, const float *scores, float *r) {
  double loss = 0;
  for (int64_t i = 0; i < count; i++) {
    double s = scores[i], y = value[i], mean = exp(s);
    loss += mean - y * s;
    r[i] = (float)(mean - y);
  }
  return loss;
}

double mst_loss_residual(const mst_model *m, const mst_batch *batch, const float *scores,
                         float *r) {
  int64_t n = batch->n, c = m->outputs;
  switch (m->loss) {
    case MST_LOSS_CROSS_ENTROPY:
      return m->spec.stable_max ? stable_max(n, c, batch->label, scores, r)
                                : cross_entropy(n, c, batch->label, scores, r);
    case MST_LOSS_LOGISTIC: return logistic(n, batch->label, scores, r);
    case MST_LOSS_SQUARED: return squared(n * c, batch->value, scores, r);
    case MST_LOSS_POISSON: return poisson(n * c, batch->value, scores, r);
    case MST_LOSS_BRIER: return brier(n, batch->label, scores, r);
  }
  return NAN;
}

static int64_t first_largest(int64_t c, const float *s) {
  int64_t best = 0;
  for (int64_t j = 1; j < c; j++)
    if (s[j] > s[best]) best = j;
  return best;
}

int64_t mst_model_classes(const mst_model *m) {
  if (m->loss == MST_LOSS_LOGISTIC || m->loss == MST_LOSS_BRIER) return 2;
  return m->loss == MST_LOSS_CROSS_ENTROPY ? m->outputs : 0;
}

static int64_t chosen(int64_t c, const float *s) {
  return c == 1 ? s[0] > 0.0f : first_largest(c, s);
}

int64_t mst_loss_correct(const mst_model *m, const mst_batch *batch, const float *scores) {
  if (mst_model_classes(m) == 0) return 0;
  int64_t correct = 0, c = m->outputs;
  for (int64_t i = 0; i < batch->n; i++) correct += chosen(c, scores + i * c) == batch->label[i];
  return correct;
}

void mst_model_choose(const mst_model *m, int64_t n, const float *scores, int32_t *label) {
  for (int64_t i = 0; i < n; i++)
    label[i] = mst_model_classes(m) > 0 ? (int32_t)chosen(m->outputs, scores + i * m->outputs) : 0;
}

double mst_model_cost(const mst_model *m, const mst_batch *batch, const float *scores, float *r) {
  return mst_loss_residual(m, batch, scores, r);
}
