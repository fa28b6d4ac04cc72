/* Randomised subspace iteration on the rows' space: V <- orth(X'(X V)) from a Gaussian test matrix,
 * then the Rayleigh-Ritz step (doc/methods/pca.md, equations 4 to 6). Nothing as long as the rows
 * are many is held: a block's X V is used and forgotten. */
#include <math.h>
#include <string.h>

#include "core/base/key.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "parallel/pca_internal.h"

typedef struct iteration {
  const mst_row_walk *walk;
  int64_t d, width;
  double *v; /* (d, width)                       */
  double *y; /* (MST_BLOCK_ROWS, width) X V       */
  mst_block_sums sums;
} iteration;

static void multiply(iteration *it, int64_t rows, const double *x) {
  mst_gemm(false, false, rows, it->width, it->d, 1.0, x, it->d, it->v, it->width, 0.0, it->y,
           it->width);
}

static void add_step(void *context, int64_t place, int64_t rows, const double *x) {
  (void)place;
  iteration *it = context;
  multiply(it, rows, x);
  mst_gemm(true, false, it->d, it->width, rows, 1.0, x, it->d, it->y, it->width, 0.0,
           it->sums.block, it->width);
  mst_block_sums_add(&it->sums);
}

static void add_square(void *context, int64_t place, int64_t rows, const double *x) {
  (void)place;
  iteration *it = context;
  multiply(it, rows, x);
  mst_gemm(true, false, it->width, it->width, rows, 1.0, it->y, it->width, it->y, it->width, 0.0,
           it->sums.block, it->width);
  mst_block_sums_add(&it->sums);
}

/* One rank computes for all, so that no two processors can differ. */
static mst_status orthonormalise(const iteration *it) {
  mst_team *team = it->walk->team;
  mst_status st = MST_OK;
  if (mst_team_rank(team) == 0) st = mst_orthonormalise(it->d, it->width, it->v, it->width);
  MST_TRY(mst_team_agree(team, st));
  return mst_team_bcast(team, it->v, it->d * it->width * (int64_t)sizeof *it->v, 0);
}

/* V <- orth(X'X V). Equation (5). */
static mst_status step(iteration *it, double bound) {
  const int64_t n = it->d * it->width;
  mst_status st = mst_team_agree(it->walk->team, mst_block_sums_create(n, bound, &it->sums));
  if (st == MST_OK) st = mst_row_walk_on(it->walk, "subspace", add_step, it);
  if (st == MST_OK) st = mst_block_sums_end(it->walk->team, &it->sums);
  if (st == MST_OK) memcpy(it->v, it->sums.block, (size_t)n * sizeof *it->v);
  mst_block_sums_free(&it->sums);
  return st == MST_OK ? orthonormalise(it) : st;
}

/* V <- V U in descending order of the eigenvalues of V'X'X V = U D U', whose roots are the singular
 * values. The eigenvectors are rows here. */
static mst_status turn(iteration *it, double *square, double *values, double *singular) {
  const int64_t l = it->width;
  double *turned = NULL;
  MST_TRY(mst_alloc(&turned, it->d * l, sizeof *turned, "turned columns"));
  mst_status st = mst_eigen_symmetric(l, square, l, true, values);
  for (int64_t j = 0; st == MST_OK && j < l / 2; j++)
    for (int64_t i = 0; i < l; i++) {
      const double first = square[j * l + i];
      square[j * l + i] = square[(l - 1 - j) * l + i];
      square[(l - 1 - j) * l + i] = first;
    }
  if (st == MST_OK) {
    mst_gemm(false, true, it->d, l, l, 1.0, it->v, l, square, l, 0.0, turned, l);
    memcpy(it->v, turned, (size_t)(it->d * l) * sizeof *turned);
    for (int64_t j = 0; j < l; j++) singular[j] = sqrt(fmax(values[l - 1 - j], 0));
  }
  mst_free(turned);
  return st;
}

static mst_status rayleigh_ritz(iteration *it, double bound, double *singular) {
  mst_team *team = it->walk->team;
  double *values = NULL;
  mst_status st = mst_block_sums_create(it->width * it->width, bound, &it->sums);
  if (st == MST_OK) st = mst_alloc(&values, it->width, sizeof *values, "eigenvalues");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_row_walk_on(it->walk, "components", add_square, it);
  if (st == MST_OK) st = mst_block_sums_end(team, &it->sums);
  if (st == MST_OK) {
    if (mst_team_rank(team) == 0) st = turn(it, it->sums.block, values, singular);
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK) st = mst_team_bcast(team, it->v, it->d * it->width * (int64_t)sizeof *it->v, 0);
  if (st == MST_OK) st = mst_team_bcast(team, singular, it->width * (int64_t)sizeof *singular, 0);
  mst_free(values);
  mst_block_sums_free(&it->sums);
  return st;
}

mst_status mst_pca_iterate(const mst_row_walk *w, const mst_pca_options *options, double bound,
                           int64_t width, double *v, double *singular) {
  iteration it = {.walk = w, .d = w->d, .width = width, .v = v};
  mst_stream s = mst_stream_of(mst_key_make(options->seed, MST_PURPOSE_SUBSPACE, 0, 0));
  mst_status st = mst_alloc(&it.y, MST_BLOCK_ROWS * width, sizeof *it.y, "projected rows");
  MST_TRY(mst_team_agree(w->team, st));
  for (int64_t i = 0; i < it.d * width; i++) v[i] = mst_stream_normal(&s);
  st = orthonormalise(&it);
  for (int64_t i = 0; st == MST_OK && i <= options->power; i++) st = step(&it, bound);
  if (st == MST_OK) st = rayleigh_ritz(&it, bound, singular);
  mst_free(it.y);
  return st;
}
