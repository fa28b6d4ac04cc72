/* EASE over ranks. X'X is summed (parallel/ease_products.c) over users' ratings
 * (parallel/ease_ratings.c); the Cholesky factorisation of [X'X + lambda I, I; I, 0]
 * leaves -P in its last block, so the inverse costs no step of its own. doc/methods/ease.md. */
#include "parallel/ease.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/ease/ease.h"
#include "parallel/ease_internal.h"
#include "parallel/row_walk.h"
#include "parallel/tiles.h"

mst_status mst_ease_arrange(int ranks, int64_t rows, int64_t items, bool sparse, int64_t entries,
                            int64_t memory, int64_t held, mst_row_plan *plan) {
  const int64_t n = items + 1 + MST_TILE, matrix = 8 * mst_ceil_div(n, ranks) * n;
  /* The matrix of twice the order beside the sums' one; then its last block on every rank. */
  const int64_t job = held + mst_most(mst_ease_products_bytes(items, ranks, sparse, matrix),
                                      4 * matrix + mst_most(matrix, 16 * items * items));
  if (sparse)
    return mst_row_plan_sparse("ease", ranks, rows, entries, items, job + 48 * items, memory, plan);
  return mst_row_plan_make(
      "ease", ranks, rows, items, items,
      job + mst_sparse_rows_bytes(0, entries) + (4 * MST_BLOCK_ROWS + 48) * items, memory, plan);
}

/* [G + lambda I, I; I, 0] on the tiles of this rank. Local. */
static void border(mst_tiles *t, int64_t d, double lambda) {
  const int rank = mst_team_rank(t->grid->team);
  for (int64_t j = 0; j < d; j++) {
    const int64_t tile = j / MST_TILE, at = j % MST_TILE;
    const int64_t low = (d + j) / MST_TILE, row = (d + j) % MST_TILE;
    if (mst_tiles_owner(t->grid, tile, tile) == rank)
      mst_tiles_at(t, tile, tile)[at * t->lld + at] += lambda;
    if (mst_tiles_owner(t->grid, low, tile) == rank)
      mst_tiles_at(t, low, tile)[at * t->lld + row] = 1;
  }
}

/* inverse(d, d) of G + lambda I on every rank; whole is freed. Collective. */
static mst_status invert(mst_tiles *whole, int64_t d, double lambda, double *inverse) {
  mst_tiles t = {0};
  mst_status st = mst_tiles_create(whole->grid, 2 * d, &t);
  if (st == MST_OK) {
    mst_tiles_copy(whole, d, &t);
    border(&t, d, lambda);
  }
  mst_tiles_free(whole);
  if (st == MST_OK) st = mst_tiles_cholesky(&t, d);
  if (st == MST_ERR_SINGULAR)
    st = mst_fail_within(st,
                         "the items' products are singular at ease.lambda %g: give more, such "
                         "as %g: ",
                         lambda, fmax(100 * lambda, 100));
  if (st == MST_OK) st = mst_tiles_part(&t, true, d, d, d, d, inverse);
  for (int64_t i = 0; st == MST_OK && i < d * d; i++) inverse[i] = -inverse[i];
  mst_tiles_free(&t);
  return st;
}

/* Ratings on the diagonal: each is 0 or 1, so that squares count them. Collective. */
static mst_status count_ratings(const mst_tiles *whole, int64_t d, int64_t *interactions) {
  double *diagonal = NULL, sum = 0;
  mst_status st = mst_alloc(&diagonal, d + 1, sizeof *diagonal, "items' counts");
  st = mst_team_agree(whole->grid->team, st);
  if (st == MST_OK) st = mst_tiles_diagonal(whole, diagonal);
  for (int64_t j = 0; st == MST_OK && j < d; j++) sum += rint(diagonal[j]);
  *interactions = (int64_t)sum;
  mst_free(diagonal);
  if (st == MST_OK && *interactions == 0)
    st = mst_fail(MST_ERR_INPUT,
                  "no user has a rating to learn from: look at ease.threshold and "
                  "at the dataset's x");
  return st;
}

mst_status mst_ease_train(mst_team *team, const mst_ease_users *users, const mst_row_plan *plan,
                          const mst_ease_options *options, const mst_observer *observer,
                          mst_ease *out, int64_t *interactions) {
  mst_ratings r;
  mst_grid *grid = NULL;
  mst_tiles whole = {0};
  if (users->roster->rows == 0) return mst_fail(MST_ERR_INPUT, "no user is left to learn from");
  mst_status st = mst_team_agree(team, mst_ratings_create(users, plan, options, &r));
  const int64_t d = r.d;
  *out = (mst_ease){.d = d};
  if (st == MST_OK) st = mst_grid_create(team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, d + 1, &whole);
  if (st == MST_OK) st = mst_ease_products(team, &r, observer, &whole);
  if (st == MST_OK) st = count_ratings(&whole, d, interactions);
  mst_ratings_free(&r);
  if (st == MST_OK) mst_observer_phase(observer, "inverse", 0, "");
  if (st == MST_OK)
    st = mst_team_agree(team, mst_alloc(&out->weights, d * d, sizeof *out->weights, "weights"));
  if (st == MST_OK) st = invert(&whole, d, options->lambda, out->weights);
  if (st == MST_OK) mst_ease_weights(d, out->weights);
  mst_tiles_free(&whole);
  mst_grid_destroy(grid);
  if (st != MST_OK) mst_ease_free(out);
  return st;
}

void mst_ease_free(mst_ease *m) {
  mst_free(m->weights);
  m->weights = NULL;
}

/* Judging: one user after the other. */
typedef struct judge {
  const mst_ease *m;
  mst_ratings *r;
  double *score; /* (d)             */
  bool *known;   /* (d) of a user's */
  bool *held;    /* (d)             */
  int64_t top[MST_EASE_TOP];
  mst_block_sums sums; /* (2): recall, gain */
  int64_t users, hidden;
} judge;

static void judge_user(judge *j) {
  const mst_ratings *r = j->r;
  const int64_t d = r->d;
  int64_t hidden = 0;
  memset(j->score, 0, (size_t)d * sizeof *j->score);
  memset(j->known, 0, (size_t)d * sizeof *j->known);
  memset(j->held, 0, (size_t)d * sizeof *j->held);
  for (int64_t k = 0; k < r->count; k++) {
    const int64_t item = r->item[k];
    const double *b = j->m->weights + item * d;
    if (r->held[k]) hidden++;
    if (r->held[k]) j->held[item] = true;
    if (r->held[k]) continue;
    j->known[item] = true;
    for (int64_t i = 0; i < d; i++) j->score[i] += b[i];
  }
  if (hidden == 0) return;
  const int64_t n = mst_ease_top(d, j->score, j->known, MST_EASE_TOP, j->top);
  mst_ease_grade(n, j->top, j->held, hidden, &j->sums.block[0], &j->sums.block[1]);
  mst_block_sums_add(&j->sums);
  j->users++;
  j->hidden += hidden;
}

static mst_status judge_group(judge *j, int64_t first, int64_t blocks,
                              const mst_observer *observer) {
  mst_ratings *r = j->r;
  for (int64_t b = first; b < first + blocks && !mst_observer_stop(observer); b++) {
    const mst_block *block = &r->users->roster->block[b];
    const float *raw = NULL;
    MST_TRY(mst_ratings_block(r, b, &raw));
    for (int64_t i = 0; i < block->rows; i++) {
      MST_TRY(mst_ratings_user(r, b, block->first + i, raw));
      judge_user(j);
    }
    mst_observer_step(observer, block->rows);
  }
  return MST_OK;
}

static mst_status judge_all(mst_team *team, judge *j, const mst_observer *observer) {
  mst_status st = MST_OK;
  bool stop = false;
  mst_observer_phase(observer, "score", j->r->users->roster->rows, "users");
  for (int64_t g = 0; st == MST_OK && !stop && g < j->r->groups; g++) {
    int64_t first = 0, blocks = 0;
    st = mst_team_agree(team, mst_ratings_load(j->r, g, &first, &blocks));
    if (st == MST_OK) st = mst_team_agree(team, judge_group(j, first, blocks, observer));
    if (st == MST_OK) st = mst_team_any(team, mst_observer_stop(observer), &stop);
  }
  if (st == MST_OK && stop)
    st = mst_fail(MST_ERR_INTERRUPTED, "interrupted while judging; start the run again");
  return st;
}

static mst_status judge_create(judge *j) {
  const int64_t d = j->r->d;
  mst_status st =
      mst_block_sums_create(2, (double)mst_most(j->r->users->roster->rows, 1), &j->sums);
  if (st == MST_OK) st = mst_alloc(&j->score, d, sizeof *j->score, "scores of a user");
  if (st == MST_OK) st = mst_alloc(&j->known, d, sizeof *j->known, "marks of known items");
  if (st == MST_OK) st = mst_alloc(&j->held, d, sizeof *j->held, "marks of items held out");
  return st;
}

mst_status mst_ease_evaluate(mst_team *team, const mst_ease_users *users, const mst_row_plan *plan,
                             const mst_ease_options *options, const mst_ease *m,
                             const mst_observer *observer, mst_ease_score *score) {
  mst_ratings r;
  judge j = {.m = m, .r = &r};
  mst_status st = mst_ratings_create(users, plan, options, &r);
  if (st == MST_OK) st = judge_create(&j);
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = judge_all(team, &j, observer);
  int64_t count[2] = {j.users, j.hidden};
  if (st == MST_OK) st = mst_sum_i64(team, count, 2);
  if (st == MST_OK) st = mst_block_sums_end(team, &j.sums);
  if (st == MST_OK)
    *score = (mst_ease_score){.users = count[0],
                              .held = count[1],
                              .recall = count[0] > 0 ? j.sums.block[0] / (double)count[0] : NAN,
                              .gain = count[0] > 0 ? j.sums.block[1] / (double)count[0] : NAN};
  mst_free(j.score);
  mst_free(j.known);
  mst_free(j.held);
  mst_block_sums_free(&j.sums);
  mst_ratings_free(&r);
  return st;
}
