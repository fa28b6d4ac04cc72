/* Writing feature files: each rank reads its contiguous share in windows, maps the kept rows and
 * writes them at their places. */
#include "jobs/feature_file.h"

#include <stdio.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "jobs/say.h"

#define WINDOW_ROWS 4096

typedef struct window {
  float *x, *f, *value, *weight;
  int32_t *label, *client, *group;
} window;

static void free_window(window *w) {
  mst_free(w->x);
  mst_free(w->f);
  mst_free(w->value);
  mst_free(w->weight);
  mst_free(w->label);
  mst_free(w->client);
  mst_free(w->group);
}

static mst_status make_window(const mst_dataset_info *i, int64_t width, window *w) {
  int64_t n = WINDOW_ROWS;
  MST_TRY(mst_alloc(&w->x, n * i->row_elements, sizeof *w->x, "rows to map"));
  MST_TRY(mst_alloc(&w->f, n * width, sizeof *w->f, "features to write"));
  if (i->target == MST_TARGET_CLASSES)
    MST_TRY(mst_alloc(&w->label, n, sizeof *w->label, "labels to copy"));
  if (i->target == MST_TARGET_VALUES)
    MST_TRY(mst_alloc(&w->value, n * i->outputs, sizeof *w->value, "targets to copy"));
  if (i->has_client) MST_TRY(mst_alloc(&w->client, n, sizeof *w->client, "clients to copy"));
  if (i->has_group) MST_TRY(mst_alloc(&w->group, n, sizeof *w->group, "groups to copy"));
  if (i->has_weight) MST_TRY(mst_alloc(&w->weight, n, sizeof *w->weight, "weights to copy"));
  return MST_OK;
}

/* Read rows [first, first + count) with everything beside them. Collective. */
static mst_status read_window(mst_dataset *d, int64_t first, int64_t count, window *w) {
  MST_TRY(mst_dataset_read_x(d, first, count, w->x));
  if (w->label) MST_TRY(mst_dataset_read_labels(d, first, count, w->label));
  if (w->value) MST_TRY(mst_dataset_read_values(d, first, count, w->value));
  if (w->client) MST_TRY(mst_dataset_read_i32(d, "client", first, count, w->client));
  if (w->group) MST_TRY(mst_dataset_read_i32(d, "group", first, count, w->group));
  if (w->weight) MST_TRY(mst_dataset_read_weight(d, first, count, w->weight));
  return MST_OK;
}

/* Move row `from` of the window to row `to`. */
static void move_row(const mst_dataset_info *i, window *w, int64_t from, int64_t to) {
  if (from == to) return;
  memcpy(w->x + to * i->row_elements, w->x + from * i->row_elements,
         (size_t)i->row_elements * sizeof *w->x);
  if (w->value)
    memcpy(w->value + to * i->outputs, w->value + from * i->outputs,
           (size_t)i->outputs * sizeof *w->value);
  if (w->label) w->label[to] = w->label[from];
  if (w->client) w->client[to] = w->client[from];
  if (w->group) w->group[to] = w->group[from];
  if (w->weight) w->weight[to] = w->weight[from];
}

/* The first kept row at or after dataset row `row`. */
static int64_t first_kept(const mst_row_store *rows, int64_t row) {
  int64_t low = 0, high = mst_rows_kept(rows);
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (mst_rows_dataset_row(rows, middle) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

static mst_status copy_rows(mst_team *team, mst_dataset *from, const mst_row_store *rows,
                            mst_features *features, window *w, mst_dataset_writer *writer,
                            const mst_observer *observer) {
  const mst_dataset_info *info = mst_dataset_about(from);
  int64_t first = 0, share = 0, steps = 0;
  mst_team_share(team, info->rows, &first, &share);
  steps = (share + WINDOW_ROWS - 1) / WINDOW_ROWS;
  MST_TRY(mst_max_i64(team, &steps, 1));
  for (int64_t s = 0; s < steps; s++) {
    int64_t at = s * WINDOW_ROWS < share ? s * WINDOW_ROWS : share, count = share - at, kept = 0;
    if (count > WINDOW_ROWS) count = WINDOW_ROWS;
    MST_TRY(read_window(from, first + at, count, w));
    int64_t place = first_kept(rows, first + at);
    for (; place + kept < mst_rows_kept(rows); kept++) {
      int64_t row = mst_rows_dataset_row(rows, place + kept);
      if (row >= first + at + count) break;
      move_row(info, w, row - first - at, kept);
    }
    MST_TRY(mst_team_agree(team, mst_features_apply(features, w->x, kept, w->f)));
    MST_TRY(mst_dataset_write(writer, place, kept, w->f, w->label, w->value, w->client, w->group,
                              w->weight));
    if (observer && observer->on_step) observer->on_step(observer->context, count);
  }
  return MST_OK;
}

mst_status mst_feature_file_write(mst_team *team, mst_dataset *from, const mst_row_store *rows,
                                  mst_features *features, const char *path,
                                  const mst_observer *observer) {
  mst_dataset_info info = *mst_dataset_about(from);
  window w = {0};
  mst_dataset_writer *writer = NULL;
  if (observer && observer->on_phase)
    observer->on_phase(observer->context, "save features", info.rows, "rows");
  mst_status st = mst_team_agree(team, make_window(&info, features->width, &w));
  info.has_log = false; /* features are saved to be learned from */
  info.rows = mst_rows_kept(rows);
  info.sparse = false;
  info.row_dims = 1;
  info.row_size[0] = info.row_elements = features->width;
  snprintf(info.source, sizeof info.source, "features: %s, seed %llu", mst_features_name(features),
           (unsigned long long)features->spec.seed);
  mst_dataset_options options = {0};
  if (st == MST_OK) st = mst_dataset_create(team, path, &info, &options, &writer);
  if (st == MST_OK) st = copy_rows(team, from, rows, features, &w, writer, observer);
  if (st == MST_OK) st = mst_dataset_commit(writer);
  else mst_dataset_abandon(writer);
  if (st == MST_OK) mst_say_kept(path);
  free_window(&w);
  return st;
}
