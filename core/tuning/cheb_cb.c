/* ChebCB: each setting's cost is a polynomial in the context, in Chebyshev's basis, by ridge
 * regression; settings are drawn by inverse gaps (Khodak et al. 2024, section 3; SquareCB: Foster,
 * Rakhlin 2020). */
#include <math.h>

#include "core/bandit/ridge.h"
#include "core/tuning/member.h"

static int64_t width(const mst_tuner_spec *s) {
  return s->degree + 1;
}

static int64_t numbers(const mst_tuner_spec *s) {
  return mst_ridge_doubles(s->arms, width(s));
}

static int64_t work(const mst_tuner_spec *s) {
  return width(s) * (width(s) + 2);
}

static mst_ridge ridge_of(const mst_tuner *t, const double *record) {
  return mst_ridge_at((double *)record, t->spec.arms, width(&t->spec), t->spec.ridge);
}

static mst_status start(mst_tuner *t, double *record) {
  const mst_ridge r = ridge_of(t, record);
  mst_ridge_start(&r);
  return MST_OK;
}

/* T_0 .. T_degree at a context. */
static void basis(int64_t degree, double context, double *f) {
  for (int64_t k = 0; k <= degree; k++)
    f[k] = k == 0 ? 1 : k == 1 ? context : 2 * context * f[k - 1] - f[k - 2];
}

static mst_status chances(mst_tuner *t, const double *record, int64_t time, double context) {
  const int64_t arms = t->spec.arms, w = width(&t->spec);
  const mst_ridge r = ridge_of(t, record);
  const double gamma = t->spec.exploration * sqrt((double)time);
  double *cost = t->p, *f = t->work, left = 1;
  int64_t best = 0;
  basis(t->spec.degree, context, f);
  for (int64_t a = 0; a < arms; a++) {
    cost[a] = 0;
    for (int64_t k = 0; k < w; k++) cost[a] += f[k] * r.theta[a * w + k];
    if (cost[a] < cost[best]) best = a;
  }
  const double least = cost[best];
  for (int64_t a = 0; a < arms; a++) {
    if (a == best) continue;
    cost[a] = 1 / ((double)arms + gamma * (cost[a] - least));
    left -= cost[a];
  }
  t->p[best] = left;
  return MST_OK;
}

static mst_status learn(mst_tuner *t, double *record, double context, int64_t arm, double cost) {
  const mst_ridge r = ridge_of(t, record);
  basis(t->spec.degree, context, t->work);
  return mst_ridge_learn(&r, arm, t->work, cost, t->work + width(&t->spec));
}

static const mst_param params[] = {
    {.name = "degree",
     .type = MST_PARAM_INT,
     .offset = offsetof(mst_tuner_spec, degree),
     .fallback = "4",
     .min = 0,
     .max = 32,
     .unit = "",
     .help = "of the polynomials in the context"},
    {.name = "ridge",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_tuner_spec, ridge),
     .fallback = "0.1",
     .min = 1e-6,
     .max = 1e6,
     .unit = "",
     .help = "of the regressions"},
    {.name = "exploration",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_tuner_spec, exploration),
     .fallback = "50",
     .min = 0,
     .max = 1e9,
     .unit = "",
     .help = "g of gamma = g t^(1/2): the larger, the less is tried"},
    {.name = NULL}};

const mst_tuner_ops mst_tuner_cheb_cb = {
    .name = "cheb_cb",
    .summary = "the best setting for every context, by polynomials in it",
    .params = params,
    .numbers = numbers,
    .work = work,
    .start = start,
    .chances = chances,
    .learn = learn};
