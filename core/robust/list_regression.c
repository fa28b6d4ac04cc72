/* The list of a regression from batches: sets of weights over users wait to be looked at; each is
 * fitted (list_fit.c), and then kept, filtered or split by how its users' gradients spread.
 * Equation numbers are those of doc/methods/list_regression.md. */
#include "core/robust/list_internal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"

#define LARGEST 1e120 /* that the numbers of a user may add up to, so that products stay finite */
#define REACH   2.0 /* half-width of a cut's overlap, in standard deviations of a genuine user   */
#define SPREAD  3.0 /* variance of genuine users that is taken for one vector's                  */
#define EDGE    8   /* a filter begins outside of the share alpha / EDGE at either end           */
#define CUT     0.9 /* most that the squared weights of two sides may be of the whole's          */

int64_t mst_list_regression_room(double alpha) {
  return (int64_t)ceil(4 / alpha);
}

typedef struct place {
  double value;
  int64_t user;
} place;

/* By value, then by number: one order of any values. */
static int compare(const void *a, const void *b) {
  const place *p = a, *q = b;
  if (p->value != q->value) return p->value < q->value ? -1 : 1;
  return p->user < q->user ? -1 : 1;
}

static mst_status sort_users(mst_list_search *s) {
  const int64_t n = s->b->n;
  place *p = NULL;
  MST_TRY(mst_alloc(&p, n, sizeof *p, "users in order"));
  for (int64_t k = 0; k < n; k++) p[k] = (place){s->value[k], k};
  qsort(p, (size_t)n, sizeof *p, compare);
  for (int64_t k = 0; k < n; k++) s->order[k] = p[k].user;
  mst_free(p);
  return MST_OK;
}

/* The cut whose two sides, each with the overlap, have the least sum of squared weights, beside the
 * square of the whole. (5) */
static double best_cut(const mst_list_search *s, const double *beta, double reach, double *cut) {
  const int64_t n = s->b->n;
  const double whole = mst_list_total(n, beta);
  double least = INFINITY, left = 0, right = whole;
  int64_t in = 0, out = 0; /* places that the left side has, and that the right one has lost */
  for (int64_t i = 0; i + 1 < n; i++) {
    const double at = (s->value[s->order[i]] + s->value[s->order[i + 1]]) / 2;
    for (; in < n && s->value[s->order[in]] <= at + reach; in++) left += beta[s->order[in]];
    for (; out < n && s->value[s->order[out]] < at - reach; out++) right -= beta[s->order[out]];
    const double sum = (left * left + right * right) / (whole * whole);
    if (sum < least) {
      least = sum;
      *cut = at;
    }
  }
  return least;
}

/* One more set that waits, the users below or above the cut and its overlap; nothing of one too
 * light to hold the genuine users. There is room: squared weights add up to no more than n^2. */
static void push(mst_list_search *s, const double *beta, double cut, double reach, bool above) {
  const int64_t n = s->b->n;
  double *to = s->set + s->sets * n;
  for (int64_t k = 0; k < n; k++) {
    const bool in = above ? s->value[k] >= cut - reach : s->value[k] <= cut + reach;
    to[k] = in ? beta[k] : 0;
  }
  if (mst_list_total(n, to) >= s->alpha * (double)n / 2) s->sets++;
}

/* Take weight from the users outside of all but the outer alpha / EDGE, in the measure of their
 * squared distance; false: nobody is far outside. (6) */
static bool filter(mst_list_search *s, double *beta, double reach) {
  const int64_t n = s->b->n;
  const double edge = s->alpha * (double)n / EDGE;
  double low = -INFINITY, high = INFINITY, farthest = 0, sum = 0;
  for (int64_t i = 0; i < n && sum < edge; i++) {
    sum += beta[s->order[i]];
    low = s->value[s->order[i]];
  }
  sum = 0;
  for (int64_t i = n - 1; i >= 0 && sum < edge; i--) {
    sum += beta[s->order[i]];
    high = s->value[s->order[i]];
  }
  for (int64_t k = 0; k < n; k++)
    if (beta[k] > 0) farthest = fmax(farthest, fmax(low - s->value[k], s->value[k] - high));
  if (farthest <= reach) return false;
  for (int64_t k = 0; k < n; k++) {
    const double out = fmax(fmax(low - s->value[k], s->value[k] - high), 0) / farthest;
    beta[k] *= 1 - out * out;
  }
  return true;
}

static void keep(mst_list_search *s, const double *beta, const double *w, double spread) {
  const int64_t n = s->b->n, d = s->b->d;
  double *to = s->leaf + s->leaves * (n + d);
  memcpy(to, beta, (size_t)n * sizeof *to);
  memcpy(to + n, w, (size_t)d * sizeof *to);
  s->spread[s->leaves++] = spread;
}

typedef enum verdict {
  AGREED,   /* nobody is far from the others */
  FILTERED, /* look again                    */
  SPLIT
} verdict;

/* Cut the set by its users' values, if that is allowed, or else filter it. */
static mst_status part(mst_list_search *s, double *beta, double reach, verdict *v) {
  double cut = 0;
  *v = SPLIT;
  MST_TRY(sort_users(s));
  if (best_cut(s, beta, reach, &cut) <= CUT) {
    push(s, beta, cut, reach, false);
    push(s, beta, cut, reach, true);
    return MST_OK;
  }
  *v = filter(s, beta, reach) ? FILTERED : AGREED;
  return MST_OK;
}

/* Look at a set once: by the direction of its gradients, and where they agree by its residuals. */
static mst_status look(mst_list_search *s, double *beta, double *w, verdict *v) {
  const double noise = 1 + sqrt((double)s->b->d / mst_list_total(s->b->n, beta));
  double largest = 0, rows = 1, scatter = 0;
  *v = AGREED;
  MST_TRY(mst_list_fit(s, beta, w));
  MST_TRY(mst_list_direction(s, beta, w, &largest, &rows));
  if (largest * rows > SPREAD * noise * noise) MST_TRY(part(s, beta, REACH / sqrt(rows), v));
  if (*v != AGREED) return MST_OK;
  mst_list_scatter(s, beta, w, &scatter, &rows);
  if (scatter > SPREAD) MST_TRY(part(s, beta, REACH * sqrt(2 / rows), v));
  if (*v == AGREED) keep(s, beta, w, largest * rows);
  return MST_OK;
}

/* Look at a set until it is kept, split or too light. */
static mst_status settle(mst_list_search *s, double *beta, double *w) {
  const int64_t n = s->b->n;
  verdict v = FILTERED;
  for (int64_t turn = 0; turn <= 2 * n && v == FILTERED; turn++) {
    if (mst_list_total(n, beta) < s->alpha * (double)n / 2) return MST_OK;
    MST_TRY(look(s, beta, w, &v));
  }
  return MST_OK;
}

static mst_status explore(mst_list_search *s) {
  const int64_t n = s->b->n;
  double *beta = NULL, *w = NULL;
  mst_status st = mst_alloc(&beta, n, sizeof *beta, "weights of users");
  if (st == MST_OK) st = mst_alloc(&w, s->b->d, sizeof *w, "a regression");
  while (st == MST_OK && s->sets > 0) { /* at most 40 / alpha^2 splits: each costs squared weight */
    memcpy(beta, s->set + --s->sets * n, (size_t)n * sizeof *beta);
    st = settle(s, beta, w);
  }
  mst_free(beta);
  mst_free(w);
  return st;
}

/* Whether w explains at least half of what another set's users are explained by. (7) */
static bool explains(mst_list_search *s, const double *w, const double *beta, const double *own) {
  double good = 0;
  for (int64_t k = 0; k < s->b->n; k++) {
    if (beta[k] <= 0) continue;
    const double with = mst_list_measure(s, k, w, s->right),
                 without = mst_list_measure(s, k, own, s->right);
    good += with <= without * (1 + REACH / sqrt((double)s->b->rows[k])) ? beta[k] : 0;
  }
  return 2 * good >= mst_list_total(s->b->n, beta);
}

/* The weighted median of the users' mean squared residuals. */
static mst_status find_loss(mst_list_search *s, const double *beta, const double *w, double *loss) {
  const int64_t n = s->b->n;
  double sum = 0, half = mst_list_total(n, beta) / 2;
  for (int64_t k = 0; k < n; k++)
    s->value[k] = s->scale[k] > 0 ? mst_list_measure(s, k, w, s->right) : INFINITY;
  MST_TRY(sort_users(s));
  for (int64_t i = 0; i < n && sum < half; i++) {
    sum += beta[s->order[i]];
    *loss = s->value[s->order[i]];
  }
  return MST_OK;
}

/* The heaviest sets whose users no vector of the list explains as well. */
static mst_status choose(mst_list_search *s, double *w, mst_list_candidate *member,
                         int64_t *found) {
  const int64_t n = s->b->n, d = s->b->d, room = mst_list_regression_room(s->alpha);
  for (int64_t turn = 0; turn < s->leaves && *found < room; turn++) {
    int64_t best = -1;
    double most = 0;
    for (int64_t i = 0; i < s->leaves; i++) {
      const double weight = s->spread[i] < 0 ? 0 : mst_list_total(n, s->leaf + i * (n + d));
      if (weight <= most) continue;
      best = i;
      most = weight;
    }
    if (best < 0) break;
    const double *beta = s->leaf + best * (n + d), *own = beta + n;
    bool explained = false;
    for (int64_t j = 0; j < *found && !explained; j++)
      explained = explains(s, w + j * d, beta, own);
    if (!explained) {
      mst_list_candidate *m = member + *found;
      *m = (mst_list_candidate){.weight = most, .spread = s->spread[best]};
      MST_TRY(find_loss(s, beta, own, &m->loss));
      memcpy(w + (*found)++ * d, own, (size_t)d * sizeof *w);
    }
    s->spread[best] = -1; /* done with */
  }
  return MST_OK;
}

static bool is_usable(const mst_list_batches *b, int64_t user) {
  const int64_t d = b->d;
  double sum = fabs(b->yy[user]), trace = 0;
  for (int64_t i = 0; i < d; i++) {
    sum += fabs(b->xy[user * d + i]);
    trace += b->xx[(user * d + i) * d + i];
    for (int64_t j = 0; j <= i; j++) sum += fabs(b->xx[(user * d + i) * d + j]);
  }
  return b->rows[user] > 0 && sum <= LARGEST && trace > 0 && b->yy[user] >= 0;
}

static mst_status allocate(mst_list_search *s) {
  const int64_t n = s->b->n, d = s->b->d;
  s->room = (int64_t)ceil(4 / (s->alpha * s->alpha)) + 1; /* of weights alpha n / 2: see push */
  MST_TRY(mst_alloc(&s->scale, n, sizeof *s->scale, "scales of users"));
  MST_TRY(mst_alloc(&s->h, n * d, sizeof *s->h, "gradients of users"));
  MST_TRY(mst_alloc(&s->value, n, sizeof *s->value, "values of users"));
  MST_TRY(mst_alloc(&s->order, n, sizeof *s->order, "order of users"));
  MST_TRY(mst_alloc(&s->matrix, d * d, sizeof *s->matrix, "covariance of gradients"));
  MST_TRY(mst_alloc(&s->right, d, sizeof *s->right, "mean of gradients"));
  MST_TRY(mst_alloc(&s->eigen, d, sizeof *s->eigen, "eigenvalues"));
  MST_TRY(mst_alloc(&s->work, mst_eigen_work_doubles(d, true), sizeof *s->work, "eigenvalues"));
  MST_TRY(mst_alloc(&s->set, s->room, (size_t)n * sizeof *s->set, "sets of users"));
  MST_TRY(mst_alloc(&s->leaf, s->room, (size_t)(n + d) * sizeof *s->leaf, "sets of users"));
  return mst_alloc(&s->spread, s->room, sizeof *s->spread, "sets of users");
}

/* The set of all usable users. */
static mst_status begin(mst_list_search *s) {
  const int64_t n = s->b->n, d = s->b->d;
  int64_t usable = 0;
  for (int64_t k = 0; k < n; k++) {
    const bool good = is_usable(s->b, k);
    double trace = 0;
    for (int64_t i = 0; good && i < d; i++) trace += s->b->xx[(k * d + i) * d + i];
    s->scale[k] = sqrt(trace / (double)(d * mst_most(s->b->rows[k], 1)));
    s->set[k] = good;
    usable += good;
  }
  s->sets = 1;
  if ((double)usable >= s->alpha * (double)n) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "of %lld users %lld have rows whose numbers are finite, fewer than the share "
                  "alpha = %g of genuine ones",
                  (long long)n, (long long)usable, s->alpha);
}

/* A list is never empty: where nothing was kept, it is the fit of all. */
static mst_status fall_back(mst_list_search *s) {
  const int64_t n = s->b->n;
  double *w = NULL;
  MST_TRY(mst_alloc(&w, s->b->d, sizeof *w, "a regression"));
  for (int64_t k = 0; k < n; k++) s->set[k] = s->scale[k] > 0 ? 1 : 0;
  mst_status st = mst_list_fit(s, s->set, w);
  double largest = 0, rows = 1;
  if (st == MST_OK) st = mst_list_direction(s, s->set, w, &largest, &rows);
  if (st == MST_OK) keep(s, s->set, w, largest * rows);
  mst_free(w);
  return st;
}

static void release(mst_list_search *s) {
  mst_free(s->scale);
  mst_free(s->h);
  mst_free(s->value);
  mst_free(s->order);
  mst_free(s->matrix);
  mst_free(s->right);
  mst_free(s->eigen);
  mst_free(s->work);
  mst_free(s->set);
  mst_free(s->leaf);
  mst_free(s->spread);
}

mst_status mst_list_regression(const mst_list_batches *b, double alpha, double *w,
                               mst_list_candidate *member, int64_t *found) {
  mst_list_search s = {.b = b, .alpha = alpha};
  *found = 0;
  if (!(alpha > 0 && alpha <= 1) || b->n < 1 || b->d < 1)
    return mst_fail(
        MST_ERR_INPUT,
        "a list needs a share alpha of genuine users in (0, 1], users and columns; here "
        "are alpha = %g, %lld users, %lld columns",
        alpha, (long long)b->n, (long long)b->d);
  s.alpha = fmax(alpha, 1 / (double)b->n); /* somebody is genuine: so few sets that they fit */
  mst_status st = allocate(&s);
  if (st == MST_OK) st = begin(&s);
  if (st == MST_OK) st = explore(&s);
  if (st == MST_OK && s.leaves == 0) st = fall_back(&s);
  if (st == MST_OK) st = choose(&s, w, member, found);
  release(&s);
  return st;
}
