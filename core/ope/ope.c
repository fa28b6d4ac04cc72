/* The table of evaluators, and the intervals that all of them share. */
#include "core/ope/ope.h"

#include <math.h>

#include "core/base/normal.h"
#include "core/base/registry.h"
#include "core/ope/member.h"

static const mst_evaluator_ops *const TABLE[] = {&mst_evaluator_replay, &mst_evaluator_ips,
                                                 &mst_evaluator_snips, &mst_evaluator_dm,
                                                 &mst_evaluator_dr};
enum {
  MEMBERS = sizeof TABLE / sizeof TABLE[0]
};

const mst_evaluator_ops *mst_evaluator_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i] : NULL;
}

static const char *name_at(int i) {
  return i >= 0 && i < MEMBERS ? TABLE[i]->name : NULL;
}

const mst_evaluator_ops *mst_evaluator_find(const char *name) {
  return mst_evaluator_at(mst_registry_find(name_at, name));
}

mst_status mst_ope_rule_check(const mst_ope_rule *r) {
  if (!(r->confidence > 0 && r->confidence < 1))
    return mst_fail(MST_ERR_INPUT, "evaluate.confidence is %g; it must lie between 0 and 1",
                    r->confidence);
  if (!(r->clip >= 0 && isfinite(r->clip)))
    return mst_fail(MST_ERR_INPUT, "evaluate.clip is %g; it must be 0 or more", r->clip);
  if (!r->bernstein) return MST_OK;
  if (!(r->reward_least < r->reward_most) || !isfinite(r->reward_most - r->reward_least))
    return mst_fail(MST_ERR_INPUT,
                    "evaluate.reward_least of %g and evaluate.reward_most of %g leave no range of "
                    "rewards",
                    r->reward_least, r->reward_most);
  return MST_OK;
}

mst_status mst_evaluator_check(const mst_evaluator_ops *ops, const mst_ope_rule *r) {
  if (!r->bernstein) return MST_OK;
  if (ops->range == NULL)
    return mst_fail(
        MST_ERR_UNSUPPORTED,
        "evaluate.interval: bernstein is for means of terms of a stated range; those of "
        "%s have none",
        ops->name);
  if (isfinite(ops->range(r))) return MST_OK;
  return mst_fail(MST_ERR_UNSUPPORTED,
                  "evaluate.interval: bernstein needs a largest weight for %s: give evaluate.clip "
                  "(1 over the logging policy's least probability cuts nothing off)",
                  ops->name);
}

mst_ope_moments mst_ope_mean(int64_t n, double sum, double squares) {
  const double m = (double)n, mean = n > 0 ? sum / m : 0;
  return (mst_ope_moments){
      .value = mean, .variance = n > 1 ? fmax(0, squares - mean * sum) / (m - 1) : 0, .count = n};
}

mst_status mst_evaluator_close(const mst_evaluator_ops *ops, const mst_ope_rule *r, int64_t n,
                               const double *sum, mst_ope_estimate *out) {
  const mst_ope_moments m = ops->close(n, sum);
  *out =
      (mst_ope_estimate){.value = m.value, .rows = m.count, .error = NAN, .low = NAN, .high = NAN};
  if (m.count == 0)
    return mst_fail(MST_ERR_INPUT, "%s: none of %lld logged rows counts for the target policy",
                    ops->name, (long long)n);
  if (!isfinite(m.value) || !isfinite(m.variance))
    return mst_fail(MST_ERR_NONFINITE, "%s: the estimate is not finite", ops->name);
  if (m.count < 2) return MST_OK;
  const double count = (double)m.count, delta = 1 - r->confidence;
  out->error = sqrt(m.variance / count);
  double half = mst_normal_quantile(1 - delta / 2) * out->error;
  if (r->bernstein) {
    const double l = log(3 / delta), v = m.variance * (count - 1) / count;
    half = sqrt(2 * v * l / count) + 3 * ops->range(r) * l / count;
  }
  out->low = m.value - half;
  out->high = m.value + half;
  return MST_OK;
}
