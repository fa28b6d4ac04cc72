/* The static XY allocation (Soare, Lazaric, Munos 2014): one design for the differences of all
 * arms, followed until the leader's lead over every other arm is certain. It is looked at after
 * batches of growing size. */
#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/base/memory.h"
#include "core/identify/member.h"
#include "core/identify/optimal.h"
#include "core/linalg/blas.h"

#define GAP 0.1
#define PI  3.14159265358979323846

typedef struct race {
  mst_instance *instance;
  double delta, growth;
  int64_t most;
  bool *all;
  double *weight, *sum, *count, *mean; /* (K)                */
  double *a, *theta, *solved;          /* (d, d), (d), (d, K) */
  double *work;
} race;

/* Pull until arm a has ceil(total weight_a); false when that is too many. */
static bool pull_up_to(race *r, int64_t task, double total, int64_t *pulls) {
  const int64_t n = r->instance->spec.arms;
  double needed = 0;
  for (int64_t k = 0; k < n; k++) needed += ceil(total * r->weight[k]);
  if (!(needed <= (double)r->most)) return false;
  for (int64_t k = 0; k < n; k++) {
    const int64_t more = (int64_t)(ceil(total * r->weight[k]) - r->count[k]);
    if (more <= 0) continue;
    r->sum[k] += mst_instance_pull(r->instance, task, k, more);
    r->count[k] += (double)more;
    *pulls += more;
  }
  return true;
}

/* The leader if its lead is certain but with probability delta, else -1. */
static mst_status judge(race *r, double delta, int32_t *answer) {
  const int64_t n = r->instance->spec.arms, d = r->instance->spec.dimension;
  const double *x = r->instance->x;
  const double beta = r->instance->spec.noise * sqrt(2 * log((double)n * (double)(n - 1) / delta));
  double trace = 0;
  int64_t leader = 0;
  memset(r->a, 0, (size_t)(d * d + d) * sizeof(double)); /* and theta */
  for (int64_t k = 0; k < n; k++)
    for (int64_t i = 0; i < d; i++) {
      for (int64_t j = 0; j < d; j++) r->a[i * d + j] += r->count[k] * x[k * d + i] * x[k * d + j];
      r->theta[i] += r->sum[k] * x[k * d + i];
    }
  for (int64_t i = 0; i < d; i++) trace += r->a[i * d + i];
  for (int64_t i = 0; i < d; i++) r->a[i * d + i] += MST_DESIGN_RIDGE * trace / (double)d;
  MST_TRY(mst_cholesky(d, r->a, d));
  mst_cholesky_solve(d, 1, r->a, d, r->theta, 1);
  mst_gemm(false, false, n, 1, d, 1, x, d, r->theta, 1, 0, r->mean, 1);
  for (int64_t k = 1; k < n; k++)
    if (r->mean[k] > r->mean[leader]) leader = k;
  for (int64_t i = 0; i < d; i++)
    for (int64_t k = 0; k < n; k++) r->solved[i * n + k] = x[leader * d + i] - x[k * d + i];
  mst_cholesky_solve(d, n, r->a, d, r->solved, n);
  *answer = (int32_t)leader;
  for (int64_t k = 0; k < n; k++) {
    double square = 0;
    for (int64_t i = 0; i < d; i++)
      square += (x[leader * d + i] - x[k * d + i]) * r->solved[i * n + k];
    if (k != leader && !(r->mean[leader] - r->mean[k] > beta * sqrt(fmax(square, 0)))) *answer = -1;
  }
  return MST_OK;
}

static mst_status run_task(race *r, int64_t task, int64_t *pulls, int32_t *answer) {
  const int64_t n = r->instance->spec.arms;
  double total = (double)n;
  for (int64_t k = 0; k < n; k++) r->sum[k] = r->count[k] = 0;
  for (double look = 1; *answer < 0 && pull_up_to(r, task, total, pulls); look++) {
    MST_TRY(judge(r, 6 * r->delta / (PI * PI * look * look), answer));
    total = fmax(total + 1, ceil(total * (1 + r->growth)));
  }
  return MST_OK;
}

static mst_status allocate(race *r) {
  const int64_t n = r->instance->spec.arms, d = r->instance->spec.dimension;
  MST_TRY(mst_alloc(&r->all, n, sizeof *r->all, "arms"));
  MST_TRY(mst_alloc(&r->weight, 4 * n + d * d + d + n * d + mst_optimal_work(n, d), sizeof(double),
                    "a static design"));
  r->sum = r->weight + n;
  r->count = r->sum + n;
  r->mean = r->count + n;
  r->a = r->mean + n;
  r->theta = r->a + d * d;
  r->solved = r->theta + d;
  r->work = r->solved + n * d;
  for (int64_t k = 0; k < n; k++) r->all[k] = true;
  return MST_OK;
}

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  race r = {.instance = i,
            .delta = s->delta / (double)i->spec.tasks,
            .growth = s->growth,
            .most = s->most};
  mst_optimal found;
  mst_status st = allocate(&r);
  if (st == MST_OK)
    st =
        mst_optimal_xy(i->spec.arms, i->spec.dimension, i->x, r.all, GAP, r.weight, r.work, &found);
  for (int64_t m = 0; st == MST_OK && m < i->spec.tasks; m++)
    st = run_task(&r, m, &out->pulls[m], &out->answer[m]);
  mst_free(r.all);
  mst_free(r.weight);
  return st;
}

static const mst_param params[] = {{.name = "growth",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_identifier_spec, growth),
                                    .fallback = "0.1",
                                    .min = 0,
                                    .max = 10,
                                    .open_min = true,
                                    .unit = "",
                                    .help = "pulls of a batch, as a share of those before it"},
                                   {.name = NULL}};

const mst_identifier_ops mst_identifier_xy_static = {
    .name = "xy_static",
    .summary = "one design for all differences, until the lead is certain",
    .params = params,
    .run = run,
};
