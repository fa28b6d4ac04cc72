/* Non-interactive regression: every user sends its second moments and its products with the
 * response, with Gaussian noise; the server solves, and thresholds softly (Zhu, Ding, Aggarwal, Xu
 * and Wang 2024, algorithm 1). The noise of the two parts is split so that together they are one
 * Gaussian mechanism of the given privacy, and what they disturb is least. */
#include <math.h>
#include <stddef.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/local/member.h"
#include "core/privacy/gaussian.h"

const mst_param mst_ldp_solve_params[] = {
    {.name = "threshold",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_ldp_spec, threshold),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "entries of the estimate are made smaller by so much, and 0 below it; 0: what noise "
             "alone would reach"},
    {.name = "ridge",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_ldp_spec, ridge),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .unit = "",
     .help = "added to the diagonal of the second moments"},
    {.name = NULL}};

/* With A = r^4 / s1^2 and B = r^2 tau^2 / s2^2 the message is mu-Gaussian-private with mu^2 =
 * (2 A + B)^2 / (2 A), where B <= 2 A. For B = ratio A, s1^2 / 2 + s2^2 is least where
 * ratio^2 + t ratio - 2 t = 0, t = tau^2 / r^2; it is below 2. */
static mst_status prepare(mst_ldp *m) {
  const double r = m->spec.radius, tau = m->spec.truncation;
  const double mu =
      m->spec.noise > 0 ? 2 / m->spec.noise : mst_gaussian_mu(m->spec.epsilon, m->spec.delta);
  const double t = (tau / r) * (tau / r), ratio = 4 * t / (t + sqrt(t * t + 8 * t));
  const double a = 2 * (mu / (2 + ratio)) * (mu / (2 + ratio));
  m->matrix_noise = r * r / sqrt(a);
  m->vector_noise = r * tau / sqrt(ratio * a);
  m->bound =
      fmax(r * r + MST_LDP_REACH * m->matrix_noise, r * tau + MST_LDP_REACH * m->vector_noise);
  m->event = (mst_event){.mechanism = MST_MECHANISM_GAUSSIAN, .noise = 2 / mu, .count = 1};
  return MST_OK;
}

/* Off the diagonal an entry stands for two of the symmetric matrix, so that it needs 1 / sqrt(2) of
 * the noise. */
static mst_status message(const mst_ldp *m, const mst_noise *noise, const float *x, double y,
                          double *work, double *out) {
  const int64_t d = m->spec.width;
  const double off = m->matrix_noise * sqrt(0.5),
               response = mst_ldp_clamp(mst_ldp_scale(m, x, y, work), m->spec.truncation);
  mst_noise_gaussian(noise, 0, m->entries, 1, out);
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = 0; j < i; j++) out[j] = work[i] * work[j] + off * out[j];
    out[i] = work[i] * work[i] + m->matrix_noise * out[i];
    out += i + 1;
  }
  for (int64_t j = 0; j < d; j++) out[j] = response * work[j] + m->vector_noise * out[j];
  return MST_OK;
}

/* How far noise moves an eigenvalue of the mean of n messages' second moments. */
static double spectral(const mst_ldp *m) {
  return m->matrix_noise * sqrt(2 * (double)m->spec.width / (double)m->spec.users);
}

static mst_status invert(mst_ldp *m, const double *packed, double *full, double *unit,
                         double *inverse) {
  const int64_t d = m->spec.width;
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = 0; j <= i; j++) full[i * d + j] = full[j * d + i] = *packed++;
    unit[i * d + i] = 1;
  }
  const mst_status st = mst_ridge_solve(d, d, full, d, unit, d, m->spec.ridge, inverse);
  if (st != MST_ERR_SINGULAR) return st;
  return mst_fail(MST_ERR_SINGULAR,
                  "the second moments of the messages are not positive definite: their noise "
                  "moves eigenvalues by about %.3g, and the mean of all is at most %.3g; more "
                  "users, a larger epsilon, fewer columns, public rows (nldp_public) or "
                  "local.ridge help",
                  spectral(m), m->spec.radius * m->spec.radius / (double)d);
}

mst_status mst_ldp_solve(mst_ldp *m, const double *packed, const double *b, double deviation) {
  const int64_t d = m->spec.width;
  double *full = NULL, *unit = NULL, *inverse = NULL, longest = 0;
  mst_status st = mst_alloc(&full, d * d, sizeof(double), "second moments");
  if (st == MST_OK) st = mst_alloc(&unit, d * d, sizeof(double), "a unit matrix");
  if (st == MST_OK) st = mst_alloc(&inverse, d * d, sizeof(double), "an inverse");
  if (st == MST_OK) st = invert(m, packed, full, unit, inverse);
  for (int64_t j = 0; st == MST_OK && j < d; j++) {
    double square = 0, sum = 0;
    for (int64_t i = 0; i < d; i++) {
      square += inverse[j * d + i] * inverse[j * d + i];
      sum += inverse[j * d + i] * b[i];
    }
    longest = fmax(longest, square);
    m->theta[j] = sum;
  }
  if (st == MST_OK && m->spec.threshold == 0)
    m->spec.threshold = deviation * sqrt(2 * log(2 * (double)d) * longest);
  for (int64_t j = 0; st == MST_OK && j < d; j++)
    m->theta[j] = copysign(fmax(0, fabs(m->theta[j]) - m->spec.threshold), m->theta[j]);
  mst_free(full);
  mst_free(unit);
  mst_free(inverse);
  return st;
}

static mst_status end(mst_ldp *m, int64_t users, const double *mean) {
  const double r = m->spec.radius, own = r * m->spec.truncation / sqrt((double)m->spec.width);
  const double variance =
      m->matrix_noise * m->matrix_noise / 2 + m->vector_noise * m->vector_noise + own * own;
  return mst_ldp_solve(m, mean, mean + mst_ldp_packed(m->spec.width),
                       sqrt(variance / (double)users));
}

const mst_ldp_ops mst_ldp_nldp = {
    .name = "nldp",
    .summary = "one message each: second moments and products with the response, Gaussian noise",
    .params = mst_ldp_solve_params,
    .prepare = prepare,
    .message = message,
    .close = end,
};
