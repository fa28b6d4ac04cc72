/* Heads of clients' own: what they start from, taken out of the tiles; each client's solution; the
 * scores. A client's numbers come from one rank, as integers or as bits, so sums over ranks are
 * exact. */
#include "parallel/analytic_personal.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/analytic_internal.h"

mst_status mst_analytic_keep_statistics(const mst_tiles *t, const mst_analytic_options *options,
                                        int64_t d, double rows, const double *shift,
                                        const double *sum, const double *inverse) {
  mst_head_statistics *to = options->statistics;
  const int64_t c = t->n - 1 - d;
  mst_head_statistics_free(to);
  MST_TRY(mst_team_agree(t->grid->team, mst_head_statistics_create(d, c, to)));
  to->rows = rows;
  to->ridge = options->ridge;
  to->bias = options->bias;
  for (int64_t j = 0; j < d + c; j++) to->mean[j] = options->bias ? shift[j] + sum[j] / rows : 0;
  memcpy(to->inverse, inverse, (size_t)d * sizeof *inverse);
  MST_TRY(mst_tiles_part(t, true, 0, d, 0, d, to->gram));
  return mst_tiles_part(t, true, 0, d, d, c, to->moments);
}

/* Of one head, on one client's rows. */
typedef struct tally {
  int64_t *correct; /* (clients) */
  double *cost;     /* (clients) sums of squared differences */
} tally;

typedef struct work {
  mst_team *team;
  const mst_clients *store;
  const mst_roster *roster;
  const mst_analytic_model *global;
  const mst_personal_options *options;
  mst_personal_result *result;
  mst_heads *heads;
  mst_analytic_model own;      /* the client's at hand */
  int64_t clients, d, c, most; /* most rows of a client, those held out included */
  int64_t *rows;               /* (clients) that are scored */
  tally global_tally, own_tally;
  double *wide, *score; /* (MST_BLOCK_ROWS, d), (MST_BLOCK_ROWS, c) */
  int64_t *order;       /* (most) */
  double *weight;       /* (most) */
} work;

static void clear(work *w) {
  void *const array[] = {w->own.weights,
                         w->own.intercept,
                         w->rows,
                         w->global_tally.correct,
                         w->global_tally.cost,
                         w->own_tally.correct,
                         w->own_tally.cost,
                         w->wide,
                         w->score,
                         w->order,
                         w->weight};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_heads_free(w->heads);
}

void mst_personal_result_free(mst_personal_result *r) {
  mst_free(r->global.each);
  mst_free(r->own.each);
  mst_free(r->heads);
  *r = (mst_personal_result){0};
}

int64_t mst_analytic_personal_bytes(int64_t d, int64_t c, int64_t most_rows, int64_t clients,
                                    int64_t kept) {
  return mst_heads_bytes(d, c, most_rows) + 8 * (7 * clients + (d + 1) * c * (1 + kept)) +
         8 * MST_BLOCK_ROWS * (d + c) + 16 * 2 * most_rows;
}

/* The clients of this rank are consecutive. */
static void find_mine(work *w) {
  const int rank = mst_team_rank(w->team);
  mst_personal_result *r = w->result;
  for (int64_t k = 0; k < w->clients; k++) {
    w->most = mst_most(w->most, w->roster->client_first[k + 1] - w->roster->client_first[k]);
    if (mst_clients_owner(w->store, k) != rank) continue;
    if (r->count++ == 0) r->first = k;
  }
}

static mst_status allocate(work *w, const mst_head_statistics *s) {
  const int64_t k = w->clients, d = w->d, c = w->c;
  mst_personal_result *r = w->result;
  find_mine(w);
  MST_TRY(mst_alloc(&w->rows, k, sizeof *w->rows, "rows of clients"));
  MST_TRY(mst_alloc(&w->global_tally.correct, k, sizeof(int64_t), "hits of clients"));
  MST_TRY(mst_alloc(&w->global_tally.cost, k, sizeof(double), "losses of clients"));
  MST_TRY(mst_alloc(&w->own_tally.correct, k, sizeof(int64_t), "hits of clients"));
  MST_TRY(mst_alloc(&w->own_tally.cost, k, sizeof(double), "losses of clients"));
  MST_TRY(mst_alloc(&w->wide, MST_BLOCK_ROWS * d, sizeof *w->wide, "features to score"));
  MST_TRY(mst_alloc(&w->score, MST_BLOCK_ROWS * c, sizeof *w->score, "scores"));
  MST_TRY(mst_alloc(&w->order, w->most, sizeof *w->order, "order of a client's rows"));
  MST_TRY(mst_alloc(&w->weight, w->most, sizeof *w->weight, "weights of a client's rows"));
  MST_TRY(mst_alloc(&w->own.weights, d * c, sizeof *w->own.weights, "a client's head"));
  MST_TRY(mst_alloc(&w->own.intercept, c, sizeof *w->own.intercept, "a client's head"));
  MST_TRY(mst_alloc(&r->global.each, k, sizeof *r->global.each, "scores of clients"));
  MST_TRY(mst_alloc(&r->own.each, k, sizeof *r->own.each, "scores of clients"));
  if (w->options->keep)
    MST_TRY(mst_alloc(&r->heads, r->count * (d + 1) * c, sizeof *r->heads, "heads of clients"));
  w->own.d = d;
  w->own.c = c;
  mst_status st = mst_heads_create(s, w->options->share, w->most, &w->heads);
  if (st != MST_ERR_SINGULAR) return st;
  return mst_fail_within(st, "heads with a share of %g at the ridge %g: ", w->options->share,
                         s->ridge);
}

/* What the rows that a client learns from count for, as they lie in the store; NULL: 1 each. */
static const double *weights_of(work *w, int64_t client, int64_t n) {
  const double *all = w->options->weight;
  const int64_t first = w->roster->client_first[client];
  const int64_t rows = w->roster->client_first[client + 1] - first;
  if (all == NULL) return NULL;
  mst_clients_order(w->options->seed, client, rows,
                    mst_clients_held_rows(w->options->holdout, rows), w->order);
  for (int64_t i = 0; i < n; i++) w->weight[i] = all[first + w->order[i]];
  return w->weight;
}

static mst_status solve(work *w, int64_t client) {
  const mst_batch b = mst_clients_data(w->store, client);
  const mst_head_rows rows = {
      .n = b.n, .x = b.x, .label = b.label, .value = b.value, .weight = weights_of(w, client, b.n)};
  const int64_t d = w->d, c = w->c;
  mst_personal_result *r = w->result;
  mst_status st =
      mst_heads_solve(w->heads, &rows, MST_HEAD_EITHER, w->own.weights, w->own.intercept);
  if (st != MST_OK) return mst_fail_within(st, "client %lld: ", (long long)client);
  if (r->heads == NULL) return MST_OK;
  double *to = r->heads + (client - r->first) * (d + 1) * c;
  memcpy(to, w->own.weights, (size_t)(d * c) * sizeof *to);
  memcpy(to + d * c, w->own.intercept, (size_t)c * sizeof *to);
  return MST_OK;
}

static double cost_of(const work *w, const mst_batch *b, int64_t first, int64_t n) {
  double cost = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < w->c; k++) {
      const double target = b->label != NULL ? (double)(b->label[first + i] == k)
                                             : (double)b->value[(first + i) * w->c + k];
      const double e = w->score[i * w->c + k] - target;
      cost += e * e;
    }
  return cost;
}

static mst_status score(work *w, const mst_analytic_model *m, int64_t client, tally *t) {
  const mst_batch b = mst_clients_test(w->store, client);
  for (int64_t first = 0; first < b.n; first += MST_BLOCK_ROWS) {
    const int64_t n = mst_least(b.n - first, MST_BLOCK_ROWS);
    mst_analytic_scores(m, n, b.x + first * w->d, w->wide, w->score);
    t->cost[client] += cost_of(w, &b, first, n);
    for (int64_t i = 0; b.label != NULL && i < n; i++)
      t->correct[client] += mst_analytic_choose(m, w->score + i * w->c) == b.label[first + i];
  }
  w->rows[client] = b.n;
  if (isfinite(t->cost[client])) return MST_OK;
  return mst_fail(MST_ERR_NONFINITE,
                  "scores of client %lld are not finite: its features or its head overflow",
                  (long long)client);
}

/* Local. */
static mst_status visit(work *w, const mst_observer *observer) {
  for (int64_t k = w->result->first; k < w->result->first + w->result->count; k++) {
    if (mst_observer_stop(observer))
      return mst_fail(MST_ERR_INTERRUPTED,
                      "interrupted while heads of clients were made; start the run again");
    if (mst_clients_rows(w->store, k) == 0) continue;
    MST_TRY(solve(w, k));
    MST_TRY(score(w, w->global, k, &w->global_tally));
    MST_TRY(score(w, &w->own, k, &w->own_tally));
    mst_observer_step(observer, 1);
  }
  return MST_OK;
}

/* Every client's tally on every rank. Collective. */
static mst_status share(const work *w, tally *t) {
  MST_TRY(mst_sum_i64(w->team, t->correct, w->clients));
  return mst_sum_i64(w->team, (int64_t *)(void *)t->cost, w->clients); /* one owner: bits move */
}

/* Local. */
static mst_status summarise(const work *w, const tally *t, mst_personal_score *s) {
  const bool classes = w->options->classes;
  double *sorted = NULL, all = 0;
  int64_t n = 0, rows = 0;
  MST_TRY(mst_alloc(&sorted, w->clients, sizeof *sorted, "scores of clients"));
  for (int64_t k = 0; k < w->clients; k++) {
    const double own = classes ? (double)t->correct[k] : t->cost[k] / (double)w->c;
    s->each[k] = w->rows[k] > 0 ? own / (double)w->rows[k] : NAN;
    if (w->rows[k] == 0) continue;
    sorted[n++] = classes ? s->each[k] : -s->each[k];
    all += own;
    rows += w->rows[k];
  }
  mst_summary_sort(sorted, n);
  s->clients = mst_summary_make(sorted, n);
  if (!classes) {
    s->clients.mean = -s->clients.mean;
    s->clients.worst = -s->clients.worst;
  }
  s->rows = rows > 0 ? all / (double)rows : NAN;
  w->result->scored = n;
  w->result->rows = rows;
  mst_free(sorted);
  return MST_OK;
}

mst_status mst_analytic_personal(mst_team *team, const mst_clients *store, const mst_roster *roster,
                                 const mst_head_statistics *statistics,
                                 const mst_analytic_model *global,
                                 const mst_personal_options *options, const mst_observer *observer,
                                 mst_personal_result *result) {
  work w = {.team = team,
            .store = store,
            .roster = roster,
            .global = global,
            .options = options,
            .result = result,
            .clients = mst_clients_count(store),
            .d = statistics->d,
            .c = statistics->c};
  *result = (mst_personal_result){0};
  mst_status st = mst_team_agree(team, allocate(&w, statistics));
  if (st == MST_OK) mst_observer_phase(observer, "heads of clients", w.clients, "clients");
  if (st == MST_OK) st = mst_team_agree(team, visit(&w, observer));
  if (st == MST_OK) st = mst_sum_i64(team, w.rows, w.clients);
  if (st == MST_OK) st = share(&w, &w.global_tally);
  if (st == MST_OK) st = share(&w, &w.own_tally);
  if (st == MST_OK) st = summarise(&w, &w.global_tally, &result->global);
  if (st == MST_OK) st = summarise(&w, &w.own_tally, &result->own);
  st = mst_team_agree(team, st);
  clear(&w);
  return st;
}
