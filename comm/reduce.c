/* The reduction behind every sum: rounds of bounded size through a domain's shared segments, and
 * between domains one allreduce a round by their leaders. In a round each rank publishes its
 * terms, reduces one slice over the domain's ranks and copies the other slices' results; three
 * rounds are in flight, so that ranks seldom wait. */
#include <math.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"
#include "core/linalg/lattice.h"

static void copy(void *out, const void *in, int64_t n, int shift) {
  (void)shift;
  if (out != in) memcpy(out, in, (size_t)n * 8);
}

/* Modulo 2^64: unsigned, because a signed overflow is undefined. */
static void add_i64(void *sum, const void *term, int64_t n, int shift) {
  uint64_t *restrict s = sum;
  const uint64_t *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) s[i] += t[i];
}

static void add_f64(void *sum, const void *term, int64_t n, int shift) {
  double *restrict s = sum;
  const double *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) s[i] += t[i];
}

static void most_i64(void *most, const void *term, int64_t n, int shift) {
  int64_t *restrict m = most;
  const int64_t *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) m[i] = t[i] > m[i] ? t[i] : m[i];
}

static void load_most_f64(void *most, const void *term, int64_t n, int shift) {
  double *m = most; /* may be term */
  const double *t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) m[i] = isnan(t[i]) ? INFINITY : t[i];
}

static void most_f64(void *most, const void *term, int64_t n, int shift) {
  double *restrict m = most;
  const double *restrict t = term;
  (void)shift;
  for (int64_t i = 0; i < n; i++) {
    double v = isnan(t[i]) ? INFINITY : t[i];
    m[i] = v > m[i] ? v : m[i];
  }
}

static void load_lattice(void *sum, const void *term, int64_t n, int shift) {
  mst_lattice_from(sum, term, n, shift);
}

static void add_lattice(void *sum, const void *term, int64_t n, int shift) {
  mst_lattice_add(sum, term, n, shift);
}

static void store_lattice(void *out, const void *sum, int64_t n, int shift) {
  mst_lattice_to(out, sum, n, shift);
}

const mst_reducer mst_reducer_sum_i64 = {MPI_INT64_T, MPI_SUM, copy, add_i64, copy};
const mst_reducer mst_reducer_sum_f64 = {MPI_DOUBLE, MPI_SUM, copy, add_f64, copy};
const mst_reducer mst_reducer_max_i64 = {MPI_INT64_T, MPI_MAX, copy, most_i64, copy};
const mst_reducer mst_reducer_max_f64 = {MPI_DOUBLE, MPI_MAX, load_most_f64, most_f64, copy};
const mst_reducer mst_reducer_lattice = {MPI_INT64_T, MPI_SUM, load_lattice, add_lattice,
                                         store_lattice};

/* One reduction on its way. */
typedef struct work {
  mst_team *team;
  const mst_reducer *reducer;
  char *x;
  int64_t n;
  const double *magnitude;
  int headroom;
  uint64_t start; /* the team's round count when it began */
  mst_status status;
} work;

/* Entries [begin, end) of a round, or of one rank's slice of it. */
typedef struct span {
  int64_t begin, end;
} span;

static span round_of(const work *w, int64_t round) {
  int64_t size = w->team->domain.round_elements;
  int64_t begin = round * size;
  return (span){begin, w->n - begin < size ? w->n : begin + size};
}

/* Slices begin at cache lines, so that two ranks never write to one. */
static span slice_of(const work *w, span round, int of) {
  int64_t lines = (round.end - round.begin + 7) / 8, parts = w->team->domain.size;
  int64_t begin = round.begin + lines * of / parts * 8;
  int64_t end = round.begin + lines * (of + 1) / parts * 8;
  return (span){begin < round.end ? begin : round.end, end < round.end ? end : round.end};
}

static char *buffer(const work *w, int of, int64_t round) {
  return mst_domain_buffer(&w->team->domain, of, w->start + (uint64_t)round);
}

static void wait_all(const work *w, mst_phase phase, int64_t rounds) {
  mst_domain_wait(w->team, phase, w->start + (uint64_t)rounds);
}

static void reach(const work *w, mst_phase phase, int64_t rounds) {
  mst_domain_reach(w->team, phase, w->start + (uint64_t)rounds);
}

static void put(const work *w, int64_t round, int64_t begin, int64_t end) {
  int64_t offset = begin - round_of(w, round).begin;
  memcpy(buffer(w, w->team->domain.rank, round) + offset * 8, w->x + begin * 8,
         (size_t)(end - begin) * 8);
  w->team->meter.shared_bytes += (end - begin) * 8;
}

/* Show the others what they will reduce: all of the round but this rank's own slice. */
static void publish(const work *w, int64_t round) {
  const mst_domain *d = &w->team->domain;
  uint64_t now = w->start + (uint64_t)round;
  if (now >= MST_ROUND_BUFFERS) /* the buffer's last use must be over */
    mst_domain_wait(w->team, MST_CONSUMED, now + 1 - MST_ROUND_BUFFERS);
  span all = round_of(w, round), own = slice_of(w, all, d->rank);
  put(w, round, all.begin, own.begin);
  put(w, round, own.end, all.end);
  reach(w, MST_PUBLISHED, round + 1);
}

static int shift_at(const work *w, int64_t entry) {
  if (w->magnitude == NULL) return 0;
  return mst_lattice_shift(mst_lattice_exponent(w->magnitude[entry / MST_SUM_CHUNK]) +
                           w->headroom);
}

/* The end of the piece of [begin, end) that lies in one chunk and so has one shift. */
static int64_t piece_end(int64_t begin, int64_t end) {
  int64_t next = (begin / MST_SUM_CHUNK + 1) * MST_SUM_CHUNK;
  return next < end ? next : end;
}

typedef void (*kernel)(void *out, const void *in, int64_t n, int shift);

/* Apply a kernel to the entries of a span, chunk by chunk; out and in begin at the span's first. */
static void apply(const work *w, kernel f, void *out, const void *in, span s) {
  for (int64_t begin = s.begin, end; begin < s.end; begin = end) {
    end = piece_end(begin, s.end);
    int64_t at = (begin - s.begin) * 8;
    f((char *)out + at, (const char *)in + at, end - begin, shift_at(w, begin));
  }
}

/* With one domain the sum is final: it goes to x, and to this rank's segment for the others.
 * With several it goes to the leader's segment, whose slices together make the round. */
static void reduce_block(const work *w, int64_t round, span block) {
  const mst_domain *d = &w->team->domain;
  int64_t offset = (block.begin - round_of(w, round).begin) * 8;
  size_t bytes = (size_t)(block.end - block.begin) * 8;
  char *x = w->x + block.begin * 8;
  apply(w, w->reducer->load, d->sum, x, block);
  for (int j = 1; j < d->size; j++)
    apply(w, w->reducer->add, d->sum, buffer(w, (d->rank + j) % d->size, round) + offset, block);
  if (d->n > 1) {
    memcpy(buffer(w, 0, round) + offset, d->sum, bytes);
    return;
  }
  apply(w, w->reducer->store, x, d->sum, block);
  memcpy(buffer(w, d->rank, round) + offset, x, bytes);
}

static void reduce_slice(const work *w, int64_t round) {
  const mst_domain *d = &w->team->domain;
  span own = slice_of(w, round_of(w, round), d->rank);
  wait_all(w, MST_PUBLISHED, round + 1);
  for (int64_t begin = own.begin, end; begin < own.end; begin = end) {
    end = begin + MST_SUM_BLOCK < own.end ? begin + MST_SUM_BLOCK : own.end;
    reduce_block(w, round, (span){begin, end});
  }
  w->team->meter.shared_bytes += (own.end - own.begin) * 8;
  reach(w, MST_REDUCED, round + 1);
}

static mst_status allreduce(const work *w, void *sums, int64_t n) {
  const mst_domain *d = &w->team->domain;
  mst_comm_meter(w->team, 16.0 * (double)n * (d->n - 1) / d->n);
  return mst_comm_check(
      MPI_Allreduce(MPI_IN_PLACE, sums, (int)n, w->reducer->type, w->reducer->op, d->leaders),
      "summing between nodes");
}

/* The leader's part between domains. After a failure it goes on through the rounds without MPI,
 * so that its domain reaches the end and learns of it. */
static void reduce_between(work *w, int64_t round) {
  mst_domain *d = &w->team->domain;
  if (d->n == 1 || d->rank != 0) return;
  wait_all(w, MST_REDUCED, round + 1);
  span all = round_of(w, round);
  if (w->status == MST_OK) {
    w->status = allreduce(w, buffer(w, 0, round), all.end - all.begin);
    if (w->status != MST_OK) atomic_store(&d->flags[0]->failed, 1);
  }
  reach(w, MST_SPREAD, round + 1);
}

/* Copy out what the other ranks of the only domain reduced. */
static void collect_slices(const work *w, int64_t round) {
  const mst_domain *d = &w->team->domain;
  span all = round_of(w, round);
  for (int j = 1; j < d->size; j++) {
    int of = (d->rank + j) % d->size;
    span s = slice_of(w, all, of);
    mst_domain_wait_for(w->team, of, MST_REDUCED, w->start + (uint64_t)round + 1);
    memcpy(w->x + s.begin * 8, buffer(w, of, round) + (s.begin - all.begin) * 8,
           (size_t)(s.end - s.begin) * 8);
  }
}

/* Take the whole round from the leader, whose sums are still accumulators. */
static void collect_round(const work *w, int64_t round) {
  span all = round_of(w, round);
  if (w->team->domain.rank != 0)
    mst_domain_wait_for(w->team, 0, MST_SPREAD, w->start + (uint64_t)round + 1);
  apply(w, w->reducer->store, w->x + all.begin * 8, buffer(w, 0, round), all);
}

static void collect(const work *w, int64_t round) {
  if (w->team->domain.n > 1)
    collect_round(w, round);
  else
    collect_slices(w, round);
  reach(w, MST_CONSUMED, round + 1);
}

static mst_status reduce_shared(work *w, int64_t rounds) {
  mst_domain *d = &w->team->domain;
  for (int64_t k = 0; k < rounds + 2; k++) {
    if (k < rounds) publish(w, k);
    if (k >= 1 && k - 1 < rounds) {
      reduce_slice(w, k - 1);
      reduce_between(w, k - 1);
    }
    if (k >= 2) collect(w, k - 2);
  }
  d->rounds += (uint64_t)rounds;
  if (w->status == MST_OK && atomic_load(&d->flags[0]->failed))
    return mst_fail(MST_ERR_COMM, "summing between nodes failed on this node's leader");
  return w->status;
}

/* A domain of one rank sums in place, round by round while the round is in cache. */
static mst_status reduce_alone(work *w, int64_t rounds) {
  for (int64_t k = 0; k < rounds; k++) {
    span all = round_of(w, k);
    char *x = w->x + all.begin * 8;
    apply(w, w->reducer->load, x, x, all);
    if (w->team->domain.n > 1) MST_TRY(allreduce(w, x, all.end - all.begin));
    apply(w, w->reducer->store, x, x, all);
  }
  return MST_OK;
}

mst_status mst_reduce_all(mst_team *team, const mst_reducer *reducer, void *x, int64_t n,
                          const double *magnitude, int headroom) {
  const mst_domain *d = &team->domain;
  work w = {team, reducer, x, n, magnitude, headroom, d->rounds, MST_OK};
  int64_t rounds = (n + d->round_elements - 1) / d->round_elements;
  return d->size > 1 ? reduce_shared(&w, rounds) : reduce_alone(&w, rounds);
}
