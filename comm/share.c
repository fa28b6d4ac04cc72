/* Shares: one shared window a share, which the domain's leader provides and all map; on a domain of
 * one rank, plain memory; on any domain, a file that all map. The first cache lines hold the
 * counter of tickets. */
#include "comm/share.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "comm/internal.h"
#include "core/base/memory.h"

#define SHARE_HEAD 128 /* bytes before the array: the counter, on lines of its own */

struct mst_share {
  mst_team *team;
  MPI_Win window; /* MPI_WIN_NULL when the domain is one rank, or the array is in a file */
  void *heap;
  char *map;                      /* of a file, or NULL                               */
  int64_t visit_begin, visit_end; /* bytes of map that this rank may have in its memory */
  _Atomic int64_t *ticket;
  char *at;
  int64_t bytes;
  bool took; /* room for the window, on the domain's leader */
};

int mst_team_domains(const mst_team *team) {
  return team->domain.n;
}
int mst_team_domain(const mst_team *team) {
  return team->domain.index;
}
int mst_team_domain_rank(const mst_team *team) {
  return team->domain.rank;
}
int mst_team_domain_size(const mst_team *team) {
  return team->domain.size;
}

int mst_team_domain_of(const mst_team *team, int rank) {
  const mst_domain *d = &team->domain;
  for (int i = 0; i < d->n; i++)
    for (int k = d->first[i]; k < d->first[i + 1]; k++)
      if (d->order[k] == rank) return i;
  return -1;
}

static mst_status fail_memory(int64_t bytes, const char *what) {
  return mst_fail(MST_ERR_MEMORY,
                  "%s: MPI could make no shared memory of %" PRId64
                  " bytes on a node: let its shared memory (such as /dev/shm) be larger, or use "
                  "--no-shared-memory",
                  what, bytes);
}

static int64_t window_bytes(const mst_share *s) {
  return SHARE_HEAD + MST_ALIGNMENT + s->bytes;
}

/* All ranks of the domain have the window, or none keeps it. */
static mst_status open_window(mst_share *s, const char *what) {
  const mst_domain *d = &s->team->domain;
  int64_t bytes = window_bytes(s);
  void *base = NULL;
  MPI_Aint size = 0;
  int unit = 0;
  int made = MPI_Win_allocate_shared(d->rank == 0 ? (MPI_Aint)bytes : 0, 1, MPI_INFO_NULL, d->comm,
                                     &base, &s->window) == MPI_SUCCESS;
  MST_TRY(mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, &made, 1, MPI_INT, MPI_MIN, d->comm),
                         "making a shared array"));
  if (!made) {
    s->window = MPI_WIN_NULL; /* a window that some rank lacks cannot even be freed */
    return fail_memory(bytes, what);
  }
  MPI_Win_set_errhandler(s->window, MPI_ERRORS_RETURN);
  MST_TRY(mst_comm_check(MPI_Win_shared_query(s->window, 0, &size, &unit, &base),
                         "finding a shared array"));
  uintptr_t start = ((uintptr_t)base + MST_ALIGNMENT - 1) / MST_ALIGNMENT * MST_ALIGNMENT;
  char *place = (char *)base + (start - (uintptr_t)base);
  s->ticket = (_Atomic int64_t *)(void *)place;
  s->at = place + SHARE_HEAD;
  if (d->rank == 0) atomic_init(s->ticket, 0);
  return mst_comm_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, s->window), "opening a shared array");
}

static mst_status open_heap(mst_share *s, const char *what) {
  MST_TRY(mst_alloc(&s->heap, SHARE_HEAD + s->bytes, 1, what));
  s->ticket = s->heap;
  s->at = (char *)s->heap + SHARE_HEAD;
  atomic_init(s->ticket, 0);
  return MST_OK;
}

/* A file on its way to being mapped. */
typedef struct opening {
  const mst_share_backing *backing;
  char *name; /* (MST_SHARE_NAME) */
  int fd;     /* -1: not open     */
  bool named; /* by this rank: it has to take the name away */
} opening;

/* The leader's file, open on all ranks of the domain. Collective. */
static mst_status open_file(mst_share *s, opening *o) {
  const mst_domain *d = &s->team->domain;
  const mst_share_backing *b = o->backing;
  mst_status st = mst_alloc(&o->name, MST_SHARE_NAME, 1, "name of a scratch file");
  MST_TRY(mst_comm_agree(s->team->comm, st));
  if (d->rank == 0) {
    st = b->create(b->context, d->index, o->name, &o->fd);
    o->named = st == MST_OK;
  }
  MST_TRY(mst_comm_agree(s->team->comm, st));
  if (d->size > 1)
    st = mst_comm_check(MPI_Bcast(o->name, MST_SHARE_NAME, MPI_BYTE, 0, d->comm),
                        "telling the name of a scratch file");
  if (st == MST_OK && d->rank > 0) st = b->open(b->context, o->name, &o->fd);
  return mst_comm_agree(s->team->comm, st);
}

/* Give it its length and map it. Collective. */
static mst_status map_file(mst_share *s, const opening *o, const char *what) {
  const mst_share_backing *b = o->backing;
  int64_t bytes = SHARE_HEAD + s->bytes;
  mst_status st = MST_OK;
  if (s->team->domain.rank == 0) st = b->reserve(b->context, o->fd, bytes);
  MST_TRY(mst_comm_agree(s->team->comm, st));
  void *at = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0);
  if (at == MAP_FAILED)
    st = mst_fail(MST_ERR_MEMORY, "%s: %" PRId64 " bytes of a scratch file cannot be mapped: %s",
                  what, bytes, strerror(errno));
  else
    s->map = at;
  return mst_comm_agree(s->team->comm, st);
}

/* All ranks have the file mapped, or none keeps it; in both cases it has no name any more. */
static mst_status open_map(mst_share *s, const mst_share_backing *backing, const char *what) {
  opening o = {.backing = backing, .fd = -1};
  mst_status st = open_file(s, &o);
  if (o.named) backing->forget(backing->context, o.name);
  if (st == MST_OK) st = map_file(s, &o, what);
  if (o.fd >= 0) backing->close(backing->context, o.fd);
  mst_free(o.name);
  if (st != MST_OK) return st;
  s->ticket = (_Atomic int64_t *)(void *)s->map;
  s->at = s->map + SHARE_HEAD;
  if (s->team->domain.rank == 0) atomic_init(s->ticket, 0);
  return MST_OK;
}

static mst_status create(mst_team *team, int64_t bytes, const char *what,
                         const mst_share_backing *backing, mst_share **out) {
  mst_share *s = NULL;
  mst_status st = bytes >= 0
                      ? MST_OK
                      : mst_fail(MST_ERR_INTERNAL, "%s: a share of %" PRId64 " bytes", what, bytes);
  if (st == MST_OK) st = mst_alloc(&s, 1, sizeof *s, "share");
  if (s != NULL) *s = (mst_share){.team = team, .window = MPI_WIN_NULL, .bytes = bytes};
  if (st == MST_OK && backing == NULL && team->domain.size > 1 && team->domain.rank == 0) {
    st = mst_comm_take_room(&team->domain, window_bytes(s), what);
    s->took = st == MST_OK;
  }
  st = mst_comm_agree(team->comm, st);
  if (st == MST_OK)
    st = mst_comm_agree(team->comm, backing != NULL         ? open_map(s, backing, what)
                                    : team->domain.size > 1 ? open_window(s, what)
                                                            : open_heap(s, what));
  if (st != MST_OK) {
    mst_share_destroy(s);
    return st;
  }
  *out = s;
  return mst_share_sync(s); /* nobody reads the counter before it is set */
}

mst_status mst_share_create_in(mst_team *team, int64_t bytes, const char *what,
                               const mst_share_backing *backing, mst_share **out) {
  *out = NULL;
  mst_comm_enter(team);
  return mst_comm_leave(team, create(team, bytes, what, backing, out));
}

mst_status mst_share_create(mst_team *team, int64_t bytes, const char *what, mst_share **out) {
  return mst_share_create_in(team, bytes, what, NULL, out);
}

void mst_share_destroy(mst_share *s) {
  if (s == NULL) return;
  if (s->window != MPI_WIN_NULL) {
    MPI_Win_unlock_all(s->window);
    MPI_Win_free(&s->window);
  }
  if (s->map != NULL) munmap(s->map, (size_t)(SHARE_HEAD + s->bytes));
  if (s->took) mst_comm_give_room(&s->team->domain, window_bytes(s));
  mst_free(s->heap);
  mst_free(s);
}

mst_status mst_share_borrow(mst_team *team, int64_t bytes, const char *what, mst_share **out) {
  *out = NULL;
  const bool free_one = team->kept != NULL && !team->lent;
  bool create = false;
  MST_TRY(mst_team_any(team, !free_one || team->kept->bytes < bytes, &create));
  if (create) {
    if (free_one) {
      mst_share_destroy(team->kept);
      team->kept = NULL;
    }
    bool large = false;
    MST_TRY(mst_team_any(team, team->kept != NULL || bytes > MST_SHARE_KEPT, &large));
    MST_TRY(mst_share_create(team, bytes, what, out));
    if (!large) team->kept = *out;
  } else {
    *out = team->kept;
    MST_TRY(mst_share_sync(*out)); /* all ranks have given it back */
  }
  if (*out == team->kept) team->lent = true;
  return MST_OK;
}

void mst_share_return(mst_share *s) {
  if (s == NULL) return;
  if (s == s->team->kept)
    s->team->lent = false;
  else
    mst_share_destroy(s);
}

void *mst_share_at(const mst_share *s) {
  return s->at;
}

/* Whole pages around the bytes: what is dropped of a neighbour's is read again from the page
 * cache. */
static void leave_memory(mst_share *s) {
  int64_t page = sysconf(_SC_PAGESIZE), begin = s->visit_begin / page * page;
  if (s->visit_end <= begin) return;
  (void)madvise(s->map + begin, (size_t)(s->visit_end - begin), MADV_DONTNEED);
}

void *mst_share_visit(mst_share *s, int64_t begin, int64_t bytes) {
  int64_t first = SHARE_HEAD + begin;
  if (s->map != NULL && (first != s->visit_begin || first + bytes != s->visit_end)) {
    leave_memory(s);
    s->visit_begin = first;
    s->visit_end = first + bytes;
  }
  return s->at + begin;
}

static mst_status sync_domain(mst_share *s) {
  if (s->team->domain.size == 1) return MST_OK;
  bool window = s->window != MPI_WIN_NULL;
  atomic_thread_fence(memory_order_seq_cst);
  if (window)
    MST_TRY(mst_comm_check(MPI_Win_sync(s->window), "bringing a shared array up to date"));
  MST_TRY(mst_comm_check(MPI_Barrier(s->team->domain.comm), "waiting for a node's ranks"));
  if (window)
    MST_TRY(mst_comm_check(MPI_Win_sync(s->window), "bringing a shared array up to date"));
  atomic_thread_fence(memory_order_seq_cst);
  return MST_OK;
}

mst_status mst_share_sync(mst_share *s) {
  mst_comm_enter(s->team);
  return mst_comm_leave(s->team, sync_domain(s));
}

int64_t mst_share_ticket(mst_share *s) {
  return atomic_fetch_add_explicit(s->ticket, 1, memory_order_acq_rel);
}

void mst_share_rewind(mst_share *s) {
  atomic_store_explicit(s->ticket, 0, memory_order_release);
}

/* Each part goes from its owner's domain to the others; leaders carry it, piece by piece. */
static mst_status gather_between(mst_share *s, const int64_t *bytes) {
  mst_team *team = s->team;
  int64_t begin = 0;
  for (int r = 0; r < team->size; r++) {
    int from = mst_team_domain_of(team, r);
    for (int64_t done = 0; done < bytes[r]; done += team->call_bytes) {
      int64_t n = bytes[r] - done < team->call_bytes ? bytes[r] - done : team->call_bytes;
      mst_comm_meter(team, (double)n * (team->domain.n - 1) / team->domain.n);
      MST_TRY(mst_comm_check(
          MPI_Bcast(s->at + begin + done, (int)n, MPI_BYTE, from, team->domain.leaders),
          "gathering a shared array between nodes"));
    }
    begin += bytes[r];
  }
  return MST_OK;
}

static mst_status gather(mst_share *s, const int64_t *bytes) {
  int64_t total = 0;
  MST_TRY(mst_team_same(s->team, bytes, s->team->size, "parts of a shared array"));
  for (int r = 0; r < s->team->size; r++) total += bytes[r];
  if (total > s->bytes)
    return mst_fail(MST_ERR_INTERNAL, "parts of %" PRId64 " bytes in a shared array of %" PRId64,
                    total, s->bytes);
  MST_TRY(sync_domain(s));
  if (s->team->domain.n == 1) return MST_OK;
  mst_status st = s->team->domain.rank == 0 ? gather_between(s, bytes) : MST_OK;
  st = mst_comm_agree(s->team->comm, st);
  return st == MST_OK ? sync_domain(s) : st;
}

mst_status mst_share_gather(mst_share *s, const int64_t *bytes) {
  mst_comm_enter(s->team);
  return mst_comm_leave(s->team, gather(s, bytes));
}
