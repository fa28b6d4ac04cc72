/* Naive Bayes: sums and squares of each feature in each class in one walk over the rows, then a
 * walk over the rows that are scored. Equations: doc/methods/naive_bayes.md. */
#include "parallel/naive_bayes.h"

#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/columns.h"
#include "parallel/feature_source.h"
#include "parallel/row_walk.h"

mst_status mst_naive_bayes_arrange(int ranks, int64_t rows, int64_t elements,
                                   const mst_features *features, int64_t classes, int64_t memory,
                                   int64_t held, mst_row_plan *plan) {
  const int64_t d = features->width;
  const int64_t job =
      held + mst_features_memory(features) + 8 * MST_BLOCK_ROWS * d + 8 * classes * d * 8;
  return mst_row_plan_make("naive_bayes", ranks, rows, elements, d, job, memory, plan);
}

/* A walk with its source, which has no targets: labels are looked up by place. */
typedef struct labelled {
  mst_analytic_data plain;
  mst_feature_source source;
  mst_row_walk walk;
  const int32_t *label;
} labelled;

static mst_status labelled_create(mst_team *team, const mst_analytic_data *data,
                                  mst_features *features, const mst_row_plan *plan,
                                  const mst_observer *observer, labelled *l) {
  *l = (labelled){.plain = {.rows = data->rows, .roster = data->roster}, .label = data->label};
  mst_status st = mst_feature_source_create(&l->plain, features, plan->resident, &l->source);
  if (st != MST_OK) return st;
  return mst_row_walk_create(
      team, data->roster, mst_feature_source_blocks(&l->source, plan->groups), observer, &l->walk);
}

static void labelled_free(labelled *l) {
  mst_row_walk_free(&l->walk);
  mst_feature_source_free(&l->source);
}

/* Sums of (x - shift) scale of each class, then of their squares; and whether a count is negative.
 */
typedef struct tally {
  const labelled *l;
  int64_t d, c;
  const double *scale;
  mst_block_sums sums; /* (2, c, d)                                     */
  int64_t below;       /* 1 + the least place with a negative number; 0 */
} tally;

static void add_rows(void *context, int64_t place, int64_t rows, const double *x) {
  tally *t = context;
  const int64_t d = t->d, n = rows * d;
  memset(t->sums.block, 0, (size_t)t->sums.n * sizeof *t->sums.block);
  mst_naive_bayes_add(rows, d, t->l->label + place, x, t->scale, t->sums.block,
                      t->sums.block + t->c * d);
  int64_t i = 0;
  while (i < n && !(x[i] < 0)) i++;
  if (i < n && (t->below == 0 || place + i / d + 1 < t->below)) t->below = place + i / d + 1;
  mst_block_sums_add(&t->sums);
}

/* Rows of each class, all of which there must be: labels are on every rank. Local. */
static mst_status count_classes(const mst_analytic_data *data, double *count) {
  for (int64_t i = 0; i < data->roster->rows; i++) count[data->label[i]]++;
  for (int64_t k = 0; k < data->outputs; k++)
    if (count[k] == 0)
      return mst_fail(MST_ERR_INPUT,
                      "class %lld has no training row, so nothing is known of it: leave it out of "
                      "the dataset's classes",
                      (long long)k);
  return MST_OK;
}

/* A negative number on any rank is everyone's. Collective. */
static mst_status check_counts(const tally *t, const mst_analytic_data *data) {
  int64_t least = t->below > 0 ? -t->below : INT64_MIN;
  MST_TRY(mst_max_i64(t->l->walk.team, &least, 1));
  if (least == INT64_MIN) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "row %lld has a negative feature: naive_bayes.kind multinomial needs counts",
                  (long long)mst_rows_dataset_row(data->rows, data->roster->order[-least - 1]));
}

/* Walk, and read the model off the sums. Collective. */
static mst_status fit(tally *t, const mst_analytic_data *data,
                      const mst_naive_bayes_options *options, mst_naive_bayes *m) {
  const double rows = (double)data->roster->rows, *sum;
  double *count = NULL;
  mst_status st = mst_alloc(&count, m->c, sizeof *count, "rows of classes");
  if (st == MST_OK) st = count_classes(data, count);
  if (st == MST_OK) st = mst_block_sums_create(2 * m->c * m->d, sqrt(rows) + 1, &t->sums);
  st = mst_team_agree(t->l->walk.team, st);
  if (st == MST_OK) st = mst_row_walk_on(&t->l->walk, "sums", add_rows, t);
  if (st == MST_OK) st = mst_block_sums_end(t->l->walk.team, &t->sums);
  if (st == MST_OK && options->multinomial) st = check_counts(t, data);
  sum = t->sums.block;
  const mst_naive_bayes_sums sums = {.sum = sum,
                                     .square = sum + m->c * m->d,
                                     .centre = t->l->walk.centre,
                                     .scale = t->scale,
                                     .count = count};
  if (st == MST_OK) st = mst_naive_bayes_fit(m, options, &sums);
  mst_block_sums_free(&t->sums);
  mst_free(count);
  return st;
}

mst_status mst_naive_bayes_train(mst_team *team, const mst_analytic_data *data,
                                 mst_features *features, const mst_row_plan *plan,
                                 const mst_naive_bayes_options *options,
                                 const mst_observer *observer, mst_naive_bayes *out) {
  labelled l;
  mst_columns columns = {0};
  double seconds = 0;
  *out = (mst_naive_bayes){0};
  mst_status st = labelled_create(team, data, features, plan, observer, &l);
  if (st == MST_OK)
    st = mst_naive_bayes_create(features->width, data->outputs, options->multinomial, out);
  st = mst_team_agree(team, st);
  if (st == MST_OK) mst_observer_phase(observer, "features", data->roster->rows, "rows");
  if (st == MST_OK) {
    mst_block_source source = l.walk.source;
    source.targets = 0;
    st = mst_columns_find(team, data->roster, &source, !options->multinomial, observer, &seconds,
                          &columns);
  }
  if (st == MST_OK) {
    memcpy(l.walk.centre, columns.shift, (size_t)out->d * sizeof(double));
    tally t = {.l = &l, .d = out->d, .c = out->c, .scale = columns.scale};
    st = fit(&t, data, options, out);
  }
  mst_columns_free(&columns);
  labelled_free(&l);
  if (st != MST_OK) mst_naive_bayes_free(out);
  return st;
}

typedef struct grading {
  const labelled *l;
  const mst_naive_bayes *m;
  double *constant; /* (c) of the log likelihood: what does not depend on the row */
  double *score;    /* (c)                                                         */
  int64_t *confusion, rows, correct;
  double most;         /* a loss no row exceeds: larger ones count as it */
  mst_block_sums loss; /* (1)                                            */
} grading;

static void grade_rows(void *context, int64_t place, int64_t rows, const double *x) {
  grading *g = context;
  for (int64_t i = 0; i < rows; i++) {
    const int64_t label = g->l->label[place + i];
    int64_t best;
    mst_naive_bayes_row_score(g->m, g->constant, x + i * g->m->d, g->score);
    g->loss.block[0] = fmin(mst_naive_bayes_loss(g->m->c, g->score, label, &best), g->most);
    mst_block_sums_add(&g->loss);
    g->correct += best == label;
    if (g->confusion != NULL) g->confusion[label * g->m->c + best]++;
  }
  g->rows += rows;
}

mst_status mst_naive_bayes_evaluate(mst_team *team, const mst_analytic_data *data,
                                    mst_features *features, const mst_row_plan *plan,
                                    const mst_naive_bayes *m, const mst_observer *observer,
                                    mst_naive_bayes_score *score, int64_t *confusion) {
  labelled l;
  grading g = {.l = &l, .m = m, .confusion = confusion, .most = 0x1p40};
  if (data->roster->rows == 0) return mst_fail(MST_ERR_INPUT, "there is no row to score");
  mst_status st = labelled_create(team, data, features, plan, observer, &l);
  if (st == MST_OK) st = mst_block_sums_create(1, g.most * (double)data->roster->rows, &g.loss);
  if (st == MST_OK) st = mst_alloc(&g.constant, m->c, sizeof *g.constant, "constants of classes");
  if (st == MST_OK) st = mst_alloc(&g.score, m->c, sizeof *g.score, "scores of a row");
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    mst_naive_bayes_constants(m, g.constant);
    st = mst_row_walk_on(&l.walk, "score", grade_rows, &g);
  }
  int64_t count[2] = {g.rows, g.correct};
  if (st == MST_OK) st = mst_sum_i64(team, count, 2);
  if (st == MST_OK && confusion != NULL) st = mst_sum_i64(team, confusion, m->c * m->c);
  if (st == MST_OK) st = mst_block_sums_end(team, &g.loss);
  if (st == MST_OK)
    *score = (mst_naive_bayes_score){.rows = count[0],
                                     .correct = count[1],
                                     .accuracy = (double)count[1] / (double)count[0],
                                     .loss = g.loss.block[0] / (double)count[0]};
  mst_free(g.score);
  mst_free(g.constant);
  mst_block_sums_free(&g.loss);
  labelled_free(&l);
  return st;
}
