/* What of a Gram is done, for checkpoints. The tile columns are laid one behind the other, each row
 * by row from its diagonal tile down; ranks hold equal parts of that. Partial sums need no owner:
 * they are integers that are added up at the end of their pass anyway, so a part that is restored
 * joins the pass's sums of whichever rank holds it. doc/methods/analytic.md, "Checkpoints". */
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "parallel/gram_internal.h"

#define SEGMENT (MST_STATE_WINDOW / 8) /* elements that are summed or moved at a time */

int64_t mst_gram_state_bytes(void) {
  return 5 * 8 * SEGMENT; /* ours, and what io and sums take of windows */
}

static double *matrix_at(const mst_gram_state *s, const mst_gram_run *r) {
  int64_t i = r->row / MST_TILE;
  return mst_tiles_at(s->out, i, r->j) + r->q * s->out->lld + r->row % MST_TILE;
}

static bool is_mine(const mst_gram_state *s, const mst_gram_run *r) {
  return mst_tiles_owner(s->out->grid, r->row / MST_TILE, r->j) == mst_team_rank(s->team);
}

static int64_t *sums_at(const mst_gram_state *s, const mst_gram_pass *pass, const mst_gram_run *r) {
  int64_t i = r->row / MST_TILE;
  return pass->sum + pass->offset[(r->j - pass->first) * s->out->tiles + i] +
         r->row % MST_TILE * r->width + r->q;
}

static int64_t whole_words(int64_t blocks) {
  return mst_ceil_div(blocks, 8);
}

mst_status mst_gram_state_create(mst_team *team, mst_tiles *out, int64_t blocks, bool fast,
                                 double *shift, double *scale, mst_gram_state *s) {
  int64_t all = mst_gram_elements(out->n);
  *s = (mst_gram_state){.team = team,
                        .out = out,
                        .fast = fast,
                        .elements = all,
                        .blocks = blocks,
                        .shift = shift,
                        .scale = scale};
  mst_team_share(team, all, &s->first, &s->mine);
  mst_status st = mst_alloc(&s->before, 8 * whole_words(blocks), 1, "marks of blocks");
  if (st == MST_OK) st = mst_alloc(&s->own, 8 * whole_words(blocks), 1, "marks of blocks");
  return mst_team_agree(team, st);
}

void mst_gram_state_free(mst_gram_state *s) {
  mst_free(s->words);
  mst_free(s->before);
  mst_free(s->own);
  *s = (mst_gram_state){0};
}

/* All but the words. counts: {finished, end, fast}. */
static mst_status list_state(mst_gram_state *s, uint8_t *marks, int64_t counts[3],
                             mst_state *list) {
  int64_t n = s->out->n, three = 3;
  MST_TRY(mst_state_add(list, "blocks", MST_U8, 1, &s->blocks, marks));
  MST_TRY(mst_state_add(list, "shift", MST_F64, 1, &n, s->shift));
  MST_TRY(mst_state_add(list, "scale", MST_F64, 1, &n, s->scale));
  return mst_state_add(list, "counts", MST_I64, 1, &three, counts);
}

/* Ranks bring finished columns to their owners: who holds a word gives it, the others give zeros.
 */
static mst_status spread_finished(mst_gram_state *s, int64_t *segment) {
  int64_t end = s->finished < s->out->tiles ? mst_gram_column_begin(s->out->n, s->finished) : s->elements;
  for (int64_t at = 0; at < end; at += SEGMENT) {
    int64_t n = mst_least(SEGMENT, end - at);
    int64_t from = mst_most(at, s->first), to = mst_least(at + n, s->first + s->mine);
    memset(segment, 0, (size_t)n * sizeof *segment);
    if (to > from)
      memcpy(segment + from - at, s->words + from - s->first,
             (size_t)(to - from) * sizeof *segment);
    MST_TRY(mst_sum_i64(s->team, segment, n));
    mst_gram_run r = {0};
    for (int64_t k = at; k < at + n; k += r.n) {
      r = mst_gram_run_at(s->out->n, k, at + n, r.j);
      if (!is_mine(s, &r)) continue;
      double *to_matrix = matrix_at(s, &r);
      for (int64_t q = 0; q < r.n; q++)
        memcpy(to_matrix + q * s->out->lld, &segment[k - at + q], sizeof *to_matrix);
    }
  }
  return MST_OK;
}

/* Words of finished columns are in the matrix now: only the others are kept. Local. */
static mst_status drop_finished(mst_gram_state *s) {
  int64_t *kept = NULL;
  s->base = mst_most(s->first, mst_gram_column_begin(s->out->n, s->finished));
  int64_t n = mst_most(s->first + s->mine - s->base, 0);
  MST_TRY(mst_alloc(&kept, n, sizeof *kept, "saved sums"));
  if (n > 0) memcpy(kept, s->words + s->base - s->first, (size_t)n * sizeof *kept);
  mst_free(s->words);
  s->words = kept;
  return MST_OK;
}

mst_status mst_gram_state_restore(mst_gram_state *s, const mst_observer *o) {
  mst_state list;
  int64_t counts[3] = {0}, *segment = NULL;
  if (o == NULL || o->on_restore == NULL) return MST_OK;
  mst_state_init(&list);
  mst_status st = mst_alloc(&s->words, s->mine, sizeof *s->words, "saved statistics");
  if (st == MST_OK)
    st = mst_alloc(&segment, SEGMENT, sizeof *segment, "saved statistics on their way");
  if (st == MST_OK)
    st = mst_state_add_shard(&list, "words", MST_I64, 1, &s->elements, s->first, s->mine, s->words);
  if (st == MST_OK) st = list_state(s, s->before, counts, &list);
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) st = o->on_restore(o->context, &list, &s->round);
  mst_state_clear(&list);
  if (st == MST_OK && s->round > 0) {
    s->finished = counts[0];
    s->end = counts[1];
    if ((counts[2] != 0) != s->fast || counts[0] < 0 || counts[0] > counts[1] ||
        counts[1] > s->out->tiles)
      st = mst_fail(MST_ERR_INPUT, "the checkpoint's statistics are not those of this experiment");
    if (st == MST_OK) st = spread_finished(s, segment);
  }
  mst_free(segment);
  if (st != MST_OK || s->end <= s->finished) {
    mst_free(s->words);
    s->words = NULL;
    return st;
  }
  return mst_team_agree(s->team, drop_finished(s));
}

/* Are the restored sums those of this column too? */
static bool is_restored(const mst_gram_state *s, int64_t column) {
  return s->round > 0 && column < s->end;
}

static void add_word(const mst_gram_state *s, int64_t *sum, int64_t word) {
  double have, more;
  if (!s->fast) {
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)word);
    return;
  }
  memcpy(&have, sum, sizeof have);
  memcpy(&more, &word, sizeof more);
  have += more;
  memcpy(sum, &have, sizeof have);
}

void mst_gram_state_begin(mst_gram_state *s, mst_gram_pass *pass) {
  if (s->blocks > 0) memset(s->own, 0, (size_t)(8 * whole_words(s->blocks)));
  bool restored = is_restored(s, pass->first);
  /* Columns behind this pass are summed anew: no memory is planned for what was kept of them. */
  if (restored) s->end = mst_least(s->end, pass->end);
  if (s->words == NULL || !restored) return;
  int64_t n = s->out->n, end = pass->end < s->out->tiles ? mst_gram_column_begin(n, pass->end) : s->elements;
  int64_t from = mst_most(mst_gram_column_begin(n, pass->first), s->base);
  end = mst_least(end, s->first + s->mine);
  mst_gram_run r = {0};
  for (int64_t k = from; k < end; k += r.n) {
    r = mst_gram_run_at(n, k, end, r.j);
    int64_t *sum = sums_at(s, pass, &r);
    for (int64_t q = 0; q < r.n; q++) add_word(s, &sum[q], s->words[k - s->base + q]);
  }
  mst_free(s->words);
  s->words = NULL;
}

bool mst_gram_state_has(const mst_gram_state *s, const mst_gram_pass *pass, int64_t b) {
  return is_restored(s, pass->first) && s->before[b] != 0;
}

void mst_gram_state_mark(mst_gram_state *s, int64_t b) {
  s->own[b] = 1;
  s->fresh = s->added = true;
}

/* This rank's words of [at, at + n): of finished columns those that it owns, of the pass its sums.
 */
static void fill_segment(const mst_gram_state *s, const mst_gram_pass *pass, int64_t at, int64_t n,
                         int64_t *segment) {
  mst_gram_run r = {0};
  memset(segment, 0, (size_t)n * sizeof *segment);
  for (int64_t k = at; k < at + n; k += r.n) {
    r = mst_gram_run_at(s->out->n, k, at + n, r.j);
    int64_t *to = segment + k - at;
    if (r.j < s->finished && is_mine(s, &r)) {
      const double *from = matrix_at(s, &r);
      for (int64_t q = 0; q < r.n; q++) memcpy(&to[q], from + q * s->out->lld, sizeof *to);
    } else if (pass != NULL && r.j >= pass->first && r.j < pass->end) {
      memcpy(to, sums_at(s, pass, &r), (size_t)r.n * sizeof *to);
    }
  }
}

/* A save in the making. */
typedef struct saving {
  mst_gram_state *state;
  const mst_gram_pass *pass;
  int64_t *segment; /* (SEGMENT)                        */
  int64_t *count;   /* (p) 0: of a segment, whose it is */
} saving;

/* Words for rank `to` from all ranks. */
static mst_status bring_words(void *context, int64_t at, int64_t n, int to, void *window) {
  saving *k = context;
  mst_gram_state *s = k->state;
  int64_t *mine = to == mst_team_rank(s->team) ? window : NULL;
  fill_segment(s, k->pass, at, n, k->segment);
  k->count[to] = n;
  mst_status st =
      s->fast ? mst_sum_scatter_fast(s->team, (double *)k->segment, k->count, (double *)mine)
              : mst_sum_scatter_i64(s->team, k->segment, k->count, mine);
  k->count[to] = 0;
  return st;
}

/* One mark a block, from the rank that has added it and from what was restored. */
static mst_status collect_marks(const mst_gram_state *s, const mst_gram_pass *pass,
                                uint8_t *marks) {
  int64_t n = whole_words(s->blocks);
  if (pass == NULL) return MST_OK;
  if (n > 0) memcpy(marks, s->own, (size_t)(8 * n));
  MST_TRY(mst_sum_i64(s->team, (int64_t *)(void *)marks, n)); /* no byte exceeds 1 */
  for (int64_t b = 0; b < s->blocks; b++)
    if (mst_gram_state_has(s, pass, b)) marks[b] = 1;
  return MST_OK;
}

static mst_status save(saving *k, uint8_t *marks, const mst_observer *o) {
  mst_gram_state *s = k->state;
  int64_t counts[3] = {s->finished, k->pass != NULL ? k->pass->end : s->finished, s->fast};
  mst_state list;
  MST_TRY(collect_marks(s, k->pass, marks));
  mst_state_init(&list);
  mst_status st = mst_state_add_stream(&list, "words", MST_I64, 1, &s->elements, bring_words, k);
  if (st == MST_OK) st = list_state(s, marks, counts, &list);
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) st = o->on_save(o->context, s->round + 1, &list);
  mst_state_clear(&list);
  return st;
}

mst_status mst_gram_state_save(mst_gram_state *s, const mst_gram_pass *pass, const mst_observer *o,
                               bool ending) {
  bool any = false;
  if (o == NULL || o->on_save == NULL) return MST_OK;
  MST_TRY(mst_team_any(s->team, ending ? s->added : s->fresh, &any));
  if (!any) return MST_OK;
  saving k = {.state = s, .pass = pass};
  uint8_t *marks = NULL;
  /* Restored sums of columns after this pass would need marks of their own: they are done again. */
  s->end = mst_least(s->end, pass != NULL ? pass->end : s->finished);
  mst_free(s->words);
  s->words = NULL;
  mst_status st = mst_alloc(&k.segment, SEGMENT, sizeof *k.segment, "statistics to be saved");
  if (st == MST_OK)
    st = mst_alloc(&k.count, mst_team_size(s->team), sizeof *k.count, "counts of ranks");
  if (st == MST_OK) st = mst_alloc(&marks, 8 * whole_words(s->blocks), 1, "marks of blocks");
  st = mst_team_agree(s->team, st);
  if (st == MST_OK) st = save(&k, marks, o);
  if (st == MST_OK) {
    s->round++;
    s->fresh = false;
  }
  mst_free(marks);
  mst_free(k.count);
  mst_free(k.segment);
  if (st == MST_ERR_MEMORY && !ending) {
    mst_status_clear();
    st = MST_OK;
  }
  return st;
}
