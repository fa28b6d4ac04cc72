/* How many pulls find the subspace. After n pulls of a task by a design of spread rho, whose
 * largest x'A^-1 x over arms is g, an estimate's error has a covariance of at most s^2 = sigma^2
 * rho / n times the unit matrix, and moves an arm's mean by a deviation of sigma (g / n)^(1/2) at
 * most. With l = log(1 / delta_t), a = (2 l)^(1/2), the error of the second moments' mean over M
 * tasks is at most
 *
 *     E(s) = 2 L s (d^(1/2) + k^(1/2) + a) / M^(1/2) + s^2 (2 h + h^2),   h = (d^(1/2) + a) /
 * M^(1/2).
 *
 * What of a task's hidden vector B w is outside the first k eigenvectors is, to first order, the
 * mean over tasks of e_l w_l'Q^-1 w, Q = mean of w w', which changes an arm's mean by
 *
 *     sigma (g / n)^(1/2) L / (M nu)^(1/2) (2 log(2 S K M / delta_t))^(1/2) + 4 L max|x| (E /
 * nu)^2,
 *
 * nu the least eigenvalue of Q; the second part bounds the higher orders. nu is not known; the k-th
 * eigenvalue found less E(s) bounds it from below, and pulls go on until that bound is enough. */
#include "core/identify/recover.h"

#include <math.h>
#include <string.h>

#include "core/base/arithmetic.h"
#include "core/base/memory.h"
#include "core/identify/member.h"
#include "core/identify/optimal.h"
#include "core/linalg/blas.h"

#define GAP   0.1
#define PI    3.14159265358979323846
#define LEAST 32 /* pulls a dimension: enough to span it, with contexts that come by chance too */
#define GROWS 4  /* times the pulls so far, at most, before another look */

static int64_t cells_of(const mst_recovery *r) {
  return r->instance->spec.contexts * r->instance->spec.arms;
}

/* The largest x'A^-1 x of an arm under the design. */
static mst_status find_most_spread(mst_recovery *r) {
  const int64_t d = r->instance->spec.dimension, cells = cells_of(r);
  double *a = r->work, *solved = a + d * d;
  memset(a, 0, (size_t)(d * d) * sizeof *a);
  for (int64_t c = 0; c < cells; c++)
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j < d; j++)
        a[i * d + j] += r->weight[c] * r->instance->x[c * d + i] * r->instance->x[c * d + j];
  MST_TRY(mst_cholesky(d, a, d));
  for (int64_t c = 0; c < cells; c++) {
    const double *x = r->instance->x + c * d;
    double square = 0;
    memcpy(solved, x, (size_t)d * sizeof *x);
    mst_cholesky_solve(d, 1, a, d, solved, 1);
    for (int64_t i = 0; i < d; i++) square += x[i] * solved[i];
    r->most_spread = fmax(r->most_spread, square);
  }
  return MST_OK;
}

mst_status mst_recovery_start(mst_recovery *r) {
  const mst_instance_spec *s = &r->instance->spec;
  const int64_t d = s->dimension, cells = cells_of(r), tasks = s->tasks;
  mst_optimal found;
  MST_TRY(mst_alloc(&r->weight, cells, sizeof(double), "a design"));
  MST_TRY(mst_alloc(&r->count, tasks * cells, sizeof(double), "pulls of arms"));
  MST_TRY(mst_alloc(&r->sum, tasks * cells, sizeof(double), "rewards of arms"));
  MST_TRY(mst_alloc(&r->estimate, tasks * d, sizeof(double), "estimates of tasks"));
  MST_TRY(mst_alloc(&r->inverse, tasks * d * d, sizeof(double), "estimates of tasks"));
  MST_TRY(mst_alloc(&r->moments, d * d, sizeof(double), "second moments"));
  MST_TRY(mst_alloc(&r->values, d, sizeof(double), "eigenvalues"));
  const int64_t work = mst_optimal_work(cells, d) + 3 * d * d + d + cells;
  MST_TRY(mst_alloc(&r->work, work, sizeof(double), "work of a subspace"));
  MST_TRY(mst_optimal_e(s->contexts, s->arms, d, r->instance->x, GAP, r->weight, r->work, &found));
  r->spread = found.value;
  MST_TRY(find_most_spread(r));
  r->least = s->length * s->length / (double)r->rank;
  return MST_OK;
}

void mst_recovery_end(mst_recovery *r) {
  void *array[] = {r->weight,  r->count,   r->sum,    r->estimate,
                   r->inverse, r->moments, r->values, r->work};
  for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) mst_free(array[i]);
}

/* log(1 / delta_t) */
static double confidence(const mst_recovery *r) {
  const double t = PI * (double)(r->round + 1);
  return log(t * t / (6 * r->delta));
}

/* E(s) = linear s + square s^2. */
static void find_error(const mst_recovery *r, double *linear, double *square) {
  const mst_instance_spec *s = &r->instance->spec;
  const double d = sqrt((double)s->dimension), k = sqrt((double)r->rank);
  const double a = sqrt(2 * confidence(r)), m = sqrt((double)s->tasks), h = (d + a) / m;
  *linear = 2 * s->length * (d + k + a) / m;
  *square = 2 * h + h * h;
}

/* What a mean may be off by after n pulls of a task, with the constant 1. */
static double outside(const mst_recovery *r, double n) {
  const mst_instance_spec *s = &r->instance->spec;
  const double choices = 2 * (double)cells_of(r) * (double)s->tasks;
  const double width = sqrt(2 * (log(choices) + confidence(r)));
  const double deviation = s->noise * sqrt(r->spread / n);
  double linear, square;
  find_error(r, &linear, &square);
  const double turned = (linear * deviation + square * deviation * deviation) / r->least;
  return s->noise * sqrt(r->most_spread / (n * (double)s->tasks * r->least)) * s->length * width +
         4 * s->length * r->instance->longest * turned * turned;
}

/* Pulls of a task after which no mean is off by more than within. */
static double pulls_for(const mst_recovery *r, double within) {
  double low = 1, high = 2;
  while (outside(r, high) > within && high < 1e300) high *= 2;
  for (int step = 0; step < 60 && high - low > 1e-6 * high; step++) {
    const double middle = (low + high) / 2;
    if (outside(r, middle) > within)
      low = middle;
    else
      high = middle;
  }
  return ceil(r->constant * high);
}

void mst_identify_arrivals(mst_instance *i, int64_t task, const double *weight, int64_t pulls,
                           double *count, double *up_to) {
  const int64_t cells = i->spec.contexts * i->spec.arms;
  mst_stream *arrival = &i->arrival[task];
  memset(count, 0, (size_t)cells * sizeof *count);
  for (int64_t c = 0; c < cells; c++) up_to[c] = weight[c] + (c > 0 ? up_to[c - 1] : 0);
  for (int64_t p = 0; p < pulls; p++) {
    const double u = mst_stream_uniform(arrival) * up_to[cells - 1];
    int64_t low = 0, high = cells - 1;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (u < up_to[middle])
        high = middle;
      else
        low = middle + 1;
    }
    count[low] += 1;
  }
}

/* A task's rewards by the design, up to `pulls` in all; returns how many more there were. */
static int64_t pull_task(mst_recovery *r, int64_t task, int64_t pulls) {
  const int64_t cells = cells_of(r);
  double *count = r->count + task * cells, *more = r->work;
  int64_t made = 0;
  for (int64_t c = 0; c < cells; c++)
    more[c] = fmax(0, ceil((double)pulls * r->weight[c]) - count[c]);
  if (r->instance->spec.contexts > 1)
    mst_identify_arrivals(r->instance, task, r->weight, pulls - r->pulls, more, more + cells);
  for (int64_t c = 0; c < cells; c++) {
    if (more[c] == 0) continue;
    r->sum[task * cells + c] += mst_instance_pull(r->instance, task, c, (int64_t)more[c]);
    count[c] += more[c];
    made += (int64_t)more[c];
  }
  return made;
}

/* inverse and estimate of a task. */
static mst_status estimate_task(mst_recovery *r, int64_t task) {
  const int64_t d = r->instance->spec.dimension, cells = cells_of(r);
  double *inverse = r->inverse + task * d * d, *estimate = r->estimate + task * d;
  double *a = r->work, *b = a + d * d;
  memset(a, 0, (size_t)(d * d + d) * sizeof *a);
  for (int64_t c = 0; c < cells; c++) {
    const double *x = r->instance->x + c * d, count = r->count[task * cells + c];
    if (count == 0) continue;
    for (int64_t i = 0; i < d; i++) {
      for (int64_t j = 0; j < d; j++) a[i * d + j] += count * x[i] * x[j];
      b[i] += r->sum[task * cells + c] * x[i];
    }
  }
  MST_TRY(mst_cholesky(d, a, d));
  memset(inverse, 0, (size_t)(d * d) * sizeof *inverse);
  for (int64_t i = 0; i < d; i++) inverse[i * d + i] = 1;
  mst_cholesky_solve(d, d, a, d, inverse, d);
  memcpy(estimate, b, (size_t)d * sizeof *b);
  mst_cholesky_solve(d, 1, a, d, estimate, 1);
  return MST_OK;
}

/* Second moments of estimates less those of their noise, and their eigenvectors. */
static mst_status decompose(mst_recovery *r) {
  const mst_instance_spec *s = &r->instance->spec;
  const int64_t d = s->dimension;
  const double tasks = (double)s->tasks;
  memset(r->moments, 0, (size_t)(d * d) * sizeof *r->moments);
  for (int64_t m = 0; m < s->tasks; m++)
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = 0; j < d; j++)
        r->moments[i * d + j] += (r->estimate[m * d + i] * r->estimate[m * d + j] -
                                  s->noise * s->noise * r->inverse[(m * d + i) * d + j]) /
                                 tasks;
  return mst_eigen_symmetric(d, r->moments, d, true, r->values);
}

/* A sum of squares of n standard normals is larger with probability at most exp(-l) (Laurent,
 * Massart 2000). */
static double most_squares(double n, double l) {
  return n + 2 * sqrt(n * l) + 2 * l;
}

/* What of every estimate lies outside the subspace, in standard deviations of its noise. */
static mst_status check_residuals(mst_recovery *r, bool *shared) {
  const mst_instance_spec *s = &r->instance->spec;
  const int64_t d = s->dimension, rest = d - r->rank;
  const double *across = r->moments; /* (rest, d): eigenvectors of the least */
  double *part = r->work, *cover = part + rest * d, *residual = cover + rest * rest, all = 0;
  const double l = confidence(r);
  *shared = true;
  for (int64_t m = 0; m < s->tasks; m++) {
    double *solved = residual + rest, squares = 0;
    mst_gemm(false, false, rest, d, d, s->noise * s->noise, across, d, r->inverse + m * d * d, d, 0,
             part, d);
    mst_gemm(false, true, rest, rest, d, 1, part, d, across, d, 0, cover, rest);
    mst_gemm(false, false, rest, 1, d, 1, across, d, r->estimate + m * d, 1, 0, residual, 1);
    memcpy(solved, residual, (size_t)rest * sizeof *solved);
    MST_TRY(mst_cholesky(rest, cover, rest));
    mst_cholesky_solve(rest, 1, cover, rest, solved, 1);
    for (int64_t i = 0; i < rest; i++) squares += residual[i] * solved[i];
    if (squares > most_squares((double)rest, l + log((double)s->tasks))) *shared = false;
    all += squares;
  }
  if (all > most_squares((double)(rest * s->tasks), l)) *shared = false;
  return MST_OK;
}

static mst_status pull_all(mst_recovery *r, int64_t to, int64_t *pulls) {
  const int64_t tasks = r->instance->spec.tasks;
  for (int64_t m = 0; m < tasks; m++) {
    pulls[m] += pull_task(r, m, to);
    MST_TRY(estimate_task(r, m));
  }
  r->pulls = to;
  return decompose(r);
}

mst_status mst_recovery_find(mst_recovery *r, double within, int64_t *pulls, double *basis,
                             bool *out_of, bool *shared) {
  const mst_instance_spec *s = &r->instance->spec;
  const int64_t d = s->dimension, k = r->rank;
  *out_of = false;
  *shared = true;
  for (;;) {
    double linear, square, to = fmax(pulls_for(r, within), (double)(LEAST * d));
    if (r->pulls > 0 && to <= (double)r->pulls) break;
    if (r->pulls > 0) to = fmin(to, (double)GROWS * (double)r->pulls);
    int64_t spent = 0;
    for (int64_t m = 0; m < s->tasks; m++) spent = mst_most(spent, pulls[m]);
    *out_of = !((double)spent + to - (double)r->pulls + (double)cells_of(r) <= (double)r->most);
    if (*out_of) return MST_OK;
    MST_TRY(pull_all(r, (int64_t)to, pulls));
    MST_TRY(check_residuals(r, shared));
    if (!*shared) return MST_OK;
    find_error(r, &linear, &square);
    const double deviation = s->noise * sqrt(r->constant * r->spread / (double)r->pulls);
    const double sure = r->values[d - k] - linear * deviation - square * deviation * deviation;
    r->least = fmax(sure, r->values[d - 1] * 1e-3 / (double)k);
    r->round++;
  }
  memcpy(basis, r->moments + (d - k) * d, (size_t)(k * d) * sizeof *basis);
  return MST_OK;
}
