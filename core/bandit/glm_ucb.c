/* UCB for generalised linear rewards, E y = mu(<theta, x>): follow the regularised leader on
 * quadratic expansions of the losses. The loss of (x, y), M(x'theta) - y x'theta with M' = mu, is
 * expanded at c = x'theta as known when the arm was played, cut to what |theta| <= length allows:
 *
 *     (mu(c) - y) x'theta + mu'(c) (x'theta - c)^2 / 2 + a constant
 *         = mu'(c) (x'theta - c - (y - mu(c)) / mu'(c))^2 / 2 + a constant,
 *
 * an interaction of weight mu'(c) with the reward c + (y - mu(c)) / mu'(c). So the statistics are
 * sums as those of any policy, a round costs O(d^2), and theta moves by an online Newton step. Jun,
 * Bhargava, Nowak, Willett 2017 take the least slope for all (GLOC); an interaction's own slope is
 * from Zhang, Sugiyama 2023. Weighted rewards have variance mu (1 - mu) / mu' <= 1. */
#include "core/bandit/policy_member.h"

static double cut(const mst_policy_spec *s, int64_t width, const double *x, double centre) {
  double square = 0;
  for (int64_t i = 0; i < width; i++) square += x[i] * x[i];
  const double most = s->length * sqrt(square);
  return fmin(fmax(centre, -most), most);
}

static mst_status choose(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                         mst_stream *stream, mst_choice *choice) {
  const mst_link link = mst_link_of(s->link);
  const double sigma = link == MST_LINK_IDENTITY ? s->noise : 1;
  const double beta = s->beta > 0 ? s->beta : mst_policy_bound(s, known, sigma);
  (void)stream;
  for (int64_t a = 0; a < arms->n; a++)
    arms->spread[a] = arms->mean[a] + beta * sqrt(fmax(arms->spread[a], 0));
  const int64_t arm = mst_policy_largest(arms->n, arms->spread);
  choice->arm = arm;
  choice->centre = cut(s, known->width, arms->x + arm * known->width, arms->mean[arm]);
  choice->weight = mst_link_slope(link, choice->centre);
  return MST_OK;
}

static double respond(const mst_policy_spec *s, const mst_choice *choice, double y) {
  const mst_link link = mst_link_of(s->link);
  if (link == MST_LINK_IDENTITY) return y;
  return choice->centre + (y - mst_link_mean(link, choice->centre)) / choice->weight;
}

static mst_status check(const mst_policy_spec *s) {
  if (s->length <= 8) return MST_OK;
  return mst_fail(MST_ERR_INPUT,
                  "policy.kind: glm_ucb divides by the slope of the link, which vanishes for "
                  "environment.length %g; choose at most 8",
                  s->length);
}

static const mst_param params[] = {
    MST_POLICY_BETA, MST_POLICY_DELTA, MST_POLICY_RIDGE, MST_POLICY_DISJOINT, {.name = NULL}};

const mst_policy_ops mst_policy_glm_ucb = {
    .name = "glm_ucb",
    .summary = "the largest upper confidence bound of a generalised linear mean",
    .params = params,
    .reweighs = true,
    .check = check,
    .choose = choose,
    .respond = respond,
};
