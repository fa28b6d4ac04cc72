/* Frank-Wolfe on log det V. A step moves weight to the arm a of the largest g = x'V^-1 x; with r =
 * sum weight g, which is the rank of V, the best step is (g / r - 1) / (g - 1). That g <= (1 + gap)
 * r for all arms is the certificate: log det V is then within r gap of its maximum. */
#include "core/bandit/design.h"

#include <math.h>
#include <string.h>

#include "core/linalg/blas.h"

#define STEPS 2000

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

mst_status mst_design_find(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                           double *weight, double *v, double *work, double *reached) {
  design p = {.n = n,
              .d = d,
              .x = x,
              .keep = keep,
              .weight = weight,
              .v = v,
              .l = work,
              .scaled = work + d * d,
              .g = work + d * d + 2 * n * d};
  double trace = 0, found = 0;
  const int64_t kept = spread_evenly(&p);
  gather(&p);
  for (int64_t i = 0; i < d; i++) trace += v[i * d + i];
  p.ridge = MST_DESIGN_RIDGE * trace / (double)d;
  for (int step = 0; step < STEPS; step++) {
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
