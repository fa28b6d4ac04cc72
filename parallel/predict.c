/* Prediction. Losses are added as the job that made the model adds them: of models with parameters
 * in a tally, of the analytic model on the grid of the largest block's loss. */
#include "parallel/predict.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/roster.h"
#include "parallel/tally.h"

struct mst_predict {
  mst_trained trained;
  int64_t rows, blocks; /* of all ranks                                   */
  int64_t done;         /* blocks of this rank so far                     */
  int64_t scored;       /* 1 when rows have targets                       */
  double *loss;         /* (this rank's blocks)                           */
  int64_t count[2];     /* hits, rows with scores that are not finite     */
  float *features;      /* (MST_BLOCK_ROWS, width)                        */
  float *target;        /* (MST_BLOCK_ROWS, outputs) one-hot, or scratch  */
  double *wide, *score; /* analytic: (MST_BLOCK_ROWS, d) and (.., c)      */
  int32_t *chosen;      /* (MST_BLOCK_ROWS)                               */
  mst_model_work *work;
};

static mst_status allocate(mst_predict *p, int64_t mine) {
  const mst_trained *t = &p->trained;
  const int64_t block = MST_BLOCK_ROWS, width = t->features->width;
  MST_TRY(mst_alloc(&p->loss, mine, sizeof *p->loss, "losses of blocks"));
  MST_TRY(mst_alloc(&p->features, block * width, sizeof *p->features, "features of a block"));
  MST_TRY(mst_alloc(&p->target, block * t->outputs, sizeof *p->target, "targets of a block"));
  MST_TRY(mst_alloc(&p->chosen, block, sizeof *p->chosen, "classes of a block"));
  if (t->analytic == NULL) return mst_model_work_create(t->model, block, &p->work);
  MST_TRY(mst_alloc(&p->wide, block * width, sizeof *p->wide, "features of a block"));
  return mst_alloc(&p->score, block * t->outputs, sizeof *p->score, "scores of a block");
}

mst_status mst_predict_create(const mst_team *team, const mst_trained *trained, int64_t rows,
                              int64_t *first, int64_t *count, mst_predict **out) {
  mst_predict *p = NULL;
  int64_t begin = 0, mine = 0;
  *out = NULL;
  MST_TRY(mst_alloc(&p, 1, sizeof *p, "prediction"));
  p->trained = *trained;
  p->rows = rows;
  p->blocks = mst_ceil_div(rows, MST_BLOCK_ROWS);
  mst_team_share(team, p->blocks, &begin, &mine);
  *first = mst_least(begin * MST_BLOCK_ROWS, rows);
  *count = mst_least((begin + mine) * MST_BLOCK_ROWS, rows) - *first;
  mst_status st = allocate(p, mine);
  if (st == MST_OK)
    *out = p;
  else
    mst_predict_destroy(p);
  return st;
}

void mst_predict_destroy(mst_predict *p) {
  if (p == NULL) return;
  mst_model_work_destroy(p->work);
  mst_free(p->loss);
  mst_free(p->features);
  mst_free(p->target);
  mst_free(p->chosen);
  mst_free(p->wide);
  mst_free(p->score);
  mst_free(p);
}

/* Scores, classes and loss of a block by the analytic model. */
static void apply_analytic(mst_predict *p, int64_t n, const mst_predicted *rows, double *loss) {
  const mst_analytic_model *m = p->trained.analytic;
  const float *target = rows->target;
  mst_analytic_scores(m, n, p->features, p->wide, p->score);
  for (int64_t i = 0; i < n * m->c; i++) rows->score[i] = (float)p->score[i];
  for (int64_t i = 0; i < n; i++)
    p->chosen[i] = (int32_t)mst_analytic_choose(m, p->score + i * m->c);
  if (rows->label != NULL) {
    memset(p->target, 0, (size_t)(n * m->c) * sizeof *p->target);
    for (int64_t i = 0; i < n; i++) p->target[i * m->c + rows->label[i]] = 1.0f;
    target = p->target;
  }
  if (target != NULL) *loss = mst_analytic_cost(m, n, p->score, target);
}

static void apply_model(mst_predict *p, int64_t n, const mst_predicted *rows, double *loss) {
  const mst_model *m = p->trained.model;
  mst_batch batch = {.n = n, .x = p->features, .label = rows->label, .value = rows->target};
  mst_model_scores(m, p->trained.w, n, p->features, p->work, rows->score);
  mst_model_choose(m, n, rows->score, p->chosen);
  if (rows->label != NULL || rows->target != NULL)
    *loss = mst_model_cost(m, &batch, rows->score, p->target);
}

/* The values that scores stand for. */
static void expect_values(const mst_trained *t, int64_t elements, const float *score,
                          float *value) {
  bool counts = t->model != NULL && t->model->loss == MST_LOSS_POISSON;
  for (int64_t i = 0; i < elements; i++) value[i] = counts ? expf(score[i]) : score[i];
}

static bool is_finite(const float *score, int64_t n) {
  bool finite = true;
  for (int64_t k = 0; k < n; k++) finite = finite && isfinite(score[k]);
  return finite;
}

/* n is at most MST_BLOCK_ROWS. */
static mst_status apply_block(mst_predict *p, int64_t n, const mst_predicted *rows) {
  const mst_trained *t = &p->trained;
  double loss = 0;
  MST_TRY(mst_features_apply(t->features, rows->x, n, p->features));
  if (t->analytic != NULL)
    apply_analytic(p, n, rows, &loss);
  else
    apply_model(p, n, rows, &loss);
  for (int64_t i = 0; i < n; i++) {
    bool finite = is_finite(rows->score + i * t->outputs, t->outputs);
    int32_t chosen = finite ? p->chosen[i] : -1;
    if (rows->chosen != NULL) rows->chosen[i] = chosen;
    if (rows->label != NULL) p->count[0] += chosen == rows->label[i];
    p->count[1] += !finite;
  }
  if (rows->value != NULL) expect_values(t, n * t->outputs, rows->score, rows->value);
  p->loss[p->done++] = loss;
  p->scored = rows->label != NULL || rows->target != NULL;
  return MST_OK;
}

mst_status mst_predict_rows(mst_predict *p, int64_t n, const mst_predicted *rows) {
  const mst_trained *t = &p->trained;
  int64_t in = mst_row_elements(&t->features->shape), c = t->outputs;
  for (int64_t at = 0; at < n; at += MST_BLOCK_ROWS) {
    mst_predicted part = {.x = rows->x + at * in, .score = rows->score + at * c};
    if (rows->label != NULL) part.label = rows->label + at;
    if (rows->target != NULL) part.target = rows->target + at * c;
    if (rows->chosen != NULL) part.chosen = rows->chosen + at;
    if (rows->value != NULL) part.value = rows->value + at * c;
    MST_TRY(apply_block(p, mst_least(n - at, MST_BLOCK_ROWS), &part));
  }
  return MST_OK;
}

/* As mst_score_test adds losses of blocks. */
static mst_status tally_losses(mst_team *team, const mst_predict *p, double *total) {
  mst_tally tally = {0};
  bool unsound = false;
  mst_status st = mst_team_agree(team, mst_tally_create(1, "loss", &tally));
  for (int64_t b = 0; b < p->done && st == MST_OK; b++) {
    bool fits = isfinite(p->loss[b]) && fabs(p->loss[b]) <= MST_TALLY_BOUND;
    if (fits) mst_tally_add(&tally, 0, 1, &p->loss[b]);
    unsound = unsound || !fits;
  }
  if (st == MST_OK) st = mst_tally_total(team, &tally, total);
  if (st == MST_OK) st = mst_team_any(team, unsound, &unsound);
  if (unsound) *total = NAN;
  mst_tally_free(&tally);
  return st;
}

mst_status mst_predict_total(mst_team *team, mst_predict *p, mst_predict_figures *figures) {
  const mst_trained *t = &p->trained;
  double total = 0, rows = (double)p->rows;
  MST_TRY(mst_sum_i64(team, p->count, 2));
  MST_TRY(mst_max_i64(team, &p->scored, 1));
  if (t->analytic != NULL)
    MST_TRY(mst_tally_terms(team, p->loss, p->done, p->blocks, &total));
  else
    MST_TRY(tally_losses(team, p, &total));
  if (!isfinite(total) || p->scored == 0) total = NAN;
  total /= rows;
  if (t->analytic != NULL) total /= (double)t->outputs;
  bool hits = p->scored != 0 && t->classes;
  *figures = (mst_predict_figures){.accuracy = hits ? (double)p->count[0] / rows : (double)NAN,
                                   .loss = total, .nonfinite = p->count[1]};
  return MST_OK;
}
