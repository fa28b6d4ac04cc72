/* Kept sums. They lie over the ranks as checkpoints of sums do; what another layout needs is
 * brought window by window, each word by the rank that holds it, as a sum of integers. */
#include "parallel/gram_sums.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/lattice.h"
#include "parallel/gram_internal.h"

#define SEGMENT (MST_STATE_WINDOW / 8) /* elements that are moved at a time */

static mst_status allocate(mst_gram_sums *s) {
  s->n = s->features + s->targets + 1;
  s->elements = mst_gram_elements(s->n);
  mst_team_share(s->team, s->elements, &s->first, &s->mine);
  MST_TRY(mst_alloc(&s->word, s->mine, sizeof *s->word, "kept sums"));
  MST_TRY(mst_alloc(&s->shift, s->n, sizeof *s->shift, "shifts of kept sums"));
  MST_TRY(mst_alloc(&s->used, s->n, 1, "marks of columns"));
  return mst_alloc(&s->scale, s->n, sizeof *s->scale, "scales of kept sums");
}

mst_status mst_gram_sums_create(mst_team *team, int64_t features, int64_t targets,
                                mst_gram_sums *s) {
  *s = (mst_gram_sums){.team = team, .features = features, .targets = targets};
  return mst_team_agree(team, allocate(s));
}

void mst_gram_sums_free(mst_gram_sums *s) {
  mst_free(s->word);
  mst_free(s->shift);
  mst_free(s->scale);
  mst_free(s->used);
  mst_free(s->filled);
  *s = (mst_gram_sums){0};
}

int64_t mst_gram_sums_bytes(int64_t n, int ranks) {
  return 8 * (mst_ceil_div(mst_gram_elements(n), ranks) + 3 * n) + 2 * 8 * SEGMENT;
}

/* Where column j of sums with `targets` targets is among those of s, or -1: the ones come last. */
static int64_t column_of(const mst_gram_sums *s, int64_t targets, int64_t j) {
  if (j == s->features + targets) return s->n - 1;
  return j < s->features + s->targets ? j : -1;
}

/* The columns of `from`, as far as there are such; others begin with no shift and the scale 1. */
static void copy_columns(const mst_gram_sums *from, mst_gram_sums *to) {
  for (int64_t j = 0; j < to->n; j++) {
    const int64_t k = column_of(from, to->targets, j);
    to->shift[j] = k >= 0 ? from->shift[k] : 0;
    to->scale[j] = k >= 0 ? from->scale[k] : 1;
    to->used[j] = k >= 0 && from->used[k];
  }
  to->known = from->known;
}

mst_status mst_gram_sums_part(mst_gram_sums *of, int64_t targets, bool joins, mst_gram_sums *part) {
  double *filled = NULL;
  MST_TRY(mst_gram_sums_create(of->team, of->features, targets, part));
  mst_status st = mst_alloc(&filled, of->n, sizeof *filled, "sums of squares");
  if (st == MST_OK && joins)
    st = mst_alloc(&part->filled, part->n, sizeof *part->filled, "sums of squares");
  st = mst_team_agree(of->team, st);
  if (st == MST_OK) st = mst_gram_sums_diagonal(of, filled);
  for (int64_t j = 0; st == MST_OK && j < of->n; j++)
    if (filled[j] != 0) of->used[j] = 1;
  if (st == MST_OK) copy_columns(of, part);
  part->room = of->room;
  for (int64_t j = 0; st == MST_OK && joins && j < part->n; j++) {
    const int64_t k = column_of(of, targets, j);
    part->filled[j] = part->used[j] ? filled[k] : -1;
  }
  mst_free(filled);
  return st;
}

/* The place of element (i, j), j <= i, of a matrix of order n. */
static int64_t place_of(int64_t n, int64_t i, int64_t j) {
  const int64_t k = j / MST_TILE;
  return mst_gram_column_begin(n, k) + (i - k * MST_TILE) * mst_tile_extent(n, k) + j % MST_TILE;
}

mst_status mst_gram_sums_diagonal(const mst_gram_sums *s, double *filled) {
  int64_t *word = NULL;
  mst_status st = mst_alloc(&word, s->n, sizeof *word, "diagonal of kept sums");
  st = mst_team_agree(s->team, st);
  for (int64_t j = 0; st == MST_OK && j < s->n; j++) {
    const int64_t at = place_of(s->n, j, j) - s->first;
    if (at >= 0 && at < s->mine) word[j] = s->word[at];
  }
  if (st == MST_OK) st = mst_sum_i64(s->team, word, s->n);
  if (st == MST_OK) mst_lattice_to(filled, word, s->n, MST_LATTICE_BITS);
  mst_free(word);
  return st;
}

/* Of elements [at, at + n) of `to`: those that this rank holds in s. */
static void fill_resized(const mst_gram_sums *s, const mst_gram_sums *to, int64_t at, int64_t n,
                         int64_t *segment) {
  mst_gram_run r = {0};
  memset(segment, 0, (size_t)n * sizeof *segment);
  for (int64_t k = at; k < at + n; k += r.n) {
    r = mst_gram_run_at(to->n, k, at + n, r.j);
    const int64_t row = column_of(s, to->targets, r.row);
    for (int64_t q = 0; row >= 0 && q < r.n; q++) {
      const int64_t j = r.j * MST_TILE + r.q + q, column = column_of(s, to->targets, j);
      if (j > r.row || column < 0) continue;
      const int64_t place = place_of(s->n, row, column) - s->first;
      if (place >= 0 && place < s->mine) segment[k - at + q] = s->word[place];
    }
  }
}

/* A rank's part of elements [at, at + n) that are spread like s. */
static int64_t overlap(const mst_gram_sums *s, int64_t at, int64_t n, int rank, int64_t *from) {
  const int p = mst_team_size(s->team);
  const int64_t begin = mst_share_begin(s->elements, rank, p);
  const int64_t end = mst_share_begin(s->elements, rank + 1, p);
  *from = mst_most(begin, at);
  return mst_most(mst_least(end, at + n) - *from, 0);
}

/* The sum over ranks of segment(n), elements from `at` on, to those that hold them in s. */
static mst_status spread(mst_gram_sums *s, int64_t at, int64_t n, const int64_t *segment,
                         int64_t *count) {
  int64_t from = 0;
  for (int r = 0; r < mst_team_size(s->team); r++) count[r] = overlap(s, at, n, r, &from);
  const int64_t mine = overlap(s, at, n, mst_team_rank(s->team), &from);
  return mst_sum_scatter_i64(s->team, segment, count, mine > 0 ? s->word + from - s->first : NULL);
}

/* Room for windows; the caller frees both, after an error too. Collective. */
static mst_status windows(mst_team *team, int64_t **segment, int64_t **count) {
  *segment = *count = NULL;
  mst_status st = mst_alloc(segment, SEGMENT, sizeof **segment, "kept sums on their way");
  if (st == MST_OK) st = mst_alloc(count, mst_team_size(team), sizeof **count, "counts of ranks");
  return mst_team_agree(team, st);
}

/* Is nothing lost with the targets behind the first `targets`? Collective. */
static mst_status check_shorter(const mst_gram_sums *s, int64_t targets) {
  double *filled = NULL;
  bool empty = true;
  if (targets >= s->targets) return MST_OK;
  mst_status st = mst_alloc(&filled, s->n, sizeof *filled, "diagonal of kept sums");
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) st = mst_gram_sums_diagonal(s, filled);
  for (int64_t k = targets; st == MST_OK && k < s->targets; k++)
    empty = empty && filled[s->features + k] == 0;
  mst_free(filled);
  if (st != MST_OK || empty) return st;
  return mst_fail(MST_ERR_INTERNAL, "targets that rows have cannot be dropped from kept sums");
}

mst_status mst_gram_sums_resize(mst_gram_sums *s, int64_t targets) {
  mst_gram_sums to;
  int64_t *segment = NULL, *count = NULL;
  if (targets == s->targets) return MST_OK;
  MST_TRY(check_shorter(s, targets));
  mst_status st = mst_gram_sums_create(s->team, s->features, targets, &to);
  to.room = s->room;
  if (st == MST_OK) copy_columns(s, &to);
  if (st == MST_OK) st = windows(s->team, &segment, &count);
  for (int64_t at = 0; st == MST_OK && at < to.elements; at += SEGMENT) {
    const int64_t n = mst_least(SEGMENT, to.elements - at);
    fill_resized(s, &to, at, n, segment);
    st = spread(&to, at, n, segment, count);
  }
  mst_free(segment);
  mst_free(count);
  mst_gram_sums *old = st == MST_OK ? s : &to, kept = *old;
  if (st == MST_OK) *s = to;
  mst_gram_sums_free(&kept);
  return st;
}

/* One scale for each column of both: that of part where s was never used. */
static mst_status join_columns(mst_gram_sums *s, const mst_gram_sums *part) {
  for (int64_t j = 0; j < s->n; j++) {
    if (!s->used[j]) s->scale[j] = part->scale[j];
    if (s->scale[j] != part->scale[j] || s->shift[j] != part->shift[j])
      return mst_fail(MST_ERR_INTERNAL, "kept sums with other columns");
  }
  return MST_OK;
}

mst_status mst_gram_sums_merge(mst_gram_sums *s, mst_gram_sums *part, bool joins) {
  const int64_t own = part->targets, targets = mst_most(s->targets, own);
  MST_TRY(mst_gram_sums_resize(s, targets));
  MST_TRY(mst_gram_sums_resize(part, targets));
  for (int64_t j = s->features + own; j < s->n - 1; j++) {
    part->shift[j] = s->shift[j]; /* part has nothing of these */
    part->scale[j] = s->scale[j];
  }
  if (joins) MST_TRY(join_columns(s, part));
  for (int64_t k = 0; k < s->mine; k++) {
    const uint64_t have = (uint64_t)s->word[k], more = (uint64_t)part->word[k];
    s->word[k] = (int64_t)(joins ? have + more : have - more);
  }
  return MST_OK;
}

/* Put elements [at, at + n) into this rank's tiles. Local. */
static void put_segment(const mst_gram_sums *s, mst_tiles *out, int64_t at, int64_t n,
                        const int64_t *segment) {
  const int rank = mst_team_rank(s->team);
  const double step = ldexp(1.0, -MST_LATTICE_BITS);
  mst_gram_run r = {0};
  for (int64_t k = at; k < at + n; k += r.n) {
    r = mst_gram_run_at(s->n, k, at + n, r.j);
    const int64_t i = r.row / MST_TILE;
    if (mst_tiles_owner(out->grid, i, r.j) != rank) continue;
    double *to = mst_tiles_at(out, i, r.j) + r.q * out->lld + r.row % MST_TILE;
    for (int64_t q = 0; q < r.n; q++) {
      const int64_t j = r.j * MST_TILE + r.q + q;
      if (j <= r.row)
        to[q * out->lld] = (double)segment[k - at + q] * step / s->scale[j] / s->scale[r.row];
    }
  }
}

mst_status mst_gram_sums_tiles(const mst_gram_sums *s, mst_tiles *out) {
  int64_t *segment = NULL, *count = NULL;
  mst_status st = windows(s->team, &segment, &count);
  for (int64_t at = 0; st == MST_OK && at < s->elements; at += SEGMENT) {
    const int64_t n = mst_least(SEGMENT, s->elements - at);
    int64_t from = 0;
    const int64_t mine = overlap(s, at, n, mst_team_rank(s->team), &from);
    memset(segment, 0, (size_t)n * sizeof *segment);
    if (mine > 0)
      memcpy(segment + from - at, s->word + from - s->first, (size_t)mine * sizeof *segment);
    st = mst_sum_i64(s->team, segment, n);
    if (st == MST_OK) put_segment(s, out, at, n, segment);
  }
  mst_free(segment);
  mst_free(count);
  return st;
}

/* Of elements [at, at + n): those that this rank owns of the pass, in the order of mine. */
static void fill_owned(const mst_gram_work *w, const mst_gram_pass *pass, const int64_t *mine,
                       int64_t at, int64_t n, int64_t *segment) {
  const int rank = mst_team_rank(w->team);
  int64_t before = 0;
  mst_gram_run r = {0};
  for (int k = 0; k < rank; k++) before += pass->count[k];
  memset(segment, 0, (size_t)n * sizeof *segment);
  for (int64_t k = at; k < at + n; k += r.n) {
    r = mst_gram_run_at(w->n, k, at + n, r.j);
    const int64_t i = r.row / MST_TILE;
    if (mst_tiles_owner(w->out->grid, i, r.j) != rank) continue;
    const int64_t tile = pass->offset[(r.j - pass->first) * w->plan->tiles + i] - before;
    memcpy(segment + k - at, mine + tile + r.row % MST_TILE * r.width + r.q,
           (size_t)r.n * sizeof *segment);
  }
}

mst_status mst_gram_sums_take(const mst_gram_work *w, const mst_gram_pass *pass,
                              const int64_t *mine) {
  mst_gram_sums *s = w->options->sums;
  int64_t *segment = NULL, *count = NULL;
  const int64_t end =
      pass->end < w->plan->tiles ? mst_gram_column_begin(w->n, pass->end) : s->elements;
  mst_status st = windows(s->team, &segment, &count);
  for (int64_t at = mst_gram_column_begin(w->n, pass->first); st == MST_OK && at < end;
       at += SEGMENT) {
    const int64_t n = mst_least(SEGMENT, end - at);
    fill_owned(w, pass, mine, at, n, segment);
    st = spread(s, at, n, segment, count);
  }
  mst_free(segment);
  mst_free(count);
  return st;
}

mst_status mst_gram_sums_state(mst_gram_sums *s, mst_state *state) {
  MST_TRY(mst_state_add_shard(state, "word", MST_I64, 1, &s->elements, s->first, s->mine, s->word));
  MST_TRY(mst_state_add(state, "shift", MST_F64, 1, &s->n, s->shift));
  MST_TRY(mst_state_add(state, "used", MST_U8, 1, &s->n, s->used));
  return mst_state_add(state, "scale", MST_F64, 1, &s->n, s->scale);
}
