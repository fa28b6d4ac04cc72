/* What the files of comm share: the team's insides, the domain whose ranks sum through memory,
 * and the round-by-round plan that every sum follows. Not installed.
 *
 * A domain is the set of ranks that reduce together in shared memory: a node's ranks with shared
 * memory switched on, a single rank without it. Every sum is one algorithm on domains: inside a
 * domain through its segments, between domains through MPI calls of the domains' leaders (one
 * stream a domain). Without shared memory that is plain MPI. */
#ifndef MST_COMM_INTERNAL_H
#define MST_COMM_INTERNAL_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"

/* Rounds in flight: while one is published, the one before is reduced and the one before that is
 * copied out, so a wait is for a phase that the others began long ago. */
#define MST_ROUND_BUFFERS 3
/* Elements that are reduced at a time: long enough for the memory system to stream each source,
 * short enough for the accumulators to stay in cache. */
#define MST_SUM_BLOCK ((int64_t)8 * 1024)
/* Magnitudes of this many chunks fit in the team without an allocation. */
#define MST_TEAM_CHUNKS 4096
/* Most bytes handed to one MPI call; far under the 2^31 that an int count can say. */
#define MST_CALL_BYTES ((int64_t)1 << 30)

/* A rank's progress, in rounds since the team was made; each on a cache line of its own. */
typedef struct mst_flags {
  _Alignas(64) _Atomic uint64_t published; /* its terms are in its segment                    */
  _Alignas(64) _Atomic uint64_t reduced;   /* its slice is summed over the domain             */
  _Alignas(64) _Atomic uint64_t spread;    /* leader: the round is summed over the domains    */
  _Alignas(64) _Atomic uint64_t consumed;  /* it needs nothing more of this round             */
  _Alignas(64) _Atomic int failed;         /* leader: an MPI call between domains failed      */
  _Alignas(64) _Atomic int nonfinite;      /* some of its latest lattice sum's terms are not
                                              finite; set before its first round is published */
} mst_flags;

typedef struct mst_domain {
  int n, index;           /* number of domains; this rank's                                   */
  int size, rank;         /* ranks of this one; 0 is its leader                               */
  MPI_Comm comm;          /* its ranks, or MPI_COMM_NULL when there is only one               */
  MPI_Comm leaders;       /* all domains' leaders, in the domains' order; null on other ranks */
  int32_t *order;         /* (team size) team ranks, domain after domain                      */
  int32_t *first;         /* (n + 1) where each domain begins in order                        */
  int64_t *sum;           /* (MST_SUM_BLOCK) accumulators of a reduction                      */
  int64_t *part;          /* (team size) scratch of scatters                                  */
  int *counts;            /* (2 * team size) scratch of scatters and gathers                  */
  MPI_Win window;         /* MPI_WIN_NULL when the domain is one rank                         */
  void *heap;             /* what stands for it then                                          */
  char **segment;         /* (size) each rank's buffers                                       */
  mst_flags **flags;      /* (size)                                                           */
  int64_t capacity;       /* 8-byte elements in one buffer                                    */
  int64_t round_elements; /* elements in a round: capacity, or less for a test                */
  uint64_t rounds;        /* rounds finished since the team was made                          */
  int64_t room, taken;    /* leader: bytes that were free for windows, and that they may take */
} mst_domain;

struct mst_team {
  MPI_Comm comm;
  int rank, size;
  int nodes, node, node_rank, node_size;
  bool owns_leaders; /* domain.leaders is not comm itself */
  mst_domain domain;
  double *magnitude; /* (MST_TEAM_CHUNKS) */
  struct mst_share *kept; /* what was borrowed last, or NULL; lent = it still is */
  bool lent;
  int64_t call_bytes;
  mst_meter meter;
  int depth;      /* calls of comm within calls of comm, so that time is counted once */
  double entered; /* when the outermost began                                         */
};

/* Time inside comm: every public function that communicates enters and leaves. mst_comm_leave
 * returns the status it is given. Local. */
void mst_comm_enter(mst_team *team);
mst_status mst_comm_leave(mst_team *team, mst_status status);

/* MST_OK for MPI_SUCCESS; otherwise MST_ERR_COMM with what was tried and MPI's words. Local. */
mst_status mst_comm_check(int code, const char *what);

/* On a domain's leader, before a window of so many bytes is made: MST_ERR_MEMORY when the node's
 * shared memory has no room for it. What was taken is given back when the window is gone. Local. */
mst_status mst_comm_take_room(mst_domain *d, int64_t bytes, const char *what);
void mst_comm_give_room(mst_domain *d, int64_t bytes);

/* Count one MPI operation that moves bytes to or from this rank. Local. */
void mst_comm_meter(mst_team *team, double bytes);

/* mst_team_agree on a bare communicator. */
mst_status mst_comm_agree(MPI_Comm comm, mst_status mine);

/* What mst_team_same does in a debug build, in every build. Collective. */
mst_status mst_comm_compare(mst_team *team, const int64_t *values, int n, const char *what);

/* Lower the limits so that small data takes the paths of large data: bytes in one MPI call, and
 * elements in one round of a sum (at least twice the team's size). 0 keeps the default. For
 * tests; the limits must agree on all ranks. Local. */
void mst_comm_limit(mst_team *team, int64_t call_bytes, int64_t round_elements);

/* Make the domains of a team whose node map is known, and let them go. A window that cannot be
 * had is not an error: all domains become single ranks, which send through MPI. Collective. */
mst_status mst_domain_create(mst_team *team, MPI_Comm node_comm, bool shared_memory);
void mst_domain_destroy(mst_team *team);

/* Buffer of a round in the segment of the domain's rank `of`. Local. */
void *mst_domain_buffer(const mst_domain *d, int of, uint64_t round);

/* Beside each buffer: the magnitudes of the round's chunks on that rank. Local. */
double *mst_domain_magnitude(const mst_domain *d, int of, uint64_t round);

/* Wait until the flag of every other rank of the domain, or of its leader alone, has reached
 * `target`. Spins, then yields, then sleeps a little; keeps MPI's progress going meanwhile. */
typedef enum mst_phase {
  MST_PUBLISHED,
  MST_REDUCED,
  MST_SPREAD,
  MST_CONSUMED
} mst_phase;
void mst_domain_wait(mst_team *team, mst_phase phase, uint64_t target);
void mst_domain_wait_for(mst_team *team, int of, mst_phase phase, uint64_t target);
/* One step of waiting for another rank, after so many polls. Local. */
void mst_domain_rest(const mst_team *team, int64_t polls);
/* Raise this rank's own flag. Local. */
void mst_domain_reach(mst_team *team, mst_phase phase, uint64_t rounds);

/* An element-wise reduction of 8-byte elements: how a term enters the accumulator, how another
 * is added, how the accumulator leaves; out may be in for load and store. shift means something
 * to the lattice only. */
typedef void (*mst_kernel)(void *out, const void *in, int64_t n, int shift);

typedef struct mst_reducer {
  MPI_Datatype type; /* of an accumulator, between domains */
  MPI_Op op;
  mst_kernel load, add, store;
} mst_reducer;

extern const mst_reducer mst_reducer_sum_i64, mst_reducer_sum_f64, mst_reducer_max_i64,
    mst_reducer_max_f64, mst_reducer_lattice;

/* Entries [begin, end). */
typedef struct mst_span {
  int64_t begin, end;
} mst_span;

/* One reduction of x(n) over the team, in place, on its way. */
typedef struct mst_reduction {
  mst_team *team;
  const mst_reducer *reducer;
  char *x;
  int64_t n;
  double *magnitude; /* lattice: the largest of each MST_SUM_CHUNK entries' terms, ... */
  int headroom;      /* ... of which up to 2^headroom are added; NULL and 0 otherwise */
  bool measures;     /* magnitudes are this rank's; the domain's are found on the way */
  bool finite;       /* all terms of the lattice, as far as this rank knows */
  uint64_t start;    /* the team's round count when it began */
  mst_status status;
} mst_reduction;

/* The entries of round k, and the slice of them that is reduced by one of `parts` ranks. Slices
 * begin at cache lines. Local. */
mst_span mst_reduction_round(const mst_reduction *r, int64_t k);
mst_span mst_span_slice(mst_span round, int of, int parts);
/* Apply a kernel to the entries of a span; out and in begin at the span's first. Local. */
void mst_reduction_apply(const mst_reduction *r, mst_kernel f, void *out, const void *in,
                         mst_span s);
/* Allreduce n accumulators over the domains. Called by leaders. */
mst_status mst_reduction_between(const mst_reduction *r, void *sums, int64_t n);

/* Reduce x(n) over the team in place. Collective. */
mst_status mst_reduce_all(mst_team *team, const mst_reducer *reducer, void *x, int64_t n);

/* The same on the lattice. magnitude in: the largest of each MST_SUM_CHUNK of this rank's entries,
 * infinite where one is not finite; out: scratch. If one is infinite on any rank, *finite is false
 * on all and x is unchanged. Collective. */
mst_status mst_reduce_lattice(mst_team *team, double *x, int64_t n, double *magnitude, int headroom,
                              bool *finite);

/* Its way for few ranks without shared memory; and whether that is open, which all ranks answer
 * alike. Collective; local. */
mst_status mst_reduce_directly(mst_reduction *r);
bool mst_reduction_is_direct(const mst_reduction *r);

#endif
