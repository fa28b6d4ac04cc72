/* The digest of a dataset: BLAKE2b-256 of every row with its number, added as integers, so that it
 * does not matter who reads which rows in which order; then BLAKE2b-256 of those sums and of the
 * shape. */
#include "io/dataset_digest.h"

#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"

#define WORDS        (MST_DIGEST_BYTES / 8)
#define WINDOW_BYTES ((int64_t)8 << 20) /* of rows that a rank reads at a time */

static void add_row(mst_digest *d, mst_dataset_digest *g) {
  unsigned char bytes[MST_DIGEST_BYTES];
  uint64_t word[WORDS];
  mst_digest_bytes(d, bytes);
  memcpy(word, bytes, sizeof word);
  for (int i = 0; i < WORDS; i++) g->sum[i] += word[i];
}

static void add_rows(const mst_dataset_info *info, int64_t first, int64_t count, const float *x,
                     const float *value, const int32_t *label, const int32_t *client,
                     const float *weight, mst_dataset_digest *g) {
  for (int64_t i = 0; i < count; i++) {
    mst_digest d;
    mst_digest_start(&d);
    mst_digest_number(&d, first + i);
    mst_digest_add(&d, x + i * info->row_elements, info->row_elements * (int64_t)sizeof *x);
    if (value != NULL)
      mst_digest_add(&d, value + i * info->outputs, info->outputs * (int64_t)sizeof *value);
    if (label != NULL) mst_digest_number(&d, label[i]);
    if (client != NULL) mst_digest_number(&d, client[i]);
    if (weight != NULL) mst_digest_add(&d, weight + i, (int64_t)sizeof *weight);
    add_row(&d, g);
  }
}

mst_status mst_dataset_digest_add(mst_team *team, mst_dataset *d, int64_t first, int64_t count,
                                  const float *x, const float *value, mst_dataset_digest *g) {
  const mst_dataset_info *info = mst_dataset_about(d);
  bool classes = info->target == MST_TARGET_CLASSES;
  int32_t *label = NULL, *client = NULL;
  float *weight = NULL;
  mst_status st = MST_OK;
  if (classes) st = mst_alloc(&label, count, sizeof *label, "labels to be digested");
  if (st == MST_OK && info->has_client)
    st = mst_alloc(&client, count, sizeof *client, "clients to be digested");
  const bool weighted = info->has_weight && g->weights;
  if (st == MST_OK && weighted)
    st = mst_alloc(&weight, count, sizeof *weight, "weights to be digested");
  st = mst_team_agree(team, st);
  if (st == MST_OK && classes) st = mst_dataset_read_labels(d, first, count, label);
  if (st == MST_OK && info->has_client)
    st = mst_dataset_read_i32(d, "client", first, count, client);
  if (st == MST_OK && weighted) st = mst_dataset_read_weight(d, first, count, weight);
  if (st == MST_OK) add_rows(info, first, count, x, value, label, client, weight, g);
  mst_free(weight);
  mst_free(client);
  mst_free(label);
  return st;
}

mst_status mst_dataset_digest_end(mst_team *team, const mst_dataset_info *info,
                                  const mst_dataset_digest *g, char hex[MST_DIGEST_HEX]) {
  int64_t sum[WORDS];
  mst_digest d;
  memcpy(sum, g->sum, sizeof sum);
  MST_TRY(mst_sum_i64(team, sum, WORDS));
  mst_digest_start(&d);
  mst_digest_number(&d, info->rows);
  mst_digest_number(&d, info->row_dims);
  for (int i = 0; i < info->row_dims; i++) mst_digest_number(&d, info->row_size[i]);
  mst_digest_number(&d, info->target);
  mst_digest_number(&d, info->n_classes);
  mst_digest_number(&d, info->outputs);
  mst_digest_number(&d, info->has_client);
  mst_digest_add(&d, sum, (int64_t)sizeof sum);
  mst_digest_hex(&d, hex);
  return MST_OK;
}

/* Every rank takes part in every window: reading is collective. */
static mst_status add_all(mst_team *team, mst_dataset *d, int64_t window, float *x, float *value,
                          mst_dataset_digest *g) {
  int64_t rows = mst_dataset_about(d)->rows, first = 0, count = 0;
  int64_t longest = mst_ceil_div(rows, mst_team_size(team));
  mst_team_share(team, rows, &first, &count);
  for (int64_t done = 0; done < longest; done += window) {
    int64_t at = mst_least(done, count), n = mst_least(count - at, window);
    MST_TRY(mst_dataset_read_x(d, first + at, n, x));
    if (value != NULL) MST_TRY(mst_dataset_read_values(d, first + at, n, value));
    MST_TRY(mst_dataset_digest_add(team, d, first + at, n, x, value, g));
  }
  return MST_OK;
}

mst_status mst_dataset_digest_file(mst_team *team, const char *path, bool weights,
                                   char hex[MST_DIGEST_HEX]) {
  mst_dataset *d = NULL;
  mst_dataset_digest g = {.weights = weights};
  float *x = NULL, *value = NULL;
  MST_TRY(mst_dataset_open(team, path, &d));
  const mst_dataset_info *info = mst_dataset_about(d);
  bool values = info->target == MST_TARGET_VALUES;
  int64_t row = info->row_elements + (values ? info->outputs : 0);
  int64_t window = mst_most(1, WINDOW_BYTES / (row * (int64_t)sizeof *x));
  mst_status st = mst_alloc(&x, window * info->row_elements, sizeof *x, "rows to be digested");
  if (st == MST_OK && values)
    st = mst_alloc(&value, window * info->outputs, sizeof *value, "values to be digested");
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = add_all(team, d, window, x, value, &g);
  if (st == MST_OK) st = mst_dataset_digest_end(team, info, &g, hex);
  mst_free(value);
  mst_free(x);
  mst_dataset_close(d);
  return st;
}
