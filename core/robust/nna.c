/* Nearest neighbour averaging (Farhadkhani et al. 2023, MoNNA): the mean of the vectors nearest to
 * one that is trusted, itself among them. */
#include <string.h>

#include "core/robust/weights.h"

static mst_status check(const mst_rule_spec *s, int64_t n) {
  if (s->centre < n) return MST_OK;
  return mst_fail(MST_ERR_INPUT, "aggregate.centre is %lld, but the vectors are numbered 0 to %lld",
                  (long long)s->centre, (long long)n - 1);
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return n;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t out = strcmp(s->nearest, "n-2f") == 0 ? 2 * s->byzantine : s->byzantine;
  const int64_t taken = v->n - out;
  for (int64_t i = v->n; i < v->points; i++) weight[i] = 0;
  mst_weights_nearest(v->n, v->distance + s->centre * v->points, taken, 1 / (double)taken, work,
                      weight);
  return MST_OK;
}

static const mst_param params[] = {
    MST_RULE_WORD(nearest, "n-f", "n-f|n-2f", "vectors in the mean"),
    MST_RULE_INT(centre, "0", 0, "", "number of the vector whose neighbours are taken, from 0"),
    {.name = NULL}};

const mst_rule_ops mst_rule_nna = {
    .name = "nna",
    .summary = "mean of the n-f vectors nearest to a trusted one",
    .params = params,
    .needs = MST_RULE_ORDERED,
    .further = mst_rule_further,
    .least = mst_rule_majority,
    .check = check,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
