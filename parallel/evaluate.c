/* Scoring an analytic model. Rows are scored in the roster's blocks, so every row meets the same
 * product whatever the rank count; losses of blocks are added on the lattice. */
#include <math.h>

#include "comm/sum.h"
#include "core/base/memory.h"
#include "core/linalg/blas.h"
#include "parallel/analytic_internal.h"
#include "parallel/feature_source.h"
#include "parallel/tally.h"

void mst_analytic_scores(const mst_analytic_model *m, int64_t rows, const float *features,
                         double *wide, double *score) {
  for (int64_t i = 0; i < rows * m->d; i++) wide[i] = (double)features[i];
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < m->c; k++) score[i * m->c + k] = m->intercept[k];
  mst_gemm(false, false, rows, m->c, m->d, 1.0, wide, m->d, m->weights, m->c, 1.0, score, m->c);
}

double mst_analytic_cost(const mst_analytic_model *m, int64_t rows, const double *score,
                         const float *target) {
  double loss = 0;
  for (int64_t i = 0; i < rows * m->c; i++) {
    double e = score[i] - (double)target[i];
    loss += e * e;
  }
  return loss;
}

int64_t mst_analytic_choose(const mst_analytic_model *m, const double *score) {
  int64_t best = 0;
  for (int64_t k = 1; k < m->c; k++)
    if (score[k] > score[best]) best = k;
  return best;
}

typedef struct scorer {
  const mst_analytic_model *model;
  double *rows;  /* (MST_BLOCK_ROWS, d) features as doubles */
  double *score; /* (MST_BLOCK_ROWS, c)                     */
  int64_t *confusion; /* (c, c) or NULL                     */
} scorer;

/* Loss and hits of one block. */
static double score_block(scorer *s, int64_t rows, const float *f, const float *target,
                          const int32_t *label, int64_t *correct) {
  int64_t c = s->model->c;
  mst_analytic_scores(s->model, rows, f, s->rows, s->score);
  for (int64_t i = 0; label != NULL && i < rows; i++) {
    int64_t best = mst_analytic_choose(s->model, s->score + i * c);
    *correct += label[i] == best;
    if (s->confusion != NULL) s->confusion[label[i] * c + best]++;
  }
  return mst_analytic_cost(s->model, rows, s->score, target);
}

mst_status mst_analytic_evaluate_blocks(mst_team *team, const mst_analytic_data *data,
                                        const mst_block_source *source,
                                        const mst_analytic_model *model,
                                        const mst_observer *observer, mst_analytic_score *score,
                                        int64_t *confusion) {
  const mst_roster *roster = data->roster;
  int rank = mst_team_rank(team);
  int64_t mine = roster->rank_block[rank + 1] - roster->rank_block[rank];
  int64_t from = roster->rank_block[rank], correct = 0;
  double *loss = NULL;
  if (roster->rows == 0) return mst_fail(MST_ERR_INPUT, "no row is left to score");
  scorer s = {.model = model, .confusion = confusion};
  mst_status st = mst_alloc(&loss, mine, sizeof *loss, "losses of blocks");
  if (st == MST_OK)
    st = mst_alloc(&s.rows, MST_BLOCK_ROWS * model->d, sizeof *s.rows, "features to score");
  if (st == MST_OK)
    st = mst_alloc(&s.score, MST_BLOCK_ROWS * model->c, sizeof *s.score, "scores");
  st = mst_team_agree(team, st);
  if (st == MST_OK) mst_observer_phase(observer, "evaluation", roster->rows, "rows");
  for (int64_t g = 0; st == MST_OK && g < source->groups; g++) {
    int64_t first = 0, n = 0;
    st = source->load(source->context, g, &first, &n);
    for (int64_t b = first; st == MST_OK && b < first + n; b++) {
      const float *f = NULL, *t = NULL;
      st = source->block(source->context, b, &f, &t);
      if (st != MST_OK) break;
      loss[b - from] =
          score_block(&s, roster->block[b].rows, f, t,
                      data->label ? data->label + roster->block[b].first : NULL, &correct);
      if (!isfinite(loss[b - from]))
        st = mst_fail(MST_ERR_NONFINITE,
                      "scores of test rows %lld to %lld are not finite: the features or the model "
                      "overflow; scale the data down",
                      (long long)roster->block[b].first,
                      (long long)(roster->block[b].first + roster->block[b].rows - 1));
      mst_observer_step(observer, roster->block[b].rows);
    }
    st = mst_team_agree(team, st);
  }
  double total = 0;
  if (st == MST_OK) st = mst_tally_terms(team, loss, mine, roster->blocks, &total);
  if (st == MST_OK) st = mst_sum_i64(team, &correct, 1);
  if (st == MST_OK && confusion != NULL) st = mst_sum_i64(team, confusion, model->c * model->c);
  if (st == MST_OK) {
    double rows = (double)roster->rows;
    *score = (mst_analytic_score){.rows = roster->rows, .correct = correct,
                                  .accuracy = data->label ? (double)correct / rows : NAN,
                                  .loss = total / rows / (double)model->c};
  }
  mst_free(s.score);
  mst_free(s.rows);
  mst_free(loss);
  return st;
}

mst_status mst_analytic_evaluate(mst_team *team, const mst_analytic_data *data,
                                 mst_features *features, const mst_analytic_model *model,
                                 const mst_observer *observer, mst_analytic_score *score,
                                 int64_t *confusion) {
  mst_feature_source source;
  mst_status st = mst_feature_source_create(data, features, false, &source);
  st = mst_team_agree(team, st);
  if (st == MST_OK) {
    mst_block_source blocks = mst_feature_source_blocks(&source, mst_rows_groups(data->rows));
    st = mst_analytic_evaluate_blocks(team, data, &blocks, model, observer, score, confusion);
  }
  mst_feature_source_free(&source);
  return st;
}
