/* Scoring, block by block of MST_BLOCK_ROWS rows; hits are counted, losses added exactly. */
#include "parallel/score.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/tally.h"

typedef struct totals {
  const mst_model *model;
  const float *w;
  mst_model_work *work;
  mst_tally loss;              /* of one sum, by scales */
  int64_t count[3];            /* rows, hits, blocks whose loss is not finite */
  int64_t classes, *confusion; /* (classes, classes), instead of the others; or NULL */
  float *score;                /* (MST_BLOCK_ROWS, outputs) of a block               */
  int32_t *chosen;             /* (MST_BLOCK_ROWS)                                   */
} totals;

static void add_choices(totals *t, const mst_batch *batch) {
  mst_model_scores(t->model, t->w, batch->n, batch->x, t->work, t->score);
  mst_model_choose(t->model, batch->n, t->score, t->chosen);
  for (int64_t i = 0; i < batch->n; i++)
    t->confusion[batch->label[i] * t->classes + t->chosen[i]]++;
}

static mst_status add_batch(void *context, const mst_batch *batch) {
  totals *t = context;
  double loss = 0;
  int64_t correct = 0;
  if (t->confusion != NULL) {
    add_choices(t, batch);
    return MST_OK;
  }
  mst_model_loss(t->model, t->w, batch, t->work, &loss, &correct);
  t->count[0] += batch->n;
  t->count[1] += correct;
  t->count[2] += !mst_tally_add_scaled(&t->loss, 0, loss);
  return MST_OK;
}

static mst_status walk_group(const mst_test_rows *test, int64_t group, float *scratch,
                             void *context,
                             mst_status (*visit)(void *context, const mst_batch *batch)) {
  const float *x = NULL, *value = NULL;
  int64_t first = 0, blocks = 0;
  MST_TRY(mst_rows_load(test->rows, group, &x, &value));
  mst_rows_group(test->rows, group, &first, &blocks);
  int64_t in = mst_rows_elements(test->rows), outputs = mst_rows_outputs(test->rows);
  int64_t start = mst_roster_block_place(test->roster, first);
  for (int64_t b = first; b < first + blocks; b++) {
    const mst_block *block = &test->roster->block[b];
    mst_batch batch = {.n = block->rows, .x = x + (block->first - start) * in};
    if (test->features != NULL) {
      MST_TRY(mst_features_apply(test->features, batch.x, block->rows, scratch));
      batch.x = scratch;
    }
    if (test->label != NULL)
      batch.label = test->label + block->first;
    else
      batch.value = value + (block->first - start) * outputs;
    MST_TRY(visit(context, &batch));
  }
  return MST_OK;
}

mst_status mst_score_walk(mst_team *team, mst_status ready, const mst_test_rows *test,
                          void *context,
                          mst_status (*visit)(void *context, const mst_batch *batch)) {
  float *scratch = NULL;
  mst_status st = ready;
  if (st == MST_OK && test->features != NULL)
    st = mst_alloc(&scratch, MST_BLOCK_ROWS * test->features->width, sizeof *scratch,
                   "features of test rows");
  st = mst_team_agree(team, st);
  for (int64_t g = 0; g < mst_rows_groups(test->rows) && st == MST_OK; g++)
    st = mst_team_agree(team, walk_group(test, g, scratch, context, visit));
  mst_free(scratch);
  return st;
}

mst_status mst_score_confusion(mst_team *team, const mst_model *model, const float *w,
                               const mst_test_rows *test, mst_model_work *work, int64_t classes,
                               int64_t *confusion) {
  totals t = {.model = model, .w = w, .work = work, .classes = classes, .confusion = confusion};
  for (int64_t i = 0; i < classes * classes; i++) confusion[i] = 0;
  mst_status st =
      mst_alloc(&t.score, MST_BLOCK_ROWS * model->outputs, sizeof *t.score, "scores of test rows");
  if (st == MST_OK) st = mst_alloc(&t.chosen, MST_BLOCK_ROWS, sizeof *t.chosen, "classes of rows");
  st = mst_score_walk(team, st, test, &t, add_batch);
  if (st == MST_OK) st = mst_sum_i64(team, confusion, classes * classes);
  mst_free(t.score);
  mst_free(t.chosen);
  return st;
}

mst_status mst_score_test(mst_team *team, const mst_model *model, const float *w,
                          const mst_test_rows *test, mst_model_work *work, mst_score *score) {
  totals t = {.model = model, .w = w, .work = work};
  double loss[MST_TALLY_SCALES];
  mst_status st = mst_tally_create(MST_TALLY_SCALES, "loss", &t.loss);
  st = mst_score_walk(team, st, test, &t, add_batch);
  if (st == MST_OK) st = mst_tally_total(team, &t.loss, loss);
  if (st == MST_OK) st = mst_sum_i64(team, t.count, 3);
  if (st == MST_OK) {
    double rows = (double)t.count[0];
    *score = (mst_score){.accuracy = test->label != NULL ? (double)t.count[1] / rows : (double)NAN,
                         .loss = t.count[2] == 0 ? mst_tally_scaled(loss) / rows : (double)NAN};
  }
  mst_tally_free(&t.loss);
  return st;
}

/* Hits of a client's model among its test rows. */
static mst_status client_hits(const mst_model *model, const mst_client_models *models,
                              const mst_clients *clients, int64_t client, mst_model_work *work,
                              int64_t *hits) {
  mst_batch all = mst_clients_test(clients, client);
  const float *w = NULL;
  MST_TRY(models->find(models->context, client, &w));
  for (int64_t done = 0; done < all.n; done += MST_BLOCK_ROWS) {
    double loss = 0;
    int64_t correct = 0;
    mst_batch batch = {.n = mst_least(all.n - done, MST_BLOCK_ROWS),
                       .x = all.x + done * model->inputs,
                       .label = all.label + done};
    mst_model_loss(model, w, &batch, work, &loss, &correct);
    *hits += correct;
  }
  return MST_OK;
}

mst_status mst_score_clients(mst_team *team, const mst_model *model,
                             const mst_client_models *models, const mst_clients *clients,
                             mst_model_work *work, double *accuracy, mst_summary *score) {
  int64_t k = mst_clients_count(clients), *hits = NULL, n = 0;
  double *sorted = NULL;
  mst_status st = mst_alloc(&hits, k, sizeof *hits, "hits of clients");
  if (st == MST_OK) st = mst_alloc(&sorted, k, sizeof *sorted, "accuracies of clients");
  st = mst_team_agree(team, st);
  int64_t turn = 0;
  for (int64_t i = 0; i < k && st == MST_OK; i++) {
    if (mst_clients_test_rows(clients, i) == 0 || !mst_clients_here(clients, i)) continue;
    if (turn++ % mst_team_domain_size(team) == mst_team_domain_rank(team))
      st = client_hits(model, models, clients, i, work, &hits[i]);
  }
  st = mst_team_agree(team, st);
  if (st == MST_OK) st = mst_sum_i64(team, hits, k);
  for (int64_t i = 0; i < k && st == MST_OK; i++) {
    int64_t rows = mst_clients_test_rows(clients, i);
    accuracy[i] = rows > 0 ? (double)hits[i] / (double)rows : (double)NAN;
    if (rows > 0) sorted[n++] = accuracy[i];
  }
  if (st == MST_OK) {
    mst_summary_sort(sorted, n);
    *score = mst_summary_make(sorted, n);
  }
  mst_free(sorted);
  mst_free(hits);
  return st;
}
