/* Users' ratings, from whole rows or sparse ones: what is no rating is refused by user and item,
 * what counts becomes 1, and some of a user's items are held out. */
#include <string.h>

#include "core/base/memory.h"
#include "core/ease/ease.h"
#include "parallel/ease_internal.h"

mst_status mst_ratings_create(const mst_ease_users *users, const mst_row_plan *plan,
                              const mst_ease_options *options, mst_ratings *r) {
  *r = (mst_ratings){.options = options,
                     .users = users,
                     .data = {.rows = users->rows, .roster = users->roster},
                     .groups = 1};
  mst_status st = MST_OK;
  if (users->sparse != NULL) {
    r->d = users->sparse->columns;
  } else {
    st = mst_feature_source_create(&r->data, users->features, plan->resident, &r->whole);
    r->inner = mst_feature_source_blocks(&r->whole, plan->groups);
    r->groups = plan->groups;
    r->d = users->features->width;
    if (st == MST_OK)
      st = mst_alloc(&r->block, MST_BLOCK_ROWS * r->d, sizeof *r->block, "users' ratings");
  }
  if (st == MST_OK) st = mst_alloc(&r->item, r->d, sizeof *r->item, "items of a user");
  if (st == MST_OK) st = mst_alloc(&r->scratch, r->d, sizeof *r->scratch, "items held out");
  if (st == MST_OK) st = mst_alloc(&r->held, r->d, sizeof *r->held, "marks of items");
  return st;
}

void mst_ratings_free(mst_ratings *r) {
  mst_feature_source_free(&r->whole);
  mst_free(r->block);
  mst_free(r->item);
  mst_free(r->scratch);
  mst_free(r->held);
}

mst_status mst_ratings_load(mst_ratings *r, int64_t group, int64_t *first, int64_t *blocks) {
  const mst_roster *roster = r->users->roster;
  if (r->users->sparse == NULL) return r->inner.load(r->inner.context, group, first, blocks);
  *first = 0; /* blocks are of MST_BLOCK_ROWS places, but for the last */
  while (*first < roster->blocks && roster->block[*first].first < roster->first) ++*first;
  for (*blocks = 0; *first + *blocks < roster->blocks; ++*blocks)
    if (roster->block[*first + *blocks].first >= roster->first + roster->count) break;
  return MST_OK;
}

mst_status mst_ratings_block(mst_ratings *r, int64_t b, const float **raw) {
  const float *targets = NULL;
  *raw = NULL;
  return r->users->sparse != NULL ? MST_OK : r->inner.block(r->inner.context, b, raw, &targets);
}

static mst_status refuse(const mst_ratings *r, int64_t place, int64_t item, double x) {
  int64_t user = r->users->roster->order[place];
  if (r->users->rows != NULL) user = mst_rows_dataset_row(r->users->rows, user);
  return mst_fail(MST_ERR_INPUT, "the rating of user %lld for item %lld is %g: %s", (long long)user,
                  (long long)item, x,
                  x < 0 ? "ratings are not negative"
                        : "without ease.threshold, from which on a rating counts, they are 0 or 1");
}

static mst_status take(mst_ratings *r, int64_t place, int64_t item, double x) {
  const mst_ease_options *o = r->options;
  if (x < 0 || (!o->cut && x != 0 && x != 1)) return refuse(r, place, item, x);
  if (o->cut ? x >= o->threshold : x == 1) r->item[r->count++] = item;
  return MST_OK;
}

mst_status mst_ratings_user(mst_ratings *r, int64_t b, int64_t place, const float *raw) {
  const mst_roster *roster = r->users->roster;
  const mst_sparse_rows *s = r->users->sparse;
  r->count = 0;
  if (s != NULL) {
    const int64_t i = place - roster->first;
    for (int64_t k = s->start[i]; k < s->start[i + 1]; k++)
      MST_TRY(take(r, place, s->index[k], (double)s->value[k]));
  } else {
    const float *row = raw + (place - roster->block[b].first) * r->d;
    for (int64_t j = 0; j < r->d; j++) MST_TRY(take(r, place, j, (double)row[j]));
  }
  mst_ease_hold_out(r->options->seed, roster->order[place], r->options->holdout, r->count,
                    r->scratch, r->held);
  return MST_OK;
}
