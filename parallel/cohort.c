/* Drawing cohorts, and the order in which a node's ranks take their clients: longest first, so that
 * the last ones to finish are short. */
#include "parallel/cohort.h"

#include "core/base/key.h"
#include "core/base/memory.h"

mst_status mst_cohort_create(const mst_clients *clients, mst_cohort *c) {
  int64_t k = mst_clients_count(clients);
  *c = (mst_cohort){.n = 0};
  mst_status st = mst_alloc(&c->candidate, k, sizeof *c->candidate, "clients with rows");
  if (st == MST_OK) st = mst_alloc(&c->client, k, sizeof *c->client, "cohort");
  if (st == MST_OK) st = mst_alloc(&c->list, k, sizeof *c->list, "cohort");
  if (st != MST_OK) {
    mst_cohort_free(c);
    return st;
  }
  for (int64_t i = 0; i < k; i++)
    if (mst_clients_rows(clients, i) > 0) c->candidate[c->candidates++] = i;
  return MST_OK;
}

void mst_cohort_free(mst_cohort *c) {
  mst_free(c->candidate);
  mst_free(c->client);
  mst_free(c->list);
  *c = (mst_cohort){.n = 0};
}

static void draw(mst_cohort *c, mst_stream *s, bool bernoulli, int64_t size, double q) {
  if (!bernoulli) {
    c->n = size;
    mst_stream_subset(s, c->candidates, size, c->client);
    for (int64_t i = 0; i < size; i++) c->client[i] = c->candidate[c->client[i]];
    return;
  }
  c->n = 0;
  for (int64_t i = 0; i < c->candidates; i++)
    if (mst_stream_uniform(s) < q) c->client[c->n++] = c->candidate[i];
}

/* Heap sort: most rows first, lower client first on a tie. */
static bool comes_before(const mst_clients *clients, int64_t a, int64_t b) {
  int64_t x = mst_clients_rows(clients, a), y = mst_clients_rows(clients, b);
  return x != y ? x > y : a < b;
}

static void sink(const mst_clients *clients, int64_t *list, int64_t at, int64_t n) {
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= n) return;
    if (child + 1 < n && comes_before(clients, list[child], list[child + 1])) child++;
    if (!comes_before(clients, list[at], list[child])) return;
    int64_t kept = list[at];
    list[at] = list[child];
    list[child] = kept;
    at = child;
  }
}

static void sort_longest_first(const mst_clients *clients, int64_t *list, int64_t n) {
  for (int64_t at = n / 2 - 1; at >= 0; at--) sink(clients, list, at, n);
  for (int64_t end = n - 1; end > 0; end--) {
    int64_t last = list[0];
    list[0] = list[end];
    list[end] = last;
    sink(clients, list, 0, end);
  }
}

/* The list of this domain. */
static void share_out(mst_cohort *c, const mst_clients *clients) {
  c->local = 0;
  for (int64_t i = 0; i < c->n; i++)
    if (mst_clients_here(clients, c->client[i])) c->list[c->local++] = c->client[i];
  sort_longest_first(clients, c->list, c->local);
}

void mst_cohort_draw(mst_cohort *c, const mst_clients *clients, uint64_t seed, int64_t round,
                     bool bernoulli, int64_t size, double q) {
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_COHORT, 0, (uint64_t)round));
  draw(c, &s, bernoulli, size, q);
  share_out(c, clients);
}

void mst_cohort_take(mst_cohort *c, const mst_clients *clients, int64_t n, const int64_t *client) {
  c->n = n;
  for (int64_t i = 0; i < n; i++) c->client[i] = client[i];
  share_out(c, clients);
}
