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
  const int64_t d = t->d;
  double *square = t->sums.block + t->c * d;
  memset(t->sums.block, 0, (size_t)t->sums.n * sizeof *t->sums.block);
  for (int64_t i = 0; i < rows; i++) {
    const int64_t k = t->l->label[place + i];
    for (int64_t j = 0; j < d; j++) {
      const double z = x[i * d + j] * t->scale[j];
      t->sums.block[k * d + j] += z;
      square[k * d + j] += z * z;
      if (z < 0 && (t->below == 0 || place + i + 1 < t->below)) t->below = place + i + 1;
    }
  }
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

/* Equations (2), (3). Local. */
static mst_status fit_normal(mst_naive_bayes *m, const tally *t, const double *count, double rows,
                             double smoothing) {
  const double *sum = t->sums.block, *square = sum + m->c * m->d;
  double largest = 0;
  for (int64_t j = 0; j < m->d; j++) {
    double s = 0, q = 0;
    for (int64_t k = 0; k < m->c; k++) {
      s += sum[k * m->d + j];
      q += square[k * m->d + j];
    }
    const double variance = (q - s * s / rows) / rows;
    largest = fmax(largest, variance / t->scale[j] / t->scale[j]);
  }
  if (!(largest > 0))
    return mst_fail(MST_ERR_INPUT, "all rows are alike: there is nothing to learn from");
  for (int64_t k = 0; k < m->c; k++)
    for (int64_t j = 0; j < m->d; j++) {
      const int64_t e = k * m->d + j;
      const double mean = sum[e] / count[k];
      const double variance = fmax(square[e] / count[k] - mean * mean, 0);
      m->mean[e] = t->l->walk.centre[j] + mean / t->scale[j];
      m->variance[e] = variance / t->scale[j] / t->scale[j] + smoothing * largest;
      if (!(m->variance[e] > 0))
        return mst_fail(
            MST_ERR_INPUT,
            "feature %lld is constant in class %lld: give naive_bayes.smoothing above 0",
            (long long)j, (long long)k);
    }
  return MST_OK;
}

/* Equation (4). Local. */
static mst_status fit_counts(mst_naive_bayes *m, const tally *t, double smoothing) {
  for (int64_t k = 0; k < m->c; k++) {
    double all = smoothing * (double)m->d;
    for (int64_t j = 0; j < m->d; j++) all += t->sums.block[k * m->d + j] / t->scale[j];
    for (int64_t j = 0; j < m->d; j++) {
      const double count = t->sums.block[k * m->d + j] / t->scale[j] + smoothing;
      if (!(count > 0))
        return mst_fail(MST_ERR_INPUT,
                        "feature %lld is never seen in class %lld: give naive_bayes.smoothing "
                        "above 0",
                        (long long)j, (long long)k);
      m->mean[k * m->d + j] = log(count / all);
    }
  }
  return MST_OK;
}

static mst_status create(const mst_naive_bayes_options *options, mst_naive_bayes *m) {
  mst_status st = mst_alloc(&m->prior, m->c, sizeof *m->prior, "shares of classes");
  if (st == MST_OK) st = mst_alloc(&m->mean, m->c * m->d, sizeof *m->mean, "means of classes");
  if (st == MST_OK && !options->multinomial)
    st = mst_alloc(&m->variance, m->c * m->d, sizeof *m->variance, "variances of classes");
  return st;
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
  const double rows = (double)data->roster->rows;
  double *count = NULL;
  mst_status st = mst_alloc(&count, m->c, sizeof *count, "rows of classes");
  if (st == MST_OK) st = count_classes(data, count);
  if (st == MST_OK) st = mst_block_sums_create(2 * m->c * m->d, sqrt(rows) + 1, &t->sums);
  st = mst_team_agree(t->l->walk.team, st);
  if (st == MST_OK) st = mst_row_walk_on(&t->l->walk, "sums", add_rows, t);
  if (st == MST_OK) st = mst_block_sums_end(t->l->walk.team, &t->sums);
  if (st == MST_OK && options->multinomial) st = check_counts(t, data);
  if (st == MST_OK)
    st = options->multinomial ? fit_counts(m, t, options->smoothing)
                              : fit_normal(m, t, count, rows, options->smoothing);
  for (int64_t k = 0; st == MST_OK && k < m->c; k++) m->prior[k] = log(count[k] / rows);
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
  *out = (mst_naive_bayes){
      .multinomial = options->multinomial, .d = features->width, .c = data->outputs};
  mst_status st = labelled_create(team, data, features, plan, observer, &l);
  if (st == MST_OK) st = create(options, out);
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

void mst_naive_bayes_free(mst_naive_bayes *m) {
  mst_free(m->prior);
  mst_free(m->mean);
  mst_free(m->variance);
  m->prior = m->mean = m->variance = NULL;
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

/* log of the joint chance of row and each class, up to what all classes share. */
static void score_row(grading *g, const double *x) {
  const mst_naive_bayes *m = g->m;
  for (int64_t k = 0; k < m->c; k++) {
    const double *mean = m->mean + k * m->d;
    double sum = 0;
    if (m->multinomial) {
      for (int64_t j = 0; j < m->d; j++) sum += x[j] * mean[j];
    } else {
      const double *variance = m->variance + k * m->d;
      for (int64_t j = 0; j < m->d; j++)
        sum -= (x[j] - mean[j]) * (x[j] - mean[j]) / variance[j] / 2;
    }
    g->score[k] = g->constant[k] + sum;
  }
}

static void grade_rows(void *context, int64_t place, int64_t rows, const double *x) {
  grading *g = context;
  for (int64_t i = 0; i < rows; i++) {
    const int64_t label = g->l->label[place + i];
    int64_t best = 0;
    double sum = 1; /* of the best itself */
    score_row(g, x + i * g->m->d);
    for (int64_t k = 1; k < g->m->c; k++)
      if (g->score[k] > g->score[best]) best = k;
    for (int64_t k = 0; k < g->m->c; k++)
      if (k != best) sum += exp(g->score[k] - g->score[best]);
    g->loss.block[0] = fmin(g->score[best] - g->score[label] + log(sum), g->most);
    mst_block_sums_add(&g->loss);
    g->correct += best == label;
    if (g->confusion != NULL) g->confusion[label * g->m->c + best]++;
  }
  g->rows += rows;
}

/* Equation (1) without the row. */
static void find_constants(grading *g) {
  const mst_naive_bayes *m = g->m;
  for (int64_t k = 0; k < m->c; k++) {
    g->constant[k] = m->prior[k];
    for (int64_t j = 0; !m->multinomial && j < m->d; j++)
      g->constant[k] -= log(2 * M_PI * m->variance[k * m->d + j]) / 2;
  }
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
    find_constants(&g);
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
