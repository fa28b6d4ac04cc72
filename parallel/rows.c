/* The row store: its windows on the dataset, the scan that reads every row once and looks at
 * it, and what is known of rows afterwards. Reads are collective windows of at most
 * window_bytes a rank. */
#include "parallel/rows.h"

#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/rows_internal.h"

static bool row_is_finite(const float *x, int64_t n) {
  /* x - x is 0 for finite values and NaN otherwise; the sum of zeros is 0. */
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] - x[i];
  return sum == 0;
}

int64_t mst_rows_kept_before(const mst_row_store *s, int64_t row) {
  int64_t low = 0, high = s->bad_count;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (s->bad[middle] < row) low = middle + 1;
    else high = middle;
  }
  return row - low;
}

bool mst_rows_is_bad(const mst_row_store *s, int64_t row) {
  int64_t before = row - mst_rows_kept_before(s, row); /* bad rows before this one */
  return before < s->bad_count && s->bad[before] == row;
}

mst_status mst_rows_window(mst_row_store *s, int64_t w, float *x_buffer, float *value_buffer,
                           const float **x, const float **value, int64_t *first, int64_t *count) {
  int64_t from = mst_least(w * s->window_rows, s->share_count);
  *count = mst_least(s->window_rows, s->share_count - from);
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

mst_status mst_rows_allocate_window(mst_row_store *s, float **x, float **value) {
  *x = *value = NULL;
  int64_t n = mst_least(s->window_rows, s->share_count);
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
  mst_status st = mst_rows_allocate_window(s, &x, &value);
  for (int64_t w = 0; st == MST_OK && w < s->windows; w++) {
    const float *wx = NULL, *wv = NULL;
    int64_t first = 0, count = 0;
    st = mst_rows_window(s, w, x, value, &wx, &wv, &first, &count);
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
  mst_team_share(team, reader->rows, &s->share_first, &s->share_count);
  int64_t row_bytes = (reader->row_elements + reader->outputs) * (int64_t)sizeof(float);
  s->window_rows = mst_most(window_bytes / row_bytes, 1);
  s->windows = mst_most(mst_ceil_div(s->share_count, s->window_rows), 1);
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

int64_t mst_rows_elements(const mst_row_store *s) { return s->reader.row_elements; }

int64_t mst_rows_outputs(const mst_row_store *s) { return s->reader.outputs; }

int64_t mst_rows_kept(const mst_row_store *s) { return s->reader.rows - s->bad_count; }

int64_t mst_rows_dataset_row(const mst_row_store *s, int64_t i) {
  /* The smallest row with i + 1 kept rows up to and including it. */
  int64_t low = i, high = i + s->bad_count;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (mst_rows_kept_before(s, middle + 1) >= i + 1) high = middle;
    else low = middle + 1;
  }
  return low;
}

void mst_rows_assign(mst_row_store *s, const mst_roster *roster, int64_t groups) {
  s->roster = roster;
  s->groups = mst_most(groups, 1);
  s->loaded = -1;
  mst_free(s->place);
  s->place = NULL;
}

int64_t mst_rows_group_block(const mst_row_store *s, int rank, int64_t group) {
  int64_t from = s->roster->rank_block[rank], to = s->roster->rank_block[rank + 1];
  return from + mst_share_begin(to - from, group, s->groups);
}

int64_t mst_rows_groups(const mst_row_store *s) { return s->groups; }

void mst_rows_group(const mst_row_store *s, int64_t group, int64_t *first_block, int64_t *blocks) {
  int rank = mst_team_rank(s->team);
  *first_block = mst_rows_group_block(s, rank, group);
  *blocks = mst_rows_group_block(s, rank, group + 1) - *first_block;
}

void mst_rows_release(mst_row_store *s) {
  mst_free(s->x);
  s->x = NULL;
  s->loaded = -1;
}
