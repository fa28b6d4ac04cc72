/* Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017): the vector whose nearest neighbours are
 * nearest, by the sum of their squared distances. */
#include "core/robust/weights.h"

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 2 * n;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  double *score = work + v->n;
  mst_weights_krum_scores(s, v, work, score);
  int64_t best = 0;
  for (int64_t i = 1; i < v->n; i++)
    if (score[i] < score[best]) best = i;
  for (int64_t i = 0; i < v->points; i++) weight[i] = i == best;
  return MST_OK;
}

static const mst_param params[] = {MST_RULE_NEIGHBOURS, {.name = NULL}};

const mst_rule_ops mst_rule_krum = {
    .name = "krum",
    .summary = "the vector that is nearest to its nearest neighbours",
    .params = params,
    .least = mst_rule_majority,
    .check = mst_weights_check_neighbours,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
