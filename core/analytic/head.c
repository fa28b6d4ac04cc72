/* Heads of clients' own. With A0 = (1 - s) G'_xx + rho I, R0 = (1 - s) G'_xy and the client's rows
 * as U (its features in the common units, weighted) and V (its targets), the head is
 * (A0 + U'U)^-1 (R0 + U'V) = W0 + A0^-1 U' (I + U A0^-1 U')^-1 (V - U W0), W0 = A0^-1 R0: equations
 * (5) to (8) of doc/methods/personal_heads.md. */
#include "core/analytic/head.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define BLOCK_ROWS 512 /* of a client's rows, where its own matrix is made */

struct mst_heads {
  const mst_head_statistics *s;
  double share;
  int64_t most_rows, room; /* rows that u and v hold */
  double *factor;          /* (d, d) of A0                                     */
  double *common;          /* (d, c) W0                                        */
  double *mean;            /* (d + c) of the client at hand                    */
  double *u, *v, *t;       /* (room, d), (room, c), (d, room)                  */
  double *inner;           /* (room, room) or, where a matrix is made, (d, d)   */
};

mst_status mst_head_statistics_create(int64_t d, int64_t c, mst_head_statistics *out) {
  *out = (mst_head_statistics){.d = d, .c = c};
  MST_TRY(mst_alloc(&out->mean, d + c, sizeof *out->mean, "means of columns"));
  MST_TRY(mst_alloc(&out->inverse, d, sizeof *out->inverse, "scales of features"));
  MST_TRY(mst_alloc(&out->gram, d * d, sizeof *out->gram, "statistics of features"));
  return mst_alloc(&out->moments, d * c, sizeof *out->moments, "statistics of targets");
}

void mst_head_statistics_free(mst_head_statistics *s) {
  mst_free(s->mean);
  mst_free(s->inverse);
  mst_free(s->gram);
  mst_free(s->moments);
  *s = (mst_head_statistics){0};
}

int64_t mst_head_statistics_bytes(int64_t d, int64_t c) {
  return 8 * (d * d + d * c + 2 * d + c);
}

/* Of so many rows and one for the means the update is less work: forward substitution and product,
 * d^2 m + d m^2, against d^2 m of the matrix and d^3 / 3. */
static bool is_update(int64_t d, int64_t rows) {
  return 2 * (rows + 1) <= d;
}

/* Rows of u: all of a client that is updated, or a block of one whose matrix is made. */
static int64_t room_for(int64_t d, int64_t most_rows) {
  return mst_most(mst_least(most_rows + 1, mst_most(d / 2, 1)), BLOCK_ROWS + 1);
}

int64_t mst_heads_bytes(int64_t d, int64_t c, int64_t most_rows) {
  const int64_t room = room_for(d, most_rows);
  return 8 * (d * d + d * c + d + c + 2 * room * d + room * c + mst_most(room * room, d * d));
}

/* A0, its factor, and W0. */
static mst_status prepare(mst_heads *h) {
  const mst_head_statistics *s = h->s;
  const int64_t d = s->d, c = s->c;
  for (int64_t i = 0; i < d; i++) {
    for (int64_t j = 0; j <= i; j++) h->factor[i * d + j] = (1 - h->share) * s->gram[i * d + j];
    h->factor[i * d + i] += h->share * s->ridge;
  }
  for (int64_t k = 0; k < d * c; k++) h->common[k] = (1 - h->share) * s->moments[k];
  MST_TRY(mst_cholesky(d, h->factor, d));
  mst_cholesky_solve(d, c, h->factor, d, h->common, c);
  return MST_OK;
}

mst_status mst_heads_create(const mst_head_statistics *s, double share, int64_t most_rows,
                            mst_heads **out) {
  mst_heads *h = NULL;
  const int64_t d = s->d, c = s->c;
  *out = NULL;
  if (!(share >= 0 && share <= 1))
    return mst_fail(MST_ERR_INPUT, "a share of %g: give one from 0 to 1", share);
  MST_TRY(mst_alloc(&h, 1, sizeof *h, "heads of clients"));
  *h = (mst_heads){.s = s, .share = share, .most_rows = most_rows, .room = room_for(d, most_rows)};
  mst_status st = mst_alloc(&h->factor, d * d, sizeof *h->factor, "the factor of all");
  if (st == MST_OK) st = mst_alloc(&h->common, d * c, sizeof *h->common, "the head of all");
  if (st == MST_OK) st = mst_alloc(&h->mean, d + c, sizeof *h->mean, "a client's means");
  if (st == MST_OK) st = mst_alloc(&h->u, h->room * d, sizeof *h->u, "a client's rows");
  if (st == MST_OK) st = mst_alloc(&h->v, h->room * c, sizeof *h->v, "a client's targets");
  if (st == MST_OK) st = mst_alloc(&h->t, h->room * d, sizeof *h->t, "a client's rows, solved");
  if (st == MST_OK)
    st = mst_alloc(&h->inner, mst_most(h->room * h->room, d * d), sizeof *h->inner,
                   "a client's matrix");
  if (st == MST_OK) st = prepare(h);
  if (st != MST_OK) {
    mst_heads_free(h);
    return st;
  }
  *out = h;
  return MST_OK;
}

void mst_heads_free(mst_heads *h) {
  if (h == NULL) return;
  void *const array[] = {h->factor, h->common, h->mean, h->u, h->v, h->t, h->inner};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(h);
}

static double target_of(const mst_head_rows *r, int64_t c, int64_t i, int64_t k) {
  return r->label != NULL ? (double)(r->label[i] == k) : (double)r->value[i * c + k];
}

static double weight_of(const mst_head_rows *r, int64_t i) {
  return r->weight != NULL ? r->weight[i] : 1;
}

/* The client's means; its rows weigh `all` together. */
static void find_mean(mst_heads *h, const mst_head_rows *r, double all) {
  const int64_t d = h->s->d, c = h->s->c;
  memset(h->mean, 0, (size_t)(d + c) * sizeof *h->mean);
  for (int64_t i = 0; h->s->bias && i < r->n; i++) {
    const double w = weight_of(r, i) / all;
    for (int64_t j = 0; j < d; j++) h->mean[j] += w * (double)r->x[i * d + j];
    for (int64_t k = 0; k < c; k++) h->mean[d + k] += w * target_of(r, c, i, k);
  }
}

/* u and v of rows [first, first + count): about the client's means, times root(unit weight). */
static void fill(mst_heads *h, const mst_head_rows *r, int64_t first, int64_t count, double unit) {
  const mst_head_statistics *s = h->s;
  const int64_t d = s->d, c = s->c;
  for (int64_t i = 0; i < count; i++) {
    const double root = sqrt(unit * weight_of(r, first + i));
    for (int64_t j = 0; j < d; j++)
      h->u[i * d + j] = root * ((double)r->x[(first + i) * d + j] - h->mean[j]) * s->inverse[j];
    for (int64_t k = 0; k < c; k++)
      h->v[i * c + k] = root * (target_of(r, c, first + i, k) - h->mean[d + k]);
  }
}

/* Row i: the distance of the client's means from those of all. Equation (4). */
static void fill_between(mst_heads *h, int64_t i) {
  const mst_head_statistics *s = h->s;
  const int64_t d = s->d, c = s->c;
  const double root = sqrt(h->share * (1 - h->share) * s->rows);
  for (int64_t j = 0; j < d; j++)
    h->u[i * d + j] = root * (h->mean[j] - s->mean[j]) * s->inverse[j];
  for (int64_t k = 0; k < c; k++) h->v[i * c + k] = root * (h->mean[d + k] - s->mean[d + k]);
}

/* w(d, c) = W0 + A0^-1 U' (I + U A0^-1 U')^-1 (V - U W0), of m rows. Equation (8). */
static mst_status update(mst_heads *h, int64_t m, double *w) {
  const int64_t d = h->s->d, c = h->s->c;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < d; j++) h->t[j * m + i] = h->u[i * d + j];
  mst_forward_solve(d, m, h->factor, d, h->t, m);
  mst_syrk_at_a(m, d, 1.0, h->t, m, 0.0, h->inner, m);
  for (int64_t i = 0; i < m; i++) h->inner[i * m + i] += 1;
  mst_gemm(false, false, m, c, d, -1.0, h->u, d, h->common, c, 1.0, h->v, c);
  MST_TRY(mst_cholesky(m, h->inner, m));
  mst_cholesky_solve(m, c, h->inner, m, h->v, c);
  mst_gemm(true, false, d, c, m, 1.0, h->u, d, h->v, c, 0.0, w, c);
  mst_cholesky_solve(d, c, h->factor, d, w, c);
  for (int64_t k = 0; k < d * c; k++) w[k] += h->common[k];
  return MST_OK;
}

/* w(d, c) from the client's own matrix, block by block of its rows. Equation (5). */
static mst_status solve(mst_heads *h, const mst_head_rows *r, double unit, double *w) {
  const mst_head_statistics *s = h->s;
  const int64_t d = s->d, c = s->c;
  for (int64_t k = 0; k < d * d; k++) h->inner[k] = (1 - h->share) * s->gram[k];
  for (int64_t i = 0; i < d; i++) h->inner[i * d + i] += h->share * s->ridge;
  for (int64_t k = 0; k < d * c; k++) w[k] = (1 - h->share) * s->moments[k];
  for (int64_t first = 0; first < r->n; first += BLOCK_ROWS) {
    int64_t m = mst_least(r->n - first, BLOCK_ROWS);
    fill(h, r, first, m, unit);
    if (first + m == r->n) fill_between(h, m++);
    mst_syrk_at_a(d, m, 1.0, h->u, d, 1.0, h->inner, d);
    mst_gemm(true, false, d, c, m, 1.0, h->u, d, h->v, c, 1.0, w, c);
  }
  MST_TRY(mst_cholesky(d, h->inner, d));
  mst_cholesky_solve(d, c, h->inner, d, w, c);
  return MST_OK;
}

/* Back to features as they come, with the intercept of the mixture's means. Equation (9). */
static void finish(const mst_heads *h, double share, double *weights, double *intercept) {
  const mst_head_statistics *s = h->s;
  const int64_t d = s->d, c = s->c;
  for (int64_t k = 0; k < c; k++)
    intercept[k] = s->bias ? (1 - share) * s->mean[d + k] + share * h->mean[d + k] : 0;
  for (int64_t j = 0; j < d; j++) {
    const double mean = (1 - share) * s->mean[j] + share * h->mean[j];
    for (int64_t k = 0; k < c; k++) {
      weights[j * c + k] *= s->inverse[j];
      if (s->bias) intercept[k] -= mean * weights[j * c + k];
    }
  }
}

mst_status mst_heads_solve(mst_heads *h, const mst_head_rows *rows, mst_head_way way,
                           double *weights, double *intercept) {
  const mst_head_statistics *s = h->s;
  double all = 0;
  for (int64_t i = 0; i < rows->n; i++) all += weight_of(rows, i);
  if (all == 0) {
    memcpy(weights, h->common, (size_t)(s->d * s->c) * sizeof *weights);
    finish(h, 0, weights, intercept);
    return MST_OK;
  }
  if (way == MST_HEAD_EITHER) way = is_update(s->d, rows->n) ? MST_HEAD_UPDATE : MST_HEAD_DIRECT;
  if (rows->n > h->most_rows || (way == MST_HEAD_UPDATE && rows->n + 1 > h->room))
    return mst_fail(MST_ERR_INPUT, "a client has %lld rows, there is room for %lld",
                    (long long)rows->n, (long long)h->most_rows);
  const double unit = h->share * s->rows / all;
  find_mean(h, rows, all);
  if (way == MST_HEAD_UPDATE) {
    fill(h, rows, 0, rows->n, unit);
    fill_between(h, rows->n);
    MST_TRY(update(h, rows->n + 1, weights));
  } else {
    MST_TRY(solve(h, rows, unit, weights));
  }
  finish(h, h->share, weights, intercept);
  return MST_OK;
}
