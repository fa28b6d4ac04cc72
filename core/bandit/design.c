/* Frank-Wolfe on log det V. A step moves weight to the arm a of the largest g = x'V^-1 x; with r =
 * sum weight g, which is the rank of V, the best step is (g / r - 1) / (g - 1). That g <= (1 + gap)
 * r for all arms is the certificate: log det V is then within r gap of its maximum. A step away
 * from an arm of small g is the same with a negative step, at most until its weight is 0. */
#include "core/bandit/design.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/linalg/blas.h"

int64_t mst_design_work(int64_t n, int64_t d) {
  return 2 * n * d + n + d * d;
}

typedef struct design {
  int64_t n, d;
  const double *x;
  const bool *keep;
  double ridge;
  double *weight, *v, *l, *scaled, *g;
} design;

/* V = sum weight x x'. */
static void gather(const design *p) {
  const int64_t n = p->n, d = p->d;
  for (int64_t a = 0; a < n; a++)
    for (int64_t i = 0; i < d; i++) p->scaled[a * d + i] = p->weight[a] * p->x[a * d + i];
  mst_gemm(true, false, d, d, n, 1, p->scaled, d, p->x, d, 0, p->v, d);
}

/* g(n) = x'(V + ridge)^-1 x. */
static mst_status measure(const design *p) {
  const int64_t n = p->n, d = p->d;
  memcpy(p->l, p->v, (size_t)(d * d) * sizeof *p->l);
  for (int64_t i = 0; i < d; i++) p->l[i * d + i] += p->ridge;
  MST_TRY(mst_cholesky(d, p->l, d));
  double *solved = p->scaled; /* (d, n) */
  for (int64_t i = 0; i < d; i++)
    for (int64_t a = 0; a < n; a++) solved[i * n + a] = p->x[a * d + i];
  mst_cholesky_solve(d, n, p->l, d, solved, n);
  for (int64_t a = 0; a < n; a++) p->g[a] = 0;
  for (int64_t i = 0; i < d; i++)
    for (int64_t a = 0; a < n; a++) p->g[a] += p->x[a * d + i] * solved[i * n + a];
  return MST_OK;
}

static int64_t spread_evenly(const design *p) {
  int64_t kept = 0;
  for (int64_t a = 0; a < p->n; a++) kept += p->keep[a];
  for (int64_t a = 0; a < p->n; a++) p->weight[a] = p->keep[a] ? 1 / (double)kept : 0;
  return kept;
}

/* Where all weight is on one arm, V has rank 1. */
static void move_to(const design *p, int64_t arm, double step) {
  const int64_t d = p->d;
  const double *x = p->x + arm * d;
  for (int64_t a = 0; a < p->n; a++) p->weight[a] *= 1 - step;
  p->weight[arm] += step;
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < d; j++)
      p->v[i * d + j] = (1 - step) * p->v[i * d + j] + step * x[i] * x[j];
}

static design design_at(int64_t n, int64_t d, const double *x, const bool *keep, double *weight,
                        double *v, double *work) {
  return (design){.n = n,
                  .d = d,
                  .x = x,
                  .keep = keep,
                  .weight = weight,
                  .v = v,
                  .l = work,
                  .scaled = work + d * d,
                  .g = work + d * d + 2 * n * d};
}

static void set_ridge(design *p) {
  double trace = 0;
  for (int64_t i = 0; i < p->d; i++) trace += p->v[i * p->d + i];
  p->ridge = MST_DESIGN_RIDGE * trace / (double)p->d;
}

mst_status mst_design_find(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                           double *weight, double *v, double *work, double *reached) {
  design p = design_at(n, d, x, keep, weight, v, work);
  double found = 0;
  const int64_t kept = spread_evenly(&p);
  gather(&p);
  set_ridge(&p);
  for (int step = 0; step < MST_DESIGN_STEPS; step++) {
    double rank = 0;
    int64_t most = -1;
    MST_TRY(measure(&p));
    for (int64_t a = 0; a < n; a++) {
      rank += weight[a] * p.g[a];
      if (keep[a] && (most < 0 || p.g[a] > p.g[most])) most = a;
    }
    found = p.g[most] / rank - 1;
    if (found <= gap || kept == 1) break;
    move_to(&p, most, found / (p.g[most] - 1));
  }
  if (reached != NULL) *reached = found;
  return MST_OK;
}

/* One arm for each dimension that the kept ones span, each the farthest from the span of those
 * before: Gram-Schmidt with pivots, in `scaled`. Even weights. */
static int64_t spread_over_axes(const design *p) {
  const int64_t n = p->n, d = p->d;
  double *rest = p->scaled, *axis = p->l, least = 0; /* (n, d), (d) */
  int64_t chosen = 0;
  for (int64_t i = 0; i < n * d; i++) rest[i] = p->keep[i / d] ? p->x[i] : 0;
  memset(p->weight, 0, (size_t)n * sizeof *p->weight);
  for (; chosen < d; chosen++) {
    double most = 0;
    int64_t arm = -1;
    for (int64_t a = 0; a < n; a++) {
      double square = 0;
      for (int64_t i = 0; i < d; i++) square += rest[a * d + i] * rest[a * d + i];
      if (square > most) most = square, arm = a;
    }
    if (arm < 0 || most <= least) break;
    if (chosen == 0) least = MST_DESIGN_RIDGE * most;
    p->weight[arm] = 1;
    for (int64_t i = 0; i < d; i++) axis[i] = rest[arm * d + i] / sqrt(most);
    for (int64_t a = 0; a < n; a++) {
      double along = 0;
      for (int64_t i = 0; i < d; i++) along += rest[a * d + i] * axis[i];
      for (int64_t i = 0; i < d; i++) rest[a * d + i] -= along * axis[i];
    }
  }
  for (int64_t a = 0; a < n; a++) p->weight[a] /= (double)mst_most(chosen, 1);
  return chosen;
}

/* Take weight from an arm, as much as is best. */
static void move_from(const design *p, int64_t arm, double rank) {
  const double g = p->g[arm], w = p->weight[arm], all = -w / (1 - w);
  const double best = g > 1 ? (g / rank - 1) / (g - 1) : all;
  move_to(p, arm, fmax(best, all));
  if (best <= all) p->weight[arm] = 0;
}

mst_status mst_design_core(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                           double *weight, double *v, double *work, double *reached) {
  design p = design_at(n, d, x, keep, weight, v, work);
  double found = 0;
  if (spread_over_axes(&p) == 0)
    return mst_fail(MST_ERR_SINGULAR, "a design of arms that are all 0 or not finite");
  gather(&p);
  set_ridge(&p);
  for (int step = 0; step < MST_DESIGN_STEPS; step++) {
    double rank = 0;
    int64_t most = -1, least = -1;
    MST_TRY(measure(&p));
    for (int64_t a = 0; a < n; a++) {
      rank += weight[a] * p.g[a];
      if (keep[a] && (most < 0 || p.g[a] > p.g[most])) most = a;
      if (weight[a] > 0 && (least < 0 || p.g[a] < p.g[least])) least = a;
    }
    found = p.g[most] / rank - 1;
    if (found <= gap) break;
    if (1 - p.g[least] / rank > found && weight[least] < 1)
      move_from(&p, least, rank);
    else
      move_to(&p, most, found / (p.g[most] - 1));
  }
  gather(&p);
  if (reached != NULL) *reached = found;
  return MST_OK;
}
