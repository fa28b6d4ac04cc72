/* Frank-Wolfe designs. XY works on the products x_a'A^-1 x_b alone: a step changes them by rank
 * one.
 *
 * Lower bounds. With f_y = |y|^2 in A^-1 and W = sum mu_y y y' for any weights mu of sum 1, no
 * design has a largest f below min_A tr(W A^-1), which is at least tr(W A^-1)^2 / max_a x_a'A^-1 W
 * A^-1 x_a for every A (convexity along every multiple of A). With V = sum of weights times v v' of
 * trace 1, no design has a least eigenvalue above the mean over groups of max_a x_a'V x_a. */
#include "core/identify/optimal.h"

#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/linalg/blas.h"

#define XY_STEPS 320 /* of XY designs; more change pulls by less than rounding them up does */
#define E_STEPS  1000
#define G_STEPS  2000
#define CHECK    64 /* steps between two looks at the gap */
#define START    8  /* the first step has this many predecessors */

int64_t mst_optimal_work(int64_t n, int64_t d) {
  return mst_design_work(n, d) + 2 * n * n + 2 * n * d + 4 * d * d + 3 * n + d +
         mst_eigen_work_doubles(d, true);
}

/* A(d, d) = sum weight x x'. */
static void gather(int64_t n, int64_t d, const double *x, const double *weight, double *scaled,
                   double *a) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < d; j++) scaled[i * d + j] = weight[i] * x[i * d + j];
  mst_gemm(true, false, d, d, n, 1, scaled, d, x, d, 0, a, d);
}

/* L L' = A with a little on the diagonal, so that arms need not span the space. */
static mst_status factor(int64_t d, const double *a, double *l) {
  double trace = 0;
  for (int64_t i = 0; i < d; i++) trace += a[i * d + i];
  memcpy(l, a, (size_t)(d * d) * sizeof *l);
  for (int64_t i = 0; i < d; i++) l[i * d + i] += MST_DESIGN_RIDGE * trace / (double)d;
  return mst_cholesky(d, l, d);
}

/* solved(d, n) = A^-1 x'. */
static void solve(int64_t n, int64_t d, const double *x, const double *l, double *solved) {
  for (int64_t i = 0; i < d; i++)
    for (int64_t a = 0; a < n; a++) solved[i * n + a] = x[a * d + i];
  mst_cholesky_solve(d, n, l, d, solved, n);
}

typedef struct xy {
  int64_t n, d;
  const double *x;
  const bool *keep;
  double *weight;
  double *scaled, *a, *l; /* (n, d), (d, d), (d, d)                */
  double *g;              /* (n, n) x_a'A^-1 x_b                   */
  double *mu;             /* (n, n) of pairs a < b                 */
  double *best;           /* (n) the weights of the least value    */
  double *column;         /* (n)                                   */
} xy;

static mst_status find_products(const xy *p, const double *weight) {
  gather(p->n, p->d, p->x, weight, p->scaled, p->a);
  MST_TRY(factor(p->d, p->a, p->l));
  solve(p->n, p->d, p->x, p->l, p->scaled);
  mst_gemm(false, false, p->n, p->n, p->d, 1, p->x, p->d, p->scaled, p->n, 0, p->g, p->n);
  return MST_OK;
}

static double pair_value(const xy *p, int64_t a, int64_t b) {
  return p->g[a * p->n + a] + p->g[b * p->n + b] - 2 * p->g[a * p->n + b];
}

static double worst_pair(const xy *p, int64_t *first, int64_t *second) {
  double most = -1;
  for (int64_t a = 0; a < p->n; a++)
    for (int64_t b = a + 1; p->keep[a] && b < p->n; b++) {
      const double value = p->keep[b] ? pair_value(p, a, b) : -1;
      if (value <= most) continue;
      most = value;
      *first = a;
      *second = b;
    }
  return most;
}

/* How much an arm helps to tell a pair apart, squared. */
static double help(const xy *p, int64_t arm, int64_t a, int64_t b) {
  const double h = p->g[arm * p->n + a] - p->g[arm * p->n + b];
  return h * h;
}

static double lower_bound(const xy *p) {
  double total = 0, trace = 0, most = 0;
  memset(p->column, 0, (size_t)p->n * sizeof(double));
  for (int64_t a = 0; a < p->n; a++)
    for (int64_t b = a + 1; b < p->n; b++) {
      const double mu = p->mu[a * p->n + b];
      if (mu == 0) continue;
      total += mu;
      trace += mu * pair_value(p, a, b);
      for (int64_t c = 0; c < p->n; c++) p->column[c] += mu * help(p, c, a, b);
    }
  for (int64_t c = 0; c < p->n; c++) most = fmax(most, p->column[c]);
  return most > 0 ? trace * trace / (total * most) : 0;
}

static void move_to(const xy *p, int64_t arm, double step) {
  const int64_t n = p->n;
  const double share = step / (1 - step + step * p->g[arm * n + arm]);
  memcpy(p->column, p->g + arm * n, (size_t)n * sizeof(double));
  for (int64_t a = 0; a < n; a++) {
    const double down = share * p->column[a];
    for (int64_t b = 0; b < n; b++)
      p->g[a * n + b] = (p->g[a * n + b] - down * p->column[b]) / (1 - step);
    p->weight[a] *= 1 - step;
  }
  p->weight[arm] += step;
}

mst_status mst_optimal_xy(int64_t n, int64_t d, const double *x, const bool *keep, double gap,
                          double *weight, double *work, mst_optimal *out) {
  xy p = {.n = n, .d = d, .x = x, .keep = keep, .weight = weight, .scaled = work};
  double least = INFINITY, bound = 0;
  int64_t a = 0, b = 0;
  p.a = p.scaled + n * d;
  p.l = p.a + d * d;
  p.g = p.l + d * d;
  p.mu = p.g + n * n;
  p.best = p.mu + n * n;
  p.column = p.best + n;
  memset(p.mu, 0, (size_t)(n * n) * sizeof(double));
  for (int64_t i = 0; i < n; i++) weight[i] = p.best[i] = 1 / (double)n;
  MST_TRY(find_products(&p, weight));
  *out = (mst_optimal){0};
  if (worst_pair(&p, &a, &b) <= 0) return MST_OK;
  for (int step = 0; step < XY_STEPS; step++) {
    const double value = worst_pair(&p, &a, &b);
    if (value < least) {
      least = value;
      memcpy(p.best, weight, (size_t)n * sizeof *weight);
    }
    p.mu[a * n + b] += START + step;
    if (step % CHECK == CHECK - 1) {
      MST_TRY(find_products(&p, weight));
      bound = fmax(bound, lower_bound(&p));
      if (least <= (1 + gap) * bound) break;
    }
    int64_t arm = 0;
    for (int64_t c = 1; c < n; c++)
      if (help(&p, c, a, b) > help(&p, arm, a, b)) arm = c;
    move_to(&p, arm, 1.0 / (START + step + 1));
  }
  memcpy(weight, p.best, (size_t)n * sizeof *weight);
  MST_TRY(find_products(&p, weight));
  out->value = worst_pair(&p, &a, &b);
  bound = fmax(bound, lower_bound(&p));
  out->gap = bound > 0 ? fmax(0, out->value / bound - 1) : INFINITY;
  return MST_OK;
}

/* Of every group the arm of the largest x'V x takes the step; returns the mean of the largest. */
typedef struct grouped {
  int64_t groups, n, d;
  const double *x;
  double *weight, *best;
  double *scaled, *a, *l, *v; /* (groups n, d), (d, d) three times */
  double *value;              /* (groups n) x'V x                  */
} grouped;

static double mean_most(const grouped *p) {
  double sum = 0;
  for (int64_t s = 0; s < p->groups; s++) {
    double most = 0;
    for (int64_t a = 0; a < p->n; a++) most = fmax(most, p->value[s * p->n + a]);
    sum += most;
  }
  return sum / (double)p->groups;
}

static void move_groups(const grouped *p, double step) {
  const int64_t cells = p->groups * p->n;
  for (int64_t a = 0; a < cells; a++) p->weight[a] *= 1 - step;
  for (int64_t s = 0; s < p->groups; s++) {
    int64_t most = s * p->n;
    for (int64_t a = most + 1; a < (s + 1) * p->n; a++)
      if (p->value[a] > p->value[most]) most = a;
    p->weight[most] += step / (double)p->groups;
  }
}

static void start_groups(grouped *p, int64_t groups, int64_t n, int64_t d, const double *x,
                         double *weight, double *work) {
  const int64_t cells = groups * n;
  *p = (grouped){.groups = groups, .n = n, .d = d, .x = x, .weight = weight, .scaled = work};
  p->a = p->scaled + cells * d;
  p->l = p->a + d * d;
  p->v = p->l + d * d;
  p->value = p->v + d * d;
  p->best = p->value + cells;
  for (int64_t a = 0; a < cells; a++) weight[a] = 1 / (double)cells;
}

/* v' = least eigenvector; V averages v v' with the weights of the steps. */
mst_status mst_optimal_e(int64_t groups, int64_t n, int64_t d, const double *x, double gap,
                         double *weight, double *work, mst_optimal *out) {
  grouped p;
  const int64_t cells = groups * n;
  double most = 0, least = INFINITY, trace = 0, total = 0;
  start_groups(&p, groups, n, d, x, weight, work);
  double *values = p.best + cells, *eigen = values + d;
  memset(p.v, 0, (size_t)(d * d) * sizeof(double));
  memcpy(p.best, weight, (size_t)cells * sizeof *weight);
  for (int step = 0; step < E_STEPS; step++) {
    gather(cells, d, x, weight, p.scaled, p.a);
    for (int64_t i = 0; i < d && step == 0; i++) trace += p.a[i * d + i];
    MST_TRY(mst_eigen_symmetric_in(d, p.a, d, true, values, eigen));
    if (values[0] > most) {
      most = values[0];
      memcpy(p.best, weight, (size_t)cells * sizeof *weight);
    }
    const double share = START + step;
    total += share;
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j < d; j++) p.v[i * d + j] += share * p.a[i] * p.a[j];
    if (step % CHECK == CHECK - 1) { /* the bound of the averaged V */
      mst_gemm(false, false, cells, d, d, 1, x, d, p.v, d, 0, p.scaled, d);
      for (int64_t a = 0; a < cells; a++) {
        p.value[a] = 0;
        for (int64_t j = 0; j < d; j++) p.value[a] += p.scaled[a * d + j] * x[a * d + j] / total;
      }
      least = fmin(least, mean_most(&p));
      if (least <= (1 + gap) * most) break;
    }
    for (int64_t a = 0; a < cells; a++) {
      double product = 0;
      for (int64_t j = 0; j < d; j++) product += x[a * d + j] * p.a[j];
      p.value[a] = product * product;
    }
    move_groups(&p, 1.0 / (START + step + 1));
  }
  if (!(most > MST_DESIGN_RIDGE * trace))
    return mst_fail(MST_ERR_SINGULAR,
                    "the arms do not span all %lld dimensions, so that no design shows a hidden "
                    "vector",
                    (long long)d);
  memcpy(weight, p.best, (size_t)cells * sizeof *weight);
  *out = (mst_optimal){.value = 1 / most, .gap = least / most - 1};
  return MST_OK;
}

mst_status mst_optimal_g(int64_t groups, int64_t n, int64_t d, const double *x, double gap,
                         double *weight, double *work, mst_optimal *out) {
  grouped p;
  const int64_t cells = groups * n;
  start_groups(&p, groups, n, d, x, weight, work);
  for (int step = 0; step < G_STEPS; step++) {
    double rank = 0;
    gather(cells, d, x, weight, p.scaled, p.a);
    MST_TRY(factor(d, p.a, p.l));
    solve(cells, d, x, p.l, p.scaled);
    for (int64_t a = 0; a < cells; a++) {
      p.value[a] = 0;
      for (int64_t j = 0; j < d; j++) p.value[a] += p.scaled[j * cells + a] * x[a * d + j];
      rank += weight[a] * p.value[a];
    }
    *out = (mst_optimal){.value = mean_most(&p), .gap = mean_most(&p) / rank - 1};
    if (out->gap <= gap || step == G_STEPS - 1) break;
    move_groups(&p, 1.0 / (START + step + 1));
  }
  return MST_OK;
}
