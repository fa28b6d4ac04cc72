/* Posted sums. Each rank's terms lie in the domain's share, beside counters of buckets that only
 * grow: begun, posted, reduced, spread. A rank looks at the others' counters when it posts, does
 * what has become possible, and goes on; only `finish` waits, and there every rank goes on doing
 * whatever is possible until nothing is left, so no order of arrival can block.
 *
 * One domain: the owner adds the others' terms to its own, in place. Several: each rank adds a
 * slice of the bucket into the leader's terms; the leaders reduce each owner's piece to the leader
 * of its domain, in place, where the owner reads it. */
#include "comm/posted.h"

#include <inttypes.h>

#include "comm/internal.h"
#include "comm/share.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"

/* Entries that are added at a time, so that the sums stay in the first cache. */
#define BLOCK ((int64_t)1024)
/* Most entries of a bucket: 256 KiB, which stay in a core's cache until they are summed. */
#define BUCKET ((int64_t)32 * 1024)
/* Buckets that are on their way between domains at a time. */
#define IN_FLIGHT 16

/* A rank's progress, in buckets since the sum was made; but begun is in sums. */
typedef struct flags {
  _Alignas(64) _Atomic uint64_t begun;
  _Alignas(64) _Atomic uint64_t posted;  /* its terms are final                      */
  _Alignas(64) _Atomic uint64_t reduced; /* its slice is summed over the domain      */
  _Alignas(64) _Atomic uint64_t spread;  /* leader: the bucket is where it belongs   */
} flags;

struct mst_posted_sum {
  mst_team *team;
  mst_share *share;    /* flags of the domain's ranks, then their terms            */
  int64_t n, stride;   /* of a rank's terms: entries; entries from one to the next */
  int64_t *begin;      /* (p + 1) parts                                            */
  int64_t bucket, all; /* entries of a bucket; buckets                             */
  uint64_t sums, base; /* begun; buckets of those before this one                  */
  int64_t posted, added, launched, landed; /* buckets of this sum */
  MPI_Comm leaders;                        /* for these reductions alone; on leaders */
  MPI_Request *request;                    /* (IN_FLIGHT, p) */
  int requests[IN_FLIGHT];
  mst_status status;
  double seconds;
};

static flags *flags_of(const mst_posted_sum *s, int of) {
  return (flags *)mst_share_at(s->share) + of;
}

static int64_t *terms_of(const mst_posted_sum *s, int of) {
  char *first = (char *)mst_share_at(s->share) + s->team->domain.size * (int64_t)sizeof(flags);
  return (int64_t *)(void *)first + of * s->stride;
}

int64_t *mst_posted_sum_terms(const mst_posted_sum *s) {
  return terms_of(s, s->team->domain.rank);
}

double mst_posted_sum_seconds(const mst_posted_sum *s) {
  return s->seconds;
}

/* The k-th bucket, counted from the end; buckets begin at multiples of their size. */
static mst_span bucket_at(const mst_posted_sum *s, int64_t k) {
  int64_t begin = (s->all - 1 - k) * s->bucket;
  return (mst_span){begin, mst_least(begin + s->bucket, s->n)};
}

/* What of it is a rank's part; begin = end: nothing. */
static mst_span part_of(const mst_posted_sum *s, mst_span bucket, int rank) {
  int64_t begin = mst_most(bucket.begin, s->begin[rank]);
  int64_t end = mst_least(bucket.end, s->begin[rank + 1]);
  return (mst_span){begin, mst_most(begin, end)};
}

static uint64_t posted_by(const mst_posted_sum *s, int of) {
  return atomic_load_explicit(&flags_of(s, of)->posted, memory_order_acquire);
}

static uint64_t reduced_by(const mst_posted_sum *s, int of) {
  return atomic_load_explicit(&flags_of(s, of)->reduced, memory_order_acquire);
}

/* Buckets of this sum that all ranks of the domain have come to. */
static int64_t reached_by_all(const mst_posted_sum *s,
                              uint64_t (*by)(const mst_posted_sum *, int)) {
  int64_t least = s->all;
  for (int j = 0; j < s->team->domain.size; j++) {
    uint64_t theirs = by(s, j); /* of a sum before: not begun here */
    least = mst_least(least, theirs > s->base ? (int64_t)(theirs - s->base) : 0);
  }
  return least;
}

/* Terms of rank `to` += those of all others of the domain. */
static void add_span(const mst_posted_sum *s, mst_span span, int to) {
  const mst_domain *d = &s->team->domain;
  for (int64_t at = span.begin; at < span.end; at += BLOCK) {
    int64_t n = mst_least(BLOCK, span.end - at);
    for (int j = 1; j < d->size; j++)
      mst_reducer_sum_i64.add(terms_of(s, to) + at, terms_of(s, (to + j) % d->size) + at, n, 0);
  }
}

/* This rank's share of the work on the buckets that the whole domain has posted. */
static bool add_buckets(mst_posted_sum *s) {
  const mst_domain *d = &s->team->domain;
  int64_t before = s->added, ready = reached_by_all(s, posted_by);
  for (; s->added < ready; s->added++) {
    mst_span bucket = bucket_at(s, s->added);
    if (d->n == 1)
      add_span(s, part_of(s, bucket, s->team->rank), d->rank);
    else
      add_span(s, mst_span_slice(bucket, d->rank, d->size), 0);
  }
  atomic_store_explicit(&flags_of(s, d->rank)->reduced, s->base + (uint64_t)s->added,
                        memory_order_release);
  return s->added > before;
}

/* Start the bucket's way to its owners' domains: the same calls in the same order on all leaders.
 * Local. */
static mst_status launch(mst_posted_sum *s) {
  const mst_domain *d = &s->team->domain;
  mst_span bucket = bucket_at(s, s->launched);
  int *n = &s->requests[s->launched % IN_FLIGHT];
  MPI_Request *request = s->request + s->launched % IN_FLIGHT * s->team->size;
  *n = 0;
  for (int rank = 0; rank < s->team->size; rank++) {
    mst_span part = part_of(s, bucket, rank);
    int64_t count = part.end - part.begin;
    int root = mst_team_domain_of(s->team, rank);
    bool mine = root == d->index;
    int64_t *at = terms_of(s, 0) + part.begin;
    if (count == 0) continue;
    mst_comm_meter(s->team, mine ? 0.0 : 8.0 * (double)count);
    MST_TRY(mst_comm_check(MPI_Ireduce(mine ? MPI_IN_PLACE : at, mine ? at : NULL, (int)count,
                                       mst_reducer_sum_i64.type, mst_reducer_sum_i64.op, root,
                                       s->leaders, &request[*n]),
                           "posting a sum between nodes"));
    ++*n;
  }
  return MST_OK;
}

/* Has the oldest bucket on its way arrived? Local. */
static mst_status land(mst_posted_sum *s, bool *landed) {
  int all = 0;
  MST_TRY(mst_comm_check(
      MPI_Testall(s->requests[s->landed % IN_FLIGHT],
                  s->request + s->landed % IN_FLIGHT * s->team->size, &all, MPI_STATUSES_IGNORE),
      "a posted sum between nodes"));
  *landed = all != 0;
  return MST_OK;
}

/* The leader's part. After a failure it goes on without MPI, so that its domain reaches the end and
 * learns of it. */
static bool pass_on(mst_posted_sum *s) {
  const mst_domain *d = &s->team->domain;
  if (d->n == 1 || d->rank != 0) return false;
  int64_t ready = reached_by_all(s, reduced_by), before = s->launched + s->landed;
  bool landed = true;
  while (landed && s->landed < s->launched) {
    if (s->status == MST_OK) s->status = land(s, &landed);
    if (s->status != MST_OK) landed = true;
    s->landed += landed;
  }
  for (; s->launched < ready && s->launched - s->landed < IN_FLIGHT; s->launched++)
    if (s->status == MST_OK) s->status = launch(s);
  atomic_store_explicit(&flags_of(s, 0)->spread, s->base + (uint64_t)s->landed,
                        memory_order_release);
  return s->launched + s->landed > before;
}

static bool progress(mst_posted_sum *s) {
  bool added = add_buckets(s);
  return pass_on(s) || added;
}

/* Show that buckets are final. */
static void publish(mst_posted_sum *s, int64_t first) {
  const mst_domain *d = &s->team->domain;
  int64_t buckets = s->all - mst_ceil_div(first, s->bucket);
  for (; s->posted < buckets; s->posted++) {
    mst_span bucket = bucket_at(s, s->posted), own = part_of(s, bucket, s->team->rank);
    int64_t read = bucket.end - bucket.begin - (d->n == 1 ? own.end - own.begin : 0);
    if (d->size > 1) s->team->meter.shared_bytes += 8 * read;
  }
  atomic_store_explicit(&flags_of(s, d->rank)->posted, s->base + (uint64_t)s->posted,
                        memory_order_release);
}

void mst_posted_sum_post(mst_posted_sum *s, int64_t first) {
  if (s->team->size == 1 || s->all - mst_ceil_div(first, s->bucket) <= s->posted) return;
  double start = MPI_Wtime();
  mst_comm_enter(s->team);
  publish(s, first);
  (void)progress(s);
  (void)mst_comm_leave(s->team, MST_OK);
  s->seconds += MPI_Wtime() - start;
}

static bool is_done(const mst_posted_sum *s) {
  const mst_domain *d = &s->team->domain;
  const flags *leader = flags_of(s, 0);
  return s->added == s->all &&
         (d->n == 1 || atomic_load_explicit(&leader->spread, memory_order_acquire) ==
                           s->base + (uint64_t)s->all);
}

mst_status mst_posted_sum_finish(mst_posted_sum *s, const int64_t **part) {
  const mst_domain *d = &s->team->domain;
  *part = terms_of(s, d->n == 1 ? d->rank : 0) + s->begin[s->team->rank];
  if (s->team->size == 1) return MST_OK;
  mst_comm_enter(s->team);
  publish(s, 0);
  for (int64_t polls = 0; !is_done(s); polls++) {
    if (progress(s))
      polls = -1;
    else
      mst_domain_rest(s->team, polls);
  }
  mst_status st = s->status;
  if (d->n > 1) st = mst_team_agree(s->team, st);
  return mst_comm_leave(s->team, st);
}

void mst_posted_sum_begin(mst_posted_sum *s) {
  const mst_domain *d = &s->team->domain;
  mst_comm_enter(s->team);
  s->base = s->sums * (uint64_t)s->all;
  s->sums++;
  s->posted = s->added = s->launched = s->landed = 0;
  atomic_store_explicit(&flags_of(s, d->rank)->begun, s->sums, memory_order_release);
  for (int j = 0; j < d->size; j++)
    for (int64_t polls = 0;
         atomic_load_explicit(&flags_of(s, j)->begun, memory_order_acquire) < s->sums; polls++)
      mst_domain_rest(s->team, polls);
  (void)mst_comm_leave(s->team, MST_OK);
}

/* Where the parts begin, and what is held for itself. Local. */
static mst_status lay(mst_posted_sum *s, const int64_t *count) {
  mst_team *team = s->team;
  const int64_t line = MST_ALIGNMENT / (int64_t)sizeof(int64_t);
  MST_TRY(mst_alloc(&s->begin, team->size + 1, sizeof *s->begin, "parts of a posted sum"));
  for (int r = 0; r < team->size; r++) {
    if (count[r] < 0)
      return mst_fail(MST_ERR_INTERNAL,
                      "rank %d's part of a posted sum has %" PRId64 " entries: give 0 or more", r,
                      count[r]);
    s->begin[r + 1] = s->begin[r] + count[r];
  }
  s->n = s->begin[team->size];
  s->stride = mst_ceil_div(s->n, line) * line;
  s->bucket = mst_most(mst_least(BUCKET, team->domain.round_elements) / line, 1) * line;
  s->all = mst_ceil_div(s->n, s->bucket);
  return mst_alloc(&s->request, IN_FLIGHT * (int64_t)team->size, sizeof(MPI_Request),
                   "posted sums between nodes");
}

static mst_status open_leaders(mst_posted_sum *s) {
  const mst_domain *d = &s->team->domain;
  if (d->n == 1 || d->rank != 0) return MST_OK;
  MST_TRY(mst_comm_check(MPI_Comm_dup(d->leaders, &s->leaders), "joining the leaders"));
  MPI_Comm_set_errhandler(s->leaders, MPI_ERRORS_RETURN);
  return MST_OK;
}

mst_status mst_posted_sum_create(mst_team *team, const int64_t *count, mst_posted_sum **out) {
  mst_posted_sum *s = NULL;
  *out = NULL;
  MST_TRY(mst_team_same(team, count, team->size, "parts of a posted sum"));
  mst_status st = mst_alloc(&s, 1, sizeof *s, "posted sum");
  if (st == MST_OK) {
    *s = (mst_posted_sum){.team = team, .leaders = MPI_COMM_NULL};
    st = lay(s, count);
  }
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    int64_t each = (int64_t)sizeof(flags) + s->stride * (int64_t)sizeof(int64_t);
    st = mst_share_create(team, team->domain.size * each, "terms of a posted sum", &s->share);
  }
  if (st == MST_OK) st = mst_team_agree(team, open_leaders(s));
  if (st != MST_OK) {
    mst_posted_sum_destroy(s);
    return st;
  }
  *out = s;
  return MST_OK;
}

void mst_posted_sum_destroy(mst_posted_sum *s) {
  if (s == NULL) return;
  mst_share_destroy(s->share);
  if (s->leaders != MPI_COMM_NULL) MPI_Comm_free(&s->leaders);
  mst_free(s->request);
  mst_free(s->begin);
  mst_free(s);
}
