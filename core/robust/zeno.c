/* Zeno (Xie, Koyejo, Gupta 2019): the mean of the n-f vectors with the highest
 * scores, the fall of a trusted loss by a step along a vector less rho times its squared norm. */
#include "core/robust/weights.h"

static int64_t least(int64_t byzantine) {
  return byzantine + 1;
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 2 * n;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n, taken = n - s->byzantine;
  double *suspicion = work + n;
  for (int64_t i = 0; i < n; i++) {
    suspicion[i] = v->loss[i] + s->rho * v->distance[i * v->points + v->zero];
    if (isnan(suspicion[i])) suspicion[i] = INFINITY; /* the step led to where there is no loss */
  }
  for (int64_t i = n; i < v->points; i++) weight[i] = 0;
  mst_weights_nearest(n, suspicion, taken, 1 / (double)taken, work, weight);
  return MST_OK;
}

static const mst_param params[] = {
    MST_RULE_REAL(rho, "0.0005", 0, INFINITY, false, "loss a squared length",
                  "what a vector's squared norm counts against its fall of the loss"),
    {.name = NULL}};

const mst_rule_ops mst_rule_zeno = {
    .name = "zeno",
    .summary = "mean of the n-f vectors whose steps lower a trusted loss most",
    .params = params,
    .needs = MST_RULE_ZERO | MST_RULE_LOSSES,
    .further = mst_rule_further,
    .least = least,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
