/* Rows on their way: sample (a few rows to one rank, for fitting features) and load (rows to their
 * owners). A delivered record carries its place in the sequence, so that arrival order does not
 * matter. */
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/rows.h"
#include "parallel/rows_internal.h"

/* Where a row goes: its destination rank (-1 = nowhere) and its place there. */
typedef struct row_target {
  int32_t rank;
  int64_t place;
} row_target;

typedef row_target (*find_target)(const mst_row_store *s, int64_t kept, const void *context);

/* A record: the place, then x, then value. */
static int64_t record_bytes(const mst_row_store *s) {
  return (int64_t)sizeof(int64_t) +
         (s->reader.row_elements + s->reader.outputs) * (int64_t)sizeof(float);
}

static void pack_record(const mst_row_store *s, char *record, int64_t place, const float *x,
                        const float *value) {
  size_t nx = (size_t)s->reader.row_elements * sizeof *x;
  memcpy(record, &place, sizeof place);
  memcpy(record + sizeof place, x, nx);
  if (s->reader.outputs > 0)
    memcpy(record + sizeof place + nx, value, (size_t)s->reader.outputs * sizeof *value);
}

/* False for a place outside [0, places). */
static bool unpack_record(const mst_row_store *s, const char *record, int64_t places, float *x,
                          float *value) {
  size_t nx = (size_t)s->reader.row_elements * sizeof *x;
  int64_t place = 0;
  memcpy(&place, record, sizeof place);
  if (place < 0 || place >= places) return false;
  memcpy(x + place * s->reader.row_elements, record + sizeof place, nx);
  if (s->reader.outputs > 0 && value)
    memcpy(value + place * s->reader.outputs, record + sizeof place + nx,
           (size_t)s->reader.outputs * sizeof *value);
  return true;
}

/* Where delivered rows are put. */
typedef struct landing {
  int64_t places, arrived;
  float *x, *value;
} landing;

/* Send the records packed for one piece of a window and unpack what arrives. Collective. */
static mst_status exchange_piece(mst_row_store *s, const char *record, int64_t n,
                                 const int32_t *destination, landing *at) {
  int64_t bytes = record_bytes(s);
  int64_t n_recv = 0;
  char *recv = NULL;
  MST_TRY(mst_exchange_count(s->team, n, destination, &n_recv));
  mst_status st = mst_alloc(&recv, n_recv * bytes, 1, "rows being exchanged");
  st = mst_team_agree(s->team, st);
  if (st == MST_OK)
    st = mst_exchange_rows(s->team, record, n, bytes, destination, recv, n_recv, 0);
  for (int64_t i = 0; st == MST_OK && i < n_recv; i++)
    at->arrived += unpack_record(s, recv + i * bytes, at->places, at->x, at->value);
  mst_free(recv);
  return st;
}

/* Move every row that `target` wants somewhere to its place there, window by window, and within a
 * window in pieces of bounded size. Collective. */
static mst_status deliver(mst_row_store *s, find_target target, const void *context, landing *at) {
  int64_t bytes = record_bytes(s);
  int64_t piece_rows = mst_least(s->window_rows, mst_most(MST_ROWS_PIECE_BYTES / bytes, 1));
  float *wx_buffer = NULL, *wv_buffer = NULL;
  char *record = NULL;
  int32_t *destination = NULL;
  mst_status st = MST_OK;
  if (!s->share_kept) st = mst_rows_allocate_window(s, &wx_buffer, &wv_buffer);
  if (st == MST_OK) st = mst_alloc(&record, piece_rows * bytes, 1, "rows being sent");
  if (st == MST_OK)
    st = mst_alloc(&destination, piece_rows, sizeof *destination, "destinations of rows");
  st = mst_team_agree(s->team, st);
  for (int64_t w = 0; st == MST_OK && w < s->windows; w++) {
    const float *wx = NULL, *wv = NULL;
    int64_t first = 0, count = 0;
    st = mst_team_agree(s->team,
                        mst_rows_window(s, w, wx_buffer, wv_buffer, &wx, &wv, &first, &count));
    int64_t pieces = mst_ceil_div(count, piece_rows);
    if (st == MST_OK) st = mst_max_i64(s->team, &pieces, 1);
    for (int64_t q = 0; st == MST_OK && q < pieces; q++) {
      int64_t n = 0, end = mst_least((q + 1) * piece_rows, count);
      for (int64_t i = q * piece_rows; i < end; i++) {
        if (mst_rows_is_bad(s, first + i)) continue;
        row_target t = target(s, mst_rows_kept_before(s, first + i), context);
        if (t.rank < 0) continue;
        pack_record(s, record + n * bytes, t.place, wx + i * s->reader.row_elements,
                    wv ? wv + i * s->reader.outputs : NULL);
        destination[n++] = t.rank;
      }
      st = exchange_piece(s, record, n, destination, at);
    }
  }
  mst_free(destination);
  mst_free(record);
  mst_free(wx_buffer);
  mst_free(wv_buffer);
  if (st == MST_OK && at->arrived != at->places)
    st = mst_fail(MST_ERR_INTERNAL,
                  "%lld rows arrived where %lld belong: the ranks' rosters differ",
                  (long long)at->arrived, (long long)at->places);
  return mst_team_agree(s->team, st);
}

typedef struct sample_target {
  int64_t m;
  const int64_t *index;
  int root;
} sample_target;

static row_target to_sample(const mst_row_store *s, int64_t kept, const void *context) {
  (void)s;
  const sample_target *t = context;
  int64_t low = 0, high = t->m;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (t->index[middle] < kept) low = middle + 1;
    else high = middle;
  }
  bool wanted = low < t->m && t->index[low] == kept;
  return (row_target){wanted ? t->root : -1, low};
}

mst_status mst_rows_sample(mst_row_store *s, int64_t m, const int64_t *index, int root,
                           float *out) {
  sample_target t = {m, index, root};
  landing at = {.places = mst_team_rank(s->team) == root ? m : 0, .x = out};
  return deliver(s, to_sample, &t, &at);
}

/* place[i] of this rank's i-th kept row: the inverse of the roster's order, for its share; -1 for a
 * row that it leaves out. */
static mst_status invert_order(mst_row_store *s) {
  if (s->place) return MST_OK;
  int64_t from = mst_rows_kept_before(s, s->share_first);
  int64_t to = mst_rows_kept_before(s, s->share_first + s->share_count);
  MST_TRY(mst_alloc(&s->place, to - from, sizeof *s->place, "places of rows"));
  for (int64_t i = from; i < to; i++) s->place[i - from] = -1;
  for (int64_t i = 0; i < s->roster->rows; i++) {
    int64_t kept = s->roster->order[i];
    if (kept >= from && kept < to) s->place[kept - from] = i;
  }
  return MST_OK;
}

static row_target to_owner(const mst_row_store *s, int64_t kept, const void *context) {
  int64_t group = *(const int64_t *)context;
  int64_t place = s->place[kept - mst_rows_kept_before(s, s->share_first)];
  if (place < 0) return (row_target){.rank = -1};
  int low = 0, high = mst_team_size(s->team) - 1; /* the last rank whose first place is <= place */
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (mst_roster_block_place(s->roster, s->roster->rank_block[middle]) <= place) low = middle;
    else high = middle - 1;
  }
  int64_t from = mst_roster_block_place(s->roster, mst_rows_group_block(s, low, group));
  int64_t to = mst_roster_block_place(s->roster, mst_rows_group_block(s, low, group + 1));
  bool wanted = place >= from && place < to;
  return (row_target){wanted ? low : -1, place - from};
}

/* Everything has arrived: what was kept of the scan is not needed. */
static void free_share(mst_row_store *s) {
  mst_free(s->share_x);
  mst_free(s->share_value);
  s->share_x = s->share_value = NULL;
  s->share_kept = false;
}

/* Places of a group on this rank. */
static int64_t count_places(const mst_row_store *s, int64_t group) {
  int64_t first = 0, blocks = 0;
  mst_rows_group(s, group, &first, &blocks);
  return mst_roster_block_place(s->roster, first + blocks) -
         mst_roster_block_place(s->roster, first);
}

mst_status mst_rows_deliver(mst_row_store *s, float *x, float *value) {
  const int64_t group = 0;
  mst_status st = s->groups == 1 ? invert_order(s)
                                 : mst_fail(MST_ERR_INTERNAL, "rows in %lld groups, not in one",
                                            (long long)s->groups);
  MST_TRY(mst_team_agree(s->team, st));
  landing at = {.places = count_places(s, group), .x = x, .value = value};
  MST_TRY(deliver(s, to_owner, &group, &at));
  free_share(s);
  return MST_OK;
}

mst_status mst_rows_load(mst_row_store *s, int64_t group, const float **x, const float **value) {
  bool any = false; /* a rank without rows has nothing to release, so ranks may differ */
  mst_status st = mst_team_any(s->team, s->loaded != group, &any);
  if (st == MST_OK && any) {
    mst_rows_release(s);
    mst_free(s->value);
    s->value = NULL;
    int64_t n = count_places(s, group);
    st = invert_order(s);
    if (st == MST_OK) st = mst_alloc(&s->x, n * s->reader.row_elements, sizeof *s->x, "rows");
    if (st == MST_OK) st = mst_alloc(&s->value, n * s->reader.outputs, sizeof *s->value, "targets");
    st = mst_team_agree(s->team, st);
    landing at = {.places = n, .x = s->x, .value = s->value};
    if (st == MST_OK) st = deliver(s, to_owner, &group, &at);
    if (st == MST_OK) s->loaded = group;
    if (st == MST_OK && s->groups == 1) free_share(s);
  }
  *x = s->x;
  *value = s->value;
  return st;
}
