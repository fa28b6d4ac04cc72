/* The distributed Gram. Passes over the rows, each for some tile columns, in portions of blocks
 * between which a stop is looked for and a checkpoint may be kept. Blocks, tiles and scales do not
 * depend on the rank count, and integers add in any order: so neither does the result. Equations:
 * doc/methods/analytic.md; what a pass holds: parallel/gram_pass.c; what a block adds to it:
 * parallel/gram_products.c. */
#include "parallel/gram.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/clock.h"
#include "parallel/gram_internal.h"

#define PORTION_BLOCKS (4 * MST_GRAM_BLOCKS) /* of a rank, between looks at the clock */

/* How many blocks from *b on are added together: such as the sums do not hold yet, to the first of
 * which *b moves. A single contribution is whole before the next one begins. */
static int64_t next_blocks(const mst_gram_work *w, const mst_gram_pass *pass, int64_t end,
                           int64_t *b) {
  int64_t n = 0;
  if (w->single) return mst_least(end - *b, 1);
  while (*b < end && mst_gram_state_has(&w->state, pass, *b)) ++*b;
  while (n < MST_GRAM_BLOCKS && *b + n < end && !mst_gram_state_has(&w->state, pass, *b + n)) n++;
  return n;
}

static mst_status add_group(mst_gram_work *w, mst_gram_pass *pass, int64_t first, int64_t blocks) {
  for (int64_t b = first; b < first + blocks && !mst_observer_stop(w->observer);) {
    int64_t before = b, n = next_blocks(w, pass, first + blocks, &b), rows = 0;
    if (w->options->mask != NULL && mst_mask_drops(w->options->mask, w->roster->block[b].client)) {
      mst_observer_step(w->observer, w->roster->block[b++].rows);
      continue;
    }
    for (int64_t k = before; k < b + n; k++) rows += w->roster->block[k].rows;
    mst_observer_step(w->observer, rows);
    if (n == 0) break;
    MST_TRY(mst_gram_add_blocks(w, pass, b, n));
    for (int64_t k = 0; k < n && !w->single; k++) mst_gram_state_mark(&w->state, b + k);
    int64_t client = w->roster->block[b].client;
    b += n;
    if (w->single && (b == w->roster->blocks || w->roster->block[b].client != client))
      MST_TRY(mst_gram_contribute(w, pass, client));
  }
  return MST_OK;
}

static bool can_save(const mst_gram_work *w) {
  return w->options->save_seconds >= 0 && !w->single && w->options->sums == NULL;
}

/* A stop was asked for on any rank: keep what is done, and end. */
static mst_status check_stop(mst_gram_work *w, const mst_gram_pass *pass) {
  bool any = false;
  MST_TRY(mst_team_any(w->team, mst_observer_stop(w->observer), &any));
  if (!any) return MST_OK;
  if (can_save(w)) MST_TRY(mst_gram_state_save(&w->state, pass, w->observer, true));
  return w->state.round > 0
             ? mst_fail(MST_ERR_INTERRUPTED,
                        "interrupted while summing the statistics; --resume goes on "
                        "from what is summed")
             : mst_fail(MST_ERR_INTERRUPTED,
                        "interrupted while summing the statistics; start the run again");
}

/* Keep what is done when the last time is long enough ago for any rank. */
static mst_status keep_in_time(mst_gram_work *w, const mst_gram_pass *pass) {
  bool due = false;
  if (!can_save(w) || w->options->save_seconds <= 0) return MST_OK;
  double now = mst_clock_seconds();
  MST_TRY(mst_team_any(w->team, now - w->saved >= w->options->save_seconds, &due));
  if (!due) return MST_OK;
  MST_TRY(mst_gram_state_save(&w->state, pass, w->observer, false));
  w->saved = mst_clock_seconds();
  return MST_OK;
}

/* The blocks of a group, in portions between which a checkpoint may be kept: without such, in one.
 */
static mst_status add_portions(mst_gram_work *w, mst_gram_pass *pass, int64_t first,
                               int64_t blocks) {
  bool cut = can_save(w) && w->options->save_seconds > 0;
  int64_t most = blocks, portion = cut ? PORTION_BLOCKS : mst_most(blocks, 1);
  if (cut) MST_TRY(mst_max_i64(w->team, &most, 1));
  for (int64_t at = 0; at == 0 || at < most; at += portion) {
    int64_t from = mst_least(at, blocks);
    MST_TRY(mst_team_agree(w->team,
                           add_group(w, pass, first + from, mst_least(portion, blocks - from))));
    MST_TRY(check_stop(w, pass));
    MST_TRY(keep_in_time(w, pass));
    if (!cut) break;
  }
  return MST_OK;
}

/* Clients with rows are those that have something to send. Collective. */
static mst_status ask_clients(mst_gram_work *w) {
  const mst_roster *r = w->roster;
  int64_t n = 0;
  if (w->options->mask == NULL) return MST_OK;
  mst_status st = mst_alloc(&w->asked, r->clients, sizeof *w->asked, "clients with rows");
  MST_TRY(mst_team_agree(w->team, st));
  for (int64_t k = 0; k < r->clients; k++)
    if (r->client_first[k] < r->client_first[k + 1]) w->asked[n++] = k;
  return mst_mask_open(w->options->mask, 0, n, w->asked);
}

/* All clients of the pass have sent: find what is left of their masks. Collective. */
static mst_status close_masks(const mst_gram_work *w) {
  bool enough = false;
  if (w->options->mask == NULL) return MST_OK;
  MST_TRY(mst_mask_close(w->options->mask, &enough));
  w->result->survivors = mst_mask_survivors(w->options->mask);
  w->result->protocol = mst_mask_traffic(w->options->mask);
  return enough ? MST_OK : mst_mask_refuse(w->options->mask);
}

/* Take it from the sums that this rank owns. Local. */
static void unmask(const mst_gram_work *w, const mst_gram_pass *pass, int64_t *mine) {
  const int rank = mst_team_rank(w->team);
  int64_t first = 0;
  for (int r = 0; r < rank; r++) first += pass->count[r];
  if (w->options->mask != NULL) mst_mask_remove(w->options->mask, first, pass->count[rank], mine);
}

static mst_status run_pass(mst_gram_work *w, int64_t first_tile, int64_t end_tile) {
  mst_gram_pass pass = {0};
  int64_t *mine = NULL;
  mst_status st = mst_gram_lay_out(w, first_tile, end_tile, &pass);
  const bool masked = w->options->mask != NULL;
  if (st == MST_OK && masked)
    st = mst_alloc(&w->whole, pass.elements, sizeof *w->whole, "one client's contribution");
  else if (st == MST_OK && w->single)
    st = mst_alloc(&w->vector, pass.elements, sizeof *w->vector, "one client's contribution");
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) mst_gram_state_begin(&w->state, &pass);
  for (int64_t g = 0; st == MST_OK && g < w->source->groups; g++) {
    int64_t first = 0, blocks = 0;
    double start = mst_clock_seconds();
    st = w->source->load(w->source->context, g, &first, &blocks);
    w->result->seconds_source += mst_clock_seconds() - start;
    st = mst_team_agree(w->team, st);
    if (st == MST_OK) st = add_portions(w, &pass, first, blocks);
  }
  if (st == MST_OK) st = close_masks(w);
  if (st == MST_OK) {
    if (!w->options->fast)
      mst_gram_add_regularisers(w, &pass); /* floating sums would lose digits to them */
    st = mst_alloc(&mine, pass.count[mst_team_rank(w->team)], sizeof *mine, "owned sums");
    st = mst_team_agree(w->team, st);
  }
  if (st == MST_OK) {
    double start = mst_clock_seconds();
    st = w->options->fast
             ? mst_sum_scatter_fast(w->team, (double *)pass.sum, pass.count, (double *)mine)
             : mst_sum_scatter_i64(w->team, pass.sum, pass.count, mine);
    w->result->seconds_sums += mst_clock_seconds() - start;
  }
  if (st == MST_OK) unmask(w, &pass, mine);
  if (st == MST_OK && !w->options->fast) mst_gram_remove_regularisers(w, &pass, mine);
  if (st == MST_OK && w->options->sums != NULL) st = mst_gram_sums_take(w, &pass, mine);
  if (st == MST_OK) mst_gram_store(w, &pass, mine);
  mst_free(mine);
  mst_free(w->vector);
  mst_free(w->whole);
  w->vector = NULL;
  w->whole = NULL;
  mst_gram_clear(&pass);
  return st;
}

/* The pass that begins with tile column j ends here: what is restored, at the latest where it ends.
 */
static int64_t pass_end(const mst_gram_work *w, int64_t j) {
  int64_t end = mst_least(j + w->plan->panel_tiles, w->plan->tiles);
  return w->state.round > 0 && w->state.end > j ? mst_least(end, w->state.end) : end;
}

/* Rows that stay are brought here, and features that are kept computed, before there is memory for
 * sums: the plan has room for a read and for the raw rows only until then. */
static mst_status bring_rows(mst_gram_work *w) {
  const mst_block_source *source = w->source;
  int64_t first = 0, blocks = 0;
  if (source->groups > 1) return MST_OK;
  double start = mst_clock_seconds();
  mst_status st = source->load(source->context, 0, &first, &blocks);
  for (int64_t b = first; st == MST_OK && source->keeps && b < first + blocks; b++) {
    const float *features = NULL, *targets = NULL;
    if (mst_observer_stop(w->observer)) break;
    st = source->block(source->context, b, &features, &targets);
    mst_observer_step(w->observer, w->roster->block[b].rows);
  }
  w->result->seconds_source += mst_clock_seconds() - start;
  return mst_team_agree(w->team, st);
}

/* Columns of sums that are kept: theirs, or found with room for rows that may join later. */
static mst_status find_kept_columns(mst_gram_work *w, const mst_observer *looker) {
  mst_gram_sums *s = w->options->sums;
  mst_columns *c = &w->columns;
  const size_t bytes = (size_t)w->n * sizeof *s->shift;
  if (s->n != w->n || s->features != w->source->features || w->options->fast)
    return mst_fail(MST_ERR_INTERNAL, "the sums that are to be kept are of another kind");
  if (!s->known) {
    MST_TRY(mst_columns_find(w->team, w->roster, w->source, w->options->shift, looker,
                             &w->result->seconds_source, c));
    for (int64_t j = 0; j < w->n; j++) c->scale[j] = ldexp(c->scale[j], -s->room);
  } else {
    mst_status st = mst_alloc(&c->shift, w->n, sizeof *c->shift, "column shifts");
    if (st == MST_OK) st = mst_alloc(&c->scale, w->n, sizeof *c->scale, "column scales");
    MST_TRY(mst_team_agree(w->team, st));
    c->n = w->n;
    memcpy(c->shift, s->shift, bytes);
    memcpy(c->scale, s->scale, bytes);
    if (s->filled != NULL)
      MST_TRY(mst_columns_join(w->team, w->roster, w->source, s->filled, s->room, looker,
                               &w->result->seconds_source, c));
  }
  memcpy(s->shift, c->shift, bytes);
  memcpy(s->scale, c->scale, bytes);
  s->known = true;
  return mst_gram_state_create(w->team, w->out, w->roster->blocks, false, c->shift, c->scale,
                               &w->state);
}

/* Shifts and scales: those of the checkpoint, or found by looking at all rows. */
static mst_status find_columns(mst_gram_work *w) {
  int64_t n = w->n;
  mst_observer looker = w->observer != NULL ? *w->observer : (mst_observer){0};
  /* bring_rows has counted */
  if (w->source->groups == 1 && w->source->keeps) looker.on_step = NULL;
  MST_TRY(bring_rows(w));
  if (w->options->sums != NULL) return find_kept_columns(w, &looker);
  if (w->options->bound > 0) {
    const int64_t rows = w->options->bound_rows > 0 ? w->options->bound_rows : w->roster->rows;
    const double each = w->options->weight_bound > 0 ? w->options->weight_bound : 1;
    MST_TRY(mst_team_agree(
        w->team, mst_columns_public(w->source, w->options->bound, w->options->target_bound,
                                    each * (double)mst_most(rows, 1), &w->columns)));
    return mst_gram_state_create(w->team, w->out, w->roster->blocks, false, w->columns.shift,
                                 w->columns.scale, &w->state);
  }
  mst_status st = mst_alloc(&w->columns.shift, n, sizeof(double), "column shifts");
  if (st == MST_OK) st = mst_alloc(&w->columns.scale, n, sizeof(double), "column scales");
  st = mst_team_agree(w->team, st);
  w->columns.n = n;
  if (st == MST_OK)
    st = mst_gram_state_create(w->team, w->out, w->roster->blocks, w->options->fast,
                               w->columns.shift, w->columns.scale, &w->state);
  if (st == MST_OK && can_save(w)) st = mst_gram_state_restore(&w->state, w->observer);
  if (st != MST_OK || w->state.round > 0) return st;
  mst_columns_free(&w->columns);
  MST_TRY(mst_columns_find(w->team, w->roster, w->source, w->options->shift, &looker,
                           &w->result->seconds_source, &w->columns));
  w->state.shift = w->columns.shift;
  w->state.scale = w->columns.scale;
  return MST_OK;
}

/* Beside masks, which need whole numbers from the first product on, no stage acts on reals. */
static bool is_applied(const mst_stage *stage, mst_slot slot, bool masked) {
  if (stage == NULL) return true;
  if (slot == MST_SLOT_AGGREGATE) return stage == &mst_stage_sum;
  if (slot > MST_SLOT_AGGREGATE) return false;
  if (masked) return slot == MST_SLOT_MASK;
  return stage->apply != NULL && (stage->traits & MST_TRAIT_SINGLE);
}

/* This driver sums, hands single contributions to the stages that look at them, and does nothing
 * else: what it would not apply is refused rather than left out. */
static mst_status check_pipeline(const mst_pipeline *p, const mst_gram_options *o) {
  MST_TRY(mst_pipeline_check(p));
  if (o->mask != NULL && o->fast)
    return mst_fail(MST_ERR_UNSUPPORTED,
                    "floating-point sums leave rounded masks behind: masks cancel in whole numbers "
                    "only");
  if (o->mask != NULL && p->slot[MST_SLOT_MASK] != mst_mask_stage(o->mask))
    return mst_fail(MST_ERR_INTERNAL, "the masks are not those of the pipeline");
  for (int slot = 0; slot < MST_SLOTS; slot++) {
    const mst_stage *stage = p->slot[slot];
    if (!is_applied(stage, (mst_slot)slot, o->mask != NULL))
      return mst_fail(MST_ERR_UNSUPPORTED,
                      "the Gram matrix is a plain sum of contributions: the stage %s cannot be "
                      "applied to it",
                      stage->name);
  }
  return MST_OK;
}

mst_status mst_gram(mst_team *team, const mst_roster *roster, const mst_block_source *source,
                    const mst_gram_plan *plan, const mst_pipeline *pipeline,
                    const mst_gram_options *options, const mst_observer *observer, mst_tiles *out,
                    double *shift, mst_gram_result *result) {
  *result = (mst_gram_result){0};
  mst_gram_work w = {.team = team,
                     .roster = roster,
                     .source = source,
                     .plan = plan,
                     .pipeline = pipeline,
                     .options = options,
                     .observer = observer,
                     .out = out,
                     .result = result,
                     .n = plan->n};
  w.single = mst_pipeline_needs_single(pipeline);
  mst_status st = check_pipeline(pipeline, options);
  if (st == MST_OK && w.single && plan->passes > 1)
    st = mst_fail(MST_ERR_UNSUPPORTED,
                  "stages that look at single contributions need the whole "
                  "Gram matrix of one client in memory: give more memory");
  if (st == MST_OK && w.single && !roster->single)
    st = mst_fail(MST_ERR_INTERNAL,
                  "the roster's blocks mix clients, but a stage needs single "
                  "contributions");
  if (st == MST_OK)
    st = mst_matrix_create(MST_GRAM_BLOCKS * MST_BLOCK_ROWS, w.n, "scaled rows", &w.z);
  if (st == MST_OK)
    st = mst_alloc(&w.panel, MST_GRAM_WIDE * w.n * MST_TILE, sizeof *w.panel,
                   "a product of tile columns");
  st = mst_team_agree(team, st);
  if (st == MST_OK) mst_observer_phase(observer, "features", roster->rows, "rows");
  if (st == MST_OK) st = find_columns(&w);
  if (st == MST_OK) st = ask_clients(&w);
  w.scale = w.columns.scale;
  w.saved = mst_clock_seconds();
  if (st == MST_OK) memcpy(shift, w.columns.shift, (size_t)w.n * sizeof *shift);
  if (st == MST_OK) st = check_stop(&w, NULL);
  if (st == MST_OK) mst_observer_phase(observer, "statistics", roster->rows * plan->passes, "rows");
  while (st == MST_OK && w.state.finished < plan->tiles) {
    int64_t end = pass_end(&w, w.state.finished);
    st = run_pass(&w, w.state.finished, end);
    if (st != MST_OK) break;
    w.state.finished = end;
    st = check_stop(&w, NULL);
    if (st == MST_OK) st = keep_in_time(&w, NULL);
  }
  result->regularisers = roster->clients;
  result->flops = (double)roster->count * (double)w.n * (double)w.n;
  mst_free(w.panel);
  mst_free(w.asked);
  mst_matrix_free(&w.z);
  mst_columns_free(&w.columns);
  mst_gram_state_free(&w.state);
  return st;
}
