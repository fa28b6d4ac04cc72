/* Successive elimination with designs. A design's weights times N are rounded up, which costs at
 * most one pull an arm and only adds to what is known.
 *
 * With N >= (2 sigma^2 rho / (share e_t)^2) log(pairs / delta_t) pulls, where rho is the most of
 * |y|^2 in A^-1 over differences y of arms that are left and pairs counts them twice, all estimated
 * differences are within share e_t of their means but with probability delta_t = 6 delta / (pi
 * t)^2.
 */
#include <math.h>
#include <string.h>

#include "core/bandit/design.h"
#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/identify/member.h"
#include "core/identify/optimal.h"
#include "core/linalg/blas.h"

#define GAP    0.1 /* of designs                                              */
#define PHASES 60  /* after so many, accuracies are below rounding            */
#define PI     3.14159265358979323846

static int64_t work_doubles(const mst_elimination *e) {
  const int64_t n = e->instance->spec.arms, r = e->width;
  return mst_optimal_work(n, r) + mst_design_work(n, r) + 2 * r * r + r + 2 * n;
}

mst_status mst_elimination_start(mst_elimination *e) {
  const int64_t n = e->instance->spec.arms;
  MST_TRY(mst_alloc(&e->weight, n, sizeof *e->weight, "a design"));
  MST_TRY(mst_alloc(&e->work, work_doubles(e), sizeof *e->work, "work of designs"));
  MST_TRY(mst_alloc(&e->all, n, sizeof *e->all, "arms that are left"));
  for (int64_t a = 0; a < n; a++) e->all[a] = true;
  return MST_OK;
}

void mst_elimination_end(mst_elimination *e) {
  mst_free(e->weight);
  mst_free(e->work);
  mst_free(e->all);
}

double mst_elimination_accuracy(const mst_instance *i, int64_t t) {
  return 2 * i->spec.length * i->longest * ldexp(1, -(int)t);
}

/* weight(n) for the arms that are left; *spread = rho. */
static mst_status find_design(mst_elimination *e, const bool *keep, double *weight, double *work,
                              double *spread) {
  const int64_t n = e->instance->spec.arms, r = e->width;
  mst_optimal found;
  if (!e->g_optimal) {
    MST_TRY(mst_optimal_xy(n, r, e->z, keep, GAP, weight, work, &found));
    *spread = found.value;
    return MST_OK;
  }
  double *v = work, *inner = v + r * r, reached = 0, most = 0;
  MST_TRY(mst_design_find(n, r, e->z, keep, GAP, weight, v, inner, &reached));
  /* |x - x'|^2 <= 4 max |x|^2, and the most is at most (1 + gap) times the width */
  most = (1 + fmax(reached, 0)) * (double)r;
  *spread = 4 * most;
  return MST_OK;
}

static mst_status choose_design(mst_elimination *e, const bool *keep, double *weight, double *work,
                                double *spread) {
  const int64_t n = e->instance->spec.arms;
  if (memcmp(keep, e->all, (size_t)n * sizeof *keep) != 0)
    return find_design(e, keep, weight, work, spread);
  if (!e->known) MST_TRY(find_design(e, keep, e->weight, work, &e->spread));
  e->known = true;
  memcpy(weight, e->weight, (size_t)n * sizeof *weight);
  *spread = e->spread;
  return MST_OK;
}

/* mean(n) of all arms from pulls n_a = ceil(total weight_a); *pulls = their sum. */
static mst_status estimate(mst_elimination *e, int64_t task, double total, const double *weight,
                           double *a, double *b, double *mean) {
  const int64_t n = e->instance->spec.arms, r = e->width;
  double trace = 0;
  memset(a, 0, (size_t)(r * r) * sizeof *a);
  memset(b, 0, (size_t)r * sizeof *b);
  for (int64_t k = 0; k < n; k++) {
    const double *z = e->z + k * r, count = ceil(total * weight[k]);
    const double sum = mst_instance_pull(e->instance, task, k, (int64_t)count);
    if (count == 0) continue;
    for (int64_t i = 0; i < r; i++) {
      for (int64_t j = 0; j < r; j++) a[i * r + j] += count * z[i] * z[j];
      b[i] += sum * z[i];
    }
  }
  for (int64_t i = 0; i < r; i++) trace += a[i * r + i];
  for (int64_t i = 0; i < r; i++) a[i * r + i] += MST_DESIGN_RIDGE * trace / (double)r;
  MST_TRY(mst_cholesky(r, a, r));
  mst_cholesky_solve(r, 1, a, r, b, 1);
  mst_gemm(false, false, n, 1, r, 1, e->z, r, b, 1, 0, mean, 1);
  return MST_OK;
}

mst_status mst_elimination_phase(mst_elimination *e, int64_t task, int64_t t, bool *keep,
                                 int64_t *pulls, bool *out_of) {
  const mst_instance_spec *s = &e->instance->spec;
  const int64_t n = s->arms, r = e->width;
  double *weight = e->work, *mean = weight + n, *a = mean + n, *b = a + r * r, *work = b + r;
  const double accuracy = mst_elimination_accuracy(e->instance, t), time = PI * (double)t;
  const double within = e->share * accuracy, delta = 6 * e->delta / (time * time);
  double spread = 0, kept = 0, needed = 0, best = -INFINITY;
  MST_TRY(choose_design(e, keep, weight, work, &spread));
  for (int64_t k = 0; k < n; k++) kept += keep[k];
  const double total = fmax(
      1, 2 * s->noise * s->noise * spread / (within * within) * log(kept * (kept - 1) / delta));
  for (int64_t k = 0; k < n; k++) needed += ceil(total * weight[k]);
  *out_of = !((double)*pulls + needed <= (double)e->most);
  if (*out_of) return MST_OK;
  *pulls += (int64_t)needed;
  MST_TRY(estimate(e, task, total, weight, a, b, mean));
  for (int64_t k = 0; k < n; k++)
    if (keep[k]) best = fmax(best, mean[k]);
  for (int64_t k = 0; k < n; k++) keep[k] = keep[k] && best - mean[k] < accuracy;
  return MST_OK;
}

mst_status mst_elimination_run(mst_elimination *e, mst_identified *out) {
  const int64_t n = e->instance->spec.arms;
  bool *keep = NULL;
  mst_status st = mst_alloc(&keep, n, sizeof *keep, "arms that are left");
  if (st == MST_OK) st = mst_elimination_start(e);
  for (int64_t m = 0; st == MST_OK && m < e->instance->spec.tasks; m++) {
    bool out_of = false;
    memcpy(keep, e->all, (size_t)n * sizeof *keep);
    for (int64_t t = 1; st == MST_OK && !out_of && t <= PHASES && out->answer[m] < 0; t++) {
      st = mst_elimination_phase(e, m, t, keep, &out->pulls[m], &out_of);
      out->answer[m] = mst_identify_left(n, keep);
    }
  }
  mst_free(keep);
  mst_elimination_end(e);
  return st;
}
