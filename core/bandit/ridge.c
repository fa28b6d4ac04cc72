/* Rank-one updates and factorisations of ridge statistics. Loops run along rows, so that lanes are
 * independent and the bits do not depend on the width of the vectors. */
#include "core/bandit/ridge.h"

#include <math.h>
#include <string.h>

#include "core/base/wide.h"
#include "core/linalg/blas.h"

int64_t mst_ridge_doubles(int64_t blocks, int64_t width) {
  return blocks * (2 * width * width + 2 * width) + 2;
}

mst_ridge mst_ridge_at(double *record, int64_t blocks, int64_t width, double lambda) {
  mst_ridge r = {.blocks = blocks, .width = width, .lambda = lambda, .v = record};
  r.inverse = r.v + blocks * width * width;
  r.b = r.inverse + blocks * width * width;
  r.theta = r.b + blocks * width;
  r.logdet = r.theta + blocks * width;
  r.learned = r.logdet + 1;
  return r;
}

mst_ridge mst_ridge_block(const mst_ridge *r, int64_t block) {
  const int64_t w = r->width;
  mst_ridge one = *r;
  one.blocks = 1;
  one.v += block * w * w;
  one.inverse += block * w * w;
  one.b += block * w;
  one.theta += block * w;
  return one;
}

void mst_ridge_start(const mst_ridge *r) {
  const int64_t w = r->width;
  memset(r->v, 0, (size_t)mst_ridge_doubles(r->blocks, w) * sizeof(double));
  for (int64_t k = 0; k < r->blocks; k++)
    for (int64_t i = 0; i < w; i++) {
      r->v[(k * w + i) * w + i] = r->lambda;
      r->inverse[(k * w + i) * w + i] = 1 / r->lambda;
    }
  *r->logdet = (double)(r->blocks * w) * log(r->lambda);
}

/* out = A x for a symmetric A(n, n), as a sum of its rows, four at a time. */
MST_WIDE_BODY multiply_body(int64_t n, const double *restrict a, const double *restrict x,
                            double *restrict out) {
  int64_t i = 0;
  for (int64_t j = 0; j < n; j++) out[j] = 0;
  for (; i + 4 <= n; i += 4, a += 4 * n)
    for (int64_t j = 0; j < n; j++)
      out[j] = (((out[j] + x[i] * a[j]) + x[i + 1] * a[n + j]) + x[i + 2] * a[2 * n + j]) +
               x[i + 3] * a[3 * n + j];
  for (; i < n; i++, a += n)
    for (int64_t j = 0; j < n; j++) out[j] += x[i] * a[j];
}
MST_WIDE(multiply,
         (int64_t n, const double *restrict a, const double *restrict x, double *restrict out),
         (n, a, x, out))

/* A -= share g g' and V += x x'. */
MST_WIDE_BODY update_body(int64_t n, double share, const double *restrict g,
                          const double *restrict x, double *restrict a, double *restrict v) {
  for (int64_t i = 0; i < n; i++) {
    const double down = share * g[i], up = x[i];
    for (int64_t j = 0; j < n; j++) a[i * n + j] -= down * g[j];
    for (int64_t j = 0; j < n; j++) v[i * n + j] += up * x[j];
  }
}
MST_WIDE(update,
         (int64_t n, double share, const double *restrict g, const double *restrict x,
          double *restrict a, double *restrict v),
         (n, share, g, x, a, v))

static double dot(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

mst_status mst_ridge_learn(const mst_ridge *r, int64_t block, const double *x, double y,
                           double *work) {
  const int64_t w = r->width;
  double *v = r->v + block * w * w, *inverse = r->inverse + block * w * w, *g = work;
  double *theta = r->theta + block * w, *b = r->b + block * w;
  multiply(w, inverse, x, g);
  const double q = dot(w, x, g), share = 1 / (1 + q), error = (y - dot(w, x, theta)) * share;
  update(w, share, g, x, inverse, v);
  for (int64_t i = 0; i < w; i++) {
    theta[i] += g[i] * error;
    b[i] += y * x[i];
  }
  *r->logdet += log1p(q);
  *r->learned += 1;
  return *r->learned < MST_RIDGE_REFRESH ? MST_OK : mst_ridge_factor(r, work);
}

static mst_status factor_block(const mst_ridge *r, int64_t block, double *l) {
  const int64_t w = r->width;
  double *inverse = r->inverse + block * w * w, *theta = r->theta + block * w;
  memcpy(l, r->v + block * w * w, (size_t)(w * w) * sizeof *l);
  memcpy(theta, r->b + block * w, (size_t)w * sizeof *theta);
  MST_TRY(mst_cholesky(w, l, w));
  memset(inverse, 0, (size_t)(w * w) * sizeof *inverse);
  for (int64_t i = 0; i < w; i++) {
    inverse[i * w + i] = 1;
    *r->logdet += 2 * log(l[i * w + i]);
  }
  mst_cholesky_solve(w, w, l, w, inverse, w);
  mst_cholesky_solve(w, 1, l, w, theta, 1);
  for (int64_t i = 0; i < w; i++)
    for (int64_t j = 0; j < i; j++) inverse[j * w + i] = inverse[i * w + j];
  return MST_OK;
}

mst_status mst_ridge_factor(const mst_ridge *r, double *work) {
  const int64_t n = r->blocks * r->width;
  *r->logdet = 0;
  for (int64_t i = 0; i < n * r->width; i++)
    if (!isfinite(r->v[i]))
      return mst_fail(MST_ERR_NONFINITE, "the statistics of a bandit are not finite");
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(r->b[i]))
      return mst_fail(MST_ERR_NONFINITE, "the rewards of a bandit are not finite");
  for (int64_t k = 0; k < r->blocks; k++) MST_TRY(factor_block(r, k, work));
  *r->learned = 0;
  return MST_OK;
}

static int64_t block_sums(int64_t width) {
  return width * (width + 1) / 2 + width;
}

int64_t mst_ridge_sums(int64_t blocks, int64_t width) {
  return blocks * block_sums(width);
}

void mst_ridge_sums_learn(double *sums, int64_t blocks, int64_t width, int64_t block,
                          const double *x, double y) {
  (void)blocks;
  double *at = sums + block * block_sums(width);
  for (int64_t i = 0; i < width; i++) {
    for (int64_t j = 0; j <= i; j++) at[j] += x[i] * x[j];
    at += i + 1;
  }
  for (int64_t i = 0; i < width; i++) at[i] += y * x[i];
}

void mst_ridge_add(const mst_ridge *r, const double *sums) {
  const int64_t w = r->width;
  const double *at = sums;
  for (int64_t k = 0; k < r->blocks; k++) {
    double *v = r->v + k * w * w;
    for (int64_t i = 0; i < w; i++)
      for (int64_t j = 0; j <= i; j++, at++) {
        v[i * w + j] += *at;
        if (j < i) v[j * w + i] += *at;
      }
    for (int64_t i = 0; i < w; i++, at++) r->b[k * w + i] += *at;
  }
}

/* One arm of a block of its own. */
static void score_arm(const mst_ridge *r, int64_t block, const double *x, double *mean,
                      double *spread, double *work) {
  const int64_t w = r->width;
  multiply(w, r->inverse + block * w * w, x, work);
  *spread = dot(w, x, work);
  *mean = dot(w, x, r->theta + block * w);
}

/* Sums are taken in LANES fixed lanes and a fixed tree; what is left over, in order. */
#define LANES          8
#define TRIANGLE_FROM  48   /* least width at which a triangle is faster than a full matrix */
#define TRIANGLE_WIDTH 1024 /* most, as the diagonal is copied */

/* out(n) = sum over columns of a(n, d) b; b(n, d) has rows b_step apart, so 0 is one row for all.
 */
MST_WIDE_BODY rows_dot_body(int64_t n, int64_t d, const double *restrict a,
                            const double *restrict b, int64_t b_step, double *restrict out) {
  for (int64_t r = 0; r < n; r++) {
    double sum[LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + LANES <= d; i += LANES)
      for (int lane = 0; lane < LANES; lane++) sum[lane] += a[i + lane] * b[i + lane];
    for (; i < d; i++) rest += a[i] * b[i];
    for (int half = LANES / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; lane++) sum[lane] += sum[lane + half];
    out[r] = sum[0] + rest;
    a += d;
    b += b_step;
  }
}
MST_WIDE(rows_dot,
         (int64_t n, int64_t d, const double *restrict a, const double *restrict b, int64_t b_step,
          double *restrict out),
         (n, d, a, b, b_step, out))

/* out(n) = x'A x for rows x of x(n, d): with L the lower triangle of A and D its diagonal, x'A x =
 * x'(2 L - D) x; xl(n, d) is 2 x'L. */
MST_WIDE_BODY rows_quadratic_body(int64_t n, int64_t d, const double *restrict x,
                                  const double *restrict xl, const double *restrict diagonal,
                                  double *restrict out) {
  for (int64_t r = 0; r < n; r++) {
    double sum[LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + LANES <= d; i += LANES)
      for (int lane = 0; lane < LANES; lane++)
        sum[lane] += x[i + lane] * (xl[i + lane] - diagonal[i + lane] * x[i + lane]);
    for (; i < d; i++) rest += x[i] * (xl[i] - diagonal[i] * x[i]);
    for (int half = LANES / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; lane++) sum[lane] += sum[lane + half];
    out[r] = sum[0] + rest;
    x += d;
    xl += d;
  }
}
MST_WIDE(rows_quadratic,
         (int64_t n, int64_t d, const double *restrict x, const double *restrict xl,
          const double *restrict diagonal, double *restrict out),
         (n, d, x, xl, diagonal, out))

/* spread(arms) = x'V^-1 x by the triangle, which takes half the work of the full inverse. */
static void score_by_triangle(const mst_ridge *r, int64_t arms, const double *x, double *spread,
                              double *work) {
  const int64_t w = r->width;
  double diagonal[TRIANGLE_WIDTH];
  for (int64_t i = 0; i < w; i++) diagonal[i] = r->inverse[i * w + i];
  memcpy(work, x, (size_t)(arms * w) * sizeof *work);
  mst_trmm_right_lower(arms, w, 2, r->inverse, w, work, w);
  rows_quadratic(arms, w, x, work, diagonal, spread);
}

void mst_ridge_score(const mst_ridge *r, int64_t arms, const double *x, double *mean,
                     double *spread, double *work) {
  static const double one = 1;
  const int64_t w = r->width;
  if (r->blocks > 1 || x == NULL) {
    for (int64_t a = 0; a < arms; a++)
      score_arm(r, r->blocks > 1 ? a : 0, x != NULL ? x + a * w : &one, mean + a, spread + a, work);
    return;
  }
  if (w >= TRIANGLE_FROM && w <= TRIANGLE_WIDTH) {
    score_by_triangle(r, arms, x, spread, work);
  } else {
    mst_gemm(false, false, arms, w, w, 1, x, w, r->inverse, w, 0, work, w);
    rows_dot(arms, w, x, work, w, spread);
  }
  rows_dot(arms, w, x, r->theta, 0, mean);
}
