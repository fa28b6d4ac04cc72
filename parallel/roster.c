/* The roster: the client-ordered sequence of rows, its blocks, and who owns which. The sequence
 * and its blocks follow from the clients alone; only rank_block knows the rank count. Rows change
 * places once, by an exchange that brings them in dataset order and a permutation in place. */
#include "parallel/roster.h"

#include <stddef.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"

static int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* floor(n * part / parts) without overflow. */
static int64_t prefix_share(int64_t n, int64_t part, int64_t parts) {
  return n / parts * part + n % parts * part / parts;
}

static mst_status check_input(int64_t rows, const int32_t *client, int64_t clients) {
  if (rows < 0 || clients < 0)
    return mst_fail(MST_ERR_INPUT, "roster: %lld rows and %lld clients; both must be 0 or more",
                    (long long)rows, (long long)clients);
  for (int64_t i = 0; i < rows; i++)
    if (client[i] < 0 || client[i] >= clients)
      return mst_fail(MST_ERR_INPUT,
                      "roster: row %lld belongs to client %d, which is not in 0 .. %lld",
                      (long long)i, (int)client[i], (long long)clients - 1);
  return MST_OK;
}

/* Counting sort by client, stable, so that a client's rows keep their dataset order. */
static mst_status order_rows(mst_roster *r, const int32_t *client) {
  MST_TRY(mst_alloc(&r->client_first, r->clients + 1, sizeof *r->client_first, "client borders"));
  MST_TRY(mst_alloc(&r->order, r->rows, sizeof *r->order, "order of rows"));
  int64_t *first = r->client_first;
  for (int64_t i = 0; i < r->rows; i++) first[client[i] + 1]++;
  for (int64_t k = 0; k < r->clients; k++) first[k + 1] += first[k];
  for (int64_t i = 0; i < r->rows; i++) r->order[first[client[i]]++] = i;
  for (int64_t k = r->clients; k > 0; k--) first[k] = first[k - 1];
  first[0] = 0;
  return MST_OK;
}

/* Blocks of the places [first, end); returns how many, and writes them where there is room. */
static int64_t cut_run(int64_t first, int64_t end, int64_t client, mst_block *block) {
  int64_t n = ceil_div(end - first, MST_BLOCK_ROWS);
  for (int64_t b = 0; b < n && block != NULL; b++) {
    int64_t start = first + b * MST_BLOCK_ROWS;
    int64_t rows = end - start < MST_BLOCK_ROWS ? end - start : MST_BLOCK_ROWS;
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

static int64_t block_start(const mst_roster *r, int64_t b) {
  return b < r->blocks ? r->block[b].first : r->rows;
}

/* The next block at which a rank may begin, given that one may begin at b. */
static int64_t next_border(const mst_roster *r, int64_t b) {
  if (!r->single) return b + 1;
  int64_t k = r->block[b].client;
  return b + ceil_div(r->client_first[k + 1] - r->client_first[k], MST_BLOCK_ROWS);
}

/* Each rank begins at the border nearest to its prefix of the rows, the lower on a tie. */
static void share_blocks(mst_roster *r, int64_t ranks) {
  int64_t b = 0;
  r->rank_block[0] = 0;
  for (int64_t rank = 1; rank < ranks; rank++) {
    int64_t target = prefix_share(r->rows, rank, ranks);
    while (b < r->blocks) {
      int64_t next = next_border(r, b);
      int64_t gain = target - block_start(r, b), loss = block_start(r, next) - target;
      if (gain <= loss) break;
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
  r->first = block_start(r, r->rank_block[rank]);
  r->count = block_start(r, r->rank_block[rank + 1]) - r->first;
  return MST_OK;
}

mst_status mst_roster_create(const mst_team *team, int64_t rows, const int32_t *client,
                             int64_t clients, bool single, mst_roster **out) {
  *out = NULL;
  MST_TRY(check_input(rows, client, clients));
  mst_roster *r = NULL;
  MST_TRY(mst_alloc(&r, 1, sizeof *r, "roster"));
  r->rows = rows;
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

void mst_roster_read_share(const mst_team *team, int64_t n, int64_t *first, int64_t *count) {
  int64_t rank = mst_team_rank(team), ranks = mst_team_size(team);
  *first = prefix_share(n, rank, ranks);
  *count = prefix_share(n, rank + 1, ranks) - *first;
}

/* What a distribution needs besides the rows. */
typedef struct movement {
  int32_t *destination; /* (read_count) owner of each row that this rank read             */
  int64_t *source;      /* (count) which arriving record belongs at each place            */
  uint64_t *mine;       /* (words) one bit a dataset row: set when this rank owns it       */
  int64_t *before;      /* (words) bits set in the words before                            */
  int64_t *read_first, *read_count; /* (p) of every rank                                  */
  char *spare;          /* one record                                                     */
} movement;

static void movement_free(movement *m) {
  mst_free(m->destination);
  mst_free(m->source);
  mst_free(m->mine);
  mst_free(m->before);
  mst_free(m->read_first);
  mst_free(m->read_count);
  mst_free(m->spare);
}

static mst_status check_sizes(int64_t read_count, int64_t row_bytes) {
  if (row_bytes < 1 || read_count < 0)
    return mst_fail(MST_ERR_INPUT,
                    "roster: cannot move %lld records of %lld bytes; give at least 0 of at "
                    "least 1",
                    (long long)read_count, (long long)row_bytes);
  return MST_OK;
}

static mst_status movement_make(const mst_team *team, const mst_roster *r, int64_t read_count,
                                int64_t row_bytes, movement *m) {
  int64_t words = ceil_div(r->rows, 64), ranks = mst_team_size(team);
  MST_TRY(mst_alloc(&m->destination, read_count, sizeof *m->destination, "owners of rows"));
  MST_TRY(mst_alloc(&m->source, r->count, sizeof *m->source, "places of arriving rows"));
  MST_TRY(mst_alloc(&m->mine, words, sizeof *m->mine, "rows of this rank"));
  MST_TRY(mst_alloc(&m->before, words, sizeof *m->before, "rows of this rank, counted"));
  MST_TRY(mst_alloc(&m->read_first, ranks, sizeof *m->read_first, "ranks' first rows"));
  MST_TRY(mst_alloc(&m->read_count, ranks, sizeof *m->read_count, "ranks' row counts"));
  return mst_alloc(&m->spare, row_bytes, 1, "one row");
}

/* The arrival order rests on this: parts in rank order, no gap, no overlap. Every rank checks the
 * same numbers, so all come to the same answer. */
static mst_status check_parts(mst_team *team, const mst_roster *r, int64_t read_first,
                              int64_t read_count, movement *m) {
  MST_TRY(mst_gather_i64(team, read_first, m->read_first));
  MST_TRY(mst_gather_i64(team, read_count, m->read_count));
  int64_t next = 0;
  for (int rank = 0; rank < mst_team_size(team); rank++) {
    if (m->read_first[rank] != next && m->read_count[rank] > 0)
      return mst_fail(MST_ERR_INPUT,
                      "roster: rank %d read rows from %lld on, but rows from %lld on are next: "
                      "read the shares of mst_roster_read_share",
                      rank, (long long)m->read_first[rank], (long long)next);
    next += m->read_count[rank];
  }
  if (next != r->rows)
    return mst_fail(MST_ERR_INPUT,
                    "roster: all ranks together read %lld rows of %lld: read the shares of "
                    "mst_roster_read_share",
                    (long long)next, (long long)r->rows);
  return MST_OK;
}

static void find_destinations(const mst_team *team, const mst_roster *r, int64_t read_first,
                              int64_t read_count, int32_t *destination) {
  for (int rank = 0; rank < mst_team_size(team); rank++) {
    int64_t end = block_start(r, r->rank_block[rank + 1]);
    for (int64_t place = block_start(r, r->rank_block[rank]); place < end; place++) {
      int64_t at = r->order[place] - read_first;
      if (at >= 0 && at < read_count) destination[at] = rank;
    }
  }
}

/* Records arrive in dataset order, so the record for a place is found by counting the owned rows
 * with a lower number: a bit for each dataset row and a running count for each 64 of them. */
static void find_sources(const mst_roster *r, movement *m) {
  for (int64_t i = 0; i < r->count; i++) {
    int64_t row = r->order[r->first + i];
    m->mine[row / 64] |= UINT64_C(1) << (row % 64);
  }
  for (int64_t w = 1; w < ceil_div(r->rows, 64); w++)
    m->before[w] = m->before[w - 1] + __builtin_popcountll(m->mine[w - 1]);
  for (int64_t i = 0; i < r->count; i++) {
    int64_t row = r->order[r->first + i];
    uint64_t below = m->mine[row / 64] & ((UINT64_C(1) << (row % 64)) - 1);
    m->source[i] = m->before[row / 64] + __builtin_popcountll(below);
  }
}

/* records(i) = records(source(i)), cycle by cycle; source becomes the identity. */
static void permute(char *records, int64_t n, size_t bytes, int64_t *source, char *spare) {
  for (int64_t start = 0; start < n; start++) {
    if (source[start] == start) continue;
    memcpy(spare, records + (size_t)start * bytes, bytes);
    int64_t at = start;
    while (source[at] != start) {
      int64_t from = source[at];
      memcpy(records + (size_t)at * bytes, records + (size_t)from * bytes, bytes);
      source[at] = at;
      at = from;
    }
    memcpy(records + (size_t)at * bytes, spare, bytes);
    source[at] = at;
  }
}

static mst_status check_arrivals(const mst_roster *r, int64_t arriving) {
  if (arriving == r->count) return MST_OK;
  return mst_fail(MST_ERR_INTERNAL,
                  "roster: %lld rows arrive where %lld are owned: the ranks' rosters differ",
                  (long long)arriving, (long long)r->count);
}

static mst_status move(mst_team *team, const mst_roster *r, int64_t read_first,
                       int64_t read_count, const void *rows, int64_t row_bytes, movement *m,
                       void *out) {
  MST_TRY(check_parts(team, r, read_first, read_count, m));
  find_destinations(team, r, read_first, read_count, m->destination);
  int64_t arriving = 0;
  MST_TRY(mst_exchange_count(team, read_count, m->destination, &arriving));
  MST_TRY(mst_team_agree(team, check_arrivals(r, arriving)));
  MST_TRY(mst_exchange_rows(team, rows, read_count, row_bytes, m->destination, out, arriving, 0));
  find_sources(r, m);
  permute(out, r->count, (size_t)row_bytes, m->source, m->spare);
  return MST_OK;
}

mst_status mst_roster_distribute(mst_team *team, const mst_roster *r, int64_t read_first,
                                 int64_t read_count, const void *rows, int64_t row_bytes,
                                 void *out) {
  movement m = {0};
  mst_status mine = check_sizes(read_count, row_bytes);
  if (mine == MST_OK) mine = movement_make(team, r, read_count, row_bytes, &m);
  mst_status status = mst_team_agree(team, mine);
  if (mine == MST_OK && status == MST_OK)
    status = move(team, r, read_first, read_count, rows, row_bytes, &m, out);
  movement_free(&m);
  return status;
}
