/* Block coordinate ascent on log det V: a block is a client's weights. A step moves c from arm b of
 * a client to its arm a; with g = x'V^-1 y of the two,
 *
 *     det V changes by the factor (1 + c g_aa) (1 - c g_bb) + c^2 g_ab^2,
 *
 * whose largest value is at c = (g_aa - g_bb) / (2 (g_aa g_bb - g_ab^2)), unless b has less. A step
 * that takes all of b's weight leaves one arm fewer to play. */
#include "core/bandit/client_design.h"

#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/linalg/blas.h"

#define SWEEPS 300

typedef struct ascent {
  const mst_client_arms *c;
  double *weight, ridge;
  double *v, *inverse, *l; /* (d, d) each                               */
  double *product, *g;     /* (arms, d) x V^-1; (arms) x'V^-1 x         */
} ascent;

int64_t mst_client_design_work(const mst_client_arms *c) {
  return 3 * c->d * c->d + c->arms * c->d + c->arms;
}

static const double *arms_of(const ascent *p, int64_t kind) {
  return p->c->x + kind * p->c->arms * p->c->d;
}

static double square(int64_t d, const double *x) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) sum += x[i] * x[i];
  return sum;
}

/* V^-1 anew from the weights. */
static mst_status factor(ascent *p) {
  const int64_t d = p->c->d, arms = p->c->arms;
  double trace = 0;
  memset(p->v, 0, (size_t)(d * d) * sizeof *p->v);
  for (int64_t k = 0; k < p->c->kinds; k++)
    for (int64_t a = 0; a < arms; a++) {
      const double *x = arms_of(p, k) + a * d, w = p->weight[k * arms + a] * (double)p->c->count[k];
      for (int64_t i = 0; w > 0 && i < d; i++)
        for (int64_t j = 0; j < d; j++) p->v[i * d + j] += w * x[i] * x[j];
    }
  for (int64_t i = 0; i < d; i++) trace += p->v[i * d + i];
  memcpy(p->l, p->v, (size_t)(d * d) * sizeof *p->v);
  memset(p->inverse, 0, (size_t)(d * d) * sizeof *p->v);
  for (int64_t i = 0; i < d; i++) {
    p->l[i * d + i] += MST_DESIGN_RIDGE * trace / (double)d;
    p->inverse[i * d + i] = 1;
  }
  MST_TRY(mst_cholesky(d, p->l, d));
  mst_cholesky_solve(d, d, p->l, d, p->inverse, d);
  return MST_OK;
}

/* product and g of a kind's arms. */
static void measure(ascent *p, int64_t kind) {
  const int64_t d = p->c->d, arms = p->c->arms;
  const double *x = arms_of(p, kind);
  mst_gemm(false, false, arms, d, d, 1, x, d, p->inverse, d, 0, p->product, d);
  for (int64_t a = 0; a < arms; a++) {
    p->g[a] = 0;
    for (int64_t i = 0; i < d; i++) p->g[a] += x[a * d + i] * p->product[a * d + i];
  }
}

/* V^-1 after V += c x x'; work(d). */
static void change(ascent *p, const double *x, double c, double *work) {
  const int64_t d = p->c->d;
  double q = 0;
  for (int64_t i = 0; i < d; i++) {
    work[i] = 0;
    for (int64_t j = 0; j < d; j++) work[i] += p->inverse[i * d + j] * x[j];
    q += x[i] * work[i];
  }
  const double f = c / (1 + c * q);
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < d; j++) p->inverse[i * d + j] -= f * work[i] * work[j];
}

/* The kept arm of a kind that is farthest from the span of what `projector`(d, d) takes out. */
static int64_t farthest(const ascent *p, int64_t kind, const double *projector, double *far) {
  const int64_t d = p->c->d, arms = p->c->arms;
  int64_t arm = -1;
  *far = 0;
  mst_gemm(false, false, arms, d, d, 1, arms_of(p, kind), d, projector, d, 0, p->product, d);
  for (int64_t a = 0; a < arms; a++) {
    const double rest = square(d, p->product + a * d);
    if (p->c->keep[kind * arms + a] && rest > *far) *far = rest, arm = a;
  }
  return arm;
}

static double longest_square(const ascent *p) {
  const int64_t d = p->c->d, n = p->c->kinds * p->c->arms;
  double most = 0;
  for (int64_t i = 0; i < n; i++)
    if (p->c->keep[i]) most = fmax(most, square(d, p->c->x + i * d));
  return most;
}

/* One arm for each dimension, of one client after the other; a client that has none of these begins
 * with its first. */
static void start(ascent *p) {
  const int64_t d = p->c->d, arms = p->c->arms, kinds = p->c->kinds;
  const double least = MST_DESIGN_RIDGE * longest_square(p);
  double *projector = p->v;
  memset(p->weight, 0, (size_t)(kinds * arms) * sizeof *p->weight);
  memset(projector, 0, (size_t)(d * d) * sizeof *projector);
  for (int64_t i = 0; i < d; i++) projector[i * d + i] = 1;
  for (int64_t found = 0, before = -1; found < d && found != before;) {
    before = found;
    for (int64_t k = 0; k < kinds && found < d; k++) {
      double far = 0;
      const int64_t arm = farthest(p, k, projector, &far);
      if (far <= least) continue;
      const double *rest = p->product + arm * d;
      for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++) projector[i * d + j] -= rest[i] * rest[j] / far;
      p->weight[k * arms + arm] = 1;
      found++;
    }
  }
  for (int64_t k = 0; k < kinds; k++) {
    double *weight = p->weight + k * arms, sum = 0;
    for (int64_t a = 0; a < arms; a++) sum += weight[a];
    for (int64_t a = 0; a < arms && sum == 0; a++)
      if (p->c->keep[k * arms + a]) weight[a] = sum = 1;
    for (int64_t a = 0; a < arms; a++) weight[a] /= sum;
  }
}

/* Of a kind that was measured: its arm of the largest g, that of the smallest that has weight, and
 * the mean. */
static double extremes(const ascent *p, int64_t kind, int64_t *most, int64_t *least) {
  const int64_t arms = p->c->arms;
  const double *weight = p->weight + kind * arms;
  double mean = 0;
  *most = *least = -1;
  for (int64_t a = 0; a < arms; a++) {
    mean += weight[a] * p->g[a];
    if (p->c->keep[kind * arms + a] && (*most < 0 || p->g[a] > p->g[*most])) *most = a;
    if (weight[a] > 0 && (*least < 0 || p->g[a] < p->g[*least])) *least = a;
  }
  return mean;
}

/* Steps of a client until its largest g is near the mean. */
static void improve(ascent *p, int64_t kind, double gap) {
  const int64_t d = p->c->d;
  const double *x = arms_of(p, kind), count = (double)p->c->count[kind];
  double *weight = p->weight + kind * p->c->arms;
  for (int64_t step = 0; step < p->c->arms; step++) {
    int64_t a = 0, b = 0;
    measure(p, kind);
    const double mean = extremes(p, kind, &a, &b);
    if (p->g[a] <= (1 + gap) * mean) return;
    double between = 0;
    for (int64_t i = 0; i < d; i++) between += x[a * d + i] * p->product[b * d + i];
    const double bend = p->g[a] * p->g[b] - between * between;
    const double best = (p->g[a] - p->g[b]) / (2 * bend), all = count * weight[b];
    const bool whole = !(bend > 0 && best < all);
    const double c = whole ? all : best;
    weight[a] += c / count;
    weight[b] = whole ? 0 : weight[b] - c / count;
    change(p, x + a * d, c, p->l);
    change(p, x + b * d, -c, p->l);
  }
}

/* How much the clients' largest g exceed their means. */
static double certify(ascent *p) {
  double largest = 0, mean = 0;
  for (int64_t k = 0; k < p->c->kinds; k++) {
    int64_t a = 0, b = 0;
    measure(p, k);
    mean += (double)p->c->count[k] * extremes(p, k, &a, &b);
    largest += (double)p->c->count[k] * p->g[a];
  }
  return largest / mean - 1;
}

mst_status mst_client_design_find(const mst_client_arms *c, double gap, double *weight,
                                  double *work, double *reached) {
  const int64_t size = c->d * c->d;
  ascent p = {.c = c,
              .weight = weight,
              .v = work,
              .inverse = work + size,
              .l = work + 2 * size,
              .product = work + 3 * size,
              .g = work + 3 * size + c->arms * c->d};
  double found = 0;
  start(&p);
  for (int sweep = 0;; sweep++) {
    MST_TRY(factor(&p));
    found = certify(&p);
    if (!(found > gap) || sweep == SWEEPS) break;
    for (int64_t k = 0; k < c->kinds; k++) improve(&p, k, gap / 2);
  }
  if (reached != NULL) *reached = found;
  return MST_OK;
}
