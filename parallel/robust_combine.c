/* The last pass: columns of the vectors that count, and of nothing else. Where mixers were asked
 * for, their vectors are made here, a block at a time, in the vectors' type; they are never whole.
 */
#include <string.h>

#include "core/base/memory.h"
#include "parallel/robust_internal.h"

/* Some vectors as sums of the points that they are made of. */
typedef struct combination {
  const mst_robust *r;
  int64_t n, used;
  int64_t *point;      /* (used) what the walk brings                               */
  double *matrix;      /* (n, used); NULL = the points themselves, n = used         */
  double *weight;      /* (n) of the clients, or NULL                               */
  char *block;         /* (n, MST_RULE_COLUMNS) the vectors of a block; with matrix */
  mst_robust_rows row; /* (n) where they are                                        */
  int64_t *sign;       /* (n, 2) counted by the pass that looks at signs            */
} combination;

static void close_combination(combination *c) {
  mst_free(c->point);
  mst_free(c->matrix);
  mst_free(c->weight);
  mst_free(c->block);
  mst_free(c->sign);
  mst_robust_rows_free(&c->row);
}

static int64_t point_at(const mst_robust *r, int64_t place) {
  return r->order != NULL ? r->order[place] : place;
}

/* The vectors of rows(n, points) of which vector[0 .. n) are wanted: only points that one of them
 * is made of are used. */
static mst_status use_points(combination *c, const double *rows, const int64_t *vector) {
  const mst_robust *r = c->r;
  int64_t *place = NULL, p = r->points;
  MST_TRY(mst_alloc(&c->point, p, sizeof *c->point, "points that count"));
  mst_status st = mst_alloc(&place, p, sizeof *place, "points that count");
  for (int64_t q = 0; q < p && st == MST_OK; q++) {
    bool counts = false;
    for (int64_t i = 0; i < c->n && !counts; i++) counts = rows[vector[i] * p + q] != 0;
    if (!counts) continue;
    place[c->used] = q;
    c->point[c->used++] = point_at(r, q);
  }
  if (st == MST_OK) st = mst_alloc(&c->matrix, c->n * c->used, sizeof *c->matrix, "sums of points");
  for (int64_t i = 0; i < c->n && st == MST_OK; i++)
    for (int64_t u = 0; u < c->used; u++)
      c->matrix[i * c->used + u] = rows[vector[i] * p + place[u]];
  mst_free(place);
  return st;
}

/* The vectors that the rule saw, those of weight 0 left out. */
static mst_status use_vectors(combination *c) {
  const mst_robust *r = c->r;
  int64_t *vector = NULL;
  MST_TRY(mst_alloc(&vector, r->made, sizeof *vector, "vectors that count"));
  for (int64_t i = 0; i < r->made; i++)
    if (r->chosen == NULL || r->chosen[i] != 0) vector[c->n++] = i;
  mst_status st = mst_robust_rows_create(c->n, &c->row);
  if (st == MST_OK && r->weight != NULL)
    st = mst_alloc(&c->weight, c->n, sizeof *c->weight, "weights of clients");
  for (int64_t i = 0; i < c->n && c->weight != NULL && st == MST_OK; i++)
    c->weight[i] = r->weight[vector[i]];
  if (st == MST_OK && r->matrix != NULL) {
    st = use_points(c, r->matrix, vector);
    if (st == MST_OK)
      st = mst_alloc(&c->block, c->n * MST_RULE_COLUMNS, (size_t)r->element, "mixed vectors");
  } else if (st == MST_OK) {
    st = mst_alloc(&c->point, c->n, sizeof *c->point, "vectors that count");
    for (int64_t i = 0; i < c->n && st == MST_OK; i++) c->point[i] = point_at(r, vector[i]);
    c->used = c->n;
  }
  mst_free(vector);
  return st;
}

/* The vectors of a block, from its rows. */
static const mst_robust_rows *make(combination *c, int64_t m, const mst_robust_rows *row) {
  const mst_robust *r = c->r;
  if (c->matrix == NULL) return row;
  for (int64_t i = 0; i < c->n; i++) {
    void *to = c->block + i * MST_RULE_COLUMNS * r->element;
    mst_robust_sum(r, c->used, m, row, c->matrix + i * c->used, to);
    mst_robust_rows_set(r, &c->row, i, to);
  }
  return &c->row;
}

static void visit_columns(void *context, int64_t first, int64_t m, const mst_robust_rows *row,
                          void *out) {
  combination *c = context;
  const mst_robust *r = c->r;
  const mst_robust_rows *made = make(c, m, row);
  (void)first;
  if (r->wide)
    r->rule->columns_f64(&r->spec, c->n, m, made->f64, c->weight, out);
  else
    r->rule->columns_f32(&r->spec, c->n, m, made->f32, c->weight, out);
}

static void visit_sum(void *context, int64_t first, int64_t m, const mst_robust_rows *row,
                      void *out) {
  combination *c = context;
  (void)first;
  if (c->used > 0)
    mst_robust_sum(c->r, c->used, m, row, c->matrix, out);
  else
    memset(out, 0, (size_t)(m * c->r->element));
}

static void visit_signs(void *context, int64_t first, int64_t m, const mst_robust_rows *row,
                        void *out) {
  combination *c = context;
  (void)first;
  (void)out;
  mst_robust_count_signs(c->r, c->n, m, make(c, m, row), c->sign);
}

mst_status mst_robust_mixed_signs(mst_robust *r) {
  combination c = {.r = r};
  mst_status st = use_vectors(&c);
  if (st == MST_OK) st = mst_alloc(&c.sign, 2 * c.n, sizeof *c.sign, "signs of mixed vectors");
  if (st == MST_OK) st = mst_alloc(&r->sign, 3 * c.n, sizeof *r->sign, "signs of mixed vectors");
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_robust_walk(r, c.used, c.point, visit_signs, &c, NULL);
  if (st == MST_OK) st = mst_robust_share_signs(r, c.n, c.sign, r->sign);
  close_combination(&c);
  return st;
}

mst_status mst_robust_combine(mst_robust *r, void *out) {
  combination c = {.r = r};
  const int64_t only = 0;
  const bool columns = !mst_robust_is_sum(r);
  mst_status st = MST_OK;
  if (columns) {
    st = use_vectors(&c);
  } else {
    c.n = 1;
    st = use_points(&c, r->share, &only);
  }
  st = mst_team_agree(r->team, st);
  if (st == MST_OK)
    st = mst_robust_walk(r, c.used, c.point, columns ? visit_columns : visit_sum, &c, out);
  close_combination(&c);
  return st;
}
