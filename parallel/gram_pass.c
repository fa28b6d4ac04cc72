/* The sums of one pass of the Gram: where each tile lies, the clients' regularisers that stand in
 * them, and the owners' tiles that come of them. Sums lie in the order of their owners, so that the
 * reduce-scatter needs no packing. doc/methods/analytic.md, equations (7) to (9). */
#include <math.h>

#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "parallel/gram_internal.h"

/* 2^exponent as a double. */
static double power_of_two(int exponent) {
  return ldexp(1.0, exponent);
}

/* Elements of tile (i, j). */
static int64_t tile_elements(const mst_tiles *t, int64_t i, int64_t j) {
  return mst_tiles_extent(t, i) * mst_tiles_extent(t, j);
}

mst_status mst_gram_lay_out(const mst_gram_work *w, int64_t first, int64_t end,
                            mst_gram_pass *pass) {
  int p = mst_team_size(w->team);
  int64_t tiles = w->plan->tiles, at = 0;
  *pass = (mst_gram_pass){.first = first, .end = end};
  MST_TRY(mst_alloc(&pass->offset, (pass->end - first) * tiles, sizeof *pass->offset,
                    "places of tiles"));
  MST_TRY(mst_alloc(&pass->count, p, sizeof *pass->count, "elements of ranks"));
  for (int64_t j = first; j < pass->end; j++)
    for (int64_t i = j; i < tiles; i++)
      pass->count[mst_tiles_owner(w->out->grid, i, j)] += tile_elements(w->out, i, j);
  int64_t *next = NULL;
  MST_TRY(mst_alloc(&next, p, sizeof *next, "places of ranks"));
  for (int r = 0; r < p; r++) {
    next[r] = at;
    at += pass->count[r];
  }
  for (int64_t j = first; j < pass->end; j++)
    for (int64_t i = j; i < tiles; i++) {
      int owner = mst_tiles_owner(w->out->grid, i, j);
      pass->offset[(j - first) * tiles + i] = next[owner];
      next[owner] += tile_elements(w->out, i, j);
    }
  mst_free(next);
  pass->elements = at;
  return mst_alloc(&pass->sum, at, sizeof *pass->sum, "panel sums");
}

void mst_gram_clear(mst_gram_pass *pass) {
  mst_free(pass->offset);
  mst_free(pass->count);
  mst_free(pass->sum);
  *pass = (mst_gram_pass){0};
}

/* A client's regulariser on the lattice, for diagonal entry e, modulo 2^64: sums may wrap round
 * while the K regularisers are in them, and are right again when these are taken out. */
static uint64_t regulariser(const mst_gram_work *w, int64_t e) {
  double steps =
      rint(w->options->gamma * w->scale[e] * w->scale[e] * power_of_two(MST_LATTICE_BITS));
  double left = fmod(steps, 0x1p64);
  return left < 0x1p64 ? (uint64_t)left : 0;
}

/* Clients without rows belong to the rank where their rows would begin. */
void mst_gram_add_regularisers(const mst_gram_work *w, mst_gram_pass *pass) {
  const mst_roster *r = w->roster;
  int rank = mst_team_rank(w->team), p = mst_team_size(w->team);
  int64_t begin = mst_roster_block_place(r, r->rank_block[rank]);
  int64_t end = mst_roster_block_place(r, r->rank_block[rank + 1]) + (rank + 1 == p);
  int64_t clients = 0;
  for (int64_t k = 0; k < r->clients; k++)
    if (r->client_first[k] >= begin && r->client_first[k] < end) clients++;
  for (int64_t j = pass->first; j < pass->end; j++) {
    int64_t width = mst_tiles_extent(w->out, j);
    int64_t at = pass->offset[(j - pass->first) * w->plan->tiles + j];
    for (int64_t q = 0; q < width; q++) {
      int64_t e = j * MST_TILE + q;
      if (e >= w->source->features) break;
      uint64_t *sum = (uint64_t *)pass->sum + at + q * width + q;
      *sum += (uint64_t)clients * regulariser(w, e);
    }
  }
}

void mst_gram_remove_regularisers(const mst_gram_work *w, const mst_gram_pass *pass, int64_t *sum) {
  const int rank = mst_team_rank(w->team);
  for (int64_t j = pass->first; j < pass->end; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      if (mst_tiles_owner(w->out->grid, i, j) != rank) continue;
      const int64_t width = mst_tiles_extent(w->out, j), height = mst_tiles_extent(w->out, i);
      for (int64_t q = 0; i == j && q < width && j * MST_TILE + q < w->source->features; q++) {
        uint64_t *diagonal = (uint64_t *)sum + q * width + q;
        *diagonal -= (uint64_t)w->roster->clients * regulariser(w, j * MST_TILE + q);
      }
      sum += height * width;
    }
}

void mst_gram_store(const mst_gram_work *w, const mst_gram_pass *pass, const int64_t *sum) {
  int rank = mst_team_rank(w->team);
  double step = power_of_two(-MST_LATTICE_BITS);
  for (int64_t j = pass->first; j < pass->end; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      if (mst_tiles_owner(w->out->grid, i, j) != rank) continue;
      int64_t width = mst_tiles_extent(w->out, j), height = mst_tiles_extent(w->out, i);
      double *tile = mst_tiles_at(w->out, i, j);
      for (int64_t q = 0; q < width; q++)
        for (int64_t r = i == j ? q : 0; r < height; r++) {
          int64_t e = j * MST_TILE + q, h = i * MST_TILE + r, at = r * width + q;
          double value =
              w->options->fast ? ((const double *)sum)[at] : (double)sum[at] * step;
          tile[q * w->out->lld + r] = value / w->scale[e] / w->scale[h];
        }
      sum += height * width;
    }
}
