/* The digest of a state list: BLAKE2b-256 over what the arrays are and hold, whatever rank holds
 * it. Rank 0 hashes; shards stream to it in rank order, a bounded piece at a time.
 *
 * What is hashed, all numbers as 8-byte little-endian integers: the number of arrays; then of each
 * array the length of its name and the name, the length of its type's name and that name
 * ("float32"), the number of dimensions, the whole shape, and the contents row-major. */
#include <inttypes.h>
#include <string.h>

#include "comm/internal.h"
#include "core/base/digest.h"
#include "core/base/memory.h"

#define PIECE_BYTES ((int64_t)4 << 20)

typedef struct hasher {
  mst_team *team;
  mst_digest digest; /* on rank 0 */
  int64_t piece;     /* bytes at a time */
  char *buffer;      /* (piece) on rank 0 */
  int64_t *rows;     /* (2 p) first and count of each rank */
} hasher;

/* The shards must follow each other in rank order and cover the first dimension. */
static mst_status check_cover(const hasher *h, const mst_state_item *item) {
  int64_t next = 0;
  for (int r = 0; r < h->team->size; r++) {
    if (h->rows[2 * r] != next && h->rows[2 * r + 1] > 0)
      return mst_fail(MST_ERR_INTERNAL,
                      "%s: rank %d's rows begin at %" PRId64 ", but those before it end at %" PRId64
                      ": shards must follow each other in rank order",
                      item->name, r, h->rows[2 * r], next);
    next += h->rows[2 * r + 1];
  }
  if (next != item->shape[0])
    return mst_fail(MST_ERR_INTERNAL, "%s: the shards hold %" PRId64 " of %" PRId64 " rows",
                    item->name, next, item->shape[0]);
  return MST_OK;
}

static mst_status take_shard(hasher *h, int from, int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += h->piece) {
    int64_t n = bytes - done < h->piece ? bytes - done : h->piece;
    MST_TRY(mst_comm_check(
        MPI_Recv(h->buffer, (int)n, MPI_BYTE, from, 0, h->team->comm, MPI_STATUS_IGNORE),
        "taking a shard to be digested"));
    mst_digest_add(&h->digest, h->buffer, n);
  }
  return MST_OK;
}

static mst_status give_shard(hasher *h, const char *data, int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += h->piece) {
    int64_t n = bytes - done < h->piece ? bytes - done : h->piece;
    mst_comm_meter(h->team, (double)n);
    MST_TRY(mst_comm_check(MPI_Send(data + done, (int)n, MPI_BYTE, 0, 0, h->team->comm),
                           "giving a shard to be digested"));
  }
  return MST_OK;
}

static mst_status add_shards(hasher *h, const mst_state_item *item) {
  mst_team *team = h->team;
  int64_t mine[2] = {item->first, item->count};
  mst_comm_meter(team, 16.0 * (team->size - 1));
  MST_TRY(mst_comm_check(MPI_Allgather(mine, 2, MPI_INT64_T, h->rows, 2, MPI_INT64_T, team->comm),
                         "gathering the shards' rows"));
  MST_TRY(check_cover(h, item)); /* the same numbers on all ranks: all fail or none */
  int64_t row_bytes = mst_state_row_elements(item) * mst_dtype_size(item->type);
  if (team->rank != 0) return give_shard(h, item->data, item->count * row_bytes);
  mst_digest_add(&h->digest, item->data, item->count * row_bytes);
  for (int r = 1; r < team->size; r++) MST_TRY(take_shard(h, r, h->rows[2 * r + 1] * row_bytes));
  return MST_OK;
}

static mst_status add_stream(hasher *h, const mst_state_item *item) {
  int64_t row_bytes = mst_state_row_elements(item) * mst_dtype_size(item->type);
  int64_t rows = row_bytes > 0 ? item->shape[0] : 0, most = 1;
  if (row_bytes > 0 && row_bytes < MST_STATE_WINDOW) most = MST_STATE_WINDOW / row_bytes;
  char *window = NULL;
  if (rows == 0) return MST_OK;
  MST_TRY(
      mst_team_agree(h->team, mst_alloc(&window, most, (size_t)row_bytes, "window of an array")));
  mst_status status = MST_OK;
  for (int64_t at = 0; at < rows && status == MST_OK; at += most) {
    int64_t n = rows - at < most ? rows - at : most;
    status = item->bring(item->data, at, n, 0, window);
    if (status == MST_OK && h->team->rank == 0) mst_digest_add(&h->digest, window, n * row_bytes);
  }
  mst_free(window);
  return status;
}

static mst_status add_items(hasher *h, const mst_state *state) {
  bool hashes = h->team->rank == 0;
  if (hashes) mst_digest_number(&h->digest, state->n);
  for (int i = 0; i < state->n; i++) {
    const mst_state_item *item = &state->item[i];
    if (hashes) mst_digest_heading(&h->digest, item);
    if (item->layout == MST_SHARDED)
      MST_TRY(add_shards(h, item));
    else if (item->layout == MST_STREAMED)
      MST_TRY(add_stream(h, item));
    else if (hashes)
      mst_digest_add(&h->digest, item->data,
                     mst_state_local_elements(item) * mst_dtype_size(item->type));
  }
  return MST_OK;
}

static mst_status digest_state(hasher *h, const mst_state *state, char *hex) {
  mst_status status = mst_alloc(&h->rows, 2 * (int64_t)h->team->size, sizeof *h->rows, "shards");
  if (status == MST_OK && h->team->rank == 0 && h->team->size > 1)
    status = mst_alloc(&h->buffer, h->piece, 1, "buffer of a digest");
  status = mst_team_agree(h->team, status);
  if (status == MST_OK) {
    mst_digest_start(&h->digest);
    status = add_items(h, state);
  }
  if (status == MST_OK) {
    if (h->team->rank == 0) mst_digest_hex(&h->digest, hex);
    status = mst_team_bcast(h->team, hex, MST_DIGEST_HEX, 0);
  }
  mst_free(h->rows);
  mst_free(h->buffer);
  return status;
}

mst_status mst_team_digest(mst_team *team, const mst_state *state, char *hex) {
  int64_t piece = team->call_bytes < PIECE_BYTES ? team->call_bytes : PIECE_BYTES;
  hasher h = {.team = team, .piece = piece};
  mst_comm_enter(team);
  return mst_comm_leave(team, digest_state(&h, state, hex));
}
