/* SignGuard (Xu, Huang, Song, Lan 2022): the mean, clipped at the median norm, of
 * vectors whose norm is not far from the median norm and whose shares of positive, zero and
 * negative entries are in the largest cluster. The paper leaves the clustering open (mean shift in
 * its experiments); here it is a mean shift with a flat window that draws nothing at random: every
 * vector starts a window at its shares, a window moves to the mean of the shares inside until it
 * holds the same, and the fullest window is the cluster. */
#include <string.h>

#include "core/robust/weights.h"

enum {
  SHARES = 3,
  MOVES_MOST = 300
};

static int64_t work_doubles(int64_t n, int64_t points) {
  (void)points;
  return 3 * n;
}

static double distance(const double *a, const double *b) {
  double sum = 0;
  for (int k = 0; k < SHARES; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sqrt(sum);
}

/* Radius of a window: the mean over the vectors of the distance within which half of all are, and a
 * little that keeps rounding from emptying a window. */
static double window(int64_t n, const double *sign, double *spare) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < n; j++) spare[j] = distance(sign + i * SHARES, sign + j * SHARES);
    mst_weights_sort(n, spare);
    sum += spare[(n - 1) / 2];
  }
  return sum / (double)n + 1e-12;
}

/* in(n) = 1 inside the window that begins at `start`, else 0; returns how many are inside. */
static int64_t shift(int64_t n, const double *sign, const double *start, double radius,
                     double *in) {
  double centre[SHARES];
  int64_t inside = 0;
  memcpy(centre, start, sizeof centre);
  for (int64_t i = 0; i < n; i++) in[i] = 0;
  for (int move = 0; move < MOVES_MOST; move++) {
    bool moved = false;
    double sum[SHARES] = {0};
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
      const double now = distance(sign + i * SHARES, centre) <= radius;
      moved = moved || now != in[i];
      in[i] = now;
      count += now > 0;
      for (int k = 0; k < SHARES; k++) sum[k] += now * sign[i * SHARES + k];
    }
    if (!moved) break;
    inside = count;
    for (int k = 0; k < SHARES; k++) centre[k] = sum[k] / (double)count;
  }
  return inside;
}

/* The members of the fullest window, of equal ones the first. */
static void cluster(int64_t n, const double *sign, double *spare, double *in) {
  const double radius = window(n, sign, spare);
  int64_t most = 0;
  for (int64_t i = 0; i < n; i++) {
    const int64_t inside = shift(n, sign, sign + i * SHARES, radius, spare);
    if (inside <= most) continue;
    most = inside;
    memcpy(in, spare, (size_t)n * sizeof *in);
  }
}

static mst_status weigh(const mst_rule_spec *s, const mst_rule_view *v, double *work,
                        double *weight) {
  const int64_t n = v->n;
  double *norm = work, *in = work + n, *spare = work + 2 * n;
  for (int64_t i = 0; i < n; i++) norm[i] = spare[i] = sqrt(v->distance[i * v->points + v->zero]);
  mst_weights_sort(n, spare);
  const double middle = 0.5 * (spare[(n - 1) / 2] + spare[n / 2]);
  cluster(n, v->sign, spare, in);
  int64_t both = 0, plain = 0;
  for (int64_t i = 0; i < n; i++) {
    const bool fits = norm[i] >= s->lower * middle && norm[i] <= s->upper * middle;
    spare[i] = fits;
    plain += fits;
    both += fits && in[i] > 0;
  }
  for (int64_t i = 0; i < v->points; i++) weight[i] = 0;
  /* Where no vector passes both filters the norms decide; where no norm passes the result is 0. */
  for (int64_t i = 0; i < n; i++)
    if (spare[i] > 0 && (both == 0 || in[i] > 0))
      weight[i] = (norm[i] > middle ? middle / norm[i] : 1) / (double)(both > 0 ? both : plain);
  mst_weights_rest(v->points, v->zero, weight);
  return MST_OK;
}

static const mst_param params[] = {
    MST_RULE_REAL(lower, "0.1", 0, 1, false, "median norms", "least norm that passes"),
    MST_RULE_REAL(upper, "3", 1, INFINITY, false, "median norms", "largest norm that passes"),
    {.name = NULL}};

const mst_rule_ops mst_rule_signguard = {
    .name = "signguard",
    .summary = "clipped mean of vectors with common norms and shares of signs",
    .params = params,
    .needs = MST_RULE_ZERO | MST_RULE_SIGNS,
    .further = mst_rule_further,
    .least = mst_rule_majority,
    .work_doubles = work_doubles,
    .weigh = weigh,
};
