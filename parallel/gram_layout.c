/* The order in which a Gram's elements lie in files, whatever the number of ranks: checkpoints of
 * sums in the making and kept sums are stored so. */
#include "parallel/gram_internal.h"

int64_t mst_gram_column_begin(int64_t n, int64_t j) {
  return MST_TILE * (j * n - MST_TILE * (j * (j - 1) / 2));
}

int64_t mst_gram_elements(int64_t n) {
  int64_t tiles = mst_ceil_div(n, MST_TILE), last = tiles - 1;
  return tiles > 0
             ? mst_gram_column_begin(n, last) + (n - last * MST_TILE) * mst_tile_extent(n, last)
             : 0;
}

mst_gram_run mst_gram_run_at(int64_t n, int64_t at, int64_t end, int64_t j) {
  while ((j + 1) * MST_TILE < n && mst_gram_column_begin(n, j + 1) <= at) j++;
  mst_gram_run r = {.at = at, .j = j, .width = mst_tile_extent(n, j)};
  int64_t inside = at - mst_gram_column_begin(n, j);
  r.row = j * MST_TILE + inside / r.width;
  r.q = inside % r.width;
  r.n = mst_least(end - at, r.width - r.q);
  return r;
}
