/* Off-policy evaluation over ranks: what is learned and judged of a log, and exact sums of it. */
#include <math.h>
#include <string.h>

#include "comm/sum.h"
#include "core/bandit/ridge.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "parallel/off_policy_internal.h"

#define WINDOW_BYTES ((int64_t)64 << 20) /* of rows, unless options say otherwise          */

/* Sums over judged rows beside those of the evaluators. */
enum {
  SUM_W,
  SUM_WW,
  SUM_REWARD,
  SUM_MATCHED,
  SUM_CLIPPED,
  COMMON
};

static bool learns(const mst_off_policy_options *o) {
  return o->target.weight == NULL &&
         (o->target.kind == MST_OPE_GREEDY || o->target.kind == MST_OPE_SOFTMAX);
}

static bool needs(const mst_off_policy_options *o, bool overlap) {
  for (int e = 0; e < o->evaluators; e++)
    if (overlap ? o->evaluator[e]->overlap : o->evaluator[e]->models) return true;
  return false;
}

static int64_t row_bytes(const mst_log_reader *log) {
  return 4 * (log->row_elements + 3);
}

/* Blocks that a rank holds at a time. */
static int64_t window_of(const mst_off_policy_options *o, int ranks) {
  const int64_t bytes = o->window_bytes > 0 ? o->window_bytes : WINDOW_BYTES;
  const int64_t fit = mst_most(1, bytes / (MST_LOG_BLOCK * row_bytes(o->log)));
  return mst_least(fit, mst_ceil_div(mst_ceil_div(o->log->rows, MST_LOG_BLOCK), ranks));
}

/* Numbers of the sums of the largest pass. */
static int64_t most_sums(const mst_off_policy_options *o) {
  const int64_t w = o->log->row_elements + 1, arms = o->log->arms;
  const int64_t of_arms = mst_ridge_sums(arms, w);
  int64_t most = COMMON + MST_OPE_SUMS * o->evaluators;
  if (learns(o)) most = mst_most(most, of_arms);
  if (needs(o, false)) most = mst_most(most, o->folds * of_arms + arms * w);
  return most;
}

int64_t mst_off_policy_plan(int ranks, const mst_off_policy_options *o) {
  const int64_t w = o->log->row_elements + 1, judged = COMMON + MST_OPE_SUMS * o->evaluators;
  int64_t bytes =
      window_of(o, ranks) * MST_LOG_BLOCK * row_bytes(o->log) + 8 * (w + 4 * o->log->arms);
  bytes += 8 * 4 * most_sums(o) + 16 * MST_TALLY_SCALES * judged;
  if (needs(o, false)) bytes += mst_reward_models_bytes(o->folds, o->log->arms, w);
  return bytes;
}

mst_status mst_off_policy_check(const mst_off_policy_options *o) {
  const mst_log_reader *log = o->log;
  MST_TRY(mst_ope_rule_check(&o->rule));
  if (o->evaluators < 1 || o->evaluators > MST_OFF_POLICY_EVALUATORS)
    return mst_fail(MST_ERR_INPUT, "evaluate.by: %d evaluators; 1 to %d are allowed", o->evaluators,
                    MST_OFF_POLICY_EVALUATORS);
  for (int e = 0; e < o->evaluators; e++) MST_TRY(mst_evaluator_check(o->evaluator[e], &o->rule));
  if (o->target.kind == MST_OPE_CONSTANT && (o->target.arm < 0 || o->target.arm >= log->arms))
    return mst_fail(MST_ERR_INPUT, "target.arm is %lld; the log has %lld arms, from 0",
                    (long long)o->target.arm, (long long)log->arms);
  if (o->target.kind == MST_OPE_SOFTMAX && !(o->target.temperature > 0))
    return mst_fail(MST_ERR_INPUT, "target.temperature is %g; it must be positive",
                    o->target.temperature);
  const double train = floor(o->train_fraction * (double)log->rows);
  if (learns(o) && !(train >= 1 && train <= (double)log->rows - 2))
    return mst_fail(MST_ERR_INPUT,
                    "target.train_fraction of %g takes %.0f of %lld rows; it must leave 1 to learn "
                    "from and 2 to judge by",
                    o->train_fraction, train, (long long)log->rows);
  if (o->folds < 2 || o->folds > log->rows)
    return mst_fail(MST_ERR_INPUT, "evaluate.folds is %lld; 2 to the number of rows are allowed",
                    (long long)o->folds);
  return MST_OK;
}

/* Begin sums of n numbers. Local. */
static mst_status begin_sums(mst_off_policy_run *r, int64_t n, int64_t entries) {
  r->sums_n = n;
  memset(r->block, 0, (size_t)n * sizeof *r->block);
  return mst_tally_create(entries, "sums over a log", &r->tally);
}

/* The block's sums, in the unit of products, go to the grid. */
static void add_products(mst_off_policy_run *r) {
  const double down = 1 / r->unit;
  for (int64_t i = 0; i < r->sums_n; i++) r->block[i] *= down;
  mst_tally_add(&r->tally, 0, r->sums_n, r->block);
  memset(r->block, 0, (size_t)r->sums_n * sizeof *r->block);
}

/* All of them, into total(sums_n). Collective. */
static mst_status end_products(mst_off_policy_run *r, double *total) {
  const mst_status st = mst_tally_total(r->team, &r->tally, total);
  for (int64_t i = 0; i < r->sums_n && st == MST_OK; i++) total[i] *= r->unit;
  mst_tally_free(&r->tally);
  return st;
}

static mst_status learn_target(mst_off_policy_run *r, int64_t first, int64_t count, int64_t at) {
  for (int64_t i = at; i < at + count && first + i - at < r->split; i++) {
    mst_context_of(r->x + i * r->d, r->width, r->context);
    mst_ridge_sums_learn(r->block, r->arms, r->width, r->arm[i], r->context, (double)r->reward[i]);
  }
  add_products(r);
  return MST_OK;
}

static mst_status learn_models(mst_off_policy_run *r, int64_t first, int64_t count, int64_t at) {
  const int64_t sums = mst_ridge_sums(r->arms, r->width);
  double *played = r->block + r->folds * sums;
  for (int64_t i = at + mst_most(0, mst_least(count, r->split - first)); i < at + count; i++) {
    const int64_t fold = mst_logged_fold(r->options->seed, first + i - at, r->folds);
    mst_context_of(r->x + i * r->d, r->width, r->context);
    mst_ridge_sums_learn(r->block + fold * sums, r->arms, r->width, r->arm[i], r->context,
                         (double)r->reward[i]);
    mst_target_chances(&r->target, r->context, r->work);
    for (int64_t a = 0; a < r->arms; a++)
      for (int64_t k = 0; k < r->width && r->work[a] != 0; k++)
        played[a * r->width + k] += r->work[a] * r->context[k];
  }
  add_products(r);
  return MST_OK;
}

static mst_status judge(mst_off_policy_run *r, int64_t first, int64_t count, int64_t at) {
  const mst_off_policy_options *o = r->options;
  const mst_log_judge by = {.target = &r->target,
                            .models = r->has_models ? &r->models : NULL,
                            .clip = o->rule.clip,
                            .least = r->totals->least_propensity,
                            .seed = o->seed};
  for (int64_t i = at + mst_most(0, mst_least(count, r->split - first)); i < at + count; i++) {
    double weight;
    mst_context_of(r->x + i * r->d, r->width, r->context);
    const mst_ope_row row =
        mst_logged_row(&by, first + i - at, r->context, r->arm[i], (double)r->reward[i],
                       (double)r->propensity[i], r->work, &weight);
    r->block[SUM_W] += row.weight;
    r->block[SUM_WW] += row.weight * row.weight;
    r->block[SUM_REWARD] += row.reward;
    r->block[SUM_MATCHED] += row.weight > 0;
    r->block[SUM_CLIPPED] += row.weight < weight;
    r->weight_most = fmax(r->weight_most, row.weight);
    for (int e = 0; e < o->evaluators; e++)
      o->evaluator[e]->add(&row, r->block + COMMON + e * MST_OPE_SUMS);
  }
  for (int64_t k = 0; k < r->sums_n; k++)
    if (!mst_tally_add_scaled(&r->tally, k * MST_TALLY_SCALES, r->block[k]))
      return mst_fail(MST_ERR_NONFINITE, "a sum over rows from %lld on is not finite",
                      (long long)first);
  memset(r->block, 0, (size_t)r->sums_n * sizeof *r->block);
  return MST_OK;
}

static mst_status make_target(mst_off_policy_run *r, double *weight) {
  const mst_off_policy_options *o = r->options;
  r->target = o->target;
  r->target.arms = r->arms;
  r->target.width = r->width;
  if (learns(o)) {
    const int64_t n = mst_ridge_sums(r->arms, r->width);
    double *total = NULL;
    mst_status st = begin_sums(r, n, n);
    if (st == MST_OK) st = mst_alloc(&total, n, sizeof *total, "sums over a log");
    st = mst_team_agree(r->team, st);
    if (st == MST_OK) st = mst_off_policy_pass(r, "learn the target", learn_target);
    if (st == MST_OK) st = end_products(r, total);
    if (st == MST_OK)
      st = mst_team_agree(r->team,
                          mst_reward_fit(total, r->arms, r->width, o->target_ridge, weight));
    mst_free(total);
    MST_TRY(st);
  } else if (o->target.weight != NULL && weight != o->target.weight) {
    memcpy(weight, o->target.weight, (size_t)(r->arms * r->width) * sizeof *weight);
  }
  r->target.weight = weight;
  return MST_OK;
}

static mst_status make_models(mst_off_policy_run *r) {
  const int64_t sums = r->folds * mst_ridge_sums(r->arms, r->width), n = sums + r->arms * r->width;
  double *total = NULL;
  r->models = (mst_reward_models){.folds = r->folds, .arms = r->arms, .width = r->width};
  r->has_models = needs(r->options, false);
  if (!r->has_models) return MST_OK;
  mst_status st = begin_sums(r, n, n);
  if (st == MST_OK) st = mst_alloc(&total, n, sizeof *total, "sums over a log");
  st = mst_team_agree(r->team, st);
  if (st == MST_OK) st = mst_off_policy_pass(r, "learn the rewards", learn_models);
  if (st == MST_OK) st = end_products(r, total);
  if (st == MST_OK)
    st = mst_team_agree(r->team,
                        mst_reward_models_make(&r->models, total, total + sums, r->options->ridge));
  mst_free(total);
  return st;
}

/* The figures from the sums. Local. */
static mst_status conclude(mst_off_policy_run *r, const double *sum) {
  const mst_off_policy_options *o = r->options;
  mst_off_policy_totals *t = r->totals;
  const double n = (double)t->rows;
  t->matched = (int64_t)sum[SUM_MATCHED];
  t->clipped = (int64_t)sum[SUM_CLIPPED];
  t->effective = sum[SUM_WW] > 0 ? sum[SUM_W] * sum[SUM_W] / sum[SUM_WW] : 0;
  t->weight_mean = sum[SUM_W] / n;
  t->reward_mean = sum[SUM_REWARD] / n;
  if (t->matched == 0 && needs(o, true))
    return mst_fail(
        MST_ERR_INPUT,
        "none of %lld logged rows has an arm that the target plays there: the effective "
        "sample size is 0, and the log says nothing of the target (dm alone goes on)",
        (long long)t->rows);
  for (int e = 0; e < o->evaluators; e++)
    MST_TRY(mst_evaluator_close(o->evaluator[e], &o->rule, t->rows, sum + COMMON + e * MST_OPE_SUMS,
                                &t->estimate[e]));
  return MST_OK;
}

static mst_status judge_all(mst_off_policy_run *r) {
  const int64_t n = COMMON + MST_OPE_SUMS * r->options->evaluators;
  double total[(COMMON + MST_OPE_SUMS * MST_OFF_POLICY_EVALUATORS) * MST_TALLY_SCALES];
  MST_TRY(mst_team_agree(r->team, begin_sums(r, n, n * MST_TALLY_SCALES)));
  MST_TRY(mst_off_policy_pass(r, "judge", judge));
  MST_TRY(mst_tally_total(r->team, &r->tally, total));
  MST_TRY(mst_max_f64(r->team, &r->weight_most, 1));
  r->totals->weight_most = r->weight_most;
  for (int64_t k = 0; k < n; k++) total[k] = mst_tally_scaled(total + k * MST_TALLY_SCALES);
  return mst_team_agree(r->team, conclude(r, total));
}

static mst_status allocate(mst_off_policy_run *r) {
  const int64_t n = r->window * MST_LOG_BLOCK;
  MST_TRY(mst_alloc(&r->x, n * r->d, sizeof *r->x, "rows of a log"));
  MST_TRY(mst_alloc(&r->arm, n, sizeof *r->arm, "rows of a log"));
  MST_TRY(mst_alloc(&r->reward, n, sizeof *r->reward, "rows of a log"));
  MST_TRY(mst_alloc(&r->propensity, n, sizeof *r->propensity, "rows of a log"));
  MST_TRY(mst_alloc(&r->context, r->width, sizeof *r->context, "a context"));
  MST_TRY(mst_alloc(&r->work, 2 * r->arms, sizeof *r->work, "chances of arms"));
  return mst_alloc(&r->block, most_sums(r->options), sizeof *r->block, "sums over a log");
}

static void release(mst_off_policy_run *r) {
  mst_free(r->x);
  mst_free(r->arm);
  mst_free(r->reward);
  mst_free(r->propensity);
  mst_free(r->context);
  mst_free(r->work);
  mst_free(r->block);
  mst_tally_free(&r->tally);
  mst_reward_models_clear(&r->models);
}

static mst_status evaluate(mst_off_policy_run *r, double *weight) {
  MST_TRY(mst_team_agree(r->team, allocate(r)));
  MST_TRY(mst_off_policy_look(r));
  MST_TRY(make_target(r, weight));
  MST_TRY(make_models(r));
  return judge_all(r);
}

mst_status mst_off_policy(mst_team *team, const mst_off_policy_options *o,
                          const mst_observer *observer, double *weight,
                          mst_off_policy_totals *totals) {
  mst_off_policy_run r = {.team = team, .options = o, .observer = observer, .totals = totals};
  *totals = (mst_off_policy_totals){.rows = 0};
  MST_TRY(mst_team_agree(team, mst_off_policy_check(o)));
  r.rows = o->log->rows;
  r.d = o->log->row_elements;
  r.width = r.d + 1;
  r.arms = o->log->arms;
  r.folds = o->folds;
  r.split = learns(o) ? (int64_t)floor(o->train_fraction * (double)r.rows) : 0;
  totals->train_rows = r.split;
  totals->rows = r.rows - r.split;
  const int64_t blocks = mst_ceil_div(r.rows, MST_LOG_BLOCK);
  mst_team_share(team, blocks, &r.block_first, &r.blocks);
  r.window = window_of(o, mst_team_size(team));
  r.windows = mst_ceil_div(mst_ceil_div(blocks, mst_team_size(team)), r.window);
  const mst_status st = evaluate(&r, weight);
  release(&r);
  return st;
}
