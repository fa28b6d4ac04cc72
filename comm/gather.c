/* Copies without arithmetic: from one rank to all, from all to all. Each MPI call is kept under
 * the team's limit of bytes, so that sizes are never bound by an int. */
#include <inttypes.h>
#include <string.h>

#include "comm/internal.h"
#include "comm/sum.h"

static mst_status bcast(mst_team *team, char *data, int64_t bytes, int root) {
  for (int64_t done = 0; done < bytes; done += team->call_bytes) {
    int64_t n = bytes - done < team->call_bytes ? bytes - done : team->call_bytes;
    mst_comm_meter(team, (double)n * (team->size - 1) / team->size);
    MST_TRY(mst_comm_check(MPI_Bcast(data + done, (int)n, MPI_BYTE, root, team->comm),
                           "copying to all ranks"));
  }
  return MST_OK;
}

mst_status mst_team_bcast(mst_team *team, void *data, int64_t bytes, int root) {
  MST_TRY(mst_team_same(team, (int64_t[]){bytes, root}, 2, "bytes and root of a copy to all"));
  if (bytes < 0 || root < 0 || root >= team->size)
    return mst_fail(MST_ERR_INTERNAL,
                    "a copy of %" PRId64
                    " bytes from rank %d of %d: give 0 bytes or more and a "
                    "rank of the team",
                    bytes, root, team->size);
  if (team->size == 1) return MST_OK;
  mst_comm_enter(team);
  return mst_comm_leave(team, bcast(team, data, bytes, root));
}

mst_status mst_team_bcast_state(mst_team *team, mst_state *state, int root) {
  for (int i = 0; i < state->n; i++) {
    mst_state_item *item = &state->item[i];
    if (item->layout != MST_REPLICATED) continue;
    int64_t bytes = mst_state_local_elements(item) * mst_dtype_size(item->type);
    mst_status status = mst_team_bcast(team, item->data, bytes, root);
    if (status != MST_OK) return mst_fail_within(status, "%s: ", item->name);
  }
  return MST_OK;
}

/* Exchange with the ring's neighbours, piece by piece; either may be the longer one. */
static mst_status shift_part(mst_team *team, const char *send, int64_t send_bytes, char *recv,
                             int64_t recv_bytes) {
  int to = (team->rank + 1) % team->size, from = (team->rank + team->size - 1) % team->size;
  int64_t most = send_bytes > recv_bytes ? send_bytes : recv_bytes, limit = team->call_bytes;
  for (int64_t done = 0; done < most; done += limit) {
    MPI_Request request[2];
    int n = 0, code = MPI_SUCCESS;
    int64_t in = recv_bytes - done < limit ? recv_bytes - done : limit;
    int64_t out = send_bytes - done < limit ? send_bytes - done : limit;
    if (in > 0)
      code = MPI_Irecv(recv + done, (int)in, MPI_BYTE, from, 0, team->comm, &request[n++]);
    if (out > 0 && code == MPI_SUCCESS)
      code = MPI_Isend(send + done, (int)out, MPI_BYTE, to, 0, team->comm, &request[n++]);
    if (code == MPI_SUCCESS) code = MPI_Waitall(n, request, MPI_STATUSES_IGNORE);
    MST_TRY(mst_comm_check(code, "gathering parts"));
    mst_comm_meter(team, out > 0 ? (double)out : 0.0);
  }
  return MST_OK;
}

/* Part r travels from rank r round the ring; each rank passes on what it received last. */
static mst_status gather_ring(mst_team *team, const int64_t *bytes, char *recv) {
  int64_t send_end = 0, total = 0;
  for (int r = 0; r < team->size; r++) {
    total += bytes[r];
    if (r <= team->rank) send_end = total;
  }
  for (int step = 0; step + 1 < team->size; step++) {
    int out = (team->rank - step + team->size) % team->size;
    int in = (out - 1 + team->size) % team->size;
    int64_t send_begin = send_end - bytes[out];
    int64_t recv_end = out == 0 ? total : send_begin;
    MST_TRY(
        shift_part(team, recv + send_begin, bytes[out], recv + recv_end - bytes[in], bytes[in]));
    send_end = recv_end;
  }
  return MST_OK;
}

/* All parts in one call; each lies in its place already. */
static mst_status gather_at_once(mst_team *team, const int64_t *bytes, char *recv) {
  int *count = team->domain.counts, *begin = count + team->size;
  int64_t total = 0;
  for (int r = 0; r < team->size; r++) {
    count[r] = (int)bytes[r];
    begin[r] = (int)total;
    total += bytes[r];
  }
  mst_comm_meter(team, (double)total * (team->size - 1) / team->size);
  return mst_comm_check(
      MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, recv, count, begin, MPI_BYTE, team->comm),
      "gathering parts");
}

static mst_status gather_parts(mst_team *team, const int64_t *bytes, char *recv) {
  int64_t total = 0;
  for (int r = 0; r < team->size; r++) total += bytes[r];
  return total <= team->call_bytes ? gather_at_once(team, bytes, recv)
                                   : gather_ring(team, bytes, recv);
}

mst_status mst_gather_all(mst_team *team, const void *mine, const int64_t *bytes, void *recv) {
  int64_t before = 0;
  MST_TRY(mst_team_same(team, bytes, team->size, "parts of a gather"));
  for (int r = 0; r < team->size; r++) {
    if (bytes[r] < 0)
      return mst_fail(MST_ERR_INTERNAL,
                      "rank %d's part of a gather has %" PRId64 " bytes: give 0 or more", r,
                      bytes[r]);
    if (r < team->rank) before += bytes[r];
  }
  char *place = (char *)recv + before;
  if (bytes[team->rank] > 0 && place != mine) memmove(place, mine, (size_t)bytes[team->rank]);
  if (team->size == 1) return MST_OK;
  mst_comm_enter(team);
  return mst_comm_leave(team, gather_parts(team, bytes, recv));
}

mst_status mst_gather_i64(mst_team *team, int64_t mine, int64_t *all) {
  mst_comm_enter(team);
  mst_comm_meter(team, 8.0 * (team->size - 1));
  return mst_comm_leave(
      team, mst_comm_check(MPI_Allgather(&mine, 1, MPI_INT64_T, all, 1, MPI_INT64_T, team->comm),
                           "gathering a number of each rank"));
}
