/* The row store's life: scan (every row is read once and looked at), sample (a few rows to one
 * rank, for fitting features), load (rows to their owners). Reads are collective windows of at
 * most window_bytes a rank; a delivered record carries its place in the sequence, so that
 * arrival order does not matter. */
#include "parallel/rows.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"

struct mst_row_store {
  mst_team *team;
  mst_row_reader reader;
  int64_t share_first, share_count; /* dataset rows this rank reads */
  int64_t window_rows, windows;     /* a read; reads of the longest share */
  bool share_kept;                  /* from the scan, in share_x and share_value */
  float *share_x, *share_value;
  int64_t bad_count, *bad;          /* non-finite dataset rows, increasing, on all ranks */
  const mst_roster *roster;
  int64_t groups, loaded;           /* loaded = -1: none */
  int64_t *place;                   /* (kept of this share) place in the sequence */
  float *x, *value;
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static bool row_is_finite(const float *x, int64_t n) {
  /* x - x is 0 for finite values and NaN otherwise; the sum of zeros is 0. */
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] - x[i];
  return sum == 0;
}

/* Kept rows that come before a dataset row. */
static int64_t kept_before(const mst_row_store *s, int64_t row) {
  int64_t low = 0, high = s->bad_count;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (s->bad[middle] < row) low = middle + 1;
    else high = middle;
  }
  return row - low;
}

static bool row_is_bad(const mst_row_store *s, int64_t row) {
  int64_t before = row - kept_before(s, row); /* bad rows before this one */
  return before < s->bad_count && s->bad[before] == row;
}

/* The rows of window w: from the kept share, or read into buffers. Collective. */
static mst_status window_rows(mst_row_store *s, int64_t w, float *x_buffer, float *value_buffer,
                              const float **x, const float **value, int64_t *first,
                              int64_t *count) {
  int64_t from = least(w * s->window_rows, s->share_count);
  *count = least(s->window_rows, s->share_count - from);
  *first = s->share_first + from;
  if (s->share_kept) {
    *x = s->share_x + from * s->reader.row_elements;
    *value = s->share_value ? s->share_value + from * s->reader.outputs : NULL;
    return MST_OK;
  }
  *x = x_buffer;
  *value = value_buffer;
  return s->reader.read(s->reader.context, *first, *count, x_buffer, value_buffer);
}

static mst_status allocate_window(mst_row_store *s, float **x, float **value) {
  *x = *value = NULL;
  int64_t n = least(s->window_rows, s->share_count);
  mst_status st = mst_alloc(x, n * s->reader.row_elements, sizeof **x, "rows being read");
  if (st == MST_OK)
    st = mst_alloc(value, n * s->reader.outputs, sizeof **value, "targets being read");
  return mst_team_agree(s->team, st);
}

/* Share the dataset numbers of this rank's bad rows with all. Collective. */
static mst_status share_bad_rows(mst_row_store *s, const int64_t *mine, int64_t n_mine) {
  int p = mst_team_size(s->team);
  int64_t *bytes = NULL;
  mst_status st = mst_alloc(&bytes, p, sizeof *bytes, "counts of non-finite rows");
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) st = mst_gather_i64(s->team, n_mine * (int64_t)sizeof *mine, bytes);
  if (st == MST_OK) {
    int64_t total = 0;
    for (int r = 0; r < p; r++) total += bytes[r];
    s->bad_count = total / (int64_t)sizeof *mine;
    st = mst_alloc(&s->bad, s->bad_count, sizeof *s->bad, "numbers of non-finite rows");
    st = mst_team_agree(s->team, st);
    if (st == MST_OK && total > 0) st = mst_gather_all(s->team, mine, bytes, s->bad);
  }
  mst_free(bytes);
  return st;
}

static mst_status scan(mst_row_store *s) {
  float *x = NULL, *value = NULL;
  int64_t *bad = NULL, n_bad = 0, room = 0;
  mst_status st = allocate_window(s, &x, &value);
  for (int64_t w = 0; st == MST_OK && w < s->windows; w++) {
    const float *wx = NULL, *wv = NULL;
    int64_t first = 0, count = 0;
    st = window_rows(s, w, x, value, &wx, &wv, &first, &count);
    for (int64_t i = 0; st == MST_OK && i < count; i++) {
      if (row_is_finite(wx + i * s->reader.row_elements, s->reader.row_elements) &&
          (!wv || row_is_finite(wv + i * s->reader.outputs, s->reader.outputs)))
        continue;
      if (n_bad == room) {
        int64_t *more = NULL;
        st = mst_alloc(&more, 2 * room + 64, sizeof *more, "numbers of non-finite rows");
        if (st != MST_OK) break;
        if (n_bad > 0) memcpy(more, bad, (size_t)n_bad * sizeof *bad);
        mst_free(bad);
        bad = more;
        room = 2 * room + 64;
      }
      bad[n_bad++] = first + i;
    }
    st = mst_team_agree(s->team, st);
  }
  if (st == MST_OK) st = share_bad_rows(s, bad, n_bad);
  if (st == MST_OK && s->windows == 1) {
    s->share_kept = true;
    s->share_x = x;
    s->share_value = value;
  } else {
    mst_free(x);
    mst_free(value);
  }
  mst_free(bad);
  return st;
}

mst_status mst_rows_create(mst_team *team, const mst_row_reader *reader, int64_t window_bytes,
                           mst_row_store **out) {
  *out = NULL;
  mst_row_store *s = NULL;
  mst_status st = mst_alloc(&s, 1, sizeof *s, "row store");
  st = mst_team_agree(team, st);
  if (st != MST_OK) {
    mst_free(s);
    return st;
  }
  s->team = team;
  s->reader = *reader;
  s->groups = 1;
  s->loaded = -1;
  mst_roster_read_share(team, reader->rows, &s->share_first, &s->share_count);
  int64_t row_bytes = (reader->row_elements + reader->outputs) * (int64_t)sizeof(float);
  s->window_rows = window_bytes / row_bytes > 1 ? window_bytes / row_bytes : 1;
  s->windows = (s->share_count + s->window_rows - 1) / s->window_rows;
  if (s->windows < 1) s->windows = 1;
  st = mst_max_i64(team, &s->windows, 1);
  if (st == MST_OK) st = scan(s);
  if (st != MST_OK) {
    mst_rows_destroy(s);
    return st;
  }
  *out = s;
  return MST_OK;
}

void mst_rows_destroy(mst_row_store *s) {
  if (!s) return;
  mst_free(s->share_x);
  mst_free(s->share_value);
  mst_free(s->bad);
  mst_free(s->place);
  mst_free(s->x);
  mst_free(s->value);
  mst_free(s);
}

int64_t mst_rows_nonfinite(const mst_row_store *s, int64_t *first) {
  if (first) *first = s->bad_count > 0 ? s->bad[0] : -1;
  return s->bad_count;
}

int64_t mst_rows_kept(const mst_row_store *s) { return s->reader.rows - s->bad_count; }

int64_t mst_rows_dataset_row(const mst_row_store *s, int64_t i) {
  /* The smallest row with i + 1 kept rows up to and including it. */
  int64_t low = i, high = i + s->bad_count;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (kept_before(s, middle + 1) >= i + 1) high = middle;
    else low = middle + 1;
  }
  return low;
}

/* Where a row goes: its destination rank (-1 = nowhere) and its place there. */
typedef struct row_target {
  int32_t rank;
  int64_t place;
} row_target;

typedef row_target (*find_target)(const mst_row_store *s, int64_t kept, const void *context);

/* Records of one window: the place, then x, then value. */
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
  int64_t bytes = (int64_t)sizeof(int64_t) +
                  (s->reader.row_elements + s->reader.outputs) * (int64_t)sizeof(float);
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
  int64_t bytes = (int64_t)sizeof(int64_t) +
                  (s->reader.row_elements + s->reader.outputs) * (int64_t)sizeof(float);
  int64_t piece_rows = least(s->window_rows, MST_ROWS_PIECE_BYTES / bytes > 1 ? MST_ROWS_PIECE_BYTES / bytes : 1);
  float *wx_buffer = NULL, *wv_buffer = NULL;
  char *record = NULL;
  int32_t *destination = NULL;
  mst_status st = MST_OK;
  if (!s->share_kept) st = allocate_window(s, &wx_buffer, &wv_buffer);
  if (st == MST_OK) st = mst_alloc(&record, piece_rows * bytes, 1, "rows being sent");
  if (st == MST_OK)
    st = mst_alloc(&destination, piece_rows, sizeof *destination, "destinations of rows");
  st = mst_team_agree(s->team, st);
  for (int64_t w = 0; st == MST_OK && w < s->windows; w++) {
    const float *wx = NULL, *wv = NULL;
    int64_t first = 0, count = 0;
    st = mst_team_agree(s->team, window_rows(s, w, wx_buffer, wv_buffer, &wx, &wv, &first, &count));
    int64_t pieces = (count + piece_rows - 1) / piece_rows;
    if (st == MST_OK) st = mst_max_i64(s->team, &pieces, 1);
    for (int64_t q = 0; st == MST_OK && q < pieces; q++) {
      int64_t n = 0, end = least((q + 1) * piece_rows, count);
      for (int64_t i = q * piece_rows; i < end; i++) {
        if (row_is_bad(s, first + i)) continue;
        row_target t = target(s, kept_before(s, first + i), context);
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
    st = mst_fail(MST_ERR_INTERNAL, "%lld rows arrived where %lld belong: the ranks' rosters differ",
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

void mst_rows_assign(mst_row_store *s, const mst_roster *roster, int64_t groups) {
  s->roster = roster;
  s->groups = groups > 1 ? groups : 1;
  s->loaded = -1;
  mst_free(s->place);
  s->place = NULL;
}

/* First block of a group on a rank. */
static int64_t group_block(const mst_row_store *s, int rank, int64_t group) {
  int64_t from = s->roster->rank_block[rank], to = s->roster->rank_block[rank + 1];
  return from + (to - from) * group / s->groups;
}

int64_t mst_rows_groups(const mst_row_store *s) { return s->groups; }

void mst_rows_group(const mst_row_store *s, int64_t group, int64_t *first_block, int64_t *blocks) {
  int rank = mst_team_rank(s->team);
  *first_block = group_block(s, rank, group);
  *blocks = group_block(s, rank, group + 1) - *first_block;
}

/* First place of a block; the number of places when b is past the last. */
static int64_t block_place(const mst_roster *r, int64_t b) {
  return b < r->blocks ? r->block[b].first : r->rows;
}

/* place[i] of this rank's i-th kept row: the inverse of the roster's order, for its share. */
static mst_status invert_order(mst_row_store *s) {
  if (s->place) return MST_OK;
  int64_t from = kept_before(s, s->share_first);
  int64_t to = kept_before(s, s->share_first + s->share_count);
  MST_TRY(mst_alloc(&s->place, to - from, sizeof *s->place, "places of rows"));
  for (int64_t i = 0; i < s->roster->rows; i++) {
    int64_t kept = s->roster->order[i];
    if (kept >= from && kept < to) s->place[kept - from] = i;
  }
  return MST_OK;
}

static row_target to_owner(const mst_row_store *s, int64_t kept, const void *context) {
  int64_t group = *(const int64_t *)context;
  int64_t place = s->place[kept - kept_before(s, s->share_first)];
  int low = 0, high = mst_team_size(s->team) - 1; /* the last rank whose first place is <= place */
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (block_place(s->roster, s->roster->rank_block[middle]) <= place) low = middle;
    else high = middle - 1;
  }
  int64_t from = block_place(s->roster, group_block(s, low, group));
  int64_t to = block_place(s->roster, group_block(s, low, group + 1));
  bool wanted = place >= from && place < to;
  return (row_target){wanted ? low : -1, place - from};
}

mst_status mst_rows_load(mst_row_store *s, int64_t group, const float **x, const float **value) {
  bool any = false; /* a rank without rows has nothing to release, so ranks may differ */
  mst_status st = mst_team_any(s->team, s->loaded != group, &any);
  if (st == MST_OK && any) {
    mst_rows_release(s);
    mst_free(s->value);
    s->value = NULL;
    int64_t first = 0, blocks = 0;
    mst_rows_group(s, group, &first, &blocks);
    int64_t n = block_place(s->roster, first + blocks) - block_place(s->roster, first);
    st = invert_order(s);
    if (st == MST_OK) st = mst_alloc(&s->x, n * s->reader.row_elements, sizeof *s->x, "rows");
    if (st == MST_OK) st = mst_alloc(&s->value, n * s->reader.outputs, sizeof *s->value, "targets");
    st = mst_team_agree(s->team, st);
    landing at = {.places = n, .x = s->x, .value = s->value};
    if (st == MST_OK) st = deliver(s, to_owner, &group, &at);
    if (st == MST_OK) s->loaded = group;
    if (st == MST_OK && s->groups == 1) { /* everything has arrived: the share is not needed */
      mst_free(s->share_x);
      mst_free(s->share_value);
      s->share_x = s->share_value = NULL;
      s->share_kept = false;
    }
  }
  *x = s->x;
  *value = s->value;
  return st;
}

void mst_rows_release(mst_row_store *s) {
  mst_free(s->x);
  s->x = NULL;
  s->loaded = -1;
}
