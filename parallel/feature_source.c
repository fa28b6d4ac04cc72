/* Feature source. Kept features are filled block by block as they are first asked for; with the
 * last one in place, the raw rows are let go. */
#include "parallel/feature_source.h"

#include <string.h>

#include "core/base/memory.h"

mst_status mst_feature_source_create(const mst_analytic_data *data, mst_features *features,
                                     bool resident, mst_feature_source *out) {
  *out = (mst_feature_source){
      .data = data, .features = features, .resident = resident, .group = -1};
  mst_status st = MST_OK;
  if (!resident)
    st = mst_alloc(&out->scratch, MST_BLOCK_ROWS * features->width, sizeof *out->scratch,
                   "features of a block");
  if (st == MST_OK && data->label)
    st = mst_alloc(&out->one_hot, MST_BLOCK_ROWS * data->outputs, sizeof *out->one_hot,
                   "one-hot targets of a block");
  return st;
}

void mst_feature_source_free(mst_feature_source *s) {
  mst_free(s->kept);
  mst_free(s->computed);
  mst_free(s->scratch);
  mst_free(s->one_hot);
  *s = (mst_feature_source){0};
}

static int64_t rows_of(const mst_feature_source *s, int64_t blocks) {
  int64_t rows = 0;
  for (int64_t b = 0; b < blocks; b++) rows += s->data->roster->block[s->first_block + b].rows;
  return rows;
}

/* Collective, as mst_block_source.load says. */
static mst_status load_group(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  mst_feature_source *s = context;
  if (s->group != group) {
    MST_TRY(mst_rows_load(s->data->rows, group, &s->x, &s->value));
    mst_rows_group(s->data->rows, group, &s->first_block, &s->blocks);
    s->first_place = s->blocks > 0 ? s->data->roster->block[s->first_block].first : 0;
    s->group = group;
    if (s->resident && !s->kept) {
      MST_TRY(mst_alloc(&s->kept, rows_of(s, s->blocks) * s->features->width, sizeof *s->kept,
                        "features of this rank's rows"));
      MST_TRY(mst_alloc(&s->computed, s->blocks, sizeof *s->computed, "marks of blocks"));
    }
  }
  *first = s->first_block;
  *blocks = s->blocks;
  return MST_OK;
}

static const float *targets_of(mst_feature_source *s, const mst_block *block) {
  int64_t c = s->data->outputs;
  if (!s->data->label) return s->value + (block->first - s->first_place) * c;
  memset(s->one_hot, 0, (size_t)(MST_BLOCK_ROWS * c) * sizeof *s->one_hot);
  for (int64_t i = 0; i < block->rows; i++)
    s->one_hot[i * c + s->data->label[block->first + i]] = 1;
  return s->one_hot;
}

const float *mst_feature_source_targets(mst_feature_source *s, int64_t b) {
  return targets_of(s, &s->data->roster->block[b]);
}

static mst_status block_rows(void *context, int64_t b, const float **features,
                             const float **targets) {
  mst_feature_source *s = context;
  const mst_block *block = &s->data->roster->block[b];
  int64_t place = block->first - s->first_place;
  const float *x = s->x + place * mst_row_elements(&s->features->shape);
  float *f = s->resident ? s->kept + place * s->features->width : s->scratch;
  if (!s->resident || !s->computed[b - s->first_block]) {
    MST_TRY(mst_features_apply(s->features, x, block->rows, f));
    if (s->resident) {
      s->computed[b - s->first_block] = true;
      if (++s->n_computed == s->blocks) mst_rows_release(s->data->rows);
    }
  }
  *features = f;
  *targets = targets_of(s, block);
  return MST_OK;
}

mst_block_source mst_feature_source_blocks(mst_feature_source *s, int64_t groups) {
  return (mst_block_source){.context = s, .features = s->features->width,
                            .targets = s->data->outputs, .groups = groups,
                            .keeps = s->resident, .weight = s->data->weight,
                            .load = load_group,
                            .block = block_rows};
}
