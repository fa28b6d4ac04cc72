/* C-DouExpDes (Du, Huang, Sun 2023): contexts come by chance, and a policy is sought that earns
 * within epsilon of the best. A design over policies finds the subspace that the tasks share, a
 * second one explores its k dimensions, and pulls go on until what is left to be uncertain of is at
 * most epsilon. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/identify/member.h"
#include "core/identify/optimal.h"
#include "core/identify/recover.h"
#include "core/linalg/blas.h"

#define GAP   0.1
#define BIAS  0.25 /* of epsilon, for the error of the subspace             */
#define ROUND 1.1  /* what a design's gap may add                           */
#define GROWS 0.25 /* pulls of a batch, as a share of those before          */
#define LEAST 32   /* pulls a dimension of the first batch                  */
#define PI    3.14159265358979323846

typedef struct planning {
  const mst_identifier_spec *spec;
  mst_instance *instance;
  mst_identified *out;
  int64_t width;   /* r                                          */
  const double *z; /* (S, K, r)                                  */
  double outside;  /* what is outside the subspace changes no mean by more */
  double *inside;  /* (S, K, k) where the subspace is less than d */
  double *basis;   /* (k, d)                                     */
  double *weight, *count, *sum, *more, *up_to, *mean; /* (S, K)  */
  double *v, *l, *theta, *solved;                     /* (d, d), (d, d), (d), (d, K)  */
  double *work;
} planning;

static int64_t cells_of(const planning *p) {
  return p->instance->spec.contexts * p->instance->spec.arms;
}

static mst_status allocate(planning *p) {
  const int64_t d = p->instance->spec.dimension, cells = cells_of(p);
  MST_TRY(mst_alloc(&p->inside, cells * p->spec->rank, sizeof(double), "arms in a subspace"));
  MST_TRY(mst_alloc(&p->basis, p->spec->rank * d, sizeof(double), "a subspace"));
  MST_TRY(mst_alloc(&p->weight, 6 * cells + 2 * d * d + d + d * p->instance->spec.arms,
                    sizeof(double), "a plan"));
  MST_TRY(mst_alloc(&p->work, mst_optimal_work(cells, d), sizeof(double), "work of designs"));
  p->count = p->weight + cells;
  p->sum = p->count + cells;
  p->more = p->sum + cells;
  p->up_to = p->more + cells;
  p->mean = p->up_to + cells;
  p->v = p->mean + cells;
  p->l = p->v + d * d;
  p->theta = p->l + d * d;
  p->solved = p->theta + d;
  return MST_OK;
}

/* r and z: those of the subspace, or all dimensions where there is none. */
static mst_status find_subspace(planning *p, bool *out_of) {
  mst_instance *i = p->instance;
  const int64_t d = i->spec.dimension, k = p->spec->rank;
  bool shared = false;
  p->width = d;
  p->z = i->x;
  if (k == d) return MST_OK;
  mst_recovery r = {.instance = i,
                    .rank = k,
                    .constant = p->spec->constant,
                    .delta = p->spec->delta / 2,
                    .most = p->spec->most};
  const double within = BIAS * p->spec->epsilon / (2 + sqrt(4 * ROUND * ROUND * (double)k));
  mst_status st = mst_recovery_start(&r);
  if (st == MST_OK) st = mst_recovery_find(&r, within, p->out->pulls, p->basis, out_of, &shared);
  p->out->found = r.pulls;
  mst_recovery_end(&r);
  MST_TRY(st);
  p->out->alone = !*out_of && !shared;
  if (*out_of || !shared) return MST_OK;
  p->outside = within;
  p->width = k;
  p->z = p->inside;
  mst_gemm(false, true, cells_of(p), k, d, 1, i->x, d, p->basis, d, 0, p->inside, k);
  return MST_OK;
}

static void pull(planning *p, int64_t task, int64_t pulls) {
  mst_identify_arrivals(p->instance, task, p->weight, pulls, p->more, p->up_to);
  for (int64_t c = 0; c < cells_of(p); c++) {
    if (p->more[c] == 0) continue;
    p->sum[c] += mst_instance_pull(p->instance, task, c, (int64_t)p->more[c]);
    p->count[c] += p->more[c];
  }
  p->out->pulls[task] += pulls;
}

static mst_status estimate(planning *p) {
  const int64_t r = p->width, cells = cells_of(p);
  memset(p->v, 0, (size_t)(r * r) * sizeof(double));
  memset(p->theta, 0, (size_t)r * sizeof(double));
  for (int64_t c = 0; c < cells; c++)
    for (int64_t i = 0; i < r; i++) {
      for (int64_t j = 0; j < r; j++)
        p->v[i * r + j] += p->count[c] * p->z[c * r + i] * p->z[c * r + j];
      p->theta[i] += p->sum[c] * p->z[c * r + i];
    }
  memcpy(p->l, p->v, (size_t)(r * r) * sizeof(double));
  MST_TRY(mst_cholesky(r, p->l, r));
  mst_cholesky_solve(r, 1, p->l, r, p->theta, 1);
  mst_gemm(false, false, cells, 1, r, 1, p->z, r, p->theta, 1, 0, p->mean, 1);
  return MST_OK;
}

/* The greedy policy(S), and a bound on the mean over contexts of what it loses, after `pulls` pulls
 * of this stage: for no arm is a difference y of the arms' vectors off by more than (beta + b
 * n^(1/2)) |y| + 2 b, b what lies outside the subspace of any mean. */
static double judge(planning *p, double delta, double pulls, int32_t *policy) {
  const mst_instance_spec *s = &p->instance->spec;
  const int64_t r = p->width, n = s->arms;
  const double pairs = (double)s->contexts * (double)n * (double)(n - 1);
  const double width = s->noise * sqrt(2 * log(pairs / delta)) + p->outside * sqrt(pulls);
  double sum = 0;
  for (int64_t c = 0; c < s->contexts; c++) {
    const double *z = p->z + c * n * r, *mean = p->mean + c * n;
    int64_t best = 0;
    double most = 0;
    for (int64_t a = 1; a < n; a++)
      if (mean[a] > mean[best]) best = a;
    for (int64_t i = 0; i < r; i++)
      for (int64_t a = 0; a < n; a++) p->solved[i * n + a] = z[a * r + i] - z[best * r + i];
    mst_cholesky_solve(r, n, p->l, r, p->solved, n);
    for (int64_t a = 0; a < n; a++) {
      double square = 0;
      for (int64_t i = 0; i < r; i++)
        square += (z[a * r + i] - z[best * r + i]) * p->solved[i * n + a];
      most = fmax(most, mean[a] - mean[best] + width * sqrt(fmax(square, 0)));
    }
    sum += most + 2 * p->outside;
    policy[c] = (int32_t)best;
  }
  return sum / (double)s->contexts;
}

static mst_status run_task(planning *p, int64_t task, double delta) {
  const int64_t contexts = p->instance->spec.contexts, cells = cells_of(p);
  int32_t *policy = p->out->answer + task * contexts;
  int64_t total = 0, more = LEAST * p->width;
  memset(p->count, 0, (size_t)cells * sizeof(double));
  memset(p->sum, 0, (size_t)cells * sizeof(double));
  for (double look = 1; p->out->pulls[task] + more <= p->spec->most; look++) {
    pull(p, task, more);
    total += more;
    MST_TRY(estimate(p));
    if (judge(p, 6 * delta / (PI * PI * look * look), (double)total, policy) <= p->spec->epsilon)
      return MST_OK;
    more = (int64_t)ceil(GROWS * (double)total);
  }
  for (int64_t c = 0; c < contexts; c++) policy[c] = -1;
  return MST_OK;
}

static mst_status run_tasks(planning *p) {
  const mst_instance_spec *s = &p->instance->spec;
  const double delta = p->spec->delta / (p->spec->rank < s->dimension ? 2 : 1) / (double)s->tasks;
  bool out_of = false;
  mst_optimal found;
  MST_TRY(allocate(p));
  MST_TRY(find_subspace(p, &out_of));
  if (out_of) return MST_OK;
  MST_TRY(mst_optimal_g(s->contexts, s->arms, p->width, p->z, GAP, p->weight, p->work, &found));
  for (int64_t m = 0; m < s->tasks; m++) MST_TRY(run_task(p, m, delta));
  return MST_OK;
}

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  planning p = {.spec = s, .instance = i, .out = out};
  const mst_status st = run_tasks(&p);
  mst_free(p.inside);
  mst_free(p.basis);
  mst_free(p.weight);
  mst_free(p.work);
  return st;
}

static const mst_param params[] = {{.name = "epsilon",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_identifier_spec, epsilon),
                                    .fallback = "0.1",
                                    .min = 0,
                                    .max = 1e6,
                                    .open_min = true,
                                    .unit = "",
                                    .help = "a policy may earn so much less than the best"},
                                   MST_IDENTIFY_RANK,
                                   MST_IDENTIFY_CONSTANT,
                                   {.name = NULL}};

const mst_identifier_ops mst_identifier_c_douexpdes = {
    .name = "c_douexpdes",
    .summary = "with contexts: find the subspace, then a policy within epsilon (C-DouExpDes)",
    .params = params,
    .contexts = true,
    .run = run,
};
