/* A model's loss on rows of which only the sums are there: with r = y - W'x - b = M'z for z = [x,
 * y, 1] shifted, the sum of squares is the trace of M'GM. Tiles give their parts one by one, and
 * all ranks add these in one order. */
#include "parallel/analytic_ridges.h"

#include <math.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "parallel/tiles.h"

/* What is left of larger numbers that cancel is not told further than this. */
#define LOSS_DIGITS 0x1p-40

/* M(n, c): a row's residuals from its shifted columns. */
static void residual_map(const mst_gram_sums *s, const mst_analytic_model *m, double *map) {
  const int64_t d = m->d, c = m->c;
  for (int64_t k = 0; k < c; k++) {
    double constant = s->shift[d + k] - m->intercept[k];
    for (int64_t i = 0; i < d; i++) {
      map[i * c + k] = -m->weights[i * c + k];
      constant -= m->weights[i * c + k] * s->shift[i];
    }
    map[(d + k) * c + k] = 1;
    map[(d + c) * c + k] = constant;
  }
}

/* What tile (i, j) adds to the trace, and to the trace of magnitudes. */
static void tile_trace(const mst_tiles *t, int64_t i, int64_t j, int64_t c, const double *map,
                       double part[2]) {
  const double *tile = mst_tiles_at(t, i, j);
  for (int64_t q = 0; q < mst_tiles_extent(t, j); q++)
    for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(t, i); r++) {
      const double *a = map + (j * MST_TILE + q) * c, *b = map + (i * MST_TILE + r) * c;
      double product = 0;
      for (int64_t k = 0; k < c; k++) product += a[k] * b[k];
      product *= tile[q * t->lld + r] * (i == j && q == r ? 1 : 2);
      part[0] += product;
      part[1] += fabs(product);
    }
}

static mst_status trace_of(const mst_tiles *t, int64_t c, const double *map, double total[2]) {
  const int rank = mst_team_rank(t->grid->team);
  const int64_t parts = t->tiles * t->tiles;
  double *part = NULL;
  mst_status st = mst_alloc(&part, 2 * parts, sizeof *part, "parts of a loss");
  MST_TRY(mst_team_agree(t->grid->team, st));
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++)
      if (mst_tiles_owner(t->grid, i, j) == rank)
        tile_trace(t, i, j, c, map, &part[2 * (j * t->tiles + i)]);
  st = mst_sum_i64(t->grid->team, (int64_t *)(void *)part, 2 * parts); /* one owner: bits move */
  total[0] = total[1] = 0;
  for (int64_t k = 0; k < 2 * parts && st == MST_OK; k++) total[k % 2] += part[k];
  mst_free(part);
  return st;
}

mst_status mst_analytic_held_loss(mst_team *team, const mst_gram_sums *held,
                                  const mst_analytic_model *model, double *loss) {
  mst_grid *grid = NULL;
  mst_tiles t = {0};
  double *map = NULL, *diagonal = NULL, total[2] = {0};
  mst_status st = mst_alloc(&map, held->n * model->c, sizeof *map, "residuals of columns");
  if (st == MST_OK) st = mst_alloc(&diagonal, held->n, sizeof *diagonal, "diagonal");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_grid_create(team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, held->n, &t);
  if (st == MST_OK) st = mst_gram_sums_tiles(held, &t);
  if (st == MST_OK) st = mst_tiles_diagonal(&t, diagonal);
  if (st == MST_OK && !(diagonal[held->n - 1] > 0))
    st = mst_fail(MST_ERR_INPUT, "no row is held out to choose the ridge on");
  if (st == MST_OK) {
    residual_map(held, model, map);
    st = trace_of(&t, model->c, map, total);
  }
  if (st == MST_OK)
    *loss = fmax(total[0], LOSS_DIGITS * total[1]) / diagonal[held->n - 1] / (double)model->c;
  mst_tiles_free(&t);
  mst_grid_destroy(grid);
  mst_free(map);
  mst_free(diagonal);
  return st;
}
