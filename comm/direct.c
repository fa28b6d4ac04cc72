/* Reductions of domains of one rank: no memory is shared, all goes through MPI. In a few ranks the
 * terms travel as they are and each rank reduces its slice while it receives, so that a lattice
 * sum converts only what it adds; many ranks convert all and leave the rest to MPI_Allreduce,
 * whose messages are fewer. */
#include "comm/internal.h"
#include "comm/sum.h"

/* Most ranks that exchange slices directly: with more, messages become short and many. */
#define DIRECT_RANKS 16

/* Convert, sum and convert back in place, round by round while the round is in cache. */
static mst_status reduce_in_place(const mst_reduction *r, int64_t rounds) {
  for (int64_t k = 0; k < rounds; k++) {
    mst_span all = mst_reduction_round(r, k);
    char *x = r->x + all.begin * 8;
    mst_reduction_apply(r, r->reducer->load, x, x, all);
    if (r->team->size > 1) MST_TRY(mst_reduction_between(r, x, all.end - all.begin));
    mst_reduction_apply(r, r->reducer->store, x, x, all);
  }
  return MST_OK;
}

/* Messages of one step of a round. */
typedef struct step {
  MPI_Request request[2 * DIRECT_RANKS];
  int n, code;
} step;

static void post(const mst_reduction *r, step *s, bool send, int peer, char *data, mst_span part,
                 int tag) {
  int bytes = (int)(part.end - part.begin) * 8;
  if (bytes == 0 || s->code != MPI_SUCCESS) return;
  MPI_Request *request = &s->request[s->n++];
  MPI_Comm comm = r->team->comm;
  if (send) mst_comm_meter(r->team, bytes);
  s->code = send ? MPI_Isend(data, bytes, MPI_BYTE, peer, tag, comm, request)
                 : MPI_Irecv(data, bytes, MPI_BYTE, peer, tag, comm, request);
}

static mst_status finish(step *s) {
  int code = s->code;
  if (code == MPI_SUCCESS) code = MPI_Waitall(s->n, s->request, MPI_STATUSES_IGNORE);
  return mst_comm_check(code, "summing slices");
}

/* Where the terms from the rank at distance j arrive. */
static char *incoming(const mst_reduction *r, int64_t k, int j) {
  int64_t most = r->team->domain.round_elements / r->team->size + 16; /* slices are rounded up */
  return (char *)mst_domain_buffer(&r->team->domain, 0, (uint64_t)k % 2) + (j - 1) * most * 8;
}

/* Give each rank its slice of this rank's terms. */
static void send_terms(const mst_reduction *r, int64_t k, step *s) {
  int size = r->team->size, rank = r->team->rank;
  mst_span all = mst_reduction_round(r, k), own = mst_span_slice(all, rank, size);
  *s = (step){.code = MPI_SUCCESS};
  for (int j = 1; j < size; j++)
    post(r, s, false, (rank + size - j) % size, incoming(r, k, j), own, 0);
  for (int j = 1; j < size; j++) {
    mst_span part = mst_span_slice(all, (rank + j) % size, size);
    post(r, s, true, (rank + j) % size, r->x + part.begin * 8, part, 0);
  }
}

static void reduce_own(const mst_reduction *r, int64_t k) {
  int size = r->team->size;
  mst_span own = mst_span_slice(mst_reduction_round(r, k), r->team->rank, size);
  for (int64_t begin = own.begin; begin < own.end; begin += MST_SUM_BLOCK) {
    int64_t end = begin + MST_SUM_BLOCK < own.end ? begin + MST_SUM_BLOCK : own.end;
    mst_span block = {begin, end};
    int64_t *sum = r->team->domain.sum;
    mst_reduction_apply(r, r->reducer->load, sum, r->x + begin * 8, block);
    for (int j = 1; j < size; j++)
      mst_reduction_apply(r, r->reducer->add, sum, incoming(r, k, j) + (begin - own.begin) * 8,
                          block);
    mst_reduction_apply(r, r->reducer->store, r->x + begin * 8, sum, block);
  }
}

/* Give every rank the sums of this rank's slice. */
static void send_sums(const mst_reduction *r, int64_t k, step *s) {
  int size = r->team->size, rank = r->team->rank;
  mst_span all = mst_reduction_round(r, k), own = mst_span_slice(all, rank, size);
  *s = (step){.code = MPI_SUCCESS};
  for (int j = 1; j < size; j++) {
    int from = (rank + size - j) % size;
    mst_span part = mst_span_slice(all, from, size);
    post(r, s, false, from, r->x + part.begin * 8, part, 1);
  }
  for (int j = 1; j < size; j++) post(r, s, true, (rank + j) % size, r->x + own.begin * 8, own, 1);
}

/* The next round's terms are on their way while this one is reduced. */
static mst_status reduce_directly(const mst_reduction *r, int64_t rounds) {
  step terms, sums;
  if (rounds > 0) send_terms(r, 0, &terms);
  for (int64_t k = 0; k < rounds; k++) {
    MST_TRY(finish(&terms));
    if (k + 1 < rounds) send_terms(r, k + 1, &terms);
    reduce_own(r, k);
    send_sums(r, k, &sums);
    MST_TRY(finish(&sums));
  }
  return MST_OK;
}

/* Only conversions are worth it: other sums are what MPI_Allreduce is made for. All ranks choose
 * alike: in a team with larger domains every leader goes through MPI_Allreduce. */
mst_status mst_reduce_alone(mst_reduction *r, int64_t rounds) {
  const mst_team *team = r->team;
  bool direct = r->reducer == &mst_reducer_lattice && team->domain.n == team->size &&
                team->size > 1 && team->size <= DIRECT_RANKS;
  return direct ? reduce_directly(r, rounds) : reduce_in_place(r, rounds);
}
