/* The solve for `reduce: fast`, by other people's factorisations on the tiled matrix's own memory
 * and grid: ScaLAPACK's (Blackford et al., "ScaLAPACK users' guide", 1997), whose rounding follows
 * the process grid, or on one rank, whose part is then the whole column-major matrix, LAPACK's. */
#include <cblas.h>
#include <limits.h>
#include <mpi.h>

#include "core/base/memory.h"
#include "parallel/tiles.h"
#include "parallel/tiles_internal.h"

extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
extern int Csys2blacs_handle(MPI_Comm comm);
extern void Cfree_blacs_system_handle(int handle);
extern void Cblacs_gridinit(int *context, const char *order, int rows, int cols);
extern void Cblacs_gridexit(int context);
extern void pdpotrf_(const char *uplo, const int *n, double *a, const int *ia, const int *ja,
                     const int *desc, int *info);
extern void pdtrsm_(const char *side, const char *uplo, const char *trans, const char *diag,
                    const int *m, const int *n, const double *alpha, const double *a, const int *ia,
                    const int *ja, const int *desc_a, double *b, const int *ib, const int *jb,
                    const int *desc_b);
extern void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k,
                    const double *alpha, const double *a, const int *ia, const int *ja,
                    const int *desc_a, const double *beta, double *c, const int *ic, const int *jc,
                    const int *desc_c);

mst_status mst_blacs_open(const mst_tiles *t, mst_blacs *out) {
  const mst_grid *g = t->grid;
  out->handle = Csys2blacs_handle(mst_team_comm(g->team));
  out->context = out->handle;
  Cblacs_gridinit(&out->context, "Row", g->rows, g->cols);
  int n = (int)t->n;
  int desc[9] = {1, out->context, n, n, MST_TILE, MST_TILE, 0, 0, (int)t->lld};
  for (int i = 0; i < 9; i++) out->desc[i] = desc[i];
  if (out->context >= 0) return MST_OK;
  Cfree_blacs_system_handle(out->handle);
  return mst_fail(MST_ERR_COMM, "ScaLAPACK cannot make a process grid of %d x %d", g->rows,
                  g->cols);
}

void mst_blacs_close(mst_blacs *b) {
  Cblacs_gridexit(b->context);
  Cfree_blacs_system_handle(b->handle);
}

/* The first pivot that our own factorisation would refuse, or that the library did (info, from
 * 1). */
static mst_status check_pivots(int64_t m, const double *before, const double *after, int info) {
  for (int64_t i = 0; i < m; i++) {
    bool refused = i == info - 1;
    double value = refused ? after[i] : after[i] * after[i];
    if (refused || mst_pivot_bad(value, before[i], m))
      return mst_pivot_fail(i, m, value, before[i]);
  }
  return MST_OK;
}

/* Factor the leading m x m block; b is NULL when this rank holds everything. Collective. */
static int factor(mst_tiles *t, int64_t m, const mst_blacs *b) {
  int order = (int)m, first = 1, lld = (int)t->lld, info = 0;
  if (b == NULL)
    dpotrf_("L", &order, t->a, &lld, &info);
  else
    pdpotrf_("L", &order, t->a, &first, &first, b->desc, &info);
  return info;
}

/* The rows carried along times L'^-1, or in the second step times L^-1. */
static void divide(mst_tiles *t, int64_t m, const mst_blacs *b, bool second) {
  const double one = 1.0;
  int first = 1, below = (int)m + 1, rows = (int)(t->n - m), cols = (int)m, lld = (int)t->lld;
  if (b == NULL)
    cblas_dtrsm(CblasColMajor, CblasRight, CblasLower, second ? CblasNoTrans : CblasTrans,
                CblasNonUnit, rows, cols, one, t->a, lld, t->a + m, lld);
  else
    pdtrsm_("R", "L", second ? "N" : "T", "N", &rows, &cols, &one, t->a, &first, &first, b->desc,
            t->a, &below, &first, b->desc);
}

/* The trailing block becomes the Schur complement: between the steps. */
static void complement(mst_tiles *t, int64_t m, const mst_blacs *b) {
  const double one = 1.0, minus = -1.0;
  int first = 1, below = (int)m + 1, rows = (int)(t->n - m), cols = (int)m, lld = (int)t->lld;
  if (b == NULL)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, rows, cols, minus, t->a + m, lld, one,
                t->a + m * t->lld + m, lld);
  else
    pdsyrk_("L", "N", &rows, &cols, &minus, t->a, &below, &first, b->desc, &one, t->a, &below,
            &below, b->desc);
}

/* Each row carried along becomes a solution. Collective. */
static void substitute(mst_tiles *t, int64_t m, const mst_blacs *b) {
  divide(t, m, b, false);
  complement(t, m, b);
  divide(t, m, b, true);
}

static mst_status collect(const mst_tiles *t, int64_t m, double *x) {
  const mst_grid *g = t->grid;
  int64_t sides = t->n - m;
  MST_TRY(mst_tiles_carried(t, m, 0, x));
  for (int64_t k = 0; k * MST_TILE < m; k++) {
    const char *what = "broadcasting the solution";
    double *block = x + k * MST_TILE * sides;
    int64_t count = mst_tile_extent(m, k) * sides;
    if (g->row == 0) MST_TRY(mst_grid_bcast_row(g, block, count, (int)(k % g->cols), what));
    MST_TRY(mst_grid_bcast_col(g, block, count, 0, what));
  }
  return mst_solution_check(x, m, sides);
}

static mst_status solve(mst_tiles *t, int64_t m, double *before, double *after, double *x) {
  mst_team *team = t->grid->team;
  mst_blacs grid = {0}, *b = mst_team_size(team) > 1 ? &grid : NULL;
  MST_TRY(mst_tiles_diagonal(t, before));
  if (b != NULL) MST_TRY(mst_team_agree(team, mst_blacs_open(t, b)));
  int info = factor(t, m, b);
  mst_status st = mst_tiles_diagonal(t, after);
  if (st == MST_OK) st = mst_team_agree(team, check_pivots(m, before, after, info));
  if (st == MST_OK && t->n > m) substitute(t, m, b);
  if (b != NULL) mst_blacs_close(b);
  return st == MST_OK && t->n > m ? collect(t, m, x) : st;
}

mst_status mst_tiles_solve_fast(mst_tiles *t, int64_t m, double *x) {
  if (m < 0 || m > t->n)
    return mst_fail(MST_ERR_INPUT, "cannot solve for %lld rows of a matrix of order %lld",
                    (long long)m, (long long)t->n);
  if (m == 0) return MST_OK;
  double *before = NULL, *after = NULL;
  mst_status st = MST_OK;
  if (mst_team_size(t->grid->team) > 1 && t->lld * t->local_cols > INT_MAX)
    st = mst_fail(MST_ERR_UNSUPPORTED,
                  "ScaLAPACK counts a rank's part of the matrix in 32 bits and this one has %lld "
                  "elements: use more ranks, or reduce: exact",
                  (long long)(t->lld * t->local_cols));
  if (st == MST_OK) st = mst_alloc(&before, t->n, sizeof *before, "diagonal");
  if (st == MST_OK) st = mst_alloc(&after, t->n, sizeof *after, "diagonal");
  st = mst_team_agree(t->grid->team, st);
  if (st == MST_OK) st = solve(t, m, before, after, x);
  mst_free(after);
  mst_free(before);
  return st;
}
