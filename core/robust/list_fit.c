/* A set of users in the list of regressions: its fit, and how its users' gradients and residuals
 * scatter around it. Equation numbers are those of doc/methods/list_regression.md. */
#include <math.h>
#include <string.h>

#include "core/linalg/blas.h"
#include "core/robust/list_internal.h"

#define PASSES 30    /* of reweighting in a fit                                       */
#define LEAST  1e-12 /* of a user's mean squared residual, beside its mean square of y */

double mst_list_measure(const mst_list_search *s, int64_t user, const double *w, double *gradient) {
  const int64_t d = s->b->d;
  const double *a = s->b->xx + user * d * d, *c = s->b->xy + user * d;
  const double rows = (double)s->b->rows[user], least = LEAST * s->b->yy[user] / rows;
  double squares = s->b->yy[user];
  memset(gradient, 0, (size_t)d * sizeof *gradient);
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = 0; j < i; j++) {
      gradient[i] += a[i * d + j] * w[j];
      gradient[j] += a[i * d + j] * w[i];
    }
    gradient[i] += a[i * d + i] * w[i];
  }
  for (int64_t i = 0; i < d; i++) {
    squares += w[i] * (gradient[i] - 2 * c[i]);
    gradient[i] -= c[i];
  }
  return fmax(fmax(squares / rows, least), 1e-300);
}

/* w = (sum_b omega_b A_b)^-1 sum_b omega_b c_b; a ridge as small as the factorisation allows. */
static mst_status solve(mst_list_search *s, const double *omega, double *w) {
  const int64_t n = s->b->n, d = s->b->d;
  mst_status st = MST_ERR_SINGULAR;
  for (double ridge = 1e-12; st == MST_ERR_SINGULAR && ridge < 2; ridge *= 100) {
    double trace = 0;
    memset(s->matrix, 0, (size_t)(d * d) * sizeof *s->matrix);
    memset(w, 0, (size_t)d * sizeof *w);
    for (int64_t k = 0; k < n; k++) {
      const double *a = s->b->xx + k * d * d, *c = s->b->xy + k * d;
      if (omega[k] <= 0) continue;
      for (int64_t i = 0; i < d * d; i++) s->matrix[i] += omega[k] * a[i];
      for (int64_t i = 0; i < d; i++) w[i] += omega[k] * c[i];
    }
    for (int64_t i = 0; i < d; i++) trace += s->matrix[i * d + i];
    for (int64_t i = 0; i < d; i++) s->matrix[i * d + i] += ridge * trace / (double)d;
    st = mst_cholesky(d, s->matrix, d);
  }
  MST_TRY(st);
  mst_cholesky_solve(d, 1, s->matrix, d, w, 1);
  return MST_OK;
}

mst_status mst_list_fit(mst_list_search *s, const double *beta, double *w) {
  const int64_t n = s->b->n, d = s->b->d;
  memset(w, 0, (size_t)d * sizeof *w);
  for (int pass = 0; pass < PASSES; pass++) {
    for (int64_t k = 0; k < n; k++) {
      s->value[k] = 0;
      if (beta[k] <= 0) continue;
      const double loss = mst_list_measure(s, k, w, s->right);
      s->value[k] = beta[k] / ((double)s->b->rows[k] * s->scale[k] * sqrt(loss));
    }
    MST_TRY(solve(s, s->value, w));
  }
  return MST_OK;
}

mst_status mst_list_direction(mst_list_search *s, const double *beta, const double *w,
                              double *largest, double *rows) {
  const int64_t n = s->b->n, d = s->b->d;
  double weight = 0, inverse = 0;
  memset(s->matrix, 0, (size_t)(d * d) * sizeof *s->matrix);
  memset(s->right, 0, (size_t)d * sizeof *s->right);
  for (int64_t k = 0; k < n; k++) {
    double *h = s->h + k * d;
    if (beta[k] <= 0) continue;
    const double m = (double)s->b->rows[k], loss = mst_list_measure(s, k, w, h);
    for (int64_t i = 0; i < d; i++) h[i] /= m * s->scale[k] * sqrt(loss);
    for (int64_t i = 0; i < d; i++) s->right[i] += beta[k] * h[i];
    weight += beta[k];
    inverse += beta[k] / m;
  }
  for (int64_t i = 0; i < d; i++) s->right[i] /= weight;
  for (int64_t k = 0; k < n; k++) {
    const double *h = s->h + k * d;
    if (beta[k] <= 0) continue;
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j <= i; j++)
        s->matrix[i * d + j] += beta[k] / weight * (h[i] - s->right[i]) * (h[j] - s->right[j]);
  }
  MST_TRY(mst_eigen_symmetric_in(d, s->matrix, d, true, s->eigen, s->work));
  const double *u = s->matrix + (d - 1) * d;
  for (int64_t k = 0; k < n; k++) {
    s->value[k] = 0;
    for (int64_t i = 0; beta[k] > 0 && i < d; i++) s->value[k] += u[i] * s->h[k * d + i];
  }
  *largest = s->eigen[d - 1];
  *rows = weight / inverse;
  return MST_OK;
}

double mst_list_total(int64_t n, const double *beta) {
  double sum = 0;
  for (int64_t k = 0; k < n; k++) sum += beta[k];
  return sum;
}

void mst_list_scatter(mst_list_search *s, const double *beta, const double *w, double *spread,
                      double *rows) {
  const int64_t n = s->b->n;
  double weight = 0, inverse = 0, mean = 0, squares = 0;
  for (int64_t k = 0; k < n; k++) {
    s->value[k] = 0;
    if (beta[k] <= 0) continue;
    s->value[k] = log(mst_list_measure(s, k, w, s->right));
    weight += beta[k];
    inverse += beta[k] / (double)s->b->rows[k];
    mean += beta[k] * s->value[k];
  }
  for (int64_t k = 0; k < n; k++) squares += beta[k] * pow(s->value[k] - mean / weight, 2);
  *rows = weight / inverse;
  *spread = squares / weight * *rows / 2;
}
