/* The Gram's plan: how many tile columns a pass over the rows sums, and the bytes that the buffers
 * of parallel/gram.c then take on a rank. */
#include "core/base/matrix.h"
#include "parallel/gram.h"
#include "parallel/gram_internal.h"

/* Elements of the sums of tile column j, from its diagonal down. */
static int64_t column_elements(int64_t n, int64_t j) {
  return (n - j * MST_TILE) * mst_tile_extent(n, j);
}

void mst_gram_plan_make(int64_t n, int ranks, int64_t budget, bool whole, mst_gram_plan *plan) {
  int64_t tiles = mst_ceil_div(n, MST_TILE), largest = 0, taken = 0;
  plan->n = n;
  plan->tiles = tiles;
  plan->panel_tiles = tiles;
  /* A pass holds its sums and, of them, the owner's part that arrives. */
  if (!whole && tiles > MST_GRAM_WIDE) {
    plan->panel_tiles = 0;
    for (int64_t j = 0; j < tiles; j++) {
      taken += column_elements(n, j);
      if (j >= MST_GRAM_WIDE && (taken + taken / ranks) * 8 > budget) break;
      if ((j + 1) % MST_GRAM_WIDE == 0 || j + 1 == tiles) plan->panel_tiles = j + 1;
    }
  }
  for (int64_t j = 0; j < plan->panel_tiles; j++) largest += column_elements(n, j);
  plan->passes = mst_ceil_div(tiles, plan->panel_tiles);
  plan->fixed_bytes = 8 * (2 * n + MST_GRAM_BLOCKS * MST_BLOCK_ROWS * mst_matrix_stride(n) +
                           MST_GRAM_WIDE * n * MST_TILE + (whole ? largest : 0));
  plan->bytes = plan->fixed_bytes + 8 * (largest + largest / ranks);
}

int64_t mst_gram_plan_peak(const mst_gram_plan *plan, int ranks, int64_t matrix_bytes) {
  int64_t peak = 0;
  for (int64_t first = 0; first < plan->tiles; first += plan->panel_tiles) {
    int64_t end = mst_least(first + plan->panel_tiles, plan->tiles), elements = 0;
    for (int64_t j = first; j < end; j++) elements += column_elements(plan->n, j);
    int64_t filled = (int64_t)((double)matrix_bytes * (double)end / (double)plan->tiles);
    peak = mst_most(peak, filled + 8 * (elements + elements / ranks));
  }
  return peak + plan->fixed_bytes + mst_gram_state_bytes();
}
