/* Centered clipping (Karimireddy, He, Jaggi 2021): from the last result
 *     v <- v + sum_i a_i (x_i - v) min(1, tau / |x_i - v|)
 * with shares a_i of the clients' weights, 1/n without. */
#include "core/robust/weights.h"

static int64_t work_doubles(int64_t n, int64_t points) {
  return n + 2 * points;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  double *share = work, *away = share + v->n, *spare = away + v->points;
  mst_weights_shares(v, share);
  for (int64_t i = 0; i < v->points; i++) weight[i] = i == v->previous;
  for (int64_t t = 0; t < s->iterations; t++) {
    mst_weights_distances(v->points, v->distance, weight, spare, away);
    double stay = 0; /* exactly 0 when nothing is clipped: the mean, whatever the centre was */
    for (int64_t i = 0; i < v->n; i++)
      if (away[i] > s->tau) stay += share[i] * (1 - s->tau / away[i]);
    for (int64_t i = 0; i < v->points; i++) weight[i] *= stay;
    for (int64_t i = 0; i < v->n; i++)
      weight[i] += away[i] > s->tau ? share[i] * (s->tau / away[i]) : share[i];
  }
  return MST_OK;
}

/* The first step asks for distances to the last result; later ones follow from those of all. */
static bool further(const mst_rule_spec *s) {
  return s->iterations == 1;
}

static const mst_param params[] = {
    MST_RULE_REAL(tau, "100", 0, INFINITY, true, "length of the vectors",
                  "farther than this from the centre, vectors are drawn in to it"),
    MST_RULE_INT(iterations, "1", 1, "", "steps in a round"),
    {.name = NULL}};

const mst_rule_ops mst_rule_centered_clipping = {
    .name = "centered_clipping",
    .summary = "the last result moved by the mean of clipped differences from it",
    .params = params,
    .needs = MST_RULE_PREVIOUS | MST_RULE_WEIGHTS,
    .further = further,
    .least = mst_rule_majority,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
