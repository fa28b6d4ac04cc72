/* A walk over the columns of some points: the vectors among them travel by buckets, the further
 * points are on every rank already. */
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/robust/space.h"
#include "parallel/robust_internal.h"
#include "parallel/transpose.h"

mst_status mst_robust_rows_create(int64_t n, mst_robust_rows *rows) {
  *rows = (mst_robust_rows){NULL, NULL};
  MST_TRY(mst_alloc(&rows->f32, n, sizeof *rows->f32, "addresses of rows"));
  return mst_alloc(&rows->f64, n, sizeof *rows->f64, "addresses of rows");
}

void mst_robust_rows_free(mst_robust_rows *rows) {
  mst_free(rows->f32);
  mst_free(rows->f64);
}

void mst_robust_distances(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                          double *distance) {
  if (r->wide)
    mst_space_distances_f64(n, m, row->f64, distance);
  else
    mst_space_distances_f32(n, m, row->f32, distance);
}

void mst_robust_away(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                     int64_t to, double *away) {
  if (r->wide)
    mst_space_away_f64(n, m, row->f64, row->f64[to], away);
  else
    mst_space_away_f32(n, m, row->f32, row->f32[to], away);
}

void mst_robust_sum(const mst_robust *r, int64_t n, int64_t m, const mst_robust_rows *row,
                    const double *weight, void *out) {
  if (r->wide)
    mst_space_combine_f64(n, m, row->f64, weight, out);
  else
    mst_space_combine_f32(n, m, row->f32, weight, out);
}

typedef struct walk {
  const mst_robust *r;
  int64_t used;
  const int64_t *point;
  int64_t *place;    /* (n) of a vector among those that travel, -1 = it stays */
  int64_t n_sent;    /* of this rank's vectors                                 */
  const char **sent; /* (n_mine) where they begin                              */
  char *zeros;       /* a block of 0                                           */
  char *result;      /* of a block                                             */
  mst_robust_rows rows;
} walk;

/* The vectors that travel are counted in the order of the ranks, which is that of a bucket's rows.
 */
static void choose_rows(walk *w) {
  const mst_robust *r = w->r;
  for (int64_t i = 0; i < r->n; i++) w->place[i] = -1;
  for (int64_t u = 0; u < w->used; u++)
    if (w->point[u] < r->n) w->place[w->point[u]] = 0;
  int64_t at = 0;
  for (int64_t k = 0; k < r->n; k++) {
    const int64_t i = r->by_rank[k];
    if (w->place[i] < 0) continue;
    w->place[i] = at++;
    if (k >= r->first_mine && k < r->first_mine + r->n_mine)
      w->sent[w->n_sent++] = r->mine[k - r->first_mine];
  }
}

static mst_status open_walk(walk *w) {
  const mst_robust *r = w->r;
  MST_TRY(mst_alloc(&w->place, r->n, sizeof *w->place, "places of vectors"));
  MST_TRY(mst_alloc(&w->sent, r->n_mine, sizeof *w->sent, "addresses of vectors"));
  MST_TRY(mst_alloc(&w->zeros, MST_RULE_COLUMNS, (size_t)r->element, "a block of zeros"));
  MST_TRY(mst_alloc(&w->result, MST_RULE_COLUMNS, (size_t)r->element, "a block of the result"));
  MST_TRY(mst_robust_rows_create(w->used, &w->rows));
  choose_rows(w);
  return MST_OK;
}

static void close_walk(walk *w) {
  mst_free(w->place);
  mst_free(w->sent);
  mst_free(w->zeros);
  mst_free(w->result);
  mst_robust_rows_free(&w->rows);
}

/* Where column c of the u-th point of the walk is. */
static const char *address(const walk *w, const mst_transposed *b, int64_t u, int64_t c) {
  const mst_robust *r = w->r;
  int64_t point = w->point[u];
  if (point < r->n) return b->row[w->place[point]] + (c - b->first) * r->element;
  const char *extra = r->extra[point - r->n];
  return extra != NULL ? extra + c * r->element : w->zeros;
}

static void visit_blocks(walk *w, const mst_transposed *b, mst_robust_visit visit, void *context,
                         char *out) {
  const mst_robust *r = w->r;
  for (int64_t c = b->first; c < b->first + b->count; c += MST_RULE_COLUMNS) {
    int64_t m = mst_least(MST_RULE_COLUMNS, b->first + b->count - c);
    for (int64_t u = 0; u < w->used; u++) mst_robust_rows_set(r, &w->rows, u, address(w, b, u, c));
    visit(context, c, m, &w->rows, out != NULL ? w->result : NULL);
    if (out != NULL) memcpy(out + c * r->element, w->result, (size_t)(m * r->element));
  }
}

mst_status mst_robust_walk(const mst_robust *r, int64_t used, const int64_t *point,
                           mst_robust_visit visit, void *context, void *out) {
  walk w = {.r = r, .used = used, .point = point};
  mst_transpose *t = NULL;
  mst_transposed bucket;
  bool more = true;
  mst_status st = mst_team_agree(r->team, open_walk(&w));
  if (st == MST_OK)
    st = mst_transpose_create_in(r->team, r->memory, w.sent, w.n_sent, r->d, r->element,
                                 MST_RULE_COLUMNS, r->bucket_bytes, &t);
  while (st == MST_OK && more) {
    st = mst_transpose_next(t, &bucket, &more);
    if (st != MST_OK || !more) break;
    visit_blocks(&w, &bucket, visit, context, out);
    if (out != NULL) st = mst_transpose_gather(t, out);
  }
  mst_transpose_destroy(t);
  close_walk(&w);
  return st;
}
