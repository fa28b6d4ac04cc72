/* The distributed Gram. A pass over the rows fills the panel sums of some tile columns: each
 * block's rows are scaled to doubles once, every tile column is one product of fixed shape, and
 * the product is rounded onto the lattice straight into the sums. The sums of a pass lie in the
 * order of their owners, so that the reduce-scatter needs no packing. Blocks, tiles and scales do
 * not depend on the rank count, and integers add in any order: so neither does the result.
 * Equations: doc/methods/analytic.md; the bound on partial sums: doc/methods/lattice.md. */
#include "parallel/gram.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "core/linalg/lattice.h"
#include "parallel/columns.h"

#define BLOCKS_AT_ONCE 4 /* blocks scaled together, so that a panel's sums stay in cache */
#define LEAD_PAD 8       /* doubles: row strides are whole cache lines */
/* Tile columns of one product. BLAS packs the rows below once a product, so wider is faster; part of
 * the same-bits contract, because a product's shape may decide its rounding. */
#define WIDE 2

typedef struct gram_pass {
  int64_t first, end;  /* tile columns                                              */
  int64_t *offset;     /* of tile (i, j) at (j - first) * tiles + i, in owner order  */
  int64_t *count;      /* (p) elements that each rank owns                          */
  int64_t elements;    /* of the pass                                               */
  int64_t *sum;        /* (elements) int64, or double when fast                     */
} gram_pass;

typedef struct gram_work {
  mst_team *team;
  const mst_roster *roster;
  const mst_block_source *source;
  const mst_gram_plan *plan;
  const mst_pipeline *pipeline;
  const mst_gram_options *options;
  const mst_observer *observer;
  mst_tiles *out;
  mst_gram_result *result;
  int64_t n, lead;     /* order; row stride of z                                    */
  mst_columns columns; /* shifts and scales                                        */
  const double *scale; /* (n) of columns                                            */
  double *z;           /* (BLOCKS_AT_ONCE, MST_BLOCK_ROWS, lead) scaled rows        */
  double *panel;       /* (n, WIDE MST_TILE) one product                            */
  double *vector;      /* (elements of a pass) one client's contribution, or NULL   */
  bool single;
} gram_work;

static int64_t extent(int64_t n, int64_t tile) {
  int64_t left = n - tile * MST_TILE;
  return left < MST_TILE ? left : MST_TILE;
}

/* Columns of the product that begins with tile column j. */
static int64_t wide_extent(int64_t n, int64_t j) {
  int64_t left = n - j * MST_TILE;
  return left < WIDE * MST_TILE ? left : WIDE * MST_TILE;
}

static int64_t column_elements(int64_t n, int64_t j) { return (n - j * MST_TILE) * extent(n, j); }

void mst_gram_plan_make(int64_t n, int ranks, int64_t budget, bool whole, mst_gram_plan *plan) {
  int64_t tiles = (n + MST_TILE - 1) / MST_TILE, total = 0, largest = 0, taken = 0;
  for (int64_t j = 0; j < tiles; j++) total += column_elements(n, j);
  plan->n = n;
  plan->tiles = tiles;
  plan->panel_tiles = tiles;
  /* A pass holds its sums and, of them, the owner's part that arrives. */
  if (!whole && tiles > WIDE) {
    plan->panel_tiles = 0;
    for (int64_t j = 0; j < tiles; j++) {
      taken += column_elements(n, j);
      if (j >= WIDE && (taken + taken / ranks) * 8 > budget) break;
      if ((j + 1) % WIDE == 0 || j + 1 == tiles) plan->panel_tiles = j + 1;
    }
  }
  for (int64_t j = 0; j < plan->panel_tiles; j++) largest += column_elements(n, j);
  plan->passes = (tiles + plan->panel_tiles - 1) / plan->panel_tiles;
  int64_t lead = (n + LEAD_PAD - 1) / LEAD_PAD * LEAD_PAD;
  plan->fixed_bytes = 8 * (2 * n + BLOCKS_AT_ONCE * MST_BLOCK_ROWS * lead + WIDE * n * MST_TILE +
                           (whole ? largest : 0));
  plan->bytes = plan->fixed_bytes + 8 * (largest + largest / ranks);
}

int64_t mst_gram_plan_peak(const mst_gram_plan *plan, int ranks, int64_t matrix_bytes) {
  int64_t peak = 0;
  for (int64_t first = 0; first < plan->tiles; first += plan->panel_tiles) {
    int64_t end = first + plan->panel_tiles < plan->tiles ? first + plan->panel_tiles : plan->tiles;
    int64_t elements = 0;
    for (int64_t j = first; j < end; j++) elements += column_elements(plan->n, j);
    int64_t filled = (int64_t)((double)matrix_bytes * (double)end / (double)plan->tiles);
    int64_t now = filled + 8 * (elements + elements / ranks);
    if (now > peak) peak = now;
  }
  return peak + plan->fixed_bytes;
}

/* 2^exponent as a double. */
static double power_of_two(int exponent) { return ldexp(1.0, exponent); }

static bool stop_asked(const gram_work *w) {
  return w->observer && w->observer->should_stop && w->observer->should_stop(w->observer->context);
}

/* Lay out a pass: which tiles, in the order of their owners. */
static mst_status lay_out(const gram_work *w, int64_t first, gram_pass *pass) {
  int p = mst_team_size(w->team);
  int64_t tiles = w->plan->tiles, at = 0;
  *pass = (gram_pass){.first = first, .end = first + w->plan->panel_tiles};
  if (pass->end > tiles) pass->end = tiles;
  MST_TRY(mst_alloc(&pass->offset, (pass->end - first) * tiles, sizeof *pass->offset,
                    "places of tiles"));
  MST_TRY(mst_alloc(&pass->count, p, sizeof *pass->count, "elements of ranks"));
  for (int64_t j = first; j < pass->end; j++)
    for (int64_t i = j; i < tiles; i++)
      pass->count[mst_tiles_owner(w->out->grid, i, j)] += extent(w->n, i) * extent(w->n, j);
  int64_t *next = NULL;
  MST_TRY(mst_alloc(&next, p, sizeof *next, "places of ranks"));
  for (int r = 0; r < p; r++) {
    next[r] = at;
    at += pass->count[r];
  }
  for (int64_t j = first; j < pass->end; j++)
    for (int64_t i = j; i < tiles; i++) {
      int owner = mst_tiles_owner(w->out->grid, i, j);
      pass->offset[(j - first) * tiles + i] = next[owner];
      next[owner] += extent(w->n, i) * extent(w->n, j);
    }
  mst_free(next);
  pass->elements = at;
  return mst_alloc(&pass->sum, at, sizeof *pass->sum, "panel sums");
}

static void clear_pass(gram_pass *pass) {
  mst_free(pass->offset);
  mst_free(pass->count);
  mst_free(pass->sum);
  *pass = (gram_pass){0};
}

/* panel(n - j T, width): tile columns j to j + WIDE - 1 of z'z, lower part. */
static void tile_columns(const gram_work *w, int64_t j, int64_t rows, const double *z) {
  int64_t width = wide_extent(w->n, j), from = j * MST_TILE, below = from + width;
  memset(w->panel, 0, (size_t)(width * width) * sizeof *w->panel); /* the upper half stays zero */
  mst_syrk_at_a(width, rows, 1.0, z + from, w->lead, 0.0, w->panel, width);
  if (below < w->n)
    mst_gemm(true, false, w->n - below, width, rows, 1.0, z + below, w->lead, z + from, w->lead,
             0.0, w->panel + width * width, width);
}

/* Add n consecutive entries of the panel at place `at` of the pass. */
static void add_run(const gram_work *w, gram_pass *pass, int64_t at, const double *run, int64_t n) {
  if (w->single)
    for (int64_t k = 0; k < n; k++) w->vector[at + k] += run[k];
  else if (w->options->fast)
    for (int64_t k = 0; k < n; k++) ((double *)pass->sum)[at + k] += run[k];
  else
    mst_lattice_add(pass->sum + at, run, n, MST_LATTICE_BITS);
}

/* Add the tile columns that are in the panel now to the sums of the pass. */
static void add_columns(const gram_work *w, gram_pass *pass, int64_t first) {
  int64_t wide = wide_extent(w->n, first);
  for (int64_t j = first; j < first + WIDE && j < w->plan->tiles; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      int64_t width = extent(w->n, j), at = pass->offset[(j - pass->first) * w->plan->tiles + i];
      const double *row = w->panel + (i - first) * MST_TILE * wide + (j - first) * MST_TILE;
      for (int64_t r = 0; r < extent(w->n, i); r++)
        add_run(w, pass, at + r * width, row + r * wide, width);
    }
}

/* Multiply a vector in the pass's layout by the scales of its rows and columns, or divide. */
static void scale_vector(const gram_work *w, const gram_pass *pass, bool multiply, double *v) {
  for (int64_t j = pass->first; j < pass->end; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      double *tile = v + pass->offset[(j - pass->first) * w->plan->tiles + i];
      int64_t width = extent(w->n, j);
      for (int64_t r = 0; r < extent(w->n, i); r++)
        for (int64_t q = 0; q < width; q++) {
          double s = w->scale[i * MST_TILE + r], u = w->scale[j * MST_TILE + q];
          tile[r * width + q] = multiply ? tile[r * width + q] * s * u : tile[r * width + q] / s / u;
        }
    }
}

/* One client's contribution, complete: through the stages before the sum, onto the lattice. */
static mst_status contribute(const gram_work *w, gram_pass *pass, int64_t client) {
  scale_vector(w, pass, false, w->vector);
  mst_status st = mst_pipeline_contribute(w->pipeline, client, 1, pass->elements, w->vector);
  if (st != MST_OK) return st;
  scale_vector(w, pass, true, w->vector);
  if (!(mst_lattice_magnitude(w->vector, pass->elements) <= 1 + 0x1p-30))
    return mst_fail(MST_ERR_NONFINITE,
                    "client %lld: a stage left values in its contribution that are not finite or "
                    "larger than what its rows allow",
                    (long long)client);
  if (w->options->fast)
    for (int64_t k = 0; k < pass->elements; k++) ((double *)pass->sum)[k] += w->vector[k];
  else
    mst_lattice_add(pass->sum, w->vector, pass->elements, MST_LATTICE_BITS);
  memset(w->vector, 0, (size_t)pass->elements * sizeof *w->vector);
  return MST_OK;
}

/* Products of up to BLOCKS_AT_ONCE consecutive blocks; tile columns outermost, so that a column's
 * sums stay in cache while the blocks add to them. */
static mst_status add_blocks(gram_work *w, gram_pass *pass, int64_t first, int64_t blocks) {
  double start = mst_clock_seconds();
  for (int64_t k = 0; k < blocks; k++) {
    const float *f = NULL, *t = NULL;
    MST_TRY(w->source->block(w->source->context, first + k, &f, &t));
    mst_columns_apply(&w->columns, w->source, w->roster->block[first + k].rows, f, t, w->lead,
                      w->z + k * MST_BLOCK_ROWS * w->lead);
  }
  double middle = mst_clock_seconds();
  w->result->seconds_source += middle - start;
  for (int64_t j = pass->first; j < pass->end; j += WIDE)
    for (int64_t k = 0; k < blocks; k++) {
      tile_columns(w, j, w->roster->block[first + k].rows, w->z + k * MST_BLOCK_ROWS * w->lead);
      add_columns(w, pass, j);
    }
  w->result->seconds_products += mst_clock_seconds() - middle;
  return MST_OK;
}

static mst_status add_group(gram_work *w, gram_pass *pass, int64_t first, int64_t blocks) {
  for (int64_t b = first; b < first + blocks && !stop_asked(w);) {
    int64_t n = first + blocks - b, rows = 0;
    /* A single contribution is whole before the next client begins. */
    if (n > (w->single ? 1 : BLOCKS_AT_ONCE)) n = w->single ? 1 : BLOCKS_AT_ONCE;
    MST_TRY(add_blocks(w, pass, b, n));
    for (int64_t k = 0; k < n; k++) rows += w->roster->block[b + k].rows;
    int64_t client = w->roster->block[b].client;
    b += n;
    if (w->single && (b == w->roster->blocks || w->roster->block[b].client != client))
      MST_TRY(contribute(w, pass, client));
    if (w->observer && w->observer->on_step) w->observer->on_step(w->observer->context, rows);
  }
  return MST_OK;
}

/* A client's regulariser on the lattice, for diagonal entry e, modulo 2^64: sums may wrap round
 * while the K regularisers are in them, and are right again when these are taken out. */
static uint64_t regulariser(const gram_work *w, int64_t e) {
  double steps = rint(w->options->gamma * w->scale[e] * w->scale[e] * power_of_two(MST_LATTICE_BITS));
  double left = fmod(steps, 0x1p64);
  return left < 0x1p64 ? (uint64_t)left : 0;
}

/* Add gamma I for each client whose rows begin on this rank; clients without rows belong to the
 * rank where their rows would begin. */
static void add_regularisers(const gram_work *w, gram_pass *pass) {
  const mst_roster *r = w->roster;
  int rank = mst_team_rank(w->team), p = mst_team_size(w->team);
  int64_t begin = r->rank_block[rank] < r->blocks ? r->block[r->rank_block[rank]].first : r->rows;
  int64_t end = rank + 1 == p ? r->rows + 1
                : r->rank_block[rank + 1] < r->blocks ? r->block[r->rank_block[rank + 1]].first
                                                      : r->rows;
  int64_t clients = 0;
  for (int64_t k = 0; k < r->clients; k++)
    if (r->client_first[k] >= begin && r->client_first[k] < end) clients++;
  for (int64_t j = pass->first; j < pass->end; j++) {
    int64_t width = extent(w->n, j);
    int64_t at = pass->offset[(j - pass->first) * w->plan->tiles + j];
    for (int64_t q = 0; q < width; q++) {
      int64_t e = j * MST_TILE + q;
      if (e >= w->source->features) break;
      uint64_t *sum = (uint64_t *)pass->sum + at + q * width + q;
      *sum += (uint64_t)clients * regulariser(w, e);
    }
  }
}

/* The owner's tiles: remove the K regularisers, undo the scales, store column-major. */
static void store_tiles(const gram_work *w, const gram_pass *pass, const int64_t *sum) {
  int rank = mst_team_rank(w->team);
  double step = power_of_two(-MST_LATTICE_BITS);
  for (int64_t j = pass->first; j < pass->end; j++)
    for (int64_t i = j; i < w->plan->tiles; i++) {
      if (mst_tiles_owner(w->out->grid, i, j) != rank) continue;
      int64_t width = extent(w->n, j), height = extent(w->n, i);
      double *tile = mst_tiles_at(w->out, i, j);
      for (int64_t q = 0; q < width; q++)
        for (int64_t r = i == j ? q : 0; r < height; r++) {
          int64_t e = j * MST_TILE + q, h = i * MST_TILE + r, at = r * width + q;
          bool own = e == h && e < w->source->features;
          double value;
          if (w->options->fast) {
            value = ((const double *)sum)[at];
          } else {
            uint64_t regularisers = own ? (uint64_t)w->roster->clients * regulariser(w, e) : 0;
            value = (double)(int64_t)((uint64_t)sum[at] - regularisers) * step;
          }
          tile[q * w->out->lld + r] = value / w->scale[e] / w->scale[h];
        }
      sum += height * width;
    }
}

static mst_status run_pass(gram_work *w, int64_t first_tile) {
  gram_pass pass = {0};
  int64_t *mine = NULL;
  mst_status st = lay_out(w, first_tile, &pass);
  if (st == MST_OK && w->single)
    st = mst_alloc(&w->vector, pass.elements, sizeof *w->vector, "one client's contribution");
  st = mst_team_agree(w->team, st);
  for (int64_t g = 0; st == MST_OK && g < w->source->groups; g++) {
    int64_t first = 0, blocks = 0;
    double start = mst_clock_seconds();
    st = w->source->load(w->source->context, g, &first, &blocks);
    w->result->seconds_source += mst_clock_seconds() - start;
    if (st == MST_OK) st = add_group(w, &pass, first, blocks);
    st = mst_team_agree(w->team, st);
  }
  if (st == MST_OK) {
    if (!w->options->fast) add_regularisers(w, &pass); /* floating sums would lose digits to them */
    st = mst_alloc(&mine, pass.count[mst_team_rank(w->team)], sizeof *mine, "owned sums");
    st = mst_team_agree(w->team, st);
  }
  if (st == MST_OK) {
    double start = mst_clock_seconds();
    st = w->options->fast ? mst_sum_scatter_fast(w->team, (double *)pass.sum, pass.count, (double *)mine)
                          : mst_sum_scatter_i64(w->team, pass.sum, pass.count, mine);
    w->result->seconds_sums += mst_clock_seconds() - start;
  }
  if (st == MST_OK) store_tiles(w, &pass, mine);
  mst_free(mine);
  mst_free(w->vector);
  w->vector = NULL;
  clear_pass(&pass);
  return st;
}

static mst_status check_stop(gram_work *w) {
  bool any = false;
  MST_TRY(mst_team_any(w->team, stop_asked(w), &any));
  return any ? mst_fail(MST_ERR_INTERRUPTED, "interrupted while summing the statistics; start the "
                                             "run again")
             : MST_OK;
}

/* This driver sums, hands single contributions to the stages that look at them, and does nothing
 * else: what it would not apply is refused rather than left out. */
static mst_status check_pipeline(const mst_pipeline *p) {
  MST_TRY(mst_pipeline_check(p));
  for (int slot = 0; slot < MST_SLOTS; slot++) {
    const mst_stage *stage = p->slot[slot];
    bool applied = !stage || (slot == MST_SLOT_AGGREGATE ? stage == &mst_stage_sum
                              : slot < MST_SLOT_AGGREGATE && (stage->traits & MST_TRAIT_SINGLE));
    if (!applied)
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
  gram_work w = {.team = team, .roster = roster, .source = source, .plan = plan,
                 .pipeline = pipeline, .options = options, .observer = observer, .out = out,
                 .result = result, .n = plan->n};
  w.lead = (w.n + LEAD_PAD - 1) / LEAD_PAD * LEAD_PAD;
  w.single = mst_pipeline_needs_single(pipeline);
  mst_status st = check_pipeline(pipeline);
  if (st == MST_OK && w.single && plan->passes > 1)
    st = mst_fail(MST_ERR_UNSUPPORTED, "stages that look at single contributions need the whole "
                                       "Gram matrix of one client in memory: give more memory");
  if (st == MST_OK && w.single && !roster->single)
    st = mst_fail(MST_ERR_INTERNAL, "the roster's blocks mix clients, but a stage needs single "
                                    "contributions");
  if (st == MST_OK)
    st = mst_alloc(&w.z, BLOCKS_AT_ONCE * MST_BLOCK_ROWS * w.lead, sizeof *w.z, "scaled rows");
  if (st == MST_OK)
    st = mst_alloc(&w.panel, WIDE * w.n * MST_TILE, sizeof *w.panel, "a product of tile columns");
  st = mst_team_agree(team, st);
  if (st == MST_OK && observer && observer->on_phase)
    observer->on_phase(observer->context, "features", roster->rows, "rows");
  if (st == MST_OK)
    st = mst_columns_find(team, roster, source, options->shift, observer, &result->seconds_source,
                          &w.columns);
  w.scale = w.columns.scale;
  if (st == MST_OK) memcpy(shift, w.columns.shift, (size_t)w.n * sizeof *shift);
  if (st == MST_OK) st = check_stop(&w);
  if (st == MST_OK && observer && observer->on_phase)
    observer->on_phase(observer->context, "statistics", roster->rows * plan->passes, "rows");
  for (int64_t j = 0; st == MST_OK && j < plan->tiles; j += plan->panel_tiles) {
    st = run_pass(&w, j);
    if (st == MST_OK) st = check_stop(&w);
  }
  result->regularisers = roster->clients;
  result->flops = (double)roster->count * (double)w.n * (double)w.n;
  mst_free(w.panel);
  mst_free(w.z);
  mst_columns_free(&w.columns);
  return st;
}
