/* What blocks of rows add to the sums of a pass of the Gram: a block's rows are scaled to doubles
 * once, every tile column is one product of fixed shape, and the product is rounded onto the
 * lattice straight into the sums. Where stages look at single contributions, a client's products
 * are added up first. The bound on partial sums: doc/methods/lattice.md. */
#include <string.h>

#include "core/base/clock.h"
#include "core/linalg/blas.h"
#include "core/linalg/lattice.h"
#include "parallel/gram_internal.h"

/* panel(n - j T, width): tile columns j to j + MST_GRAM_WIDE - 1 of z'z, lower part. */
static void tile_columns(const mst_gram_work *w, int64_t j, const mst_matrix *z) {
  int64_t width = mst_gram_wide_extent(w->n, j), from = j * MST_TILE, below = from + width;
  memset(w->panel, 0, (size_t)(width * width) * sizeof *w->panel); /* the upper half stays zero */
  mst_syrk_at_a(width, z->rows, 1.0, z->a + from, z->stride, 0.0, w->panel, width);
  if (below < w->n)
    mst_gemm(true, false, w->n - below, width, z->rows, 1.0, z->a + below, z->stride, z->a + from,
             z->stride, 0.0, w->panel + width * width, width);
}

/* Add n consecutive entries of the panel at place `at` of the pass. */
static void add_run(const mst_gram_work *w, mst_gram_pass *pass, int64_t at, const double *run,
                    int64_t n) {
  if (w->whole != NULL)
    mst_lattice_add(w->whole + at, run, n, MST_LATTICE_BITS);
  else if (w->single)
    for (int64_t k = 0; k < n; k++) w->vector[at + k] += run[k];
  else if (w->options->fast)
    for (int64_t k = 0; k < n; k++) ((double *)pass->sum)[at + k] += run[k];
  else
    mst_lattice_add(pass->sum + at, run, n, MST_LATTICE_BITS);
}

/* Add the tile columns that are in the panel now to the sums of the pass. */
static void add_columns(const mst_gram_work *w, mst_gram_pass *pass, int64_t first) {
  int64_t wide = mst_gram_wide_extent(w->n, first);
  for (int64_t j = first; j < first + MST_GRAM_WIDE && j < w->plan->tiles; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      int64_t width = mst_tiles_extent(w->out, j);
      int64_t at = pass->offset[(j - pass->first) * w->plan->tiles + i];
      const double *row = w->panel + (i - first) * MST_TILE * wide + (j - first) * MST_TILE;
      for (int64_t r = 0; r < mst_tiles_extent(w->out, i); r++)
        add_run(w, pass, at + r * width, row + r * wide, width);
    }
}

/* Multiply a vector in the pass's layout by the scales of its rows and columns, or divide. */
static void scale_vector(const mst_gram_work *w, const mst_gram_pass *pass, bool multiply,
                         double *v) {
  for (int64_t j = pass->first; j < pass->end; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      double *tile = v + pass->offset[(j - pass->first) * w->plan->tiles + i];
      int64_t width = mst_tiles_extent(w->out, j);
      for (int64_t r = 0; r < mst_tiles_extent(w->out, i); r++)
        for (int64_t q = 0; q < width; q++) {
          double s = w->scale[i * MST_TILE + r], u = w->scale[j * MST_TILE + q];
          tile[r * width + q] =
              multiply ? tile[r * width + q] * s * u : tile[r * width + q] / s / u;
        }
    }
}

/* Behind masks. The bound on the rows is one on all of their products: no stage was there to break
 * it. */
static mst_status contribute_whole(const mst_gram_work *w, mst_gram_pass *pass, int64_t client) {
  uint64_t *sum = (uint64_t *)pass->sum;
  MST_TRY(mst_pipeline_mask(w->pipeline, client, 0, pass->elements, w->whole));
  for (int64_t k = 0; k < pass->elements; k++) sum[k] += (uint64_t)w->whole[k];
  memset(w->whole, 0, (size_t)pass->elements * sizeof *w->whole);
  return MST_OK;
}

mst_status mst_gram_contribute(const mst_gram_work *w, mst_gram_pass *pass, int64_t client) {
  if (w->whole != NULL) return contribute_whole(w, pass, client);
  scale_vector(w, pass, false, w->vector);
  mst_status st = mst_pipeline_contribute(w->pipeline, client, 1, pass->elements, w->vector);
  if (st != MST_OK) return st;
  scale_vector(w, pass, true, w->vector);
  if (!(mst_lattice_magnitude(w->vector, pass->elements) <= 1 + 0x1p-30))
    return mst_fail(MST_ERR_NONFINITE,
                    "client %lld: a stage left values in its contribution that are not finite or "
                    "larger than what its rows allow",
                    (long long)client);
  if (w->options->fast)
    for (int64_t k = 0; k < pass->elements; k++) ((double *)pass->sum)[k] += w->vector[k];
  else
    mst_lattice_add(pass->sum, w->vector, pass->elements, MST_LATTICE_BITS);
  memset(w->vector, 0, (size_t)pass->elements * sizeof *w->vector);
  return MST_OK;
}

/* Where the k-th block at hand, which is block b of the roster, has its scaled rows. */
static mst_matrix scaled_rows(const mst_gram_work *w, int64_t k, int64_t b) {
  return mst_matrix_rows(&w->z, k * MST_BLOCK_ROWS, w->roster->block[b].rows);
}

/* Tile columns are outermost: a column's sums stay in cache while the blocks add to them. */
mst_status mst_gram_add_blocks(mst_gram_work *w, mst_gram_pass *pass, int64_t first,
                               int64_t blocks) {
  double start = mst_clock_seconds();
  for (int64_t k = 0; k < blocks; k++) {
    const float *f = NULL, *t = NULL;
    MST_TRY(w->source->block(w->source->context, first + k, &f, &t));
    mst_matrix z = scaled_rows(w, k, first + k);
    const double *weight = mst_block_weight(w->source, &w->roster->block[first + k]);
    mst_status st = mst_columns_apply(&w->columns, w->source, f, t, weight, &z);
    if (st != MST_OK)
      return mst_fail_within(st, "client %lld: ", (long long)w->roster->block[first + k].client);
  }
  double middle = mst_clock_seconds();
  w->result->seconds_source += middle - start;
  for (int64_t j = pass->first; j < pass->end; j += MST_GRAM_WIDE)
    for (int64_t k = 0; k < blocks; k++) {
      mst_matrix z = scaled_rows(w, k, first + k);
      tile_columns(w, j, &z);
      add_columns(w, pass, j);
    }
  w->result->seconds_products += mst_clock_seconds() - middle;
  return MST_OK;
}
