/* Linear sketches over ranks: S [A | B] is a sum over rows, taken exactly over blocks of them;
 * (S A)'(S B) is the estimate. doc/methods/sketch.md, equation (1). */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "parallel/sketch_internal.h"

typedef struct linear {
  mst_sketching *s;
  int64_t k, n, nonzeros;
  int64_t *place;      /* (nonzeros) of a column of S                           */
  double *column;      /* (MST_BLOCK_ROWS, k), or (nonzeros) of one row         */
  bool *touched;       /* (k) rows of the sketch that a block's rows were added to */
  mst_block_sums sums; /* (k, n)                                            */
} linear;

static mst_status create(mst_sketching *s, linear *l) {
  const mst_sketch_spec *spec = &s->options->spec;
  *l = (linear){.s = s, .k = spec->size, .n = s->walk.d, .nonzeros = s->ops->nonzeros(spec)};
  const bool dense = l->nonzeros == l->k;
  double squares = 0;
  for (int p = 0; p < s->parts; p++) squares += s->part[p].squares;
  /* Cauchy-Schwarz: a row of S has norm at most largest sqrt(rows). */
  const double bound = s->ops->largest(spec) * sqrt((double)s->roster->rows * squares);
  MST_TRY(mst_alloc(&l->place, l->nonzeros, sizeof *l->place, "places of a row in a sketch"));
  MST_TRY(mst_alloc(&l->column, dense ? MST_BLOCK_ROWS * l->k : l->nonzeros, sizeof *l->column,
                    "columns of a sketch"));
  if (!dense) MST_TRY(mst_alloc(&l->touched, l->k, sizeof *l->touched, "marks of a sketch"));
  return mst_block_sums_create(l->k * l->n, bound, &l->sums);
}

static void destroy(linear *l) {
  mst_free(l->place);
  mst_free(l->column);
  mst_free(l->touched);
  mst_block_sums_free(&l->sums);
}

static void add_dense(void *context, int64_t place, int64_t rows, const double *x) {
  linear *l = context;
  const mst_sketching *s = l->s;
  for (int64_t i = 0; i < rows; i++)
    s->ops->column(&s->options->spec, mst_sketching_row(s, place + i), l->place,
                   l->column + i * l->k);
  mst_gemm(true, false, l->k, l->n, rows, 1.0, l->column, l->k, x, l->n, 0.0, l->sums.block, l->n);
  mst_block_sums_add(&l->sums);
}

/* sums.block is zero between blocks, of which each touches few rows of the sketch. */
static void add_sparse(void *context, int64_t place, int64_t rows, const double *x) {
  linear *l = context;
  const mst_sketching *s = l->s;
  for (int64_t i = 0; i < rows; i++) {
    s->ops->column(&s->options->spec, mst_sketching_row(s, place + i), l->place, l->column);
    for (int64_t e = 0; e < l->nonzeros; e++) {
      double *to = l->sums.block + l->place[e] * l->n;
      for (int64_t j = 0; j < l->n; j++) to[j] += l->column[e] * x[i * l->n + j];
      l->touched[l->place[e]] = true;
    }
  }
  for (int64_t r = 0; r < l->k; r++) {
    if (!l->touched[r]) continue;
    mst_block_sums_add_at(&l->sums, r * l->n, l->n);
    memset(l->sums.block + r * l->n, 0, (size_t)l->n * sizeof *l->sums.block);
    l->touched[r] = false;
  }
}

mst_status mst_sketching_linear(mst_sketching *s, mst_sketch_result *out) {
  linear l;
  mst_status st = mst_team_agree(s->team, create(s, &l));
  if (st == MST_OK)
    st = mst_row_walk_on(&s->walk, "sketch", l.touched == NULL ? add_dense : add_sparse, &l);
  if (st == MST_OK) st = mst_block_sums_end(s->team, &l.sums);
  if (st == MST_OK) {
    const mst_sketch_part *a = &s->part[0], *b = &s->part[s->parts - 1];
    /* One rank computes for all, so that no two processors can differ. */
    if (mst_team_rank(s->team) == 0)
      mst_gemm(true, false, out->d, out->m, l.k, 1.0, l.sums.block + a->first, l.n,
               l.sums.block + b->first, l.n, 0.0, out->product, out->m);
    st = mst_team_bcast(s->team, out->product, out->d * out->m * (int64_t)sizeof *out->product, 0);
    out->numbers_a = l.k * a->width;
    out->numbers_b = s->parts == 2 ? l.k * b->width : 0;
  }
  destroy(&l);
  return st;
}
