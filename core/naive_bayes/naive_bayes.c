/* Naive Bayes on arrays; doc/methods/naive_bayes.md. */
#include "core/naive_bayes/naive_bayes.h"

#include <math.h>

#include "core/base/memory.h"

mst_status mst_naive_bayes_create(int64_t d, int64_t c, bool multinomial, mst_naive_bayes *m) {
  *m = (mst_naive_bayes){.multinomial = multinomial, .d = d, .c = c};
  mst_status st = mst_alloc(&m->prior, c, sizeof *m->prior, "shares of classes");
  if (st == MST_OK) st = mst_alloc(&m->mean, c * d, sizeof *m->mean, "means of classes");
  if (st == MST_OK && !multinomial)
    st = mst_alloc(&m->variance, c * d, sizeof *m->variance, "variances of classes");
  if (st != MST_OK) mst_naive_bayes_free(m);
  return st;
}

void mst_naive_bayes_free(mst_naive_bayes *m) {
  mst_free(m->prior);
  mst_free(m->mean);
  mst_free(m->variance);
  m->prior = m->mean = m->variance = NULL;
}

void mst_naive_bayes_add(int64_t rows, int64_t d, const int32_t *label, const double *x,
                         const double *scale, double *sum, double *square) {
  for (int64_t i = 0; i < rows; i++) {
    const int64_t k = label[i];
    for (int64_t j = 0; j < d; j++) {
      const double z = x[i * d + j] * scale[j];
      sum[k * d + j] += z;
      square[k * d + j] += z * z;
    }
  }
}

/* The largest variance of a feature over the rows of all classes. */
static double largest_variance(const mst_naive_bayes *m, const mst_naive_bayes_sums *sums) {
  double largest = 0, rows = 0;
  for (int64_t k = 0; k < m->c; k++) rows += sums->count[k];
  for (int64_t j = 0; j < m->d; j++) {
    double s = 0, q = 0;
    for (int64_t k = 0; k < m->c; k++) {
      s += sums->sum[k * m->d + j];
      q += sums->square[k * m->d + j];
    }
    const double variance = (q - s * s / rows) / rows;
    largest = fmax(largest, variance / sums->scale[j] / sums->scale[j]);
  }
  return largest;
}

/* Equations (2), (3). */
static mst_status fit_normal(mst_naive_bayes *m, const mst_naive_bayes_sums *sums,
                             double smoothing) {
  const double largest = largest_variance(m, sums);
  if (!(largest > 0))
    return mst_fail(MST_ERR_INPUT, "all rows are alike: there is nothing to learn from");
  for (int64_t k = 0; k < m->c; k++)
    for (int64_t j = 0; j < m->d; j++) {
      const int64_t e = k * m->d + j;
      const double mean = sums->sum[e] / sums->count[k];
      const double variance = fmax(sums->square[e] / sums->count[k] - mean * mean, 0);
      m->mean[e] = sums->centre[j] + mean / sums->scale[j];
      m->variance[e] = variance / sums->scale[j] / sums->scale[j] + smoothing * largest;
      if (!(m->variance[e] > 0))
        return mst_fail(
            MST_ERR_INPUT,
            "feature %lld is constant in class %lld: give naive_bayes.smoothing above 0",
            (long long)j, (long long)k);
    }
  return MST_OK;
}

/* Equation (4). */
static mst_status fit_counts(mst_naive_bayes *m, const mst_naive_bayes_sums *sums,
                             double smoothing) {
  for (int64_t k = 0; k < m->c; k++) {
    double all = smoothing * (double)m->d;
    for (int64_t j = 0; j < m->d; j++) all += sums->sum[k * m->d + j] / sums->scale[j];
    for (int64_t j = 0; j < m->d; j++) {
      const double count = sums->sum[k * m->d + j] / sums->scale[j] + smoothing;
      if (!(count > 0))
        return mst_fail(MST_ERR_INPUT,
                        "feature %lld is never seen in class %lld: give naive_bayes.smoothing "
                        "above 0",
                        (long long)j, (long long)k);
      m->mean[k * m->d + j] = log(count / all);
    }
  }
  return MST_OK;
}

mst_status mst_naive_bayes_fit(mst_naive_bayes *m, const mst_naive_bayes_options *options,
                               const mst_naive_bayes_sums *sums) {
  double rows = 0;
  for (int64_t k = 0; k < m->c; k++) rows += sums->count[k];
  for (int64_t k = 0; k < m->c; k++) m->prior[k] = log(sums->count[k] / rows);
  return options->multinomial ? fit_counts(m, sums, options->smoothing)
                              : fit_normal(m, sums, options->smoothing);
}

void mst_naive_bayes_constants(const mst_naive_bayes *m, double *constant) {
  for (int64_t k = 0; k < m->c; k++) {
    constant[k] = m->prior[k];
    for (int64_t j = 0; !m->multinomial && j < m->d; j++)
      constant[k] -= log(2 * M_PI * m->variance[k * m->d + j]) / 2;
  }
}

void mst_naive_bayes_row_score(const mst_naive_bayes *m, const double *constant, const double *x,
                               double *score) {
  for (int64_t k = 0; k < m->c; k++) {
    const double *mean = m->mean + k * m->d;
    double sum = 0;
    if (m->multinomial) {
      for (int64_t j = 0; j < m->d; j++) sum += x[j] * mean[j];
    } else {
      const double *variance = m->variance + k * m->d;
      for (int64_t j = 0; j < m->d; j++)
        sum -= (x[j] - mean[j]) * (x[j] - mean[j]) / variance[j] / 2;
    }
    score[k] = constant[k] + sum;
  }
}

double mst_naive_bayes_loss(int64_t c, const double *score, int64_t label, int64_t *best) {
  double sum = 1; /* of the best itself */
  *best = 0;
  for (int64_t k = 1; k < c; k++)
    if (score[k] > score[*best]) *best = k;
  for (int64_t k = 0; k < c; k++)
    if (k != *best) sum += exp(score[k] - score[*best]);
  return score[*best] - score[label] + log(sum);
}
