/* The absolute aggregation (AA) law of analytic federated learning, pair by pair, as published:
 * He et al., "AFL" (CVPR 2025, arXiv:2405.16240); in the numbers of doc/methods/analytic.md
 * equations (1)-(3) for a client, (4)-(6) for a pair, (8) for the RI step that removes the
 * regularisers. The slow reference to which the one-sum form (parallel/analytic) is held; explicit
 * inverses are kept as the paper writes them.
 *
 * Symbols: R = C^-1, S = C_u + C_v. All matrices are (d, d) row-major unless said otherwise. */
#include <math.h>
#include <string.h>

#include "core/analytic/analytic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

/* Workspace of one fold; one block, cut into matrices. */
typedef struct fold_space {
  double *block;
  double *factor, *inverse_sum, *inverse_own, *p, *q, *share;
  double *weights; /* (d, c) */
} fold_space;

static mst_status fold_space_make(int64_t d, int64_t c, fold_space *f) {
  int64_t square = d * d;
  MST_TRY(mst_alloc(&f->block, 6 * square + d * c, sizeof *f->block, "AA law workspace"));
  double **part[] = {&f->factor, &f->inverse_sum, &f->inverse_own, &f->p,
                     &f->q,      &f->share,       &f->weights};
  for (int i = 0; i < 7; i++) *part[i] = f->block + i * square;
  return MST_OK;
}

static void set_identity(int64_t d, double *a) {
  memset(a, 0, (size_t)(d * d) * sizeof *a);
  for (int64_t i = 0; i < d; i++) a[i * d + i] = 1.0;
}

/* out = a^-1 for symmetric positive definite a; factor is scratch. */
static mst_status invert(int64_t d, const double *a, double *factor, double *out) {
  memcpy(factor, a, (size_t)(d * d) * sizeof *a);
  MST_TRY(mst_cholesky(d, factor, d));
  set_identity(d, out);
  mst_cholesky_solve(d, d, factor, d, out, d);
  return MST_OK;
}

static void multiply(int64_t d, int64_t columns, double alpha, const double *a, const double *b,
                     double beta, double *c) {
  mst_gemm(false, false, d, columns, d, alpha, a, d, b, columns, beta, c, columns);
}

mst_status mst_aa_local(int64_t n, int64_t d, int64_t c, const double *x, const double *y,
                        double gamma, mst_aa_model *out) {
  *out = (mst_aa_model){.d = d, .c = c};
  if (n < 0 || d < 1 || c < 1)
    return mst_fail(MST_ERR_INPUT,
                    "a client of %lld rows, %lld features and %lld targets cannot be solved; "
                    "features and targets must be at least 1",
                    (long long)n, (long long)d, (long long)c);
  if (!(gamma > 0) || isinf(gamma))
    return mst_fail(MST_ERR_INPUT,
                    "the AA law needs a client regulariser gamma above 0, not %g, because each "
                    "client's statistics are inverted alone",
                    gamma);
  double *moments = NULL;
  mst_status status = mst_alloc(&out->gram, d * d, sizeof *out->gram, "AA law Gram matrix");
  if (status == MST_OK)
    status = mst_alloc(&out->weights, d * c, sizeof *out->weights, "AA law weights");
  if (status == MST_OK) status = mst_alloc(&moments, d * c, sizeof *moments, "AA law moments");
  if (status == MST_OK) {
    mst_syrk_at_a(d, n, 1.0, x, d, 0.0, out->gram, d);
    for (int64_t i = 0; i < d; i++) {
      out->gram[i * d + i] += gamma;
      for (int64_t j = 0; j < i; j++) out->gram[j * d + i] = out->gram[i * d + j];
    }
    mst_gemm(true, false, d, c, n, 1.0, x, d, y, c, 0.0, moments, c);
    status = mst_ridge_solve(d, c, out->gram, d, moments, c, 0.0, out->weights);
  }
  mst_free(moments);
  if (status != MST_OK) mst_aa_free(out);
  return status;
}

/* weights += A W with A = I - R C_other + R C_other S^-1 C_other, R = C_own^-1. */
static mst_status add_share(int64_t d, int64_t c, const mst_aa_model *own, const double *other_gram,
                            fold_space *f) {
  MST_TRY(invert(d, own->gram, f->factor, f->inverse_own));
  multiply(d, d, 1.0, f->inverse_own, other_gram, 0.0, f->p);
  multiply(d, d, 1.0, f->inverse_sum, other_gram, 0.0, f->q);
  set_identity(d, f->share);
  for (int64_t i = 0; i < d * d; i++) f->share[i] -= f->p[i];
  multiply(d, d, 1.0, f->p, f->q, 1.0, f->share);
  multiply(d, c, 1.0, f->share, own->weights, 1.0, f->weights);
  return MST_OK;
}

static mst_status fold(mst_aa_model *u, const mst_aa_model *v, fold_space *f) {
  int64_t d = u->d, c = u->c;
  double *sum = f->p; /* free until the shares are made */
  for (int64_t i = 0; i < d * d; i++) sum[i] = u->gram[i] + v->gram[i];
  MST_TRY(invert(d, sum, f->factor, f->inverse_sum));
  MST_TRY(add_share(d, c, u, v->gram, f));
  MST_TRY(add_share(d, c, v, u->gram, f));
  memcpy(u->weights, f->weights, (size_t)(d * c) * sizeof *u->weights);
  for (int64_t i = 0; i < d * d; i++) u->gram[i] += v->gram[i];
  return MST_OK;
}

mst_status mst_aa_fold(mst_aa_model *u, const mst_aa_model *v) {
  if (u->d != v->d || u->c != v->c)
    return mst_fail(MST_ERR_INPUT,
                    "a model of %lld features and %lld targets cannot be folded with one of %lld "
                    "and %lld; all clients must use the same features and targets",
                    (long long)u->d, (long long)u->c, (long long)v->d, (long long)v->c);
  fold_space f;
  MST_TRY(fold_space_make(u->d, u->c, &f));
  mst_status status = fold(u, v, &f);
  mst_free(f.block);
  return status;
}

mst_status mst_aa_remove_regulariser(mst_aa_model *u, int64_t clients, double gamma) {
  int64_t d = u->d, c = u->c;
  double *plain = NULL, *moments = NULL;
  mst_status status = mst_alloc(&plain, d * d, sizeof *plain, "AA law Gram matrix");
  if (status == MST_OK) status = mst_alloc(&moments, d * c, sizeof *moments, "AA law moments");
  if (status == MST_OK) {
    memcpy(plain, u->gram, (size_t)(d * d) * sizeof *plain);
    for (int64_t i = 0; i < d; i++) plain[i * d + i] -= (double)clients * gamma;
    multiply(d, c, 1.0, u->gram, u->weights, 0.0, moments);
    status = mst_ridge_solve(d, c, plain, d, moments, c, 0.0, u->weights);
  }
  if (status == MST_OK)
    memcpy(u->gram, plain, (size_t)(d * d) * sizeof *plain);
  else
    status =
        mst_fail_within(status, "removing the regularisers of %lld clients: ", (long long)clients);
  mst_free(plain);
  mst_free(moments);
  return status;
}

void mst_aa_free(mst_aa_model *u) {
  mst_free(u->weights);
  mst_free(u->gram);
  *u = (mst_aa_model){0};
}
