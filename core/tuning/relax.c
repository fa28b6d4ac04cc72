/* SOR, and conjugate gradients preconditioned by SSOR, on a sparse symmetric matrix with a shift.
 */
#include "core/tuning/relax.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"

static mst_status allocate(int64_t n, int64_t entries, mst_sparse *out) {
  *out = (mst_sparse){.n = n};
  mst_status st = mst_alloc(&out->first, n + 1, sizeof *out->first, "rows of a matrix");
  if (st == MST_OK) st = mst_alloc(&out->middle, n, sizeof *out->middle, "diagonal of a matrix");
  if (st == MST_OK) st = mst_alloc(&out->column, entries, sizeof *out->column, "matrix columns");
  if (st == MST_OK) st = mst_alloc(&out->value, entries, sizeof *out->value, "matrix entries");
  if (st != MST_OK) mst_sparse_free(out);
  return st;
}

static void put(mst_sparse *a, int64_t row, int64_t column, double value) {
  int64_t *end = &a->first[row + 1];
  if (row == column) a->middle[row] = *end;
  a->column[*end] = (int32_t)column;
  a->value[*end] = value;
  ++*end;
}

mst_status mst_sparse_laplacian(int64_t side, mst_sparse *out) {
  if (side < 1 || side > 4096)
    return mst_fail(MST_ERR_INPUT, "a grid of %lld points a side; 1 to 4096", (long long)side);
  const int64_t n = side * side;
  MST_TRY(allocate(n, 5 * n - 4 * side, out));
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = i % side;
    out->first[i + 1] = out->first[i];
    if (i >= side) put(out, i, i - side, -1);
    if (at > 0) put(out, i, i - 1, -1);
    put(out, i, i, 4);
    if (at < side - 1) put(out, i, i + 1, -1);
    if (i < n - side) put(out, i, i + side, -1);
  }
  return MST_OK;
}

mst_status mst_sparse_dense(int64_t n, const double *a, int64_t lda, mst_sparse *out) {
  *out = (mst_sparse){.n = 0};
  if (n < 1 || n > 32768)
    return mst_fail(MST_ERR_INPUT, "a dense matrix of order %lld; 1 to 32768", (long long)n);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++)
      if (!isfinite(a[i * lda + j]))
        return mst_fail(MST_ERR_NONFINITE, "row %lld of a matrix is not finite", (long long)i);
  MST_TRY(allocate(n, n * n, out));
  for (int64_t i = 0; i < n; i++) {
    out->first[i + 1] = out->first[i];
    for (int64_t j = 0; j < n; j++) put(out, i, j, j <= i ? a[i * lda + j] : a[j * lda + i]);
  }
  return MST_OK;
}

void mst_sparse_free(mst_sparse *a) {
  mst_free(a->first);
  mst_free(a->middle);
  mst_free(a->column);
  mst_free(a->value);
  *a = (mst_sparse){.n = 0};
}

/* The sum of the entries [from, to) of a row times x. */
static double part(const mst_sparse *a, int64_t from, int64_t to, const double *x) {
  double sum = 0;
  for (int64_t e = from; e < to; e++) sum += a->value[e] * x[a->column[e]];
  return sum;
}

void mst_sparse_times(const mst_sparse *a, double shift, const double *x, double *y) {
  for (int64_t i = 0; i < a->n; i++) y[i] = part(a, a->first[i], a->first[i + 1], x) + shift * x[i];
}

static double dot(int64_t n, const double *x, const double *y) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* r(n) = b - (A + shift I) x; returns its length. */
static double residual(const mst_sparse *a, double shift, const double *b, const double *x,
                       double *r) {
  mst_sparse_times(a, shift, x, r);
  for (int64_t i = 0; i < a->n; i++) r[i] = b[i] - r[i];
  return sqrt(dot(a->n, r, r));
}

static void sweep(const mst_sparse *a, double shift, const double *b, double omega, double *x) {
  for (int64_t i = 0; i < a->n; i++) {
    const double others =
        part(a, a->first[i], a->middle[i], x) + part(a, a->middle[i] + 1, a->first[i + 1], x);
    x[i] += omega * ((b[i] - others) / (a->value[a->middle[i]] + shift) - x[i]);
  }
}

static mst_status relax(const mst_sparse *a, double shift, const double *b, double omega,
                        const mst_relax_options *o, double end, double *x, double *r,
                        int64_t *iterations) {
  double length = residual(a, shift, b, x, r);
  for (*iterations = 0; length > end && *iterations < o->most; ++*iterations) {
    sweep(a, shift, b, omega, x);
    length = residual(a, shift, b, x, r);
  }
  if (!isfinite(length)) return mst_fail(MST_ERR_NONFINITE, "a solution by relaxation overflows");
  *iterations += length > end;
  return MST_OK;
}

/* z = M^-1 r, M = omega / (2 - omega) (D / omega + L) D^-1 (D / omega + L'), D with the shift. */
static void precondition(const mst_sparse *a, double shift, double omega, const double *r,
                         double *z) {
  for (int64_t i = 0; i < a->n; i++)
    z[i] =
        (r[i] - part(a, a->first[i], a->middle[i], z)) * omega / (a->value[a->middle[i]] + shift);
  const double scale = (2 - omega) / omega;
  for (int64_t i = 0; i < a->n; i++) z[i] *= scale * (a->value[a->middle[i]] + shift);
  for (int64_t i = a->n - 1; i >= 0; i--)
    z[i] = (z[i] - part(a, a->middle[i] + 1, a->first[i + 1], z)) * omega /
           (a->value[a->middle[i]] + shift);
}

static mst_status conjugate(const mst_sparse *a, double shift, const double *b, double omega,
                            const mst_relax_options *o, double end, double *x, double *work,
                            int64_t *iterations) {
  const int64_t n = a->n;
  double *r = work, *z = r + n, *p = z + n, *q = p + n;
  double length = residual(a, shift, b, x, r), old = 1;
  for (*iterations = 0; length > end && *iterations < o->most; ++*iterations) {
    precondition(a, shift, omega, r, z);
    const double now = dot(n, r, z), along = *iterations > 0 ? now / old : 0;
    for (int64_t i = 0; i < n; i++) p[i] = *iterations > 0 ? z[i] + along * p[i] : z[i];
    mst_sparse_times(a, shift, p, q);
    const double curve = dot(n, p, q);
    if (!(curve > 0))
      return mst_fail(MST_ERR_SINGULAR,
                      "the matrix is not positive definite to rounding; a larger shift helps");
    const double step = now / curve;
    for (int64_t i = 0; i < n; i++) x[i] += step * p[i];
    for (int64_t i = 0; i < n; i++) r[i] -= step * q[i];
    length = sqrt(dot(n, r, r));
    old = now;
  }
  if (!isfinite(length))
    return mst_fail(MST_ERR_NONFINITE, "a solution by conjugate gradients overflows");
  *iterations += length > end;
  return MST_OK;
}

mst_status mst_relax_check(const mst_relax_options *o) {
  if (!(o->tolerance > 0 && o->tolerance < 1))
    return mst_fail(MST_ERR_INPUT, "solver.tolerance: %g; it lies between 0 and 1", o->tolerance);
  if (o->most < 1)
    return mst_fail(MST_ERR_INPUT, "solver.most: %lld iterations; at least 1", (long long)o->most);
  return MST_OK;
}

int64_t mst_relax_work(const mst_sparse *a) {
  return 4 * a->n;
}

mst_status mst_relax(const mst_sparse *a, double shift, const double *b, double omega,
                     const mst_relax_options *o, double *x, double *work, int64_t *iterations) {
  const double end = o->tolerance * sqrt(dot(a->n, b, b));
  *iterations = 0;
  if (!(omega > 0 && omega < 2))
    return mst_fail(MST_ERR_INPUT, "omega %g; it lies between 0 and 2", omega);
  for (int64_t i = 0; i < a->n; i++)
    if (!(a->value[a->middle[i]] + shift > 0))
      return mst_fail(MST_ERR_SINGULAR, "diagonal entry %lld of %g; it must be positive",
                      (long long)i, a->value[a->middle[i]] + shift);
  if (!isfinite(end)) return mst_fail(MST_ERR_NONFINITE, "a right side is not finite");
  return o->conjugate ? conjugate(a, shift, b, omega, o, end, x, work, iterations)
                      : relax(a, shift, b, omega, o, end, x, work, iterations);
}

double mst_relax_best(double radius) {
  return 2 / (1 + sqrt(1 - radius * radius));
}
