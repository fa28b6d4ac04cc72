/* The client store. Within a domain's share each rank's rows follow those of the rank before it in
 * team order; so a rank fills its own part, and a client's rows are contiguous: first those that it
 * trains on, then those that are held out. */
#include "parallel/clients.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/key.h"
#include "core/base/memory.h"

struct mst_clients {
  mst_team *team;
  const mst_roster *roster;
  bool classes;
  double holdout; /* share of a client's rows */
  uint64_t seed;
  mst_clients_spill spill;
  int64_t inputs, outputs;
  int64_t *first_client;  /* (p + 1) first client of each rank; empty clients go with the next */
  int64_t *row_offset;    /* (p) of a rank's rows in its domain's share                       */
  int64_t *client_offset; /* (p) of a rank's clients among its domain's                      */
  int64_t domain_rows, domain_clients;
  mst_share *x, *target; /* (domain_rows, inputs); int32 (domain_rows) or float (.., outputs) */
};

static int64_t rank_place(const mst_roster *r, int rank) {
  return mst_roster_block_place(r, r->rank_block[rank]);
}

/* Ranks' clients: from the client of a rank's first block to that of the next rank's. */
static void divide_clients(mst_clients *c) {
  const mst_roster *r = c->roster;
  int p = mst_team_size(c->team);
  c->first_client[0] = 0;
  for (int k = 1; k < p; k++)
    c->first_client[k] =
        r->rank_block[k] < r->blocks ? r->block[r->rank_block[k]].client : r->clients;
  c->first_client[p] = r->clients;
}

static void lay_out(mst_clients *c) {
  int p = mst_team_size(c->team), mine = mst_team_domain(c->team);
  for (int d = 0; d < mst_team_domains(c->team); d++) {
    int64_t rows = 0, clients = 0;
    for (int k = 0; k < p; k++) {
      if (mst_team_domain_of(c->team, k) != d) continue;
      c->row_offset[k] = rows;
      c->client_offset[k] = clients;
      rows += rank_place(c->roster, k + 1) - rank_place(c->roster, k);
      clients += c->first_client[k + 1] - c->first_client[k];
    }
    if (d != mine) continue;
    c->domain_rows = rows;
    c->domain_clients = clients;
  }
}

/* The rank whose clients include this one. */
static int owner_of(const mst_clients *c, int64_t client) {
  int low = 0, high = mst_team_size(c->team) - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (c->first_client[middle] <= client)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

static mst_status fill_features(mst_features *f, int64_t rows, const float *x, float *out) {
  if (f == NULL) return MST_OK;
  int64_t in = mst_row_elements(&f->shape);
  for (int64_t done = 0; done < rows; done += MST_BLOCK_ROWS) {
    int64_t n = mst_least(rows - done, MST_BLOCK_ROWS);
    MST_TRY(mst_features_apply(f, x + done * in, n, out + done * f->width));
  }
  return MST_OK;
}

/* This rank's part of a share of the domain's rows, `size` bytes each. */
static void *my_rows(const mst_clients *c, mst_share *of, int64_t size) {
  int rank = mst_team_rank(c->team);
  int64_t n = rank_place(c->roster, rank + 1) - rank_place(c->roster, rank);
  return mst_share_visit(of, c->row_offset[rank] * size, n * size);
}

static int64_t target_bytes(const mst_clients *c) {
  return c->classes ? (int64_t)sizeof(int32_t) : c->outputs * (int64_t)sizeof(float);
}

/* This rank's features of rows that lie in a file, block by block. */
static mst_status map_features(mst_clients *c, mst_share *raw, mst_features *f) {
  int rank = mst_team_rank(c->team);
  int64_t rows = rank_place(c->roster, rank + 1) - rank_place(c->roster, rank);
  int64_t in = mst_row_elements(&f->shape) * (int64_t)sizeof(float);
  int64_t out = c->inputs * (int64_t)sizeof(float);
  for (int64_t done = 0; done < rows; done += MST_BLOCK_ROWS) {
    int64_t n = mst_least(rows - done, MST_BLOCK_ROWS), at = c->row_offset[rank] + done;
    MST_TRY(mst_features_apply(f, mst_share_visit(raw, at * in, n * in), n,
                               mst_share_visit(c->x, at * out, n * out)));
  }
  return MST_OK;
}

/* This rank's rows from the dataset into its part of the shares, which are files: nothing but a
 * window passes through memory. Rows that a feature map is to see are laid in a file of their own
 * before, unless it works entry by entry. Collective. */
static mst_status fill_files(mst_clients *c, mst_row_store *rows, const int32_t *label,
                             mst_features *features) {
  int rank = mst_team_rank(c->team);
  int64_t raw_bytes = mst_rows_elements(rows) * (int64_t)sizeof(float);
  mst_share *raw = NULL;
  if (features != NULL && !features->ops->plain)
    MST_TRY(mst_share_create_in(c->team, c->domain_rows * raw_bytes, "the clients' rows as read",
                                c->spill.rows, &raw));
  mst_share *to = raw != NULL ? raw : c->x;
  char *target = my_rows(c, c->target, target_bytes(c));
  mst_status st = mst_rows_deliver(rows, my_rows(c, to, raw_bytes),
                                   c->classes ? NULL : (float *)(void *)target);
  int64_t first = rank_place(c->roster, rank), n = rank_place(c->roster, rank + 1) - first;
  if (st == MST_OK && c->classes) memcpy(target, label + first, (size_t)n * sizeof *label);
  if (st == MST_OK && features != NULL) st = mst_team_agree(c->team, map_features(c, to, features));
  mst_share_destroy(raw);
  return st;
}

/* This rank's rows of one group into its part of the shares. Collective. */
static mst_status fill_group(mst_clients *c, mst_row_store *rows, int64_t group,
                             const int32_t *label, mst_features *features) {
  const float *x = NULL, *value = NULL;
  int64_t first_block = 0, blocks = 0, rank = mst_team_rank(c->team);
  MST_TRY(mst_rows_load(rows, group, &x, &value));
  mst_rows_group(rows, group, &first_block, &blocks);
  if (blocks == 0) return MST_OK;
  int64_t place = mst_roster_block_place(c->roster, first_block);
  int64_t n = mst_roster_block_place(c->roster, first_block + blocks) - place;
  int64_t at = c->row_offset[rank] + place - rank_place(c->roster, (int)rank);
  float *to = (float *)mst_share_at(c->x) + at * c->inputs;
  if (features != NULL)
    MST_TRY(fill_features(features, n, x, to));
  else
    memcpy(to, x, (size_t)(n * c->inputs) * sizeof *to);
  if (c->classes)
    memcpy((int32_t *)mst_share_at(c->target) + at, label + place, (size_t)n * sizeof *label);
  else
    memcpy((float *)mst_share_at(c->target) + at * c->outputs, value,
           (size_t)(n * c->outputs) * sizeof *value);
  return MST_OK;
}

static mst_status allocate(mst_clients *c) {
  int p = mst_team_size(c->team);
  MST_TRY(mst_alloc(&c->first_client, (int64_t)p + 1, sizeof *c->first_client, "ranks' clients"));
  MST_TRY(mst_alloc(&c->row_offset, p, sizeof *c->row_offset, "ranks' rows"));
  return mst_alloc(&c->client_offset, p, sizeof *c->client_offset, "ranks' clients");
}

int64_t mst_clients_held_rows(double holdout, int64_t n) {
  return n > 0 ? mst_least((int64_t)llround(holdout * (double)n), n - 1) : 0;
}

/* All rows of a client, and how many of them are held out. */
static int64_t all_rows(const mst_clients *c, int64_t client) {
  return c->roster->client_first[client + 1] - c->roster->client_first[client];
}

static int64_t held_rows(const mst_clients *c, int64_t client) {
  return mst_clients_held_rows(c->holdout, all_rows(c, client));
}

/* Where a client's rows begin in its domain's share. */
static int64_t place_of(const mst_clients *c, int64_t client) {
  int rank = owner_of(c, client);
  return c->row_offset[rank] + c->roster->client_first[client] - rank_place(c->roster, rank);
}

static void swap_bytes(char *a, char *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    char kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

/* Move the rows that are held out to the end: the first steps of a shuffle from the back. */
static void hold_out(mst_clients *c, int64_t client) {
  int64_t n = all_rows(c, client), held = held_rows(c, client), place = place_of(c, client);
  int64_t row = c->inputs * (int64_t)sizeof(float);
  int64_t target = target_bytes(c);
  char *x = mst_share_visit(c->x, place * row, n * row);
  char *y = mst_share_visit(c->target, place * target, n * target);
  mst_stream s = mst_stream_of(mst_key_make(c->seed, MST_PURPOSE_SPLIT, (uint64_t)client, 0));
  for (int64_t i = n - 1; i >= n - held; i--) {
    int64_t j = (int64_t)mst_stream_below(&s, (uint64_t)i + 1);
    if (i == j) continue;
    swap_bytes(x + i * row, x + j * row, row);
    swap_bytes(y + i * target, y + j * target, target);
  }
}

void mst_clients_order(uint64_t seed, int64_t client, int64_t n, int64_t held, int64_t *order) {
  mst_stream s = mst_stream_of(mst_key_make(seed, MST_PURPOSE_SPLIT, (uint64_t)client, 0));
  for (int64_t i = 0; i < n; i++) order[i] = i;
  for (int64_t i = n - 1; i >= n - held; i--) {
    const int64_t j = (int64_t)mst_stream_below(&s, (uint64_t)i + 1), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

static mst_status fill(mst_clients *c, mst_row_store *rows, const int32_t *label,
                       mst_features *features) {
  MST_TRY(mst_team_agree(c->team, allocate(c)));
  divide_clients(c);
  lay_out(c);
  MST_TRY(mst_share_create_in(c->team, c->domain_rows * c->inputs * (int64_t)sizeof(float),
                              "the clients' rows", c->spill.rows, &c->x));
  MST_TRY(mst_share_create_in(c->team, c->domain_rows * target_bytes(c), "the clients' targets",
                              c->spill.rows, &c->target));
  bool files = c->spill.rows != NULL;
  mst_status st = files ? fill_files(c, rows, label, features) : MST_OK;
  for (int64_t g = 0; !files && g < mst_rows_groups(rows) && st == MST_OK; g++)
    st = mst_team_agree(c->team, fill_group(c, rows, g, label, features));
  int rank = mst_team_rank(c->team);
  for (int64_t k = c->first_client[rank]; k < c->first_client[rank + 1] && st == MST_OK; k++)
    hold_out(c, k);
  return st == MST_OK ? mst_share_sync(c->x) : st;
}

mst_status mst_clients_create(mst_team *team, mst_row_store *rows, const mst_roster *roster,
                              const int32_t *label, mst_features *features, double holdout,
                              uint64_t seed, const mst_clients_spill *spill, mst_clients **out) {
  mst_clients *c = NULL;
  *out = NULL;
  mst_status st =
      roster->single ? mst_alloc(&c, 1, sizeof *c, "client store")
                     : mst_fail(MST_ERR_INTERNAL, "a client store needs a roster of whole clients");
  if (c != NULL) {
    *c = (mst_clients){
        .team = team, .roster = roster, .classes = label != NULL, .holdout = holdout, .seed = seed};
    if (spill != NULL) c->spill = *spill;
    c->inputs = features != NULL ? features->width : mst_rows_elements(rows);
    c->outputs = mst_rows_outputs(rows);
  }
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = fill(c, rows, label, features);
  if (st != MST_OK) {
    mst_clients_destroy(c);
    return st;
  }
  *out = c;
  return MST_OK;
}

void mst_clients_destroy(mst_clients *c) {
  if (c == NULL) return;
  mst_share_destroy(c->target);
  mst_share_destroy(c->x);
  mst_free(c->first_client);
  mst_free(c->row_offset);
  mst_free(c->client_offset);
  mst_free(c);
}

int64_t mst_clients_count(const mst_clients *c) {
  return c->roster->clients;
}

int64_t mst_clients_rows(const mst_clients *c, int64_t client) {
  return all_rows(c, client) - held_rows(c, client);
}

int64_t mst_clients_test_rows(const mst_clients *c, int64_t client) {
  return c->holdout > 0 ? held_rows(c, client) : all_rows(c, client);
}

int64_t mst_clients_held(const mst_clients *c) {
  int64_t held = 0;
  for (int64_t k = 0; k < c->roster->clients; k++) held += held_rows(c, k);
  return held;
}

bool mst_clients_here(const mst_clients *c, int64_t client) {
  return mst_team_domain_of(c->team, owner_of(c, client)) == mst_team_domain(c->team);
}

int mst_clients_owner(const mst_clients *c, int64_t client) {
  return owner_of(c, client);
}

static mst_batch batch_at(const mst_clients *c, int64_t at, int64_t n) {
  int64_t row = c->inputs * (int64_t)sizeof(float), target = target_bytes(c);
  mst_batch b = {.n = n, .x = mst_share_visit(c->x, at * row, n * row)};
  const void *y = mst_share_visit(c->target, at * target, n * target);
  if (c->classes)
    b.label = y;
  else
    b.value = y;
  return b;
}

mst_batch mst_clients_data(const mst_clients *c, int64_t client) {
  return batch_at(c, place_of(c, client), mst_clients_rows(c, client));
}

mst_batch mst_clients_test(const mst_clients *c, int64_t client) {
  int64_t n = mst_clients_test_rows(c, client);
  return batch_at(c, place_of(c, client) + all_rows(c, client) - n, n);
}

mst_status mst_clients_keep(mst_clients *c, int64_t floats, const char *what, mst_share **out) {
  return mst_share_create_in(c->team, c->domain_clients * floats * (int64_t)sizeof(float), what,
                             c->spill.kept, out);
}

float *mst_clients_kept(const mst_clients *c, mst_share *kept, int64_t floats, int64_t client) {
  int rank = owner_of(c, client);
  int64_t at = c->client_offset[rank] + client - c->first_client[rank];
  int64_t bytes = floats * (int64_t)sizeof(float);
  return mst_share_visit(kept, at * bytes, bytes);
}

mst_status mst_clients_state(const mst_clients *c, mst_share *kept, int64_t floats,
                             const char *name, mst_state *state) {
  int rank = mst_team_rank(c->team);
  int64_t first = c->first_client[rank], count = c->first_client[rank + 1] - first;
  int64_t bytes = floats * (int64_t)sizeof(float);
  float *mine = mst_share_visit(kept, c->client_offset[rank] * bytes, count * bytes);
  return mst_state_add_shard(state, name, MST_F32, 2, (int64_t[]){c->roster->clients, floats},
                             first, count, mine);
}

int64_t mst_clients_bytes(const mst_clients *c) {
  return c->domain_rows * (c->inputs * (int64_t)sizeof(float) + target_bytes(c));
}
