/* Rows to their owners. Each rank walks over its rows in order, a buffer at a time: the rows of
 * one round are packed by destination, their counts are exchanged, and the receivers take them
 * straight to their final places, which follow from the counts. So only the sender needs a
 * buffer, and any distribution of destinations takes the same number of rounds. */
#include <inttypes.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"
#include "core/base/memory.h"

#define DEFAULT_BUFFER ((int64_t)64 << 20)
/* Peers that a rank sends to and receives from at the same time. */
#define PEERS 64

typedef struct plan {
  mst_team *team;
  const char *rows;
  int64_t n_rows, row_bytes, round_rows;
  const int32_t *destination;
  char *recv;
  char *buffer;      /* (round_rows, row_bytes) packed by destination        */
  int64_t *place;    /* (p) where the next bytes from each source go in recv */
  int64_t *out, *in; /* (p) bytes of this round to and from each rank        */
  int64_t *packed;   /* (p) end of what is packed for each rank              */
} plan;

static mst_status check_rows(const mst_team *team, int64_t n_rows, const int32_t *destination) {
  if (n_rows < 0)
    return mst_fail(MST_ERR_INTERNAL, "an exchange of %" PRId64 " rows: give 0 or more", n_rows);
  for (int64_t i = 0; i < n_rows; i++)
    if (destination[i] < -1 || destination[i] >= team->size)
      return mst_fail(MST_ERR_INTERNAL,
                      "row %" PRId64 " goes to rank %d of %d: give a rank of the team, or -1", i,
                      (int)destination[i], team->size);
  return MST_OK;
}

/* Rows that each rank sends here. */
static mst_status count_arrivals(mst_team *team, int64_t n_rows, const int32_t *destination,
                                 int64_t *out, int64_t *in) {
  memset(out, 0, (size_t)team->size * sizeof *out);
  for (int64_t i = 0; i < n_rows; i++)
    if (destination[i] >= 0) out[destination[i]]++;
  mst_comm_meter(team, 8.0 * (team->size - 1));
  return mst_comm_check(MPI_Alltoall(out, 1, MPI_INT64_T, in, 1, MPI_INT64_T, team->comm),
                        "counting rows to exchange");
}

static mst_status exchange_count(mst_team *team, int64_t n_rows, const int32_t *destination,
                                 int64_t *n_recv) {
  int64_t *out = NULL;
  mst_status status = check_rows(team, n_rows, destination);
  if (status == MST_OK)
    status = mst_alloc(&out, 2 * (int64_t)team->size, sizeof *out, "row counts");
  status = mst_team_agree(team, status);
  if (status == MST_OK) status = count_arrivals(team, n_rows, destination, out, out + team->size);
  *n_recv = 0;
  for (int r = 0; status == MST_OK && r < team->size; r++) *n_recv += out[team->size + r];
  mst_free(out);
  return status;
}

mst_status mst_exchange_count(mst_team *team, int64_t n_rows, const int32_t *destination,
                              int64_t *n_recv) {
  mst_comm_enter(team);
  return mst_comm_leave(team, exchange_count(team, n_rows, destination, n_recv));
}

/* Pack rows [begin, end) by destination; out becomes the bytes for each rank. */
static void pack_rows(plan *p, int64_t begin, int64_t end) {
  int size = p->team->size;
  size_t row = (size_t)p->row_bytes;
  memset(p->out, 0, (size_t)size * sizeof *p->out);
  for (int64_t i = begin; i < end; i++)
    if (p->destination[i] >= 0) p->out[p->destination[i]] += p->row_bytes;
  int64_t offset = 0;
  for (int r = 0; r < size; r++) {
    p->packed[r] = offset;
    offset += p->out[r];
  }
  for (int64_t i = begin; i < end; i++) {
    if (p->destination[i] < 0) continue;
    int64_t *to = &p->packed[p->destination[i]];
    memcpy(p->buffer + *to, p->rows + i * p->row_bytes, row);
    *to += p->row_bytes;
  }
}

/* One message a pair and call, at most call_bytes long: the `done` bytes before it have gone. */
static int post_receive(plan *p, int from, int64_t done, MPI_Request *request, int *n) {
  int64_t left = p->in[from] - done, limit = p->team->call_bytes;
  if (left <= 0) return MPI_SUCCESS;
  return MPI_Irecv(p->recv + p->place[from] + done, (int)(left < limit ? left : limit), MPI_BYTE,
                   from, 0, p->team->comm, &request[(*n)++]);
}

static int post_send(plan *p, int to, int64_t done, MPI_Request *request, int *n) {
  int64_t left = p->out[to] - done, limit = p->team->call_bytes;
  if (left <= 0) return MPI_SUCCESS;
  mst_comm_meter(p->team, (double)(left < limit ? left : limit));
  return MPI_Isend(p->buffer + p->packed[to] - left, (int)(left < limit ? left : limit), MPI_BYTE,
                   to, 0, p->team->comm, &request[(*n)++]);
}

/* Exchange with the ranks at distances [near, far) round the ring. All ranks take distances and
 * pieces in the same order, so a message is only ever waited for after the same or an earlier
 * step of its sender, and no circle of waiting can form. */
static mst_status exchange_with(plan *p, int near, int far) {
  int size = p->team->size, rank = p->team->rank;
  MPI_Request request[2 * PEERS];
  for (int64_t done = 0;; done += p->team->call_bytes) {
    int n = 0, code = MPI_SUCCESS;
    for (int s = near; s < far && code == MPI_SUCCESS; s++)
      code = post_receive(p, (rank - s + size) % size, done, request, &n);
    for (int s = near; s < far && code == MPI_SUCCESS; s++)
      code = post_send(p, (rank + s) % size, done, request, &n);
    if (code == MPI_SUCCESS && n == 0) return MST_OK;
    if (code == MPI_SUCCESS) code = MPI_Waitall(n, request, MPI_STATUSES_IGNORE);
    MST_TRY(mst_comm_check(code, "exchanging rows"));
  }
}

static mst_status run_round(plan *p, int64_t round) {
  int size = p->team->size, rank = p->team->rank;
  int64_t begin = round * p->round_rows, end = begin + p->round_rows;
  if (begin > p->n_rows) begin = p->n_rows;
  if (end > p->n_rows) end = p->n_rows;
  pack_rows(p, begin, end);
  mst_comm_meter(p->team, 8.0 * (size - 1));
  MST_TRY(mst_comm_check(MPI_Alltoall(p->out, 1, MPI_INT64_T, p->in, 1, MPI_INT64_T, p->team->comm),
                         "counting rows of a round"));
  if (p->out[rank] > 0)
    memcpy(p->recv + p->place[rank], p->buffer + p->packed[rank] - p->out[rank],
           (size_t)p->out[rank]);
  for (int near = 1; near < size; near += PEERS)
    MST_TRY(exchange_with(p, near, near + PEERS < size ? near + PEERS : size));
  for (int r = 0; r < size; r++) p->place[r] += p->in[r];
  return MST_OK;
}

/* Where the rows of each source begin in recv. */
static mst_status place_sources(plan *p, int64_t n_recv) {
  MST_TRY(count_arrivals(p->team, p->n_rows, p->destination, p->out, p->in));
  int64_t rows = 0;
  for (int r = 0; r < p->team->size; r++) {
    p->place[r] = rows * p->row_bytes;
    rows += p->in[r];
  }
  mst_status status = MST_OK;
  if (rows != n_recv)
    status = mst_fail(MST_ERR_INTERNAL,
                      "%" PRId64 " rows arrive, but room is for %" PRId64
                      ": take the number from mst_exchange_count",
                      rows, n_recv);
  return mst_team_agree(p->team, status);
}

/* Every rank's rounds: as many as the rank with the most rows needs. */
static mst_status run_rounds(plan *p) {
  int64_t rounds = (p->n_rows + p->round_rows - 1) / p->round_rows;
  MST_TRY(
      mst_comm_check(MPI_Allreduce(MPI_IN_PLACE, &rounds, 1, MPI_INT64_T, MPI_MAX, p->team->comm),
                     "counting rounds of an exchange"));
  for (int64_t k = 0; k < rounds; k++) MST_TRY(run_round(p, k));
  return MST_OK;
}

static mst_status prepare(plan *p, int64_t buffer_bytes) {
  MST_TRY(check_rows(p->team, p->n_rows, p->destination));
  if (p->row_bytes < 1 || buffer_bytes < 0)
    return mst_fail(MST_ERR_INTERNAL,
                    "an exchange of rows of %" PRId64 " bytes through a buffer of %" PRId64
                    ": give rows of at least 1 byte and a buffer of 0 (default) or more",
                    p->row_bytes, buffer_bytes);
  if (buffer_bytes == 0) buffer_bytes = DEFAULT_BUFFER;
  int64_t rows = buffer_bytes / p->row_bytes;
  if (rows > p->n_rows) rows = p->n_rows;
  p->round_rows = rows < 1 ? 1 : rows;
  int64_t size = p->team->size;
  MST_TRY(mst_alloc(&p->place, 4 * size, sizeof *p->place, "row counts"));
  p->out = p->place + size;
  p->in = p->out + size;
  p->packed = p->in + size;
  return mst_alloc(&p->buffer, p->round_rows, (size_t)p->row_bytes, "buffer of a row exchange");
}

static mst_status exchange_rows(plan *p, int64_t n_recv, int64_t buffer_bytes) {
  mst_status status = mst_team_agree(p->team, prepare(p, buffer_bytes));
  if (status == MST_OK) status = place_sources(p, n_recv);
  if (status == MST_OK) status = run_rounds(p);
  mst_free(p->place);
  mst_free(p->buffer);
  return status;
}

mst_status mst_exchange_rows(mst_team *team, const void *rows, int64_t n_rows, int64_t row_bytes,
                             const int32_t *destination, void *recv, int64_t n_recv,
                             int64_t buffer_bytes) {
  plan p = {.team = team,
            .rows = rows,
            .n_rows = n_rows,
            .row_bytes = row_bytes,
            .destination = destination,
            .recv = recv};
  MST_TRY(mst_team_same(team, &row_bytes, 1, "bytes of a row to exchange"));
  mst_comm_enter(team);
  return mst_comm_leave(team, exchange_rows(&p, n_recv, buffer_bytes));
}
