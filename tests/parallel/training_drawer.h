/* A training's state as tests keep it between two runs. */
#ifndef MST_TESTS_TRAINING_DRAWER_H
#define MST_TESTS_TRAINING_DRAWER_H

#include "tests/parallel/training.h"

/* Keeps one state list whole, as a checkpoint does: any team can go on from it. */
typedef struct drawer {
  record r;
  mst_team *team;
  int64_t step, stop_at;
  int n;
  char *kept[16];
} drawer;

static inline int64_t row_bytes(const mst_state_item *i) {
  return mst_state_row_elements(i) * mst_dtype_size(i->type);
}

static inline mst_status on_save(void *context, int64_t step, const mst_state *state) {
  drawer *d = context;
  int p = mst_team_size(d->team);
  int64_t *bytes = NULL;
  MST_TRY(mst_alloc(&bytes, p, sizeof *bytes, "sizes"));
  d->step = step;
  ck_assert_int_le(state->n, 16);
  for (int i = 0; i < state->n; i++) {
    const mst_state_item *item = &state->item[i];
    int64_t all = item->shape[0] * row_bytes(item);
    mst_free(d->kept[i]);
    MST_TRY(mst_alloc(&d->kept[i], all, 1, "kept state"));
    if (item->layout == MST_REPLICATED) {
      memcpy(d->kept[i], item->data, (size_t)all);
      continue;
    }
    MST_TRY(mst_gather_i64(d->team, item->count * row_bytes(item), bytes));
    MST_TRY(mst_gather_all(d->team, item->data, bytes, d->kept[i]));
  }
  mst_free(bytes);
  return MST_OK;
}

static inline mst_status on_restore(void *context, mst_state *state, int64_t *step) {
  drawer *d = context;
  *step = d->step;
  for (int i = 0; i < state->n && d->step > 0; i++) {
    const mst_state_item *item = &state->item[i];
    if (item->count > 0)
      memcpy(item->data, d->kept[i] + item->first * row_bytes(item),
             (size_t)(item->count * row_bytes(item)));
  }
  return MST_OK;
}

#endif
