/* The roster: the client-ordered sequence of rows, its blocks, and who owns which. The sequence
 * and its blocks follow from the clients alone; only rank_block knows the rank count. Nothing is
 * moved here: parallel/rows.c brings rows to their owners. */
#include "parallel/roster.h"

#include <stddef.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"

static mst_status check_input(int64_t rows, const int32_t *client, int64_t clients) {
  if (rows < 0 || clients < 0)
    return mst_fail(MST_ERR_INPUT, "roster: %lld rows and %lld clients; both must be 0 or more",
                    (long long)rows, (long long)clients);
  for (int64_t i = 0; i < rows; i++)
    if (client[i] != MST_NO_CLIENT && (client[i] < 0 || client[i] >= clients))
      return mst_fail(MST_ERR_INPUT,
                      "roster: row %lld belongs to client %d, which is not in 0 .. %lld",
                      (long long)i, (int)client[i], (long long)clients - 1);
  return MST_OK;
}

/* Counting sort by client, stable, so that a client's rows keep their dataset order. */
static mst_status order_rows(mst_roster *r, const int32_t *client) {
  MST_TRY(mst_alloc(&r->client_first, r->clients + 1, sizeof *r->client_first, "client borders"));
  int64_t *first = r->client_first;
  for (int64_t i = 0; i < r->rows_given; i++)
    if (client[i] != MST_NO_CLIENT) first[client[i] + 1]++;
  for (int64_t k = 0; k < r->clients; k++) first[k + 1] += first[k];
  r->rows = first[r->clients];
  MST_TRY(mst_alloc(&r->order, r->rows, sizeof *r->order, "order of rows"));
  for (int64_t i = 0; i < r->rows_given; i++)
    if (client[i] != MST_NO_CLIENT) r->order[first[client[i]]++] = i;
  for (int64_t k = r->clients; k > 0; k--) first[k] = first[k - 1];
  first[0] = 0;
  return MST_OK;
}

/* Blocks of the places [first, end); returns how many, and writes them where there is room. */
static int64_t cut_run(int64_t first, int64_t end, int64_t client, mst_block *block) {
  int64_t n = mst_ceil_div(end - first, MST_BLOCK_ROWS);
  for (int64_t b = 0; b < n && block != NULL; b++) {
    int64_t start = first + b * MST_BLOCK_ROWS;
    int64_t rows = mst_least(end - start, MST_BLOCK_ROWS);
    block[b] = (mst_block){.first = start, .rows = rows, .client = client};
  }
  return n;
}

static int64_t cut_all(const mst_roster *r, mst_block *block) {
  if (!r->single) return cut_run(0, r->rows, -1, block);
  int64_t n = 0;
  for (int64_t k = 0; k < r->clients; k++)
    n += cut_run(r->client_first[k], r->client_first[k + 1], k, block != NULL ? block + n : NULL);
  return n;
}

int64_t mst_roster_block_place(const mst_roster *r, int64_t b) {
  return b < r->blocks ? r->block[b].first : r->rows;
}

/* The next block at which a rank may begin, given that one may begin at b. */
static int64_t next_border(const mst_roster *r, int64_t b) {
  if (!r->single) return b + 1;
  int64_t k = r->block[b].client;
  return b + mst_ceil_div(r->client_first[k + 1] - r->client_first[k], MST_BLOCK_ROWS);
}

/* Each rank begins at the border nearest to its prefix of the rows, the lower on a tie. */
static void share_blocks(mst_roster *r, int64_t ranks) {
  int64_t b = 0;
  r->rank_block[0] = 0;
  for (int64_t rank = 1; rank < ranks; rank++) {
    int64_t target = mst_share_begin(r->rows, rank, ranks);
    while (b < r->blocks) {
      int64_t next = next_border(r, b), gain = target - mst_roster_block_place(r, b);
      if (gain <= mst_roster_block_place(r, next) - target) break;
      b = next;
    }
    r->rank_block[rank] = b;
  }
  r->rank_block[ranks] = r->blocks;
}

static mst_status fill(const mst_team *team, const int32_t *client, mst_roster *r) {
  MST_TRY(order_rows(r, client));
  r->blocks = cut_all(r, NULL);
  MST_TRY(mst_alloc(&r->block, r->blocks, sizeof *r->block, "row blocks"));
  cut_all(r, r->block);
  int ranks = mst_team_size(team), rank = mst_team_rank(team);
  MST_TRY(mst_alloc(&r->rank_block, (int64_t)ranks + 1, sizeof *r->rank_block, "ranks' blocks"));
  share_blocks(r, ranks);
  r->first = mst_roster_block_place(r, r->rank_block[rank]);
  r->count = mst_roster_block_place(r, r->rank_block[rank + 1]) - r->first;
  return MST_OK;
}

mst_status mst_roster_create(const mst_team *team, int64_t rows, const int32_t *client,
                             int64_t clients, bool single, mst_roster **out) {
  *out = NULL;
  MST_TRY(check_input(rows, client, clients));
  mst_roster *r = NULL;
  MST_TRY(mst_alloc(&r, 1, sizeof *r, "roster"));
  r->rows_given = rows;
  r->clients = clients;
  r->single = single;
  mst_status status = fill(team, client, r);
  if (status != MST_OK) {
    mst_roster_destroy(r);
    return status;
  }
  *out = r;
  return MST_OK;
}

void mst_roster_destroy(mst_roster *r) {
  if (r == NULL) return;
  mst_free(r->client_first);
  mst_free(r->order);
  mst_free(r->block);
  mst_free(r->rank_block);
  mst_free(r);
}
