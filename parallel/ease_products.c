/* X'X of users' ratings. Whole rows go through mst_gram as blocks of zeros and ones. Of sparse rows
 * each pair of a user's items adds one to its place in the same panels, which costs the pairs
 * alone: of a density of 1e-2 a ten-thousandth of the products of whole rows. Counts are whole
 * numbers, so that the lattice holds either's sums exactly and both are the same.
 * doc/methods/ease.md. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "parallel/ease_internal.h"
#include "parallel/gram_internal.h"

static mst_status load_ratings(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  return mst_ratings_load(context, group, first, blocks);
}

static mst_status block_ratings(void *context, int64_t b, const float **features,
                                const float **targets) {
  mst_ratings *r = context;
  const mst_block *block = &r->users->roster->block[b];
  const float *raw = NULL;
  MST_TRY(mst_ratings_block(r, b, &raw));
  memset(r->block, 0, (size_t)(block->rows * r->d) * sizeof *r->block);
  for (int64_t i = 0; i < block->rows; i++) {
    MST_TRY(mst_ratings_user(r, b, block->first + i, raw));
    for (int64_t k = 0; k < r->count; k++)
      if (!r->options->hold_train || !r->held[k]) r->block[i * r->d + r->item[k]] = 1;
  }
  *features = r->block;
  *targets = NULL;
  return MST_OK;
}

static mst_status sum_whole(mst_team *team, mst_ratings *r, const mst_gram_plan *plan,
                            const mst_observer *observer, mst_tiles *whole) {
  const mst_pipeline pipeline = mst_pipeline_sum();
  const mst_gram_options options = {.save_seconds = -1};
  mst_block_source source = r->inner;
  mst_gram_result result;
  double *shift = NULL;
  source.context = r;
  source.targets = 0;
  source.load = load_ratings;
  source.block = block_ratings;
  mst_status st = mst_alloc(&shift, plan->n, sizeof *shift, "column shifts");
  st = mst_team_agree(team, st);
  if (st == MST_OK)
    st = mst_gram(team, r->users->roster, &source, plan, &pipeline, &options, observer, whole,
                  shift, &result);
  mst_free(shift);
  return st;
}

/* Add one to each pair of the last user's items whose lower one is in the pass. */
static void add_pairs(const mst_gram_plan *plan, mst_gram_pass *pass, const int64_t *item,
                      int64_t n) {
  for (int64_t a = 0; a < n; a++) {
    const int64_t j = item[a] / MST_TILE, q = item[a] % MST_TILE;
    if (j < pass->first) continue;
    if (j >= pass->end) return;
    const int64_t width = mst_tile_extent(plan->n, j);
    const int64_t *offset = pass->offset + (j - pass->first) * plan->tiles;
    for (int64_t b = a; b < n; b++)
      pass->sum[offset[item[b] / MST_TILE] + item[b] % MST_TILE * width + q]++;
  }
}

static mst_status add_users(mst_ratings *r, const mst_gram_plan *plan, mst_gram_pass *pass,
                            const mst_observer *observer) {
  const mst_roster *roster = r->users->roster;
  int64_t first = 0, blocks = 0;
  MST_TRY(mst_ratings_load(r, 0, &first, &blocks));
  for (int64_t b = first; b < first + blocks && !mst_observer_stop(observer); b++) {
    const mst_block *block = &roster->block[b];
    for (int64_t i = 0; i < block->rows; i++) {
      int64_t n = 0;
      MST_TRY(mst_ratings_user(r, b, block->first + i, NULL));
      for (int64_t k = 0; k < r->count; k++)
        if (!r->options->hold_train || !r->held[k]) r->item[n++] = r->item[k];
      add_pairs(plan, pass, r->item, n);
    }
    mst_observer_step(observer, block->rows);
  }
  return MST_OK;
}

/* Tile columns [first, end) of w->out. Collective. */
static mst_status run_pass(const mst_gram_work *w, mst_ratings *r, int64_t first, int64_t end) {
  mst_gram_pass pass = {0};
  int64_t *mine = NULL;
  bool stop = false;
  mst_status st = mst_gram_lay_out(w, first, end, &pass);
  if (st == MST_OK) st = add_users(r, w->plan, &pass, w->observer);
  if (st == MST_OK)
    st = mst_alloc(&mine, pass.count[mst_team_rank(w->team)], sizeof *mine, "owned sums");
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) st = mst_team_any(w->team, mst_observer_stop(w->observer), &stop);
  if (st == MST_OK && stop)
    st = mst_fail(MST_ERR_INTERRUPTED,
                  "interrupted while summing the statistics; start the run again");
  if (st == MST_OK) st = mst_sum_scatter_i64(w->team, pass.sum, pass.count, mine);
  if (st == MST_OK) mst_gram_store(w, &pass, mine);
  mst_free(mine);
  mst_gram_clear(&pass);
  return st;
}

/* A count of one is one step of the lattice when each column has the scale 2^(-bits / 2). */
static mst_status sum_sparse(mst_team *team, mst_ratings *r, const mst_gram_plan *plan,
                             const mst_observer *observer, mst_tiles *whole) {
  _Static_assert(MST_LATTICE_BITS % 2 == 0, "the scale is a power of two");
  const mst_gram_options options = {0};
  double *scale = NULL;
  mst_status st = mst_alloc(&scale, plan->n, sizeof *scale, "column scales");
  for (int64_t j = 0; st == MST_OK && j < plan->n; j++) scale[j] = ldexp(1, -MST_LATTICE_BITS / 2);
  const mst_gram_work w = {.team = team,
                           .plan = plan,
                           .options = &options,
                           .observer = observer,
                           .out = whole,
                           .n = plan->n,
                           .scale = scale};
  st = mst_team_agree(team, st);
  mst_observer_phase(observer, "statistics", r->users->roster->rows * plan->passes, "rows");
  for (int64_t first = 0; st == MST_OK && first < plan->tiles; first += plan->panel_tiles)
    st = run_pass(&w, r, first, mst_least(first + plan->panel_tiles, plan->tiles));
  mst_free(scale);
  return st;
}

mst_status mst_ease_products(mst_team *team, mst_ratings *r, const mst_observer *observer,
                             mst_tiles *whole) {
  mst_gram_plan plan;
  mst_row_plan_gram(r->d, mst_team_size(team), &plan);
  return r->users->sparse != NULL ? sum_sparse(team, r, &plan, observer, whole)
                                  : sum_whole(team, r, &plan, observer, whole);
}

int64_t mst_ease_products_bytes(int64_t items, int ranks, bool sparse, int64_t matrix_bytes) {
  mst_gram_plan plan;
  mst_row_plan_gram(items, ranks, &plan);
  if (sparse) plan.fixed_bytes = 8 * plan.n;
  return mst_gram_plan_peak(&plan, ranks, matrix_bytes);
}
