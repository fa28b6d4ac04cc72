/* Cholesky factorisation and the ridge solve (A + ridge I) W = B.
 *
 * LAPACK is column-major: the lower triangle of a row-major matrix is the upper triangle of its
 * column-major view, so dpotrf is asked for U with A = U'U, and L = U'. The ridge solve scales
 * rows and columns by powers of two (exactly) to a diagonal near 1 and asks for the condition of
 * that matrix, as LAPACK's dposvx does: this does not depend on the features' units, and it
 * finds singular statistics that rounding has given small positive pivots. */
#include <cblas.h>
#include <float.h>
#include <limits.h>
#include <math.h>

#include "core/base/matrix.h"
#include "core/linalg/blas.h"
#include "core/linalg/lapack.h"
#include "core/linalg/lattice.h"

/* Singular statistics show up to half of DBL_EPSILON (measured over random matrices of order 10
 * to 1000 with dependent columns); the estimate may be three times too high. */
static const double RCOND_MIN = 4 * DBL_EPSILON;

/* Relative to the mean diagonal: small against the statistics, far above rounding. */
static const double ADVISED_RIDGE = 1e-8;

static mst_status check_sizes(int64_t n, int64_t lda) {
  if (n > INT_MAX || lda > INT_MAX)
    return mst_fail(MST_ERR_INPUT,
                    "a matrix of %lld rows and row stride %lld is too large for LAPACK (limit %d); "
                    "spread it over more ranks",
                    (long long)n, (long long)lda, INT_MAX);
  return MST_OK;
}

/* 0, or the number (from 1) of the first pivot that is not positive. */
static int factor(int64_t n, double *a, int64_t lda) {
  int order = (int)n, stride = (int)lda, info = 0;
  dpotrf_(MST_LAPACK_LOWER, &order, a, &stride, &info, 1);
  for (int64_t i = 0; info == 0 && i < n; i++)
    if (!(a[i * lda + i] > 0)) info = (int)i + 1;
  return info;
}

mst_status mst_cholesky(int64_t n, double *a, int64_t lda) {
  MST_TRY(check_sizes(n, lda));
  if (n <= 0) return MST_OK;
  int pivot = factor(n, a, lda);
  if (pivot != 0)
    return mst_fail(MST_ERR_SINGULAR,
                    "the matrix of order %lld is not positive definite: pivot %d is not positive; "
                    "add a positive ridge to its diagonal",
                    (long long)n, pivot);
  return MST_OK;
}

void mst_forward_solve(int64_t n, int64_t m, const double *l, int64_t ldl, double *b,
                       int64_t ldb) {
  if (n <= 0) return;
  for (int64_t j = 0; j < m; j += INT_MAX) {
    int columns = (int)mst_least(m - j, INT_MAX);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, columns,
                1.0, l, (int)ldl, b + j, (int)ldb);
  }
}

void mst_cholesky_solve(int64_t n, int64_t m, const double *l, int64_t ldl, double *b,
                        int64_t ldb) {
  if (n <= 0) return;
  for (int64_t j = 0; j < m; j += INT_MAX) {
    int columns = (int)mst_least(m - j, INT_MAX);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, columns,
                1.0, l, (int)ldl, b + j, (int)ldb);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, (int)n, columns,
                1.0, l, (int)ldl, b + j, (int)ldb);
  }
}

/* What a solve works on: L (n, n) of the scaled matrix, the scales (n), and LAPACK's work. */
typedef struct solve_space {
  mst_matrix l;         /* (n, n)     */
  double *scale, *work; /* (n), (3 n) */
  int *integers;        /* (n)        */
} solve_space;

static void solve_space_free(solve_space *s) {
  mst_matrix_free(&s->l);
  mst_free(s->scale);
  mst_free(s->work);
  mst_free(s->integers);
}

static mst_status solve_space_make(int64_t n, solve_space *s) {
  *s = (solve_space){0};
  MST_TRY(check_sizes(n, mst_matrix_stride(n)));
  mst_status status = mst_matrix_create(n, n, "Cholesky factor", &s->l);
  if (status == MST_OK) status = mst_alloc(&s->scale, n, sizeof *s->scale, "Cholesky scales");
  if (status == MST_OK) status = mst_alloc(&s->work, n, 3 * sizeof *s->work, "Cholesky workspace");
  if (status == MST_OK)
    status = mst_alloc(&s->integers, n, sizeof *s->integers, "Cholesky workspace");
  if (status != MST_OK) solve_space_free(s);
  return status;
}

/* l = S (A + ridge I) S, lower triangle. */
static void scale_matrix(const double *a, int64_t lda, double ridge, solve_space *s) {
  for (int64_t i = 0; i < s->l.rows; i++) {
    double diagonal = a[i * lda + i] + ridge;
    int exponent = 0;
    if (isfinite(diagonal)) (void)frexp(diagonal, &exponent);
    s->scale[i] = ldexp(1.0, -exponent / 2);
    double *row = mst_matrix_row(&s->l, i);
    for (int64_t j = 0; j < i; j++) row[j] = a[i * lda + j] * s->scale[i] * s->scale[j];
    row[i] = diagonal * s->scale[i] * s->scale[i];
  }
}

static mst_status singular(int64_t n, const double *a, int64_t lda, double ridge, int64_t pivot) {
  double trace = 0;
  for (int64_t i = 0; i < n; i++) {
    if (isinf(mst_lattice_magnitude(a + i * lda, i + 1)))
      return mst_fail(MST_ERR_NONFINITE,
                      "row %lld of the statistics of order %lld holds NaN or infinity; check the "
                      "features for such values",
                      (long long)i + 1, (long long)n);
    trace += a[i * lda + i];
  }
  double advice = trace > 0 ? fmax(ADVISED_RIDGE * trace / (double)n, 10 * ridge) : 1.0;
  return mst_fail(MST_ERR_SINGULAR,
                  "the statistics of order %lld are singular at ridge %g: pivot %lld (diagonal "
                  "entry %g) vanishes, so that feature repeats others or never varies; set a ridge "
                  "of at least %.1e",
                  (long long)n, ridge, (long long)pivot + 1, a[pivot * lda + pivot], advice);
}

static int64_t smallest_pivot(const mst_matrix *l) {
  int64_t smallest = 0;
  for (int64_t i = 1; i < l->rows; i++)
    if (mst_matrix_row(l, i)[i] < mst_matrix_row(l, smallest)[smallest]) smallest = i;
  return smallest;
}

static mst_status factor_scaled(const double *a, int64_t lda, double ridge, solve_space *s) {
  int64_t n = s->l.rows;
  int order = (int)n, stride = (int)s->l.stride, info = 0;
  double rcond = 0;
  double norm = dlansy_("1", MST_LAPACK_LOWER, &order, s->l.a, &stride, s->work, 1, 1);
  int pivot = factor(n, s->l.a, s->l.stride);
  if (pivot != 0) return singular(n, a, lda, ridge, pivot - 1);
  dpocon_(MST_LAPACK_LOWER, &order, s->l.a, &stride, &norm, &rcond, s->work, s->integers, &info, 1);
  if (!(rcond >= RCOND_MIN)) return singular(n, a, lda, ridge, smallest_pivot(&s->l));
  return MST_OK;
}

/* dst = S src, rows of m. */
static void scale_rows(int64_t n, int64_t m, const double *scale, const double *src, int64_t ld,
                       double *dst) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < m; j++) dst[i * m + j] = src[i * ld + j] * scale[i];
}

static mst_status check_finite(int64_t n, int64_t m, const double *x, int64_t ld,
                               const char *what) {
  for (int64_t i = 0; i < n; i++)
    if (isinf(mst_lattice_magnitude(x + i * ld, m)))
      return mst_fail(
          MST_ERR_NONFINITE,
          "row %lld of the %s holds NaN or infinity; check the features and targets for "
          "such values and for values near the limit of float64",
          (long long)i + 1, what);
  return MST_OK;
}

mst_status mst_ridge_solve(int64_t n, int64_t m, const double *a, int64_t lda, const double *b,
                           int64_t ldb, double ridge, double *w) {
  if (!(ridge >= 0) || isinf(ridge))
    return mst_fail(MST_ERR_INPUT, "a ridge of %g is not usable; give a finite number of 0 or more",
                    ridge);
  MST_TRY(check_sizes(n, lda));
  if (n <= 0 || m <= 0) return MST_OK;
  MST_TRY(check_finite(n, m, b, ldb, "moments"));
  solve_space s;
  MST_TRY(solve_space_make(n, &s));
  scale_matrix(a, lda, ridge, &s);
  mst_status status = factor_scaled(a, lda, ridge, &s);
  if (status == MST_OK) {
    scale_rows(n, m, s.scale, b, ldb, w);
    mst_cholesky_solve(n, m, s.l.a, s.l.stride, w, m);
    scale_rows(n, m, s.scale, w, m, w);
    status = check_finite(n, m, w, m, "solution");
  }
  solve_space_free(&s);
  return status;
}
