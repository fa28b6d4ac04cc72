/* Walks over all rows in float64 blocks, and exact sums of what blocks give. */
#include "parallel/row_walk.h"

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"

mst_status mst_row_walk_create(mst_team *team, const mst_roster *roster, mst_block_source source,
                               const mst_observer *observer, mst_row_walk *w) {
  *w = (mst_row_walk){
      .team = team, .roster = roster, .source = source, .observer = observer, .d = source.features};
  MST_TRY(mst_alloc(&w->centre, w->d, sizeof *w->centre, "centre of the rows"));
  return mst_alloc(&w->x, MST_BLOCK_ROWS * w->d, sizeof *w->x, "centred rows");
}

void mst_row_walk_free(mst_row_walk *w) {
  mst_free(w->centre);
  mst_free(w->x);
  *w = (mst_row_walk){0};
}

static mst_status walk_group(const mst_row_walk *w, int64_t first, int64_t blocks,
                             void (*add)(void *, int64_t, int64_t, const double *), void *context) {
  for (int64_t b = first; b < first + blocks && !mst_observer_stop(w->observer); b++) {
    const float *features = NULL, *targets = NULL;
    const int64_t rows = w->roster->block[b].rows;
    MST_TRY(w->source.block(w->source.context, b, &features, &targets));
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < w->d; j++)
        w->x[i * w->d + j] = (double)features[i * w->d + j] - w->centre[j];
    add(context, w->roster->block[b].first, rows, w->x);
    mst_observer_step(w->observer, rows);
  }
  return MST_OK;
}

mst_status mst_row_walk_on(const mst_row_walk *w, const char *phase,
                           void (*add)(void *context, int64_t place, int64_t rows, const double *x),
                           void *context) {
  mst_status st = MST_OK;
  bool stop = false;
  mst_observer_phase(w->observer, phase, w->roster->rows, "rows");
  for (int64_t g = 0; st == MST_OK && !stop && g < w->source.groups; g++) {
    int64_t first = 0, blocks = 0;
    st = mst_team_agree(w->team, w->source.load(w->source.context, g, &first, &blocks));
    if (st == MST_OK) st = mst_team_agree(w->team, walk_group(w, first, blocks, add, context));
    if (st == MST_OK) st = mst_team_any(w->team, mst_observer_stop(w->observer), &stop);
  }
  if (st == MST_OK && stop)
    st = mst_fail(MST_ERR_INTERRUPTED,
                  "interrupted while walking over the rows; start the run again");
  return st;
}

mst_status mst_block_sums_create(int64_t n, double bound, mst_block_sums *s) {
  *s = (mst_block_sums){.n = n,
                        .shift = mst_lattice_shift(mst_lattice_exponent(bound * (1 + 0x1p-20)))};
  mst_status st = mst_alloc(&s->block, n, sizeof *s->block, "sums of a block");
  if (st == MST_OK) st = mst_alloc(&s->limbs, 2 * n, sizeof *s->limbs, "sums of blocks");
  return st;
}

void mst_block_sums_free(mst_block_sums *s) {
  mst_free(s->block);
  mst_free(s->limbs);
  *s = (mst_block_sums){0};
}

void mst_block_sums_add(mst_block_sums *s) {
  mst_block_sums_add_at(s, 0, s->n);
}

void mst_block_sums_add_at(mst_block_sums *s, int64_t first, int64_t n) {
  mst_lattice_add2(s->limbs + first, s->limbs + s->n + first, s->block + first, n, s->shift);
}

mst_status mst_block_sums_end(mst_team *team, mst_block_sums *s) {
  MST_TRY(mst_sum_i64(team, s->limbs, 2 * s->n));
  mst_lattice_to2(s->block, s->limbs, s->limbs + s->n, s->n, s->shift);
  return MST_OK;
}
