/* Rows on their way through residual layers. Kept features are begun block by block as they are
 * first asked for; the features below them are let go with the last, or are the same memory where
 * the layers stand on them. */
#include "parallel/analytic_depth_rows.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/features/residual.h"
#include "parallel/columns.h"
#include "parallel/row_walk.h"

#define CONSTANT 0x1p-44 /* of a column's squares: its variance is rounding */

mst_status mst_depth_rows_create(const mst_analytic_data *data, mst_features *map, bool resident,
                                 mst_depth_rows *r) {
  *r = (mst_depth_rows){.data = data, .map = map, .resident = resident};
  r->groups = mst_rows_groups(data->rows);
  MST_TRY(mst_feature_source_create(data, mst_residual_inner(map), resident, &r->base));
  r->below = mst_feature_source_blocks(&r->base, r->groups);
  if (resident) return MST_OK;
  MST_TRY(mst_feature_source_create(data, map, false, &r->whole));
  r->made = mst_feature_source_blocks(&r->whole, r->groups);
  return MST_OK;
}

void mst_depth_rows_free(mst_depth_rows *r) {
  if (r->phi != r->base.kept) mst_free(r->phi);
  mst_free(r->begun);
  mst_feature_source_free(&r->base);
  mst_feature_source_free(&r->whole);
  *r = (mst_depth_rows){0};
}

static int64_t places(const mst_feature_source *s) {
  int64_t rows = 0;
  for (int64_t b = 0; b < s->blocks; b++) rows += s->data->roster->block[s->first_block + b].rows;
  return rows;
}

/* Collective. */
static mst_status load(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  mst_depth_rows *r = context;
  if (!r->resident) return r->made.load(r->made.context, group, first, blocks);
  MST_TRY(r->below.load(r->below.context, group, first, blocks));
  if (r->begun != NULL || *blocks == 0) return MST_OK;
  MST_TRY(mst_alloc(&r->begun, *blocks, sizeof *r->begun, "marks of blocks"));
  if (!mst_residual_about(r->map)->random) {
    r->phi = r->base.kept;
    return MST_OK;
  }
  return mst_alloc(&r->phi, places(&r->base) * r->map->width, sizeof *r->phi,
                   "features below the layers");
}

float *mst_depth_rows_kept(const mst_depth_rows *r, int64_t b) {
  if (!r->resident) return NULL;
  return r->phi + (r->data->roster->block[b].first - r->base.first_place) * r->map->width;
}

static mst_status block(void *context, int64_t b, const float **features, const float **targets) {
  mst_depth_rows *r = context;
  if (!r->resident) return r->made.block(r->made.context, b, features, targets);
  const int64_t at = b - r->base.first_block;
  float *phi = mst_depth_rows_kept(r, b);
  if (!r->begun[at]) {
    MST_TRY(r->below.block(r->below.context, b, features, targets));
    mst_residual_begin(r->map, r->data->roster->block[b].rows, *features, phi);
    r->begun[at] = true;
    if (++r->n_begun == r->base.blocks && r->phi != r->base.kept) {
      mst_free(r->base.kept);
      r->base.kept = NULL;
    }
  }
  *features = phi;
  *targets = mst_feature_source_targets(&r->base, b);
  return MST_OK;
}

mst_block_source mst_depth_rows_blocks(mst_depth_rows *r) {
  return (mst_block_source){.context = r,           .features = r->map->width,
                            .targets = r->data->outputs, .groups = r->groups,
                            .keeps = r->resident,   .load = load,
                            .block = block};
}

/* Sums and sums of squares of the columns of (x - shift) * scale. */
typedef struct moments {
  int64_t d;
  const double *scale; /* (d)                               */
  mst_block_sums sums; /* (2 d): the sums, then the squares */
} moments;

static void add_moments(void *context, int64_t place, int64_t rows, const double *x) {
  (void)place;
  moments *m = context;
  double *sum = m->sums.block, *square = m->sums.block + m->d;
  memset(sum, 0, (size_t)(2 * m->d) * sizeof *sum);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < m->d; j++) {
      const double z = x[i * m->d + j] * m->scale[j];
      sum[j] += z;
      square[j] += z * z;
    }
  mst_block_sums_add(&m->sums);
}

/* From sums to means and 1 / deviation, in place of them. */
static void set_scaling(const mst_columns *c, double rows, moments *m, mst_features *map) {
  double *mean = m->sums.block, *inverse = m->sums.block + m->d;
  for (int64_t j = 0; j < m->d; j++) {
    const double part = mean[j] / rows, square = inverse[j] - mean[j] * part;
    inverse[j] = square > CONSTANT * inverse[j] ? c->scale[j] * sqrt(rows / square) : 0;
    mean[j] = c->shift[j] + part / c->scale[j];
  }
  mst_residual_standardise(map, mean, inverse);
}

/* A column whose norm is at most 1 has a sum of at most sqrt(rows). */
mst_status mst_depth_rows_standardise(mst_team *team, mst_depth_rows *r,
                                      const mst_observer *observer) {
  const mst_roster *roster = r->data->roster;
  const double rows = (double)roster->rows;
  mst_columns c = {0};
  mst_row_walk w = {0};
  moments m = {.d = mst_residual_inner(r->map)->width};
  double seconds = 0;
  if (roster->rows == 0) return mst_fail(MST_ERR_INPUT, "no row is left to learn from");
  mst_observer_phase(observer, "features", roster->rows, "rows");
  mst_status st =
      mst_columns_find(team, roster, &r->below, true, observer, &seconds, &c);
  if (st == MST_OK) {
    m.scale = c.scale;
    st = mst_row_walk_create(team, roster, r->below, observer, &w);
    if (st == MST_OK) st = mst_block_sums_create(2 * m.d, sqrt(rows) + 1, &m.sums);
    st = mst_team_agree(team, st);
  }
  if (st == MST_OK) {
    memcpy(w.centre, c.shift, (size_t)m.d * sizeof *w.centre);
    st = mst_row_walk_on(&w, "moments", add_moments, &m);
  }
  if (st == MST_OK) st = mst_block_sums_end(team, &m.sums);
  if (st == MST_OK) set_scaling(&c, rows, &m, r->map);
  mst_block_sums_free(&m.sums);
  mst_row_walk_free(&w);
  mst_columns_free(&c);
  return st;
}

mst_status mst_depth_layer_create(mst_depth_rows *rows, const mst_analytic_model *head, bool keeps,
                                  mst_depth_layer *l) {
  const int64_t h = mst_residual_about(rows->map)->width, d = rows->map->width;
  const int64_t c = rows->data->outputs, n = MST_BLOCK_ROWS;
  *l = (mst_depth_layer){.rows = rows, .head = head, .keeps = keeps};
  if (!keeps) MST_TRY(mst_alloc(&l->hidden, n * h, sizeof *l->hidden, "random features"));
  MST_TRY(mst_alloc(&l->residual, n * c, sizeof *l->residual, "residuals of a block"));
  MST_TRY(mst_alloc(&l->wide, n * d, sizeof *l->wide, "features to score"));
  return mst_alloc(&l->score, n * c, sizeof *l->score, "scores");
}

void mst_depth_layer_free(mst_depth_layer *l) {
  mst_free(l->kept);
  mst_free(l->done);
  mst_free(l->hidden);
  mst_free(l->residual);
  mst_free(l->wide);
  mst_free(l->score);
  *l = (mst_depth_layer){0};
}

mst_status mst_depth_layer_begin(mst_depth_layer *l, int64_t t) {
  const int64_t blocks = l->rows->base.blocks;
  l->t = t;
  if (!l->keeps || blocks == 0) return MST_OK;
  if (l->done != NULL) {
    memset(l->done, 0, (size_t)blocks * sizeof *l->done);
    return MST_OK;
  }
  MST_TRY(mst_alloc(&l->done, blocks, sizeof *l->done, "marks of blocks"));
  return mst_alloc(&l->kept, places(&l->rows->base) * mst_residual_about(l->rows->map)->width,
                   sizeof *l->kept, "random features of this rank's rows");
}

/* Collective. */
static mst_status load_layer(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  return load(((mst_depth_layer *)context)->rows, group, first, blocks);
}

const float *mst_depth_layer_hidden(mst_depth_layer *l, int64_t b, const float *phi) {
  const mst_block *k = &l->rows->data->roster->block[b];
  float *to = l->hidden;
  if (l->keeps) {
    const mst_feature_source *s = &l->rows->base;
    to = l->kept + (k->first - s->first_place) * mst_residual_about(l->rows->map)->width;
    if (l->done[b - s->first_block]) return to;
    l->done[b - s->first_block] = true;
  }
  mst_residual_hidden(l->rows->map, l->t, k->rows, phi, to);
  return to;
}

static mst_status block_layer(void *context, int64_t b, const float **features,
                              const float **targets) {
  mst_depth_layer *l = context;
  const int64_t rows = l->rows->data->roster->block[b].rows, c = l->rows->data->outputs;
  const float *phi = NULL, *target = NULL;
  MST_TRY(block(l->rows, b, &phi, &target));
  mst_analytic_scores(l->head, rows, phi, l->wide, l->score);
  for (int64_t i = 0; i < rows * c; i++)
    l->residual[i] = (float)((double)target[i] - l->score[i]);
  *features = mst_depth_layer_hidden(l, b, phi);
  *targets = l->residual;
  return MST_OK;
}

mst_block_source mst_depth_layer_blocks(mst_depth_layer *l) {
  return (mst_block_source){.context = l,
                            .features = mst_residual_about(l->rows->map)->width,
                            .targets = l->rows->data->outputs,
                            .groups = l->rows->groups,
                            .keeps = l->keeps,
                            .load = load_layer,
                            .block = block_layer};
}
