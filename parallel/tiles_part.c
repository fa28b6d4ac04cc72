/* Parts of a tiled matrix: a rectangle of it on every rank, and its leading block in another
 * matrix. Bits are moved, not summed: owners give the words of their entries, others zero words. */
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "parallel/tiles.h"

typedef struct rectangle {
  int64_t row, rows, col, cols;
  double *out; /* (rows, cols) */
} rectangle;

/* Put one tile into the rectangle; across: what its transposed holds there. */
static void put_tile(const mst_tiles *t, int64_t i, int64_t j, bool lower, bool across,
                     const rectangle *to) {
  const double *tile = mst_tiles_at(t, i, j);
  const int64_t rows = mst_tiles_extent(t, i), cols = mst_tiles_extent(t, j);
  for (int64_t q = 0; q < cols; q++)
    for (int64_t r = lower && i == j ? q : 0; r < rows; r++) {
      const int64_t h = i * MST_TILE + r, e = j * MST_TILE + q;
      const int64_t row = (across ? e : h) - to->row, col = (across ? h : e) - to->col;
      if (row < 0 || row >= to->rows || col < 0 || col >= to->cols) continue;
      to->out[row * to->cols + col] = tile[q * t->lld + r];
    }
}

/* Whether tile index i holds any of [first, first + count). */
static bool meets(int64_t i, int64_t first, int64_t count) {
  return i * MST_TILE < first + count && (i + 1) * MST_TILE > first;
}

mst_status mst_tiles_part(const mst_tiles *t, bool symmetric, int64_t row, int64_t rows,
                          int64_t col, int64_t cols, double *out) {
  const rectangle to = {.row = row, .rows = rows, .col = col, .cols = cols, .out = out};
  const int rank = mst_team_rank(t->grid->team);
  memset(out, 0, (size_t)(rows * cols) * sizeof *out);
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = symmetric ? j : 0; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      if (meets(i, row, rows) && meets(j, col, cols)) put_tile(t, i, j, symmetric, false, &to);
      if (symmetric && meets(j, row, rows) && meets(i, col, cols))
        put_tile(t, i, j, symmetric, true, &to);
    }
  return mst_sum_i64(t->grid->team, (int64_t *)out, rows * cols);
}

void mst_tiles_copy(const mst_tiles *from, int64_t m, mst_tiles *to) {
  const int rank = mst_team_rank(from->grid->team);
  const int64_t tiles = mst_ceil_div(m, MST_TILE);
  for (int64_t j = 0; j < tiles; j++)
    for (int64_t i = j; i < tiles; i++) {
      if (mst_tiles_owner(from->grid, i, j) != rank) continue;
      const double *source = mst_tiles_at(from, i, j);
      double *target = mst_tiles_at(to, i, j);
      for (int64_t q = 0; q < mst_tile_extent(m, j); q++)
        memcpy(target + q * to->lld, source + q * from->lld,
               (size_t)mst_tile_extent(m, i) * sizeof *target);
    }
}
