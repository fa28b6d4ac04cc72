/* Training with depth: statistics of Phi once, then layer by layer the statistics of new random
 * features and of the head's residuals, a solution, and the few sums that tell what the layer has
 * changed in the statistics of Phi. doc/methods/depth.md. */
#include "parallel/analytic_depth.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/analytic/depth.h"
#include "core/base/arithmetic.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/features/residual.h"
#include "core/linalg/blas.h"
#include "parallel/analytic_depth_rows.h"
#include "parallel/analytic_internal.h"
#include "parallel/loop.h"
#include "parallel/row_walk.h"

#define PANEL_BYTES ((int64_t)256 << 20) /* of sums, that are always worth their memory */

static int64_t grid_share(int64_t n, int processes) {
  return mst_least(n, mst_ceil_div(mst_ceil_div(n, MST_TILE), processes) * MST_TILE);
}

/* What the plan of the head does not know of. base, hidden: are these kept for all rows? */
static int64_t more_bytes(const mst_depth_plan *plan, int p, int64_t rows, int64_t test_rows,
                          const mst_features *map, int64_t c, bool resident, bool hidden) {
  const mst_residual_spec *about = mst_residual_about(map);
  const int64_t h = about->width, d = map->width, n = d + c + 1, m = h + c + 1;
  const int64_t share = mst_ceil_div(rows, p) + MST_BLOCK_ROWS;
  const int64_t test = mst_ceil_div(test_rows, p) + MST_BLOCK_ROWS;
  const int64_t below = mst_residual_inner(map)->width;
  int grid_rows, grid_cols;
  mst_grid_shape(p, &grid_rows, &grid_cols);
  const int64_t matrix = 8 * grid_share(n, grid_rows) * grid_share(n, grid_cols);
  const int64_t layer = 8 * grid_share(m, grid_rows) * grid_share(m, grid_cols);
  const int64_t solve = 8 * (2 * h * h + 4 * h * c + 6 * n);
  const int64_t block = MST_BLOCK_ROWS * (8 * (2 * n + 3 * c) + 4 * (h + 2 * c + below));
  int64_t bytes = 4 * c * share + matrix + mst_most(mst_gram_plan_peak(&plan->layer, p, layer), layer + solve) +
                  block + 8 * 4 * c * (n + c) + 8 * MST_BLOCK_ROWS * below;
  if (resident) bytes += 4 * test * (d + (about->random ? below : 0));
  if (resident && about->random) bytes += 4 * share * below;
  if (hidden) bytes += 4 * share * h;
  return bytes;
}

mst_status mst_depth_arrange(int ranks, int64_t rows, int64_t row_elements, int64_t clients,
                             int64_t test_rows, const mst_features *map, int64_t c, int64_t memory,
                             int64_t held, mst_depth_plan *plan) {
  const mst_residual_spec *about = mst_residual_about(map);
  const int64_t h = about->width, d = map->width, n = d + c + 1, m = h + c + 1;
  const mst_pipeline sum = mst_pipeline_sum();
  *plan = (mst_depth_plan){0};
  mst_gram_plan_make(m, ranks, mst_most(PANEL_BYTES, 6 * m * m / ranks), false, &plan->layer);
  mst_status st = MST_OK;
  for (int way = 0; way < 3; way++) { /* all is kept; Phi is; nothing */
    const int64_t more =
        more_bytes(plan, ranks, rows, test_rows, map, c, way < 2, way == 0);
    if (st != MST_OK) mst_status_clear();
    st = mst_analytic_arrange(ranks, rows, row_elements, clients, map, c, &sum, memory,
                              held + more, &plan->head);
    plan->hidden = way == 0;
    if (st == MST_OK && way == 2) plan->head.resident = false;
    if (st == MST_OK && plan->head.resident == (way < 2)) break;
  }
  MST_TRY(st);
  const int64_t senders = plan->head.uplink_messages, below = mst_residual_inner(map)->width;
  plan->setup_uplink_bytes = 8 * (2 * below + 1) * senders + 4 * below; /* and a column's shift */
  plan->setup_downlink_bytes = (8 * 2 + 4) * below * senders;
  plan->change_uplink_bytes = 8 * (c * n + c * (c + 1) / 2) * senders;
  plan->layer_uplink_bytes = 8 * (m * (m + 1) / 2) * senders + 4 * (h + c);
  plan->layer_downlink_bytes = (4 * (h + 1) * c + 4 * (h + c)) * senders;
  return MST_OK;
}

typedef struct training {
  mst_team *team;
  mst_features *map;
  const mst_depth_plan *plan;
  const mst_depth_options *options;
  const mst_observer *observer;
  mst_analytic_model *model;
  mst_gram_result *gram;
  int64_t d, c, h, n, depth;
  mst_depth_rows train, test;
  bool tests;
  mst_depth_layer layer, test_layer;
  mst_grid *grid;
  mst_tiles sums;     /* statistics of [Phi, targets, 1], shifted                             */
  double *shift;      /* (n)                                                                  */
  double *mean, *inverse; /* (the larger of n and the order of a layer's statistics)          */
  double *q, *offset; /* (h, c), (c) of the layer at hand                                     */
  float *step;        /* (places of this rank, c) of the training rows                        */
  float *test_step;   /* (MST_BLOCK_ROWS, c)                                                  */
  double *z;          /* (MST_BLOCK_ROWS, n + c): a block's [Phi, targets, 1] - shift, step   */
  double *narrow;     /* (MST_BLOCK_ROWS, c)                                                  */
  int64_t rounds;     /* heads that were reported                                             */
  int64_t saved_rounds, saved_layers;
  double saved; /* when */
} training;

static mst_status create(training *t, const mst_analytic_data *train,
                         const mst_analytic_data *test) {
  const int64_t rows = MST_BLOCK_ROWS, wide = mst_most(t->n, t->h + t->c + 1);
  mst_analytic_model *m = t->model;
  MST_TRY(mst_alloc(&m->weights, t->d * t->c, sizeof *m->weights, "weights"));
  MST_TRY(mst_alloc(&m->intercept, t->c, sizeof *m->intercept, "intercepts"));
  MST_TRY(mst_alloc(&t->shift, t->n, sizeof *t->shift, "column shifts"));
  MST_TRY(mst_alloc(&t->mean, wide, sizeof *t->mean, "means of columns"));
  MST_TRY(mst_alloc(&t->inverse, wide, sizeof *t->inverse, "scales of columns"));
  MST_TRY(mst_alloc(&t->q, t->h * t->c, sizeof *t->q, "weights of a layer"));
  MST_TRY(mst_alloc(&t->offset, t->c, sizeof *t->offset, "offsets of a layer"));
  MST_TRY(mst_alloc(&t->step, train->roster->count * t->c, sizeof *t->step, "steps of rows"));
  MST_TRY(mst_alloc(&t->test_step, rows * t->c, sizeof *t->test_step, "steps of test rows"));
  MST_TRY(mst_alloc(&t->z, rows * (t->n + t->c), sizeof *t->z, "shifted rows"));
  MST_TRY(mst_alloc(&t->narrow, rows * t->c, sizeof *t->narrow, "steps of a block"));
  MST_TRY(mst_depth_rows_create(train, t->map, t->plan->head.resident, &t->train));
  MST_TRY(mst_depth_layer_create(&t->train, m, t->plan->hidden, &t->layer));
  if (!t->tests) return MST_OK;
  MST_TRY(mst_depth_rows_create(test, t->map, t->plan->head.resident, &t->test));
  return mst_depth_layer_create(&t->test, m, false, &t->test_layer);
}

static void clear(training *t) {
  mst_depth_layer_free(&t->layer);
  mst_depth_layer_free(&t->test_layer);
  mst_depth_rows_free(&t->train);
  mst_depth_rows_free(&t->test);
  mst_tiles_free(&t->sums);
  mst_grid_destroy(t->grid);
  double *const array[] = {t->shift, t->mean, t->inverse, t->q, t->offset, t->z, t->narrow};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
  mst_free(t->step);
  mst_free(t->test_step);
}

/* The Gram matrix of a source into new tiles. Collective. */
static mst_status sum_blocks(training *t, const mst_block_source *source,
                             const mst_gram_plan *plan, double *shift, mst_tiles *out) {
  const mst_pipeline pipeline = mst_pipeline_sum();
  const mst_gram_options o = {
      .gamma = t->options->head.gamma, .shift = true, .save_seconds = -1};
  mst_gram_result result;
  MST_TRY(mst_tiles_create(t->grid, plan->n, out));
  MST_TRY(mst_gram(t->team, t->train.data->roster, source, plan, &pipeline, &o, t->observer, out,
                   shift, &result));
  t->gram->seconds_source += result.seconds_source;
  t->gram->seconds_products += result.seconds_products;
  t->gram->seconds_sums += result.seconds_sums;
  t->gram->flops += result.flops;
  return MST_OK;
}

/* Statistics of Phi without layers, and the scales that layers see it in. Collective. */
static mst_status sum_first(training *t) {
  const mst_block_source source = mst_depth_rows_blocks(&t->train);
  mst_tiles work = {0};
  MST_TRY(sum_blocks(t, &source, &t->plan->head.gram, t->shift, &t->sums));
  mst_status st = mst_tiles_create(t->grid, t->n, &work);
  if (st == MST_OK) {
    mst_tiles_copy(&t->sums, t->n, &work);
    st = mst_analytic_standardise(&work, t->d, t->shift, t->mean, t->inverse);
  }
  if (st == MST_OK) mst_residual_scale(t->map, t->mean, t->inverse);
  mst_tiles_free(&work);
  return st;
}

/* The head on the layers there are, and how it does on the test rows. Collective. */
static mst_status solve_head(training *t, mst_analytic_score *score, int64_t *confusion) {
  mst_tiles work = {0};
  mst_observer_phase(t->observer, "solve", 0, "");
  mst_status st = mst_tiles_create(t->grid, t->n, &work);
  if (st == MST_OK) {
    mst_tiles_copy(&t->sums, t->n, &work);
    st = mst_analytic_solve(&work, t->shift, &t->options->head, t->model);
  }
  mst_tiles_free(&work);
  *score = (mst_analytic_score){.accuracy = NAN, .loss = NAN};
  if (st != MST_OK || !t->tests) return st;
  const mst_block_source source = mst_depth_rows_blocks(&t->test);
  return mst_analytic_evaluate_blocks(t->team, t->test.data, &source, t->model, t->observer, score,
                                      confusion);
}

static mst_status tell_bytes(training *t, int64_t round, const char *direction, int64_t bytes) {
  const mst_observer *o = t->observer;
  if (o == NULL || o->on_bytes == NULL) return MST_OK;
  return o->on_bytes(o->context, round, direction, bytes, t->plan->head.uplink_messages);
}

static mst_status tell_head(training *t, int64_t layers, const mst_analytic_score *score) {
  const mst_observer *o = t->observer;
  const mst_analytic_plan *p = &t->plan->head;
  mst_metric metric[4] = {{"depth", (double)layers}};
  int n = 1;
  if (t->rounds > layers) return MST_OK;
  if (!isnan(score->accuracy)) metric[n++] = (mst_metric){"accuracy", score->accuracy};
  if (!isnan(score->loss)) metric[n++] = (mst_metric){"loss", score->loss};
  if (!isnan(t->model->train_loss)) metric[n++] = (mst_metric){"train_loss", t->model->train_loss};
  t->rounds = layers + 1;
  if (o != NULL && o->on_round != NULL) MST_TRY(o->on_round(o->context, t->rounds, n, metric));
  MST_TRY(tell_bytes(t, t->rounds, "uplink",
                     layers == 0 ? p->uplink_bytes : t->plan->change_uplink_bytes));
  return tell_bytes(t, t->rounds, "downlink", p->downlink_bytes);
}

/* Each rank solves for its share of the directions; one owner an entry, so that bits move. gram
 * (h, h) and moment (h, c) are on every rank. Collective. */
static mst_status solve_columns(training *t, const double *gram, const double *moment) {
  const int64_t h = t->h, c = t->c;
  const int rank = mst_team_rank(t->team), ranks = mst_team_size(t->team);
  double *value = NULL, *vector = NULL, *column = NULL, *b = NULL;
  mst_status st = mst_alloc(&value, c, sizeof *value, "eigenvalues");
  if (st == MST_OK) st = mst_alloc(&vector, c * c, sizeof *vector, "eigenvectors");
  if (st == MST_OK) st = mst_alloc(&column, c * h, sizeof *column, "solutions of a layer");
  if (st == MST_OK) st = mst_alloc(&b, h, sizeof *b, "right side");
  if (st == MST_OK) st = mst_depth_directions(t->d, c, t->model->weights, value, vector);
  st = mst_team_agree(t->team, st);
  if (st == MST_OK) st = mst_team_bcast(t->team, value, c * (int64_t)sizeof *value, 0);
  if (st == MST_OK) st = mst_team_bcast(t->team, vector, c * c * (int64_t)sizeof *vector, 0);
  if (st == MST_OK) {
    for (int64_t j = rank; j < c && st == MST_OK; j += ranks)
      st = mst_depth_column(h, c, gram, moment, t->options->layer_ridge, value[j], vector + j * c,
                            b, column + j * h);
    st = mst_team_agree(t->team, st);
  }
  if (st == MST_OK) st = mst_sum_i64(t->team, (int64_t *)(void *)column, c * h);
  if (st == MST_OK) mst_depth_assemble(h, c, column, vector, t->q);
  mst_free(b);
  mst_free(column);
  mst_free(vector);
  mst_free(value);
  return st;
}

/* Q for random features as they are, and the offset that centres them. */
static void unscale(training *t) {
  memset(t->offset, 0, (size_t)t->c * sizeof *t->offset);
  for (int64_t i = 0; i < t->h; i++)
    for (int64_t k = 0; k < t->c; k++) {
      double *q = &t->q[i * t->c + k];
      *q *= t->inverse[i];
      t->offset[k] -= t->mean[i] * *q;
    }
}

/* Solve layer number `at` and push it. Collective. */
static mst_status solve_layer(training *t, int64_t at) {
  const int64_t h = t->h, c = t->c;
  mst_tiles sums = {0};
  double *gram = NULL, *part = NULL, *moment = NULL, *shift = NULL;
  const mst_block_source source = mst_depth_layer_blocks(&t->layer);
  mst_status st = mst_alloc(&shift, h + c + 1, sizeof *shift, "column shifts");
  st = mst_team_agree(t->team, st);
  if (st == MST_OK) st = sum_blocks(t, &source, &t->plan->layer, shift, &sums);
  if (st == MST_OK) mst_observer_phase(t->observer, "layer", 0, "");
  if (st == MST_OK) st = mst_analytic_standardise(&sums, h, shift, t->mean, t->inverse);
  if (st == MST_OK) st = mst_alloc(&gram, h * h, sizeof *gram, "statistics of a layer");
  if (st == MST_OK) st = mst_alloc(&part, c * h, sizeof *part, "moments of a layer");
  if (st == MST_OK) st = mst_alloc(&moment, h * c, sizeof *moment, "moments of a layer");
  st = mst_team_agree(t->team, st);
  if (st == MST_OK) st = mst_tiles_part(&sums, true, 0, h, 0, h, gram);
  if (st == MST_OK) st = mst_tiles_part(&sums, true, h, c, 0, h, part);
  mst_tiles_free(&sums);
  for (int64_t i = 0; st == MST_OK && i < h; i++)
    for (int64_t k = 0; k < c; k++) moment[i * c + k] = part[k * h + i];
  if (st == MST_OK) st = solve_columns(t, gram, moment);
  if (st == MST_OK) unscale(t);
  if (st == MST_OK) st = mst_team_bcast(t->team, t->q, h * c * (int64_t)sizeof *t->q, 0);
  if (st == MST_OK) st = mst_team_bcast(t->team, t->offset, c * (int64_t)sizeof *t->offset, 0);
  if (st == MST_OK) st = mst_residual_push(t->map, t->q, t->offset, t->model->weights);
  mst_free(shift);
  mst_free(moment);
  mst_free(part);
  mst_free(gram);
  if (st == MST_OK) st = tell_bytes(t, at + 1, "layer_uplink", t->plan->layer_uplink_bytes);
  return st == MST_OK ? tell_bytes(t, at + 1, "layer_downlink", t->plan->layer_downlink_bytes) : st;
}

/* The steps of a block's training rows. Local. */
static float *steps_of(const training *t, int64_t b) {
  const mst_roster *r = t->train.data->roster;
  return t->step + (r->block[b].first - r->first) * t->c;
}

/* Visit this rank's blocks of Phi. Collective. */
static mst_status walk(training *t, mst_depth_rows *rows,
                       void (*visit)(training *t, int64_t b, const float *phi, const float *target,
                                     void *context),
                       void *context) {
  const mst_block_source source = mst_depth_rows_blocks(rows);
  bool stop = false;
  mst_observer_phase(t->observer, "layer", rows->data->roster->rows, "rows");
  for (int64_t g = 0; g < source.groups && !stop; g++) {
    int64_t first = 0, blocks = 0;
    MST_TRY(mst_team_agree(t->team, source.load(source.context, g, &first, &blocks)));
    mst_status st = MST_OK;
    for (int64_t b = first; b < first + blocks && !mst_observer_stop(t->observer); b++) {
      const float *phi = NULL, *target = NULL;
      st = source.block(source.context, b, &phi, &target);
      if (st != MST_OK) break;
      visit(t, b, phi, target, context);
      mst_observer_step(t->observer, rows->data->roster->block[b].rows);
    }
    MST_TRY(mst_team_agree(t->team, st));
    MST_TRY(mst_team_any(t->team, mst_observer_stop(t->observer), &stop));
  }
  return stop ? mst_fail(MST_ERR_INTERRUPTED, "interrupted; start the run again") : MST_OK;
}

/* Find a block's steps; context: the largest magnitude so far. */
static void find_steps(training *t, int64_t b, const float *phi, const float *target,
                       void *context) {
  (void)target;
  double *largest = context;
  const int64_t rows = t->train.data->roster->block[b].rows;
  float *step = steps_of(t, b);
  mst_residual_step(t->map, t->layer.t, rows, mst_depth_layer_hidden(&t->layer, b, phi), step);
  for (int64_t i = 0; i < rows * t->c; i++)
    *largest = fmax(*largest, isfinite(step[i]) ? fabs((double)step[i]) : INFINITY);
}

/* Add a block's step' [Phi, targets, 1, step], the context, and move it on where it is kept. */
static void add_steps(training *t, int64_t b, const float *phi, const float *target,
                      void *context) {
  const int64_t rows = t->train.data->roster->block[b].rows;
  const int64_t d = t->d, c = t->c, n = t->n, all = n + c;
  const float *step = steps_of(t, b);
  mst_block_sums *sums = context;
  for (int64_t i = 0; i < rows; i++) {
    double *z = t->z + i * all;
    for (int64_t j = 0; j < d; j++) z[j] = (double)phi[i * d + j] - t->shift[j];
    for (int64_t k = 0; k < c; k++) z[d + k] = (double)target[i * c + k] - t->shift[d + k];
    z[d + c] = 1;
    for (int64_t k = 0; k < c; k++) z[n + k] = t->narrow[i * c + k] = (double)step[i * c + k];
  }
  mst_gemm(true, false, c, all, rows, 1.0, t->narrow, c, t->z, all, 0.0, sums->block, all);
  mst_block_sums_add(sums);
  float *kept = mst_depth_rows_kept(&t->train, b);
  if (kept != NULL) mst_residual_advance(t->map, t->layer.t, rows, step, kept);
}

/* Move a block of test rows on, which is kept. */
static void move_test(training *t, int64_t b, const float *phi, const float *target,
                      void *context) {
  (void)target;
  (void)context;
  const int64_t at = t->test_layer.t, rows = t->test.data->roster->block[b].rows;
  mst_residual_step(t->map, at, rows, mst_depth_layer_hidden(&t->test_layer, b, phi),
                    t->test_step);
  mst_residual_advance(t->map, at, rows, t->test_step, mst_depth_rows_kept(&t->test, b));
}

/* A bound of every partial sum of steps times columns, by Cauchy and Schwarz. Collective. */
static mst_status bound_sums(training *t, double largest, double *bound) {
  const double rows = (double)t->train.data->roster->rows;
  double column = 0;
  MST_TRY(mst_max_f64(t->team, &largest, 1));
  if (!isfinite(largest))
    return mst_fail(MST_ERR_NONFINITE, "layer %lld overflows: give a larger analytic.layer_ridge",
                    (long long)t->layer.t + 1);
  MST_TRY(mst_tiles_diagonal(&t->sums, t->mean));
  for (int64_t j = 0; j < t->n; j++) column = fmax(column, t->mean[j]);
  const double steps = largest * sqrt(rows);
  *bound = fmax(steps * fmax(1.001 * sqrt(column), steps), DBL_MIN);
  return MST_OK;
}

/* With step f, Phi becomes Phi + f W', and Z'Z becomes Z'Z + H P + P' H', where H is W above zeros
 * and P = f'Z + f'f H' / 2. sums(c, n + c) = f' [Z, f]. Local. */
static void change_sums(training *t, int64_t at, double *sums) {
  const int64_t d = t->d, c = t->c, n = t->n, all = n + c;
  const float *w = mst_residual_weights(t->map, at);
  mst_tiles *g = &t->sums;
  const int rank = mst_team_rank(t->team);
  for (int64_t k = 0; k < c; k++)
    for (int64_t q = 0; q < c; q++) {
      const double half = sums[k * all + n + q] / 2;
      for (int64_t j = 0; j < d; j++) sums[k * all + j] += half * (double)w[q * d + j];
    }
  for (int64_t j = 0; j < g->tiles; j++)
    for (int64_t i = j; i < g->tiles; i++) {
      if (mst_tiles_owner(g->grid, i, j) != rank) continue;
      double *tile = mst_tiles_at(g, i, j);
      for (int64_t q = 0; q < mst_tiles_extent(g, j); q++)
        for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(g, i); r++) {
          const int64_t e = j * MST_TILE + q, o = i * MST_TILE + r;
          double more = 0;
          for (int64_t k = 0; k < c; k++) {
            if (o < d) more += (double)w[k * d + o] * sums[k * all + e];
            if (e < d) more += (double)w[k * d + e] * sums[k * all + o];
          }
          tile[q * g->lld + r] += more;
        }
    }
}

/* All rows take layer `at`, and the statistics of Phi follow. Collective. */
static mst_status take_layer(training *t, int64_t at) {
  mst_block_sums sums = {0};
  double bound = 0, largest = 0;
  mst_residual_use(t->map, at); /* features that are made anew are those below the layer */
  mst_status st = walk(t, &t->train, find_steps, &largest);
  if (st == MST_OK) st = bound_sums(t, largest, &bound);
  if (st == MST_OK)
    st = mst_team_agree(t->team, mst_block_sums_create(t->c * (t->n + t->c), bound, &sums));
  if (st == MST_OK) st = walk(t, &t->train, add_steps, &sums);
  if (st == MST_OK) st = mst_block_sums_end(t->team, &sums);
  if (st == MST_OK) change_sums(t, at, sums.block);
  mst_block_sums_free(&sums);
  if (st == MST_OK && t->tests && t->test.resident) {
    st = mst_depth_layer_begin(&t->test_layer, at); /* keeps nothing */
    if (st == MST_OK) st = walk(t, &t->test, move_test, NULL);
  }
  mst_residual_use(t->map, at + 1);
  return st;
}

static mst_status list_state(void *context, mst_state *state) {
  const training *t = context;
  return mst_residual_state(t->map, state);
}

static mst_loop loop_of(training *t) {
  return (mst_loop){.team = t->team, .context = t, .list = list_state, .unit = "layer",
                    .all = t->depth, .checkpoint_every = 1};
}

/* Between two layers: save when it is time. Collective. */
static mst_status keep_in_time(training *t) {
  const double every = t->options->head.save_seconds, now = mst_clock_seconds();
  bool due = false;
  if (every > 0) MST_TRY(mst_team_any(t->team, now - t->saved >= every, &due));
  if (!due) return MST_OK;
  const mst_loop loop = loop_of(t);
  MST_TRY(mst_loop_pause(&loop, t->observer, t->rounds, false));
  t->saved = now;
  t->saved_rounds = t->rounds;
  t->saved_layers = mst_residual_layers(t->map);
  return MST_OK;
}

/* A stop was asked for: the layers that were solved are kept. Collective. */
static mst_status end_early(training *t) {
  const int64_t layers = mst_most(mst_residual_layers(t->map), t->saved_layers);
  const bool fresh = t->rounds > t->saved_rounds || layers > t->saved_layers;
  if (t->rounds == 0 || t->options->head.save_seconds < 0) return MST_ERR_INTERRUPTED;
  mst_status_clear();
  if (fresh) {
    mst_loop loop = loop_of(t);
    MST_TRY(mst_loop_pause(&loop, t->observer, t->rounds, false));
  }
  return mst_fail(MST_ERR_INTERRUPTED,
                  "interrupted with %lld of %lld layers solved; --resume goes on from there",
                  (long long)layers, (long long)t->depth);
}

static mst_status train_layers(training *t, int64_t solved, mst_analytic_score *score,
                               int64_t *confusion) {
  for (int64_t at = 0; at <= t->depth; at++) {
    if (at >= solved) {
      MST_TRY(solve_head(t, score, at == t->depth ? confusion : NULL));
      MST_TRY(tell_head(t, at, score));
      if (at == t->depth) break;
      MST_TRY(keep_in_time(t));
    }
    MST_TRY(mst_team_agree(t->team, mst_depth_layer_begin(&t->layer, at)));
    if (at >= solved) MST_TRY(solve_layer(t, at));
    MST_TRY(take_layer(t, at));
  }
  return MST_OK;
}

static mst_status restore(training *t, int64_t *solved) {
  const mst_loop loop = loop_of(t);
  if (t->options->head.save_seconds >= 0) MST_TRY(mst_loop_restore(&loop, t->observer, &t->rounds));
  *solved = t->rounds > 0 ? mst_residual_layers(t->map) : 0;
  if (*solved < 0 || *solved > t->depth)
    return mst_fail(MST_ERR_FORMAT, "the checkpoint says that %lld of %lld layers were solved",
                    (long long)*solved, (long long)t->depth);
  t->saved_rounds = t->rounds;
  t->saved_layers = *solved;
  t->saved = mst_clock_seconds();
  mst_residual_use(t->map, 0);
  return MST_OK;
}

static mst_status prepare(training *t) {
  MST_TRY(mst_depth_rows_standardise(t->team, &t->train, t->observer));
  MST_TRY(mst_grid_create(t->team, 0, &t->grid));
  MST_TRY(sum_first(t));
  if (t->rounds > 0) return MST_OK;
  MST_TRY(tell_bytes(t, 1, "setup_uplink", t->plan->setup_uplink_bytes));
  return tell_bytes(t, 1, "setup_downlink", t->plan->setup_downlink_bytes);
}

mst_status mst_depth_train(mst_team *team, const mst_analytic_data *train,
                           const mst_analytic_data *test, mst_features *map,
                           const mst_depth_plan *plan, const mst_depth_options *options,
                           const mst_observer *observer, mst_analytic_model *model,
                           mst_gram_result *gram, mst_analytic_score *score, int64_t *confusion) {
  const mst_residual_spec *about = mst_residual_about(map);
  const int64_t d = map->width, c = train->outputs;
  *model = (mst_analytic_model){.d = d, .c = c};
  *gram = (mst_gram_result){0};
  if (train->weight != NULL)
    return mst_fail(MST_ERR_UNSUPPORTED, "layers are solved of rows that count alike");
  training t = {.team = team, .map = map, .plan = plan, .options = options, .observer = observer,
                .model = model, .gram = gram, .d = d, .c = c, .h = about->width, .n = d + c + 1,
                .depth = about->depth, .tests = test != NULL};
  int64_t solved = 0;
  mst_status st = mst_team_agree(team, create(&t, train, test));
  if (st == MST_OK) st = restore(&t, &solved);
  if (st == MST_OK) st = prepare(&t);
  if (st == MST_OK) st = train_layers(&t, solved, score, confusion);
  if (st == MST_ERR_INTERRUPTED) st = end_early(&t);
  clear(&t);
  if (st != MST_OK) mst_analytic_model_free(model);
  return st;
}
