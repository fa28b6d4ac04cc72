/* The geometric median by smoothed Weiszfeld iterations (Weiszfeld 1937; Pillutla, Kakade,
 * Harchaoui 2022) from the zero vector,
 *     z <- sum_i b_i x_i / sum_i b_i,  b_i = a_i / max(nu, |x_i - z|)
 * with shares a_i of the clients' weights. The fixed point minimises sum_i a_i h(|x_i - z|) for
 * h(r) = r beyond nu and (r^2 + nu^2) / (2 nu) within. */
#include <string.h>

#include "core/robust/space.h"
#include "core/robust/weights.h"

enum {
  MOST = 10000, /* iterations to convergence                                          */
  PATIENCE = 50 /* ... without a smaller gradient: rounding allows none               */
};

static int64_t work_doubles(int64_t n, int64_t points) {
  return n + 3 * points;
}

/* next(points) from z; returns the sum of b. */
static double step(double nu, const mst_rule_view *v, const double *share, const double *away,
                   double *next) {
  double total = 0;
  for (int64_t i = 0; i < v->n; i++) total += next[i] = share[i] / fmax(nu, away[i]);
  for (int64_t i = 0; i < v->n; i++) next[i] /= total;
  for (int64_t i = v->n; i < v->points; i++) next[i] = 0;
  return total;
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t points = v->points, most = s->iterations > 0 ? s->iterations : MOST;
  double *share = work, *away = share + v->n, *next = away + points, *spare = next + points;
  mst_weights_shares(v, share);
  for (int64_t i = 0; i < points; i++) weight[i] = i == v->zero;
  double best = INFINITY;
  for (int64_t t = 0, since = 0; t < most && since < PATIENCE; t++) {
    mst_weights_distances(points, v->distance, weight, spare, away);
    const double total = step(s->nu, v, share, away, next);
    if (s->iterations == 0) {
      /* The gradient at z is that of the step, sum(b) (z - next). */
      const double gradient =
          total * sqrt(mst_space_between(points, v->distance, v->zero, next, weight));
      if (gradient <= s->tolerance) break;
      since = gradient < best ? 0 : since + 1;
      best = fmin(best, gradient);
    }
    memcpy(weight, next, (size_t)points * sizeof *weight);
  }
  return MST_OK;
}

static const mst_param params[] = {
    MST_RULE_REAL(nu, "0.1", 0, INFINITY, true, "length of the vectors",
                  "distances below this divide as this"),
    MST_RULE_INT(iterations, "3", 0, "", "steps of Weiszfeld's iteration; 0 = to convergence"),
    MST_RULE_REAL(tolerance, "1e-12", 0, 1, true, "",
                  "with iterations: 0, norm of the mean unit vector to the vectors at the end"),
    {.name = NULL}};

const mst_rule_ops mst_rule_geometric_median = {
    .name = "geometric_median",
    .summary = "the point of least mean distance to the vectors, by Weiszfeld's iteration",
    .params = params,
    .needs = MST_RULE_ZERO | MST_RULE_WEIGHTS,
    .least = mst_rule_majority,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
