/* The rows that are sketched: A's and B's columns side by side, or features, targets and a one; and
 * their norms, which say what samples keep and bound all sums. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/sketch/sample.h"
#include "parallel/sketch_internal.h"

static mst_status load_joined(void *context, int64_t group, int64_t *first, int64_t *blocks) {
  mst_sketching *s = context;
  MST_TRY(s->blocks[0].load(s->blocks[0].context, group, first, blocks));
  if (!s->other) return MST_OK;
  return s->blocks[1].load(s->blocks[1].context, group, first, blocks);
}

static mst_status block_joined(void *context, int64_t b, const float **features,
                               const float **targets) {
  mst_sketching *s = context;
  const int64_t rows = s->roster->block[b].rows, d = s->blocks[0].features;
  const int64_t m = s->other ? s->blocks[1].features : s->blocks[0].targets;
  const int64_t width = d + m + s->options->whole;
  const float *x = NULL, *y = NULL, *none = NULL;
  MST_TRY(s->blocks[0].block(s->blocks[0].context, b, &x, &y));
  if (s->other) MST_TRY(s->blocks[1].block(s->blocks[1].context, b, &y, &none));
  for (int64_t i = 0; i < rows; i++) {
    float *z = s->joined + i * width;
    memcpy(z, x + i * d, (size_t)d * sizeof *z);
    memcpy(z + d, y + i * m, (size_t)m * sizeof *z);
    if (s->options->whole) z[d + m] = 1;
  }
  *features = s->joined;
  *targets = NULL;
  return MST_OK;
}

int64_t mst_sketching_row(const mst_sketching *s, int64_t place) {
  return mst_rows_dataset_row(s->data->rows, s->roster->order[place]);
}

static void add_norms(void *context, int64_t place, int64_t rows, const double *x) {
  mst_sketching *s = context;
  for (int p = 0; p < s->parts; p++) {
    mst_sketch_part *part = &s->part[p];
    for (int64_t i = 0; i < rows; i++) {
      const int64_t at = place - s->roster->first + i;
      part->square[at] =
          mst_sample_measure(part->width, x + i * s->walk.d + part->first, &part->entries[at]);
    }
  }
}

/* |A|_F^2, summed within blocks and then exactly. Collective. */
static mst_status sum_norms(mst_sketching *s, mst_sketch_part *part) {
  const mst_roster *r = s->roster;
  const int rank = mst_team_rank(s->team);
  double most = 0;
  mst_block_sums sums;
  for (int64_t i = 0; i < r->count; i++)
    most = isfinite(part->square[i]) ? fmax(most, part->square[i]) : INFINITY;
  MST_TRY(mst_max_f64(s->team, &most, 1));
  if (isinf(most))
    return mst_fail(MST_ERR_NONFINITE, "a row of %s is not finite, or its squares overflow",
                    part == s->part ? "A" : "B");
  if (!(most > 0))
    return mst_fail(MST_ERR_INPUT, "all rows of %s are 0: there is nothing to sketch",
                    part == s->part ? "A" : "B");
  mst_status st = mst_team_agree(s->team, mst_block_sums_create(1, most * (double)r->rows, &sums));
  for (int64_t b = r->rank_block[rank]; st == MST_OK && b < r->rank_block[rank + 1]; b++) {
    const double *square = part->square + r->block[b].first - r->first;
    sums.block[0] = 0;
    for (int64_t i = 0; i < r->block[b].rows; i++) sums.block[0] += square[i];
    mst_block_sums_add(&sums);
  }
  if (st == MST_OK) st = mst_block_sums_end(s->team, &sums);
  if (st == MST_OK) part->squares = sums.block[0];
  mst_block_sums_free(&sums);
  return st;
}

static mst_status make_room(mst_sketching *s, const mst_sketch_rows *a, const mst_sketch_rows *b,
                            const mst_row_plan *plan, const mst_observer *observer) {
  MST_TRY(mst_feature_source_create(a->data, a->features, plan->resident, &s->source[0]));
  s->blocks[0] = mst_feature_source_blocks(&s->source[0], plan->groups);
  if (s->other) {
    MST_TRY(mst_feature_source_create(b->data, b->features, plan->resident, &s->source[1]));
    s->blocks[1] = mst_feature_source_blocks(&s->source[1], plan->groups);
  }
  const int64_t d = s->blocks[0].features;
  const int64_t m = s->other ? s->blocks[1].features : s->blocks[0].targets;
  const bool whole = s->options->whole;
  const mst_block_source joined = {.context = s,
                                   .features = d + m + whole,
                                   .groups = plan->groups,
                                   .load = load_joined,
                                   .block = block_joined};
  s->parts = whole ? 1 : 2;
  s->part[0] = (mst_sketch_part){.width = whole ? joined.features : d};
  s->part[1] = (mst_sketch_part){.first = d, .width = m};
  MST_TRY(
      mst_alloc(&s->joined, MST_BLOCK_ROWS * joined.features, sizeof *s->joined, "joined rows"));
  for (int p = 0; p < s->parts; p++) {
    mst_sketch_part *part = &s->part[p];
    MST_TRY(mst_alloc(&part->square, s->roster->count, sizeof *part->square, "norms of rows"));
    MST_TRY(mst_alloc(&part->entries, s->roster->count, sizeof *part->entries, "entries of rows"));
  }
  return mst_row_walk_create(s->team, s->roster, joined, observer, &s->walk);
}

mst_status mst_sketching_open(mst_team *team, const mst_sketch_rows *a, const mst_sketch_rows *b,
                              const mst_row_plan *plan, const mst_sketch_options *options,
                              const mst_observer *observer, mst_sketching *s) {
  *s = (mst_sketching){.options = options,
                       .ops = mst_sketch_find(options->spec.kind),
                       .data = a->data,
                       .roster = a->data->roster,
                       .other = b != NULL,
                       .team = team};
  MST_TRY(mst_team_agree(team, make_room(s, a, b, plan, observer)));
  MST_TRY(mst_row_walk_on(&s->walk, "norms", add_norms, s));
  for (int p = 0; p < s->parts; p++) MST_TRY(sum_norms(s, &s->part[p]));
  return MST_OK;
}

void mst_sketching_close(mst_sketching *s) {
  for (int p = 0; p < 2; p++) {
    mst_free(s->part[p].square);
    mst_free(s->part[p].entries);
    mst_feature_source_free(&s->source[p]);
  }
  mst_free(s->joined);
  mst_row_walk_free(&s->walk);
}
