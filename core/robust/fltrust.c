/* FLTrust (Cao, Fang, Liu, Gong 2021): vectors are brought to the length of a trusted one and
 * averaged by the cosine of their angle to it, those at a right angle or more with weight 0. */
#include "core/robust/weights.h"

static int64_t least(int64_t byzantine) {
  return byzantine + 1;
}

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return n;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  (void)s;
  const double length = sqrt(v->distance[v->root * v->points + v->zero]);
  double trust = 0;
  for (int64_t i = 0; i < v->n; i++) {
    const double own = sqrt(v->distance[i * v->points + v->zero]), inner = v->product[i];
    double cosine = inner > 0 && own > 0 && length > 0 ? inner / own / length : 0;
    if (v->weight != NULL) cosine *= v->weight[i];
    trust += cosine;
    work[i] = cosine;
  }
  for (int64_t i = 0; i < v->points; i++) weight[i] = 0;
  /* Without any trust the zero vector: a step that nobody vouches for is not made. */
  if (trust > 0)
    for (int64_t i = 0; i < v->n; i++)
      if (work[i] > 0)
        weight[i] = work[i] / trust * length / sqrt(v->distance[i * v->points + v->zero]);
  mst_weights_rest(v->points, v->zero, weight);
  return MST_OK;
}

const mst_rule_ops mst_rule_fltrust = {
    .name = "fltrust",
    .summary = "mean by the cosine to a trusted vector, at its length",
    .needs = MST_RULE_ZERO | MST_RULE_ROOT | MST_RULE_PRODUCTS | MST_RULE_WEIGHTS,
    .further = mst_rule_further,
    .least = least,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
