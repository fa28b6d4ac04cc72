/* What min_max and min_sum share (Shejwalkar, Houmansadr 2021): mean + gamma p with
 * the largest gamma that a bound on distances to the honest vectors allows, found by bisection.
 * With a_i = |mean - x_i|^2 and b_i = <p, mean - x_i>,
 *
 *     |mean + gamma p - x_i|^2 = a_i + 2 gamma b_i + gamma^2 |p|^2
 *
 * and a_i, |p|^2 and b_i come from the distances to the mean and to the point mean + p. Signs are 1
 * beside the vectors' own scale, which costs twice the digits between the two: 8 of 16 at a ratio
 * of 1e4. */
#include "core/robust/attack_member.h"
#include "core/robust/weights.h"

#define FIRST    10.0 /* gamma that is tried first, as published                  */
#define HALVINGS 1100 /* more than halve any double down to 0, or double it to infinity */

/* An entry of p; unit is not divided by the length of the mean, which gamma makes up for. */
static double direction(const mst_attack_spec *s, const mst_attack_columns *c, int64_t i) {
  if (strcmp(s->perturbation, "std") == 0) return -c->std[i];
  if (strcmp(s->perturbation, "unit") == 0) return -c->mean[i];
  return (double)((c->mean[i] < 0) - (c->mean[i] > 0));
}

void mst_attack_distance_point(const mst_attack_spec *s, const mst_attack_columns *c, double *out) {
  for (int64_t i = 0; i < c->m; i++) out[i] = c->mean[i] + direction(s, c, i);
}

void mst_attack_distance_send(const mst_attack_spec *s, const mst_attack_plan *plan,
                              const mst_attack_columns *c, double *out) {
  for (int64_t i = 0; i < c->m; i++) out[i] = c->mean[i] + plan->factor * direction(s, c, i);
}

typedef struct bound {
  int64_t n;
  const double *from_mean; /* (n + 1) a_i, and |p|^2 */
  const double *slope;     /* (n) b_i                */
  double most;
  bool sums;
} bound;

static bool allows(const bound *b, double gamma) {
  double sum = 0;
  for (int64_t i = 0; i < b->n; i++) {
    const double square = b->from_mean[i] + gamma * (2 * b->slope[i] + gamma * b->from_mean[b->n]);
    if (!b->sums && !(square <= b->most)) return false;
    sum += square;
  }
  return !b->sums || sum <= b->most;
}

static double largest(const bound *b, double tolerance) {
  double low = 0, high = FIRST;
  for (int i = 0; i < HALVINGS && allows(b, high); i++) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 2 * HALVINGS && high - low > tolerance * high; i++) {
    const double middle = low + (high - low) / 2;
    if (allows(b, middle))
      low = middle;
    else
      high = middle;
  }
  return low;
}

mst_status mst_attack_distance_plan(const mst_attack_spec *s, const mst_attack_scene *scene,
                                    bool sums, double *work, mst_attack_plan *plan) {
  const int64_t n = scene->honest, points = n + 1;
  const double *distance = scene->distance;
  double *slope = work, *away = work + points, *spare = work + 2 * points;
  bound b = {.n = n, .from_mean = away, .slope = slope, .sums = sums};
  if (n == 0) return MST_OK;
  for (int64_t i = 0; i < n; i++) {
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
      const double d = distance[i * points + j];
      sum += d;
      if (!sums && d > b.most) b.most = d;
    }
    if (sums && sum > b.most) b.most = sum;
  }
  for (int64_t i = 0; i < n; i++) slope[i] = 1 / (double)n;
  slope[n] = 0;
  mst_weights_distances(points, distance, slope, spare, away);
  for (int64_t i = 0; i < points; i++) away[i] *= away[i];
  for (int64_t i = 0; i < n; i++) slope[i] = 0.5 * (distance[i * points + n] - away[i] - away[n]);
  if (away[n] > 0) plan->factor = largest(&b, s->tolerance);
  return MST_OK;
}
