/* The solve by ScaLAPACK (Blackford et al., "ScaLAPACK users' guide", 1997) on the tiled
 * matrix's own memory and grid: for `reduce: fast`, and to measure ours against. Its rounding
 * follows the process grid. */
#include <mpi.h>

#include <limits.h>

#include "core/base/memory.h"
#include "parallel/tiles.h"
#include "parallel/tiles_internal.h"

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

/* The first pivot that our own factorisation would refuse, or that ScaLAPACK did (info, from 1). */
static mst_status check_pivots(int64_t m, const double *before, const double *after, int info) {
  for (int64_t i = 0; i < m; i++) {
    bool refused = i == info - 1;
    double value = refused ? after[i] : after[i] * after[i];
    if (refused || mst_pivot_bad(value, before[i], m))
      return mst_pivot_fail(i, m, value, before[i]);
  }
  return MST_OK;
}

/* The rows carried along by L'^-1 and L^-1: each becomes a solution. */
static void substitute(mst_tiles *t, int64_t m, const mst_blacs *b) {
  const double one = 1.0;
  int first = 1, below = (int)m + 1, rows = (int)(t->n - m), cols = (int)m;
  pdtrsm_("R", "L", "T", "N", &rows, &cols, &one, t->a, &first, &first, b->desc, t->a, &below,
          &first, b->desc);
  pdtrsm_("R", "L", "N", "N", &rows, &cols, &one, t->a, &first, &first, b->desc, t->a, &below,
          &first, b->desc);
}

static mst_status collect(const mst_tiles *t, int64_t m, double *x) {
  const mst_grid *g = t->grid;
  int64_t sides = t->n - m;
  MST_TRY(mst_tiles_carried(t, m, 0, x));
  for (int64_t k = 0; k * MST_TILE < m; k++) {
    int64_t width = m - k * MST_TILE < MST_TILE ? m - k * MST_TILE : MST_TILE;
    double *block = x + k * MST_TILE * sides;
    int count = (int)(width * sides), code = MPI_SUCCESS;
    if (g->row == 0) code = MPI_Bcast(block, count, MPI_DOUBLE, (int)(k % g->cols), g->row_comm);
    if (code == MPI_SUCCESS) code = MPI_Bcast(block, count, MPI_DOUBLE, 0, g->col_comm);
    MST_TRY(mst_grid_check(code, "broadcasting the solution"));
  }
  return mst_solution_check(x, m, sides);
}

static mst_status solve(mst_tiles *t, int64_t m, double *before, double *after, double *x) {
  mst_blacs b;
  MST_TRY(mst_tiles_diagonal(t, before));
  MST_TRY(mst_team_agree(t->grid->team, mst_blacs_open(t, &b)));
  int order = (int)m, first = 1, info = 0;
  pdpotrf_("L", &order, t->a, &first, &first, b.desc, &info);
  mst_status st = mst_tiles_diagonal(t, after);
  if (st == MST_OK) st = mst_team_agree(t->grid->team, check_pivots(m, before, after, info));
  if (st == MST_OK && t->n > m) substitute(t, m, &b);
  mst_blacs_close(&b);
  return st == MST_OK && t->n > m ? collect(t, m, x) : st;
}

mst_status mst_tiles_solve_scalapack(mst_tiles *t, int64_t m, double *x) {
  if (m < 0 || m > t->n)
    return mst_fail(MST_ERR_INPUT, "cannot solve for %lld rows of a matrix of order %lld",
                    (long long)m, (long long)t->n);
  if (m == 0) return MST_OK;
  double *before = NULL, *after = NULL;
  mst_status st = MST_OK;
  if (t->lld * t->local_cols > INT_MAX)
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
