/* Generalised LUCB for linear means, LinGapE (Xu, Honda, Sugiyama 2018): pull the arm that shrinks
 * the confidence in the difference of leader and challenger most. The width is that of the
 * self-normalised bound (Abbasi-Yadkori, Pal, Szepesvari 2011), which holds for all differences at
 * all times. */
#include <math.h>

#include "core/bandit/ridge.h"
#include "core/base/memory.h"
#include "core/identify/member.h"

typedef struct race {
  mst_instance *instance;
  const mst_identifier_spec *spec;
  double delta;
  mst_ridge known;
  double *record, *mean, *spread, *cross, *direction, *work;
} race;

static double width(const race *r) {
  const mst_instance_spec *s = &r->instance->spec;
  const double volume = *r->known.logdet - (double)s->dimension * log(r->spec->ridge);
  return s->noise * sqrt(volume - 2 * log(r->delta)) + sqrt(r->spec->ridge) * s->length;
}

/* cross(K) = X V^-1 y. */
static void project(const race *r, const double *y) {
  const int64_t n = r->instance->spec.arms, d = r->instance->spec.dimension;
  double *solved = r->work;
  for (int64_t j = 0; j < d; j++) solved[j] = 0;
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < d; j++) solved[j] += y[i] * r->known.inverse[i * d + j];
  for (int64_t a = 0; a < n; a++) {
    double sum = 0;
    for (int64_t j = 0; j < d; j++) sum += r->instance->x[a * d + j] * solved[j];
    r->cross[a] = sum;
  }
}

/* Leader and challenger; returns by how much the challenger may be better. */
static double choose_pair(const race *r, int64_t *leader, int64_t *other) {
  const int64_t n = r->instance->spec.arms, d = r->instance->spec.dimension;
  const double beta = width(r);
  double most = -INFINITY;
  mst_ridge_score(&r->known, n, r->instance->x, r->mean, r->spread, r->work);
  *leader = 0;
  for (int64_t a = 1; a < n; a++)
    if (r->mean[a] > r->mean[*leader]) *leader = a;
  project(r, r->instance->x + *leader * d);
  for (int64_t a = 0; a < n; a++) {
    const double square = r->spread[a] + r->spread[*leader] - 2 * r->cross[a];
    const double better = r->mean[a] - r->mean[*leader] + beta * sqrt(fmax(square, 0));
    if (a == *leader || better <= most) continue;
    most = better;
    *other = a;
  }
  return most;
}

/* The arm x for which |y|^2 in (V + x x')^-1 is least. */
static int64_t choose_arm(const race *r, int64_t leader, int64_t other) {
  const int64_t n = r->instance->spec.arms, d = r->instance->spec.dimension;
  int64_t best = 0;
  double most = -1;
  for (int64_t j = 0; j < d; j++)
    r->direction[j] = r->instance->x[leader * d + j] - r->instance->x[other * d + j];
  project(r, r->direction);
  for (int64_t a = 0; a < n; a++) {
    const double less = r->cross[a] * r->cross[a] / (1 + r->spread[a]);
    if (less <= most) continue;
    most = less;
    best = a;
  }
  return best;
}

static mst_status run_task(race *r, int64_t task, int64_t *pulls, int32_t *answer) {
  const int64_t d = r->instance->spec.dimension;
  int64_t leader = 0, other = 0;
  mst_ridge_start(&r->known);
  while (choose_pair(r, &leader, &other) > r->spec->epsilon) {
    if (*pulls >= r->spec->most) return MST_OK;
    const int64_t arm = choose_arm(r, leader, other);
    MST_TRY(mst_ridge_learn(&r->known, 0, r->instance->x + arm * d,
                            mst_instance_pull(r->instance, task, arm, 1), r->work));
    *pulls += 1;
  }
  *answer = (int32_t)leader;
  return MST_OK;
}

static mst_status allocate(race *r) {
  const int64_t n = r->instance->spec.arms, d = r->instance->spec.dimension;
  const int64_t record = mst_ridge_doubles(1, d);
  MST_TRY(mst_alloc(&r->record, record + 4 * n + d + n * d + d * d + d, sizeof(double),
                    "statistics of arms"));
  r->known = mst_ridge_at(r->record, 1, d, r->spec->ridge);
  r->mean = r->record + record;
  r->spread = r->mean + n;
  r->cross = r->spread + n;
  r->direction = r->cross + n;
  r->work = r->direction + d;
  return MST_OK;
}

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  race r = {.instance = i, .spec = s, .delta = s->delta / (double)i->spec.tasks};
  mst_status st = allocate(&r);
  for (int64_t m = 0; st == MST_OK && m < i->spec.tasks; m++)
    st = run_task(&r, m, &out->pulls[m], &out->answer[m]);
  mst_free(r.record);
  return st;
}

static const mst_param params[] = {MST_IDENTIFY_EPSILON,
                                   {.name = "ridge",
                                    .type = MST_PARAM_REAL,
                                    .offset = offsetof(mst_identifier_spec, ridge),
                                    .fallback = "1",
                                    .min = 1e-6, /* below it rounding makes widths too small */
                                    .max = 1e12,
                                    .unit = "",
                                    .help = "lambda: what the diagonal of V begins with"},
                                   {.name = NULL}};

const mst_identifier_ops mst_identifier_glucb = {
    .name = "glucb",
    .summary = "pull the arm that best tells leader and challenger apart (LinGapE)",
    .params = params,
    .run = run,
};
