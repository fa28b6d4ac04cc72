/* Self-centred clipping (ClippedGossip; He, Karimireddy, Jaggi 2022):
 *
 *     x_i <- sum_j W_ij (x_i + clip(x_j - x_i, tau_i)),   clip(z, tau) = z min(1, tau / |z|).
 *
 * tau_i is a constant; or the second largest distance of a neighbour; or what the theory asks for,
 *
 *     tau_i^2 = sum_{j honest} W_ij |x_j - x_i|^2 / sum_{b hostile} W_ib,
 *
 * infinite where none is hostile, with those as hostile that attack (theory) or those that are
 * furthest away (furthest). */
#include "core/base/word.h"
#include "core/decentralised/member.h"

static bool is_bound(const mst_mixing_plan *p, const char *bound) {
  return mst_word_is_in(p->spec->bound, bound);
}

/* The least squared distance of the `byzantine` furthest neighbours; all as far away are of them.
 */
static double furthest(const mst_mixing_plan *p) {
  const int64_t n = mst_mixing_sort_finite(p, p->distance, p->keep);
  const int64_t f = mst_least(p->spec->byzantine, n);
  return f > 0 ? p->keep[n - f] : INFINITY;
}

static double theoretical(const mst_mixing_plan *p) {
  const bool known = is_bound(p, "theory");
  const double far = known ? 0 : furthest(p);
  double spread = 0, hostile = 0;
  for (int64_t j = 0; j < p->node->neighbours; j++) {
    if (!mst_mixing_finite(p, j)) continue;
    if (known ? p->node->hostile[j] : p->distance[j] >= far)
      hostile += p->node->weight[j];
    else
      spread += p->node->weight[j] * p->distance[j];
  }
  return hostile > 0 ? sqrt(spread / hostile) : INFINITY;
}

static double find_tau(const mst_mixing_plan *p) {
  if (is_bound(p, "constant")) return p->spec->tau;
  if (!is_bound(p, "second_largest")) return theoretical(p);
  const int64_t n = mst_mixing_sort_finite(p, p->distance, p->keep);
  return n > 0 ? sqrt(p->keep[mst_most(n - 2, 0)]) : INFINITY;
}

static void conclude(mst_mixing_plan *p) {
  mst_mixing_take_weights(p);
  p->tau = find_tau(p);
  for (int64_t j = 0; j < p->node->neighbours; j++) {
    if (!mst_mixing_finite(p, j)) continue;
    const double away = sqrt(p->distance[j]);
    if (away <= p->tau) continue;
    p->share[j] *= p->tau / away;
    p->clipped++;
  }
}

static int64_t doubles(int64_t k, int64_t tensors) {
  (void)tensors;
  return k;
}

static int unneeded(const mst_mixing_spec *s) {
  return mst_word_is_in(s->bound, "theory") ? 0 : MST_MIXING_HOSTILE;
}

static const mst_param params[] = {
    MST_MIXING_WORD(bound, "second_largest", "constant|second_largest|furthest|theory",
                    "where the bound of a neighbour's difference is from"),
    MST_MIXING_REAL(tau, "1", 0, INFINITY, true, "", "bound: constant, the largest difference"),
    MST_MIXING_BYZANTINE,
    {.name = NULL}};

const mst_mixing_ops mst_mixing_self_centred_clipping = {
    .name = "self_centred_clipping",
    .summary = "gossip with every neighbour's difference clipped to a bound",
    .params = params,
    .needs = MST_MIXING_HOSTILE,
    .passes = 1,
    .unneeded = unneeded,
    .doubles = doubles,
    .conclude = conclude,
};
