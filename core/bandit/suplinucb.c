/* SupLinUCB (Chu, Li, Reyzin, Schapire 2011, algorithms 2 and 3): S = log2(T) / 2 levels, each with
 * statistics of its own, so that what a level learns is independent given its arms. A round goes
 * down the levels: where some arm that is left is wider than 2^-s, the widest is played and learned
 * there; where none is, arms that are worse than the best by more than they can be are dropped; and
 * when all are narrower than T^(-1/2), the best is played and not learned. */
#include "core/bandit/policy_member.h"

static int64_t levels(const mst_policy_spec *s) {
  const double half = ceil(log2((double)s->horizon) / 2);
  return half > 1 ? (int64_t)half : 1;
}

/* Within a level rewards are independent given the arms, so Hoeffding's bound does for each arm. */
static double width_of(const mst_policy_spec *s, const mst_arms *arms, int64_t n_levels) {
  if (s->beta > 0) return s->beta;
  const double events = 2 * (double)s->horizon * (double)arms->n * (double)n_levels;
  return s->noise * sqrt(2 * log(events / s->delta)) + sqrt(s->ridge) * s->length;
}

/* mean and spread become upper bounds and widths; the largest of each among the arms left. */
static void look(const mst_arms *arms, double beta, const double *left, int64_t *best,
                 int64_t *widest) {
  *best = *widest = -1;
  for (int64_t a = 0; a < arms->n; a++) {
    if (left[a] == 0) continue;
    arms->spread[a] = beta * sqrt(fmax(arms->spread[a], 0));
    arms->mean[a] += arms->spread[a];
    if (*best < 0 || arms->mean[a] > arms->mean[*best]) *best = a;
    if (*widest < 0 || arms->spread[a] > arms->spread[*widest]) *widest = a;
  }
}

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const double beta = width_of(s, arms, known->blocks), narrow = 1 / sqrt((double)s->horizon);
  double *left = arms->work + arms->n * known->width;
  (void)stream;
  for (int64_t a = 0; a < arms->n; a++) left[a] = 1;
  for (int64_t k = 0; k < known->blocks; k++) {
    const mst_ridge level = mst_ridge_block(known, k);
    const double width = ldexp(1, -(int)(k + 1));
    int64_t best = 0, widest = 0;
    mst_ridge_score(&level, arms->n, arms->x, arms->mean, arms->spread, arms->work);
    look(arms, beta, left, &best, &widest);
    choice->arm = best;
    choice->block = k;
    choice->weight = 0;
    if (arms->spread[widest] <= narrow) return MST_OK;
    if (arms->spread[widest] > width) {
      choice->arm = widest;
      choice->weight = 1;
      return MST_OK;
    }
    for (int64_t a = 0; a < arms->n; a++)
      if (left[a] != 0 && arms->mean[a] < arms->mean[best] - 2 * width) left[a] = 0;
  }
  return MST_OK;
}

static int64_t work(const mst_policy_spec *s, int64_t arms, int64_t dimension) {
  (void)s;
  return arms * (dimension + 1);
}

static const mst_param params[] = {
    MST_POLICY_BETA, MST_POLICY_DELTA, MST_POLICY_RIDGE, {.name = NULL}};

const mst_policy_ops mst_policy_suplinucb = {
    .name = "suplinucb",
    .summary = "elimination in levels, each of statistics of its own (SupLinUCB)",
    .params = params,
    .reweighs = true,
    .own_scores = true,
    .blocks = levels,
    .work = work,
    .choose = choose,
};
