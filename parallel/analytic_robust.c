/* Analytic training by a robust rule: each client sends means and deviations of its columns, of
 * which the rule makes the units that all are to use, then its statistics in those, of which it
 * makes what the solution is of; attackers' vectors are replaced both times. A client's products
 * are made by one rank, block by block in their order, so that its vector has the same bits on any
 * number of ranks, and so has what parallel/robust.h makes of all. doc/methods/analytic.md,
 * "Clients that lie". */
#include "parallel/analytic_rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "parallel/analytic_internal.h"
#include "parallel/feature_source.h"

/* A run in the making. */
typedef struct work {
  mst_team *team;
  const mst_analytic_data *data;
  const mst_analytic_robust *robust;
  const mst_observer *observer;
  int64_t order, entries;
  int64_t n, *client;    /* clients with rows of this rank           */
  double *vector;        /* (n, entries) what they send              */
  double *sum, *z;       /* (order, order) of a client; a block's rows */
  double *result;        /* (entries) what the rule made             */
  double *units;         /* (n, 2 (order - 1)) means and deviations of clients' columns */
  double *shift, *scale; /* (order), (2 order) what the rule made of them         */
  int32_t *flipped;      /* labels where attackers have flipped theirs */
} work;

static void clear(work *w) {
  void *const array[] = {w->client, w->vector, w->sum,   w->z,      w->result,
                         w->units,  w->shift,  w->scale, w->flipped};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
}

/* Local. */
static mst_status find_clients(work *w) {
  const mst_roster *r = w->data->roster;
  const int64_t end = r->first + r->count;
  MST_TRY(mst_alloc(&w->client, r->clients, sizeof *w->client, "clients of this rank"));
  for (int64_t k = 0; k < r->clients; k++)
    if (r->client_first[k] < r->client_first[k + 1] && r->client_first[k] >= r->first &&
        r->client_first[k] < end)
      w->client[w->n++] = k;
  return MST_OK;
}

/* Local. */
static mst_status allocate(work *w) {
  const int64_t order = w->order;
  MST_TRY(find_clients(w));
  MST_TRY(mst_alloc(&w->vector, w->n * w->entries, sizeof *w->vector, "statistics of clients"));
  MST_TRY(mst_alloc(&w->units, 2 * w->n * (order - 1), sizeof *w->units, "units of clients"));
  MST_TRY(mst_alloc(&w->shift, order, sizeof *w->shift, "column shifts"));
  MST_TRY(mst_alloc(&w->scale, 2 * order, sizeof *w->scale, "column scales"));
  MST_TRY(mst_alloc(&w->sum, order * order, sizeof *w->sum, "statistics of a client"));
  MST_TRY(mst_alloc(&w->z, order * MST_BLOCK_ROWS, sizeof *w->z, "rows of a block"));
  return mst_alloc(&w->result, w->entries, sizeof *w->result, "statistics that the rule made");
}

/* Labels of attackers that learn from flipped ones. Local. */
static mst_status flip_labels(work *w) {
  const mst_attack_spec *a = &w->robust->attack;
  const mst_roster *r = w->data->roster;
  int64_t *attacker = NULL;
  if (a->name == NULL || (mst_attack_needs(a) & MST_ATTACK_LABELS) == 0) return MST_OK;
  if (w->data->label == NULL)
    return mst_fail(MST_ERR_INPUT, "attack.name: %s flips labels of classes, and there are none",
                    a->name);
  MST_TRY(mst_alloc(&w->flipped, r->rows, sizeof *w->flipped, "flipped labels"));
  MST_TRY(mst_alloc(&attacker, a->count, sizeof *attacker, "clients that attack"));
  memcpy(w->flipped, w->data->label, (size_t)r->rows * sizeof *w->flipped);
  mst_attack_clients(a->seed, r->clients, a->count, attacker);
  for (int64_t i = 0; i < a->count; i++) {
    const int64_t first = r->client_first[attacker[i]], end = r->client_first[attacker[i] + 1];
    mst_attack_flip_labels(end - first, w->data->outputs, w->data->label + first,
                           w->flipped + first);
  }
  mst_free(attacker);
  return MST_OK;
}

/* z(rows, order) = [features | targets | 1] of block b. */
static mst_status load_rows(const work *w, const mst_block_source *source, int64_t b) {
  const int64_t rows = w->data->roster->block[b].rows, d = source->features, c = source->targets;
  const double *weight = mst_block_weight(source, &w->data->roster->block[b]);
  const float *x = NULL, *y = NULL;
  MST_TRY(source->block(source->context, b, &x, &y));
  for (int64_t i = 0; i < rows; i++) {
    double *z = w->z + i * w->order;
    for (int64_t j = 0; j < d; j++) z[j] = (double)x[i * d + j];
    for (int64_t k = 0; k < c; k++) z[d + k] = (double)y[i * c + k];
    z[d + c] = 1;
    for (int64_t j = 0; weight != NULL && j < w->order; j++) z[j] *= sqrt(weight[i]);
  }
  return MST_OK;
}

/* A client's sum is complete: what it sends is that per row, or per weight of one. */
static void write_vector(work *w, int64_t i) {
  const double rows = w->sum[w->order * w->order - 1];
  double *to = w->vector + i * w->entries;
  for (int64_t h = 0, at = 0; h < w->order; h++)
    for (int64_t e = 0; e <= h && at < w->entries; e++) to[at++] = w->sum[h * w->order + e] / rows;
  memset(w->sum, 0, (size_t)(w->order * w->order) * sizeof *w->sum);
}

/* Blocks [first, first + blocks); *i counts the clients that are complete. Local. */
static mst_status add_blocks(work *w, const mst_block_source *source, int64_t first, int64_t blocks,
                             int64_t *i) {
  const mst_roster *r = w->data->roster;
  for (int64_t b = first; b < first + blocks && !mst_observer_stop(w->observer); b++) {
    const mst_block *block = &r->block[b];
    MST_TRY(load_rows(w, source, b));
    mst_syrk_at_a(w->order, block->rows, 1, w->z, w->order, 1, w->sum, w->order);
    if (block->first + block->rows == r->client_first[block->client + 1]) write_vector(w, (*i)++);
    mst_observer_step(w->observer, block->rows);
  }
  return MST_OK;
}

/* Collective. */
static mst_status measure_clients(work *w, const mst_block_source *source) {
  int64_t done = 0;
  bool stop = false;
  mst_observer_phase(w->observer, "statistics of clients", w->data->roster->count, "rows");
  for (int64_t group = 0; group < source->groups; group++) {
    int64_t first = 0, blocks = 0;
    MST_TRY(mst_team_agree(w->team, source->load(source->context, group, &first, &blocks)));
    MST_TRY(mst_team_agree(w->team, add_blocks(w, source, first, blocks, &done)));
    MST_TRY(mst_team_any(w->team, mst_observer_stop(w->observer), &stop));
    if (stop)
      return mst_fail(MST_ERR_INTERRUPTED,
                      "interrupted while the clients' statistics were made; start the run again");
  }
  return MST_OK;
}

static int by_number(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Fewer than half of the clients cannot move it beyond what honest ones say. Local. */
static mst_status count_rows(const mst_analytic_data *data, double *rows) {
  const mst_roster *r = data->roster;
  double *said = NULL;
  int64_t n = 0;
  MST_TRY(mst_alloc(&said, r->clients, sizeof *said, "rows of clients"));
  for (int64_t k = 0; k < r->clients; k++) {
    for (int64_t i = r->client_first[k]; i < r->client_first[k + 1]; i++)
      said[n] += data->weight != NULL ? data->weight[i] : 1;
    if (said[n] > 0) n++;
  }
  qsort(said, (size_t)n, sizeof *said, by_number);
  *rows = n > 0 ? (double)n * said[(n - 1) / 2] : 0;
  mst_free(said);
  return MST_OK;
}

/* The entries of a client's vector that are its sums per row of columns, and of their squares. */
static const double *mean_of(const work *w, const double *vector) {
  return vector + (w->order - 1) * w->order / 2;
}

static double square_of(const double *vector, int64_t j) {
  return vector[j * (j + 1) / 2 + j];
}

/* What clients say of their columns: means, or 0 where nothing is centred, and deviations from
 * them. Local. */
static void write_units(const work *w, bool bias) {
  const int64_t last = w->order - 1;
  for (int64_t i = 0; i < w->n; i++) {
    const double *v = w->vector + i * w->entries, *mean = mean_of(w, v);
    double *to = w->units + i * 2 * last;
    for (int64_t j = 0; j < last; j++) {
      to[j] = bias ? mean[j] : 0;
      to[last + j] = sqrt(fmax(square_of(v, j) - to[j] * to[j], 0));
    }
  }
}

/* All clients take their statistics in the same units. Local. */
static void change_units(const work *w) {
  const int64_t last = w->order - 1;
  const double *a = w->shift, *s = w->scale;
  for (int64_t i = 0; i < w->n; i++) {
    double *v = w->vector + i * w->entries;
    const double *mean = mean_of(w, v);
    for (int64_t h = 0; h < last; h++)
      for (int64_t e = 0; e <= h; e++) {
        double *to = &v[h * (h + 1) / 2 + e];
        *to = (*to + a[h] * a[e] - a[h] * mean[e] - mean[h] * a[e]) / s[h] / s[e];
      }
    for (int64_t j = 0; j < last; j++) {
      double *to = &v[last * (last + 1) / 2 + j];
      *to = (*to - a[j]) / s[j];
    }
  }
}

/* result(m) = what the rule makes of vector(n, m). Collective. */
static mst_status ask_rule(const work *w, int64_t round, int64_t m, double *vector, double *result,
                           mst_analytic_trust *trust) {
  const mst_analytic_message message = {.team = w->team,
                                        .robust = w->robust,
                                        .roster = w->data->roster,
                                        .round = round,
                                        .n = w->n,
                                        .client = w->client,
                                        .m = m,
                                        .vector = vector};
  mst_observer_phase(w->observer, mst_analytic_rule(w->robust).name, 0, "");
  return mst_analytic_ask(&message, result, trust);
}

/* First the units, then the statistics. Collective. */
static mst_status ask_clients(work *w, bool bias, mst_analytic_trust *trust) {
  const int64_t last = w->order - 1;
  write_units(w, bias);
  MST_TRY(ask_rule(w, 0, 2 * last, w->units, w->scale, trust));
  for (int64_t j = 0; j < last; j++) {
    w->shift[j] = bias ? w->scale[j] : 0;
    w->scale[j] = w->scale[last + j] > 0 ? w->scale[last + j] : 1;
  }
  w->scale[last] = 1;
  change_units(w);
  MST_TRY(ask_rule(w, 1, w->entries, w->vector, w->result, trust));
  return mst_team_agree(w->team, count_rows(w->data, &trust->rows));
}

/* The statistics of so many rows, on their owners. Local. */
static void fill(const work *w, double rows, mst_tiles *t) {
  int rank = mst_team_rank(w->team);
  for (int64_t j = 0; j < t->tiles; j++)
    for (int64_t i = j; i < t->tiles; i++) {
      if (mst_tiles_owner(t->grid, i, j) != rank) continue;
      double *tile = mst_tiles_at(t, i, j);
      for (int64_t q = 0; q < mst_tiles_extent(t, j); q++)
        for (int64_t r = i == j ? q : 0; r < mst_tiles_extent(t, i); r++) {
          const int64_t h = i * MST_TILE + r, e = j * MST_TILE + q, at = h * (h + 1) / 2 + e;
          const double value = at < w->entries ? w->result[at] * w->scale[h] * w->scale[e] : 1;
          tile[q * t->lld + r] = value * rows;
        }
    }
}

/* Why there is no solution: columns that are taken from different clients need not fit together.
 * Otherwise `singular` stays, what the solution said. Collective. */
static mst_status explain(const work *w, double rows, const mst_analytic_options *options,
                          mst_tiles *t, int64_t d, mst_status singular) {
  double least = 0;
  char said[512];
  snprintf(said, sizeof said, "%s", mst_status_detail());
  fill(w, rows, t);
  mst_status st = mst_analytic_least_eigenvalue(t, d, options, &least);
  if (st == MST_OK && least < -options->ridge)
    return mst_fail(singular,
                    "what %s made of the clients' statistics is no Gram matrix: its least "
                    "eigenvalue is %.3g; give analytic.ridge more than %.3g, for example %.2g, or "
                    "aggregate.pre: [nnm], or a rule that leaves vectors out whole",
                    mst_analytic_rule(w->robust).name, least, -least, -2.5 * least);
  return mst_fail(singular, "%s", said);
}

/* Standardised features stay in the units that were agreed on: what is left of attackers in the
 * diagonal would decide otherwise what a column weighs that is nearly constant. unit(d) out: what
 * the weights are to be divided by. Local. */
static mst_analytic_options keep_units(const work *w, const mst_analytic_options *options,
                                       int64_t d, double *unit) {
  mst_analytic_options inside = *options;
  for (int64_t j = 0; j < d; j++) {
    unit[j] = options->standardize ? w->scale[j] : 1;
    w->scale[j] /= unit[j];
    w->shift[j] /= unit[j];
  }
  inside.standardize = false;
  return inside;
}

static mst_status solve(const work *w, double rows, const mst_analytic_options *options,
                        mst_analytic_model *model) {
  double *unit = w->scale + w->order;
  const mst_analytic_options inside = keep_units(w, options, model->d, unit);
  mst_grid *grid = NULL;
  mst_tiles t = {0};
  mst_observer_phase(w->observer, "solve", 0, "");
  mst_status st =
      mst_alloc(&model->weights, model->d * model->c, sizeof *model->weights, "weights");
  if (st == MST_OK)
    st = mst_alloc(&model->intercept, model->c, sizeof *model->intercept, "intercepts");
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) st = mst_grid_create(w->team, 0, &grid);
  if (st == MST_OK) st = mst_tiles_create(grid, w->order, &t);
  if (st == MST_OK) {
    fill(w, rows, &t);
    st = mst_analytic_solve(&t, w->shift, &inside, model);
  }
  if (st == MST_ERR_SINGULAR) st = explain(w, rows, &inside, &t, model->d, st);
  for (int64_t j = 0; st == MST_OK && j < model->d; j++)
    for (int64_t k = 0; k < model->c; k++) model->weights[j * model->c + k] /= unit[j];
  mst_tiles_free(&t);
  mst_grid_destroy(grid);
  if (st != MST_OK) mst_analytic_model_free(model);
  return st;
}

/* What clients have to send. Collective. */
static mst_status gather(work *w, mst_features *features, const mst_analytic_plan *plan) {
  mst_feature_source source = {.data = NULL};
  mst_status st = allocate(w);
  if (st == MST_OK) st = flip_labels(w);
  mst_analytic_data data = *w->data;
  if (w->flipped != NULL) data.label = w->flipped;
  if (st == MST_OK) st = mst_feature_source_create(&data, features, plan->resident, &source);
  st = mst_team_agree(w->team, st);
  if (st == MST_OK) {
    mst_block_source blocks = mst_feature_source_blocks(&source, plan->groups);
    st = measure_clients(w, &blocks);
  }
  mst_feature_source_free(&source);
  return st;
}

mst_status mst_analytic_robust_train(mst_team *team, const mst_analytic_data *data,
                                     mst_features *features, const mst_analytic_plan *plan,
                                     const mst_analytic_options *options,
                                     const mst_analytic_robust *robust,
                                     const mst_observer *observer, mst_analytic_model *model,
                                     mst_analytic_trust *trust) {
  const int64_t order = features->width + data->outputs + 1;
  work w = {.team = team,
            .data = data,
            .robust = robust,
            .observer = observer,
            .order = order,
            .entries = mst_analytic_entries(order)};
  *model = (mst_analytic_model){.d = features->width, .c = data->outputs};
  *trust = (mst_analytic_trust){.attackers_weight = NAN};
  mst_status st = gather(&w, features, plan);
  if (st == MST_OK) st = ask_clients(&w, options->bias, trust);
  mst_free(w.vector); /* before the solution needs its memory */
  w.vector = NULL;
  if (st == MST_OK) st = solve(&w, trust->rows, options, model);
  clear(&w);
  return st;
}
