/* Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017): the mean of the vectors with the
 * lowest Krum scores. */
#include "core/robust/weights.h"

static mst_status check(const mst_rule_spec *s, int64_t n) {
  if (s->select > n)
    return mst_fail(MST_ERR_INPUT,
                    "aggregate.select is %lld, but there are %lld vectors to take the mean of",
                    (long long)s->select, (long long)n);
  return mst_weights_check_neighbours(s, n);
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 2 * n;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n, taken = s->select > 0 ? s->select : n - s->byzantine;
  double *score = work + n;
  mst_weights_krum_scores(s, v, work, score);
  for (int64_t i = n; i < v->points; i++) weight[i] = 0;
  mst_weights_nearest(n, score, taken, 1 / (double)taken, work, weight);
  return MST_OK;
}

static const mst_param params[] = {
    MST_RULE_NEIGHBOURS,
    MST_RULE_INT(select, "0", 0, "vectors", "vectors in the mean; 0 = n-f"),
    {.name = NULL}};

const mst_rule_ops mst_rule_multi_krum = {
    .name = "multi_krum",
    .summary = "mean of the n-f vectors that are nearest to their nearest neighbours",
    .params = params,
    .least = mst_rule_majority,
    .check = check,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
