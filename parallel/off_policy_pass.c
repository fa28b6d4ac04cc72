/* Passes over a log: windows of blocks, read once where all fit; and the first one, which refuses
 * rows that cannot be and finds the grid on which products are added. */
#include <math.h>

#include "comm/sum.h"
#include "core/base/arithmetic.h"
#include "parallel/off_policy_internal.h"

static mst_status read_window(mst_off_policy_run *r, int64_t w) {
  const int64_t at = mst_least(w * r->window, r->blocks);
  const int64_t blocks = mst_least(r->window, r->blocks - at);
  const int64_t first = mst_least((r->block_first + at) * MST_LOG_BLOCK, r->rows);
  const int64_t end = mst_least(first + blocks * MST_LOG_BLOCK, r->rows);
  const mst_log_reader *log = r->options->log;
  if (r->kept) return MST_OK;
  MST_TRY(log->read(log->context, first, end - first, r->x, r->arm, r->reward, r->propensity));
  r->kept = r->windows == 1;
  return MST_OK;
}

mst_status mst_off_policy_pass(mst_off_policy_run *r, const char *what, mst_log_task task) {
  mst_status st = MST_OK;
  mst_observer_phase(r->observer, what, r->rows, "rows");
  for (int64_t w = 0; w < r->windows; w++) {
    MST_TRY(read_window(r, w));
    for (int64_t b = 0; b < r->window && w * r->window + b < r->blocks && st == MST_OK; b++) {
      const int64_t first = (r->block_first + w * r->window + b) * MST_LOG_BLOCK;
      const int64_t count = mst_least(MST_LOG_BLOCK, r->rows - first);
      st = task(r, first, count, b * MST_LOG_BLOCK);
      mst_observer_step(r->observer, count);
    }
  }
  return mst_team_agree(r->team, st);
}

static mst_status note_bad(mst_off_policy_run *r, int kind, int64_t row) {
  if (r->bad[kind]++ == 0) r->bad_row[kind] = row;
  return MST_OK;
}

static bool is_finite_row(const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

static mst_status look_at(mst_off_policy_run *r, int64_t first, int64_t count, int64_t at) {
  const mst_ope_rule *rule = &r->options->rule;
  for (int64_t i = at; i < at + count; i++) {
    const int64_t row = first + i - at;
    const float *x = r->x + i * r->d;
    const double reward = (double)r->reward[i], p = (double)r->propensity[i];
    const bool sound = is_finite_row(x, r->d);
    if (!sound) MST_TRY(note_bad(r, MST_LOG_BAD_X, row));
    for (int64_t k = 0; k < r->d && sound; k++) r->most[0] = fmax(r->most[0], fabs((double)x[k]));
    if (!isfinite(reward))
      MST_TRY(note_bad(r, MST_LOG_BAD_REWARD, row));
    else if (rule->bernstein && (reward < rule->reward_least || reward > rule->reward_most))
      MST_TRY(note_bad(r, MST_LOG_BAD_RANGE, row));
    else
      r->most[1] = fmax(r->most[1], fabs(reward));
    if (p > 0 && p <= 1)
      r->most[2] = fmax(r->most[2], 1 / p);
    else
      MST_TRY(note_bad(r, MST_LOG_BAD_PROPENSITY, row));
    if (r->arm[i] < 0 || r->arm[i] >= r->arms) MST_TRY(note_bad(r, MST_LOG_BAD_ARM, row));
  }
  return MST_OK;
}

/* Refuse the log when any row is bad; the same on all ranks. Collective. */
static mst_status refuse_bad(mst_off_policy_run *r) {
  static const char *const SAYS[MST_LOG_BADS] = {
      "has a context with NaN or infinity", "has a reward of NaN or infinity",
      "has a propensity that is not in (0, 1]", "has an arm outside those of attribute n_arms",
      "has a reward outside evaluate.reward_least and evaluate.reward_most"};
  int64_t first[MST_LOG_BADS];
  for (int k = 0; k < MST_LOG_BADS; k++) first[k] = r->bad[k] > 0 ? -r->bad_row[k] : INT64_MIN;
  MST_TRY(mst_sum_i64(r->team, r->bad, MST_LOG_BADS));
  MST_TRY(mst_max_i64(r->team, first, MST_LOG_BADS));
  for (int k = 0; k < MST_LOG_BADS; k++)
    if (r->bad[k] > 0)
      return mst_fail(k <= MST_LOG_BAD_REWARD ? MST_ERR_NONFINITE : MST_ERR_INPUT,
                      "row %lld of the log, counted from 0, %s; %lld of %lld rows do",
                      (long long)-first[k], SAYS[k], (long long)r->bad[k], (long long)r->rows);
  return MST_OK;
}

mst_status mst_off_policy_look(mst_off_policy_run *r) {
  MST_TRY(mst_off_policy_pass(r, "look", look_at));
  MST_TRY(refuse_bad(r));
  MST_TRY(mst_max_f64(r->team, r->most, 3));
  r->totals->least_propensity = 1 / r->most[2];
  /* sums of MST_LOG_BLOCK products must stay below the grid's bound */
  const double x = fmax(1, r->most[0]), largest = (double)MST_LOG_BLOCK * x * fmax(x, r->most[1]);
  int exponent = 0;
  if (!isfinite(largest))
    return mst_fail(MST_ERR_NONFINITE, "products of the log's numbers are not finite");
  (void)frexp(largest / MST_TALLY_BOUND, &exponent);
  r->unit = ldexp(1, exponent);
  return MST_OK;
}
