/* Domains: which ranks reduce together in shared memory, their window, and how they wait for each
 * other in it. Progress is told by counters that only grow, one cache line each, so a round needs
 * no barrier and no reset; a rank that waits spins a little, then yields its core, then sleeps,
 * because a node may hold more ranks than cores. */
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "comm/internal.h"
#include "comm/sum.h"
#include "core/base/memory.h"

/* A segment: the flags, then MST_ROUND_BUFFERS buffers from the next page on, then their rounds'
 * magnitudes. */
#define SEGMENT_HEAD 4096
/* Elements in a round. Within one domain a round should stay in a core's cache (measured: best at
 * 32 to 64 Ki of 16 to 256); between domains it should be long against an allreduce's latency. */
#define ROUND_NEAR ((int64_t)32 * 1024)
#define ROUND_FAR  ((int64_t)128 * 1024)
/* The segments of one node together stay near this many bytes. */
#define NODE_BYTES ((int64_t)256 << 20)

/* Polls before a waiting rank yields its core: half a microsecond, as long as a yield takes where
 * nobody else wants the core. Longer is lost where the awaited rank needs this one. */
#define PATIENCE 20

_Static_assert(sizeof(mst_flags) <= SEGMENT_HEAD, "flags must fit before the buffers");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags must be lock-free to work between processes");

/* Fill n, index, first and order from each rank's leader. leader is scratch of the team's size. */
static mst_status order_ranks(mst_team *team, int mine, int *leader) {
  mst_domain *d = &team->domain;
  MST_TRY(mst_comm_check(MPI_Allgather(&mine, 1, MPI_INT, leader, 1, MPI_INT, team->comm),
                         "mapping the domains"));
  int placed = 0;
  d->n = 0;
  for (int r = 0; r < team->size; r++) {
    if (leader[r] != r) continue;
    if (r == mine) d->index = d->n;
    d->first[d->n++] = placed;
    for (int s = r; s < team->size; s++)
      if (leader[s] == r) d->order[placed++] = s;
  }
  d->first[d->n] = placed;
  return MST_OK;
}

/* Each rank a domain of its own. */
static mst_status map_single(mst_team *team, int *leader) {
  mst_domain *d = &team->domain;
  d->size = 1;
  d->rank = 0;
  d->leaders = team->comm;
  team->owns_leaders = false;
  return order_ranks(team, team->rank, leader);
}

/* Each node a domain. */
static mst_status map_shared(mst_team *team, MPI_Comm node_comm, int *leader) {
  mst_domain *d = &team->domain;
  int mine = team->rank;
  MST_TRY(mst_comm_check(MPI_Comm_dup(node_comm, &d->comm), "duplicating a node"));
  MPI_Comm_set_errhandler(d->comm, MPI_ERRORS_RETURN);
  MPI_Comm_rank(d->comm, &d->rank);
  MPI_Comm_size(d->comm, &d->size);
  MST_TRY(mst_comm_check(MPI_Bcast(&mine, 1, MPI_INT, 0, d->comm), "mapping the domains"));
  MST_TRY(order_ranks(team, mine, leader));
  MST_TRY(mst_comm_check(
      MPI_Comm_split(team->comm, d->rank == 0 ? 0 : MPI_UNDEFINED, team->rank, &d->leaders),
      "joining the leaders"));
  team->owns_leaders = d->rank == 0;
  if (d->rank == 0) MPI_Comm_set_errhandler(d->leaders, MPI_ERRORS_RETURN);
  return MST_OK;
}

static int64_t choose_capacity(const mst_team *team, int largest_domain) {
  int64_t elements = team->domain.n > 1 ? ROUND_FAR : ROUND_NEAR;
  int64_t share = NODE_BYTES / (8 * MST_ROUND_BUFFERS * (int64_t)largest_domain);
  if (elements > share) elements = share;
  if (elements < ROUND_NEAR / 2) elements = ROUND_NEAR / 2;
  if (elements < 2 * (int64_t)team->size) elements = 2 * (int64_t)team->size;
  return (elements + 511) / 512 * 512; /* whole pages */
}

/* Chunks that a round can touch, rounded up to cache lines. */
static int64_t round_chunks(const mst_domain *d) {
  return (d->capacity / MST_SUM_CHUNK + 2 + 7) / 8 * 8;
}

static int64_t segment_bytes(const mst_domain *d) {
  return MST_ALIGNMENT + SEGMENT_HEAD + MST_ROUND_BUFFERS * (d->capacity + round_chunks(d)) * 8;
}

/* MPI promises no alignment; ranks map the window at page boundaries, so all align alike. */
static void adopt_segment(mst_domain *d, int of, void *base) {
  uintptr_t start = ((uintptr_t)base + MST_ALIGNMENT - 1) / MST_ALIGNMENT * MST_ALIGNMENT;
  char *place = (char *)base + (start - (uintptr_t)base);
  d->flags[of] = (mst_flags *)(void *)place;
  d->segment[of] = place + SEGMENT_HEAD;
}

/* One window for the domain, or none: a window that some rank lacks cannot even be freed. */
static mst_status allocate_window(mst_domain *d, void **base) {
  MPI_Info info = MPI_INFO_NULL;
  mst_status st = MST_OK;
  d->window = MPI_WIN_NULL;
  if (d->rank == 0) st = mst_comm_take_room(d, d->size * segment_bytes(d), "room for sums");
  MST_TRY(mst_comm_agree(d->comm, st));
  MPI_Info_create(&info);
  MPI_Info_set(info, "alloc_shared_noncontig", "true");
  int code =
      MPI_Win_allocate_shared((MPI_Aint)segment_bytes(d), 1, info, d->comm, base, &d->window);
  MPI_Info_free(&info);
  int made = code == MPI_SUCCESS;
  MST_TRY(mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, &made, 1, MPI_INT, MPI_MIN, d->comm),
                         "making a shared window"));
  if (made) return MST_OK;
  d->window = MPI_WIN_NULL;
  return mst_fail(MST_ERR_COMM, "MPI could make no shared window of %lld bytes a rank",
                  (long long)segment_bytes(d));
}

/* Segments of the domain's ranks in one window, each begun on a page and first touched by its
 * rank, so that it lies in that rank's memory. */
static mst_status open_window(mst_domain *d) {
  void *base = NULL;
  MST_TRY(allocate_window(d, &base));
  MPI_Win_set_errhandler(d->window, MPI_ERRORS_RETURN);
  for (int r = 0; r < d->size; r++) {
    MPI_Aint bytes = 0;
    int unit = 0;
    MST_TRY(mst_comm_check(MPI_Win_shared_query(d->window, r, &bytes, &unit, &base),
                           "finding a shared segment"));
    adopt_segment(d, r, base);
  }
  mst_flags *own = d->flags[d->rank];
  atomic_init(&own->published, 0);
  atomic_init(&own->reduced, 0);
  atomic_init(&own->spread, 0);
  atomic_init(&own->consumed, 0);
  atomic_init(&own->failed, 0);
  atomic_init(&own->nonfinite, 0);
  return mst_comm_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, d->window), "opening a shared window");
}

static mst_status open_segments(mst_team *team, int largest_domain) {
  mst_domain *d = &team->domain;
  d->capacity = d->round_elements = choose_capacity(team, largest_domain);
  mst_status status = mst_alloc(&d->flags, d->size, sizeof *d->flags, "shared flags");
  if (status == MST_OK)
    status = mst_alloc(&d->segment, d->size, sizeof *d->segment, "shared segments");
  status = mst_comm_agree(team->comm, status);
  if (status != MST_OK || team->size == 1) return status; /* one rank needs no buffers */
  if (d->size > 1) {
    status = open_window(d);
  } else {
    status = mst_alloc(&d->heap, segment_bytes(d), 1, "buffers of sums");
    if (status == MST_OK) adopt_segment(d, 0, d->heap);
  }
  return mst_comm_agree(team->comm, status); /* also: no flag is read before all are set */
}

static void close_segments(mst_domain *d) {
  if (d->window != MPI_WIN_NULL) {
    MPI_Win_unlock_all(d->window);
    MPI_Win_free(&d->window);
  }
  mst_free(d->heap);
  mst_free(d->flags);
  mst_free(d->segment);
  d->heap = NULL;
  d->flags = NULL;
  d->segment = NULL;
}

static void leave_domain(mst_team *team) {
  mst_domain *d = &team->domain;
  close_segments(d);
  if (team->owns_leaders) MPI_Comm_free(&d->leaders);
  if (d->comm != MPI_COMM_NULL) MPI_Comm_free(&d->comm);
  team->owns_leaders = false;
  d->leaders = MPI_COMM_NULL;
}

static mst_status form_domains(mst_team *team, MPI_Comm node_comm, bool shared, int *leader) {
  int largest = 1;
  mst_status status = shared ? map_shared(team, node_comm, leader) : map_single(team, leader);
  if (status != MST_OK) return status;
  MST_TRY(
      mst_comm_check(MPI_Allreduce(&team->domain.size, &largest, 1, MPI_INT, MPI_MAX, team->comm),
                     "measuring the domains"));
  return open_segments(team, largest);
}

mst_status mst_domain_create(mst_team *team, MPI_Comm node_comm, bool shared_memory) {
  mst_domain *d = &team->domain;
  int *leader = NULL, largest = 1;
  mst_status status = mst_alloc(&d->order, team->size, sizeof *d->order, "domain map");
  if (status == MST_OK)
    status = mst_alloc(&d->first, team->size + 1, sizeof *d->first, "domain map");
  if (status == MST_OK) status = mst_alloc(&d->sum, MST_SUM_BLOCK, sizeof *d->sum, "accumulators");
  if (status == MST_OK) status = mst_alloc(&d->part, team->size, sizeof *d->part, "parts");
  if (status == MST_OK)
    status = mst_alloc(&d->counts, 2 * (int64_t)team->size, sizeof *d->counts, "parts");
  if (status == MST_OK) status = mst_alloc(&leader, team->size, sizeof *leader, "domain map");
  status = mst_comm_agree(team->comm, status);
  if (status == MST_OK)
    status =
        mst_comm_check(MPI_Allreduce(&team->node_size, &largest, 1, MPI_INT, MPI_MAX, team->comm),
                       "measuring the nodes");
  if (status == MST_OK) {
    bool shared = shared_memory && largest > 1;
    status = form_domains(team, node_comm, shared, leader);
    if (shared && status == MST_ERR_COMM) { /* no shared window to be had */
      leave_domain(team);
      status = form_domains(team, node_comm, false, leader);
    }
  }
  mst_free(leader);
  return status;
}

void mst_domain_destroy(mst_team *team) {
  leave_domain(team);
  mst_free(team->domain.order);
  mst_free(team->domain.first);
  mst_free(team->domain.sum);
  mst_free(team->domain.part);
  mst_free(team->domain.counts);
}

void *mst_domain_buffer(const mst_domain *d, int of, uint64_t round) {
  return d->segment[of] + (int64_t)(round % MST_ROUND_BUFFERS) * d->capacity * 8;
}

double *mst_domain_magnitude(const mst_domain *d, int of, uint64_t round) {
  char *first = d->segment[of] + MST_ROUND_BUFFERS * d->capacity * 8;
  return (void *)(first + (int64_t)(round % MST_ROUND_BUFFERS) * round_chunks(d) * 8);
}

static _Atomic uint64_t *flag_of(const mst_domain *d, int of, mst_phase phase) {
  mst_flags *f = d->flags[of];
  switch (phase) {
    case MST_PUBLISHED: return &f->published;
    case MST_REDUCED: return &f->reduced;
    case MST_SPREAD: return &f->spread;
    case MST_CONSUMED: break;
  }
  return &f->consumed;
}

static void relax(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#endif
}

/* One step of waiting. The probe is there for its side effect: a message that this rank's MPI
 * still holds may be what the awaited rank is waiting for. */
void mst_domain_rest(const mst_team *team, int64_t polls) {
  int64_t past = polls - PATIENCE;
  if (past < 0) {
    relax();
    return;
  }
  if (past % 32 == 31) {
    int arrived = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, team->comm, &arrived, MPI_STATUS_IGNORE);
  }
  if (past < 2000)
    sched_yield();
  else
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000}, NULL);
}

void mst_domain_wait_for(mst_team *team, int of, mst_phase phase, uint64_t target) {
  const _Atomic uint64_t *flag = flag_of(&team->domain, of, phase);
  for (int64_t polls = 0; atomic_load_explicit(flag, memory_order_acquire) < target; polls++)
    mst_domain_rest(team, polls);
}

void mst_domain_wait(mst_team *team, mst_phase phase, uint64_t target) {
  mst_domain *d = &team->domain;
  for (int j = 1; j < d->size; j++)
    mst_domain_wait_for(team, (d->rank + j) % d->size, phase, target);
}

void mst_domain_reach(mst_team *team, mst_phase phase, uint64_t rounds) {
  mst_domain *d = &team->domain;
  atomic_store_explicit(flag_of(d, d->rank, phase), rounds, memory_order_release);
}
