/* Reduce-scatter: each rank ends with the sum of its own part. Every part is cut into the same
 * number of pieces, and a round takes the next piece of each part, so that rounds are full and all
 * parts end together however unequal they are. Inside a domain the owner adds its piece straight
 * from the others' segments; between domains the leaders reduce-scatter the domains' sums. */
#include <inttypes.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"

/* Elements that are added at a time, so that the accumulator stays in the first cache. */
#define BLOCK 1024

typedef struct work {
  mst_team *team;
  const mst_reducer *reducer;
  const char *send;
  const int64_t *count;
  char *recv;
  int64_t rounds;
  uint64_t start; /* the team's round count when it began */
  mst_status status;
} work;

typedef struct span {
  int64_t begin, end;
} span;

/* What round k takes of a part of count elements: count / rounds, and one more in the first
 * count % rounds rounds. */
static span piece_of(const work *w, int rank, int64_t k) {
  int64_t each = w->count[rank] / w->rounds, extra = w->count[rank] % w->rounds;
  int64_t begin = each * k + (k < extra ? k : extra);
  return (span){begin, begin + each + (k < extra)};
}

/* In a round's buffer pieces follow each other in the domains' order: where that of place `to`
 * begins, counted from that of place `from`. */
static int64_t offset_between(const work *w, int from, int to, int64_t k) {
  int64_t offset = 0;
  for (int i = from; i < to; i++) {
    span s = piece_of(w, w->team->domain.order[i], k);
    offset += s.end - s.begin;
  }
  return offset;
}

/* This rank's place in the domains' order. */
static int own_place(const mst_domain *d) {
  return d->first[d->index] + d->rank;
}

static char *buffer(const work *w, int of, int64_t k) {
  return mst_domain_buffer(&w->team->domain, of, w->start + (uint64_t)k);
}

static const char *terms_of(const work *w, int rank, int64_t begin) {
  return w->send + (w->team->domain.part[rank] + begin) * 8;
}

/* With one domain the owner reads its own terms from send. */
static void publish(const work *w, int64_t k) {
  mst_domain *d = &w->team->domain;
  uint64_t now = w->start + (uint64_t)k;
  if (now >= MST_ROUND_BUFFERS && d->size > 1)
    mst_domain_wait(w->team, MST_CONSUMED, now + 1 - MST_ROUND_BUFFERS);
  char *out = buffer(w, d->rank, k);
  for (int i = 0; i < w->team->size; i++) {
    int rank = d->order[i];
    span s = piece_of(w, rank, k);
    size_t bytes = (size_t)(s.end - s.begin) * 8;
    if (bytes > 0 && (d->n > 1 || rank != w->team->rank)) {
      memcpy(out, terms_of(w, rank, s.begin), bytes);
      if (d->size > 1) w->team->meter.shared_bytes += (int64_t)bytes;
    }
    out += bytes;
  }
  if (d->size > 1) mst_domain_reach(w->team, MST_PUBLISHED, now + 1);
}

/* sum(n) += the other ranks' published elements from offset on. */
static void add_others(const work *w, int64_t k, void *sum, int64_t n, int64_t offset) {
  const mst_domain *d = &w->team->domain;
  for (int j = 1; j < d->size; j++)
    w->reducer->add(sum, buffer(w, (d->rank + j) % d->size, k) + offset * 8, n, 0);
}

/* One domain: the owner's piece, straight into recv. */
static void reduce_own(const work *w, int64_t k) {
  const mst_domain *d = &w->team->domain;
  span s = piece_of(w, w->team->rank, k);
  int64_t offset = offset_between(w, 0, own_place(d), k);
  for (int64_t begin = s.begin; begin < s.end; begin += BLOCK) {
    int64_t n = s.end - begin < BLOCK ? s.end - begin : BLOCK;
    char *sum = w->recv + begin * 8;
    memcpy(sum, terms_of(w, w->team->rank, begin), (size_t)n * 8);
    add_others(w, k, sum, n, offset + begin - s.begin);
  }
}

/* Several domains: this rank's slice of the whole round, into the leader's segment. */
static void reduce_slice(const work *w, int64_t k) {
  const mst_domain *d = &w->team->domain;
  int64_t total = offset_between(w, 0, w->team->size, k), lines = (total + 7) / 8;
  int64_t begin = lines * d->rank / d->size * 8, end = lines * (d->rank + 1) / d->size * 8;
  if (end > total) end = total;
  for (; begin < end; begin += BLOCK) {
    _Alignas(64) int64_t sum[BLOCK];
    int64_t n = end - begin < BLOCK ? end - begin : BLOCK;
    memcpy(sum, buffer(w, d->rank, k) + begin * 8, (size_t)n * 8);
    add_others(w, k, sum, n, begin);
    memcpy(buffer(w, 0, k) + begin * 8, sum, (size_t)n * 8);
  }
}

/* The leader's part between domains; the domain's sums end at the buffer's begin. After a failure
 * it goes on without MPI, so that its domain reaches the end and learns of it. */
static void scatter_between(work *w, int64_t k) {
  mst_domain *d = &w->team->domain;
  if (d->size > 1) mst_domain_wait(w->team, MST_REDUCED, w->start + (uint64_t)k + 1);
  int64_t total = 0;
  for (int i = 0; i < d->n; i++) {
    d->counts[i] = (int)offset_between(w, d->first[i], d->first[i + 1], k);
    total += d->counts[i];
  }
  if (w->status != MST_OK) return;
  mst_comm_meter(w->team, 8.0 * (double)total * (d->n - 1) / d->n);
  w->status = mst_comm_check(MPI_Reduce_scatter(MPI_IN_PLACE, buffer(w, 0, k), d->counts,
                                                w->reducer->type, w->reducer->op, d->leaders),
                             "reduce-scatter between nodes");
  if (w->status != MST_OK) atomic_store(&d->flags[0]->failed, 1);
}

static void reduce_round(work *w, int64_t k) {
  mst_domain *d = &w->team->domain;
  uint64_t done = w->start + (uint64_t)k + 1;
  if (d->size > 1) mst_domain_wait(w->team, MST_PUBLISHED, done);
  if (d->n == 1) {
    reduce_own(w, k);
    if (d->size > 1) mst_domain_reach(w->team, MST_CONSUMED, done);
    return;
  }
  if (d->size > 1) {
    reduce_slice(w, k);
    mst_domain_reach(w->team, MST_REDUCED, done);
  }
  if (d->rank != 0) return;
  scatter_between(w, k);
  if (d->size > 1) mst_domain_reach(w->team, MST_SPREAD, done);
}

static void collect(const work *w, int64_t k) {
  mst_domain *d = &w->team->domain;
  uint64_t done = w->start + (uint64_t)k + 1;
  if (d->n == 1) return;
  if (d->rank != 0) mst_domain_wait_for(w->team, 0, MST_SPREAD, done);
  span s = piece_of(w, w->team->rank, k);
  int64_t offset = offset_between(w, d->first[d->index], own_place(d), k);
  if (s.end > s.begin) /* recv may be NULL where nothing arrives */
    memcpy(w->recv + s.begin * 8, buffer(w, 0, k) + offset * 8, (size_t)(s.end - s.begin) * 8);
  if (d->size > 1) mst_domain_reach(w->team, MST_CONSUMED, done);
}

static mst_status run_rounds(work *w) {
  mst_domain *d = &w->team->domain;
  for (int64_t k = 0; k < w->rounds + 2; k++) {
    if (k < w->rounds) publish(w, k);
    if (k >= 1 && k - 1 < w->rounds) reduce_round(w, k - 1);
    if (k >= 2) collect(w, k - 2);
  }
  d->rounds += (uint64_t)w->rounds;
  if (w->status == MST_OK && d->size > 1 && atomic_load(&d->flags[0]->failed))
    return mst_fail(MST_ERR_COMM, "a reduce-scatter between nodes failed on this node's leader");
  return w->status;
}

/* Where each part begins in send. */
static mst_status lay_parts(mst_team *team, const int64_t *count, int64_t *total) {
  *total = 0;
  for (int r = 0; r < team->size; r++) {
    if (count[r] < 0)
      return mst_fail(MST_ERR_INTERNAL,
                      "rank %d's part of a reduce-scatter has %" PRId64 " entries: give 0 or more",
                      r, count[r]);
    team->domain.part[r] = *total;
    *total += count[r];
  }
  return MST_OK;
}

static mst_status scatter(mst_team *team, const mst_reducer *reducer, const void *send,
                          const int64_t *count, void *recv) {
  mst_domain *d = &team->domain;
  int64_t total = 0;
  MST_TRY(mst_team_same(team, count, team->size, "parts of a reduce-scatter"));
  MST_TRY(lay_parts(team, count, &total));
  if (team->size == 1) {
    if (total > 0) memcpy(recv, send, (size_t)total * 8);
    return MST_OK;
  }
  int64_t room = d->round_elements - team->size; /* each piece may be one longer than its share */
  work w = {team, reducer, send, count, recv, (total + room - 1) / room, d->rounds, MST_OK};
  mst_comm_enter(team);
  return mst_comm_leave(team, run_rounds(&w));
}

mst_status mst_sum_scatter_i64(mst_team *team, const int64_t *send, const int64_t *count,
                               int64_t *recv) {
  return scatter(team, &mst_reducer_sum_i64, send, count, recv);
}

mst_status mst_sum_scatter_fast(mst_team *team, const double *send, const int64_t *count,
                                double *recv) {
  return scatter(team, &mst_reducer_sum_f64, send, count, recv);
}
