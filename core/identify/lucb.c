/* LUCB (Kalyanakrishnan, Tewari, Auer, Stone 2012): the arm that leads and the one that may yet be
 * better are pulled until their confidence intervals part. Vectors of arms are not looked at. */
#include <math.h>

#include "core/base/memory.h"
#include "core/identify/member.h"

typedef struct race {
  mst_instance *instance;
  double delta, epsilon;
  int64_t most;
  double *sum, *pulls; /* (K) */
} race;

/* Of an arm with u pulls in round t, for rewards of deviation sigma: the paper's beta, whose
 * rewards lie in [0, 1], times 2 sigma. */
static double width(const race *r, double u, double t) {
  const mst_instance_spec *s = &r->instance->spec;
  return s->noise * sqrt(2 * log(1.25 * (double)s->arms * t * t * t * t / r->delta) / u);
}

static void pull(race *r, int64_t task, int64_t arm, int64_t *pulls) {
  r->sum[arm] += mst_instance_pull(r->instance, task, arm, 1);
  r->pulls[arm] += 1;
  *pulls += 1;
}

static int32_t run_task(race *r, int64_t task, int64_t *pulls) {
  const int64_t n = r->instance->spec.arms;
  for (int64_t a = 0; a < n; a++) r->sum[a] = r->pulls[a] = 0;
  if (n > r->most) return -1;
  for (int64_t a = 0; a < n; a++) pull(r, task, a, pulls);
  for (double t = 1;; t++) {
    int64_t leader = 0, other = -1;
    double most = -INFINITY;
    for (int64_t a = 1; a < n; a++)
      if (r->sum[a] / r->pulls[a] > r->sum[leader] / r->pulls[leader]) leader = a;
    for (int64_t a = 0; a < n; a++) {
      const double upper = r->sum[a] / r->pulls[a] + width(r, r->pulls[a], t);
      if (a == leader || upper <= most) continue;
      most = upper;
      other = a;
    }
    const double lower = r->sum[leader] / r->pulls[leader] - width(r, r->pulls[leader], t);
    if (most - lower <= r->epsilon) return (int32_t)leader;
    if (*pulls + 2 > r->most) return -1;
    pull(r, task, leader, pulls);
    pull(r, task, other, pulls);
  }
}

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  race r = {.instance = i,
            .delta = s->delta / (double)i->spec.tasks,
            .epsilon = s->epsilon,
            .most = s->most};
  mst_status st = mst_alloc(&r.sum, 2 * i->spec.arms, sizeof(double), "rewards of arms");
  r.pulls = r.sum + i->spec.arms;
  for (int64_t m = 0; st == MST_OK && m < i->spec.tasks; m++)
    out->answer[m] = run_task(&r, m, &out->pulls[m]);
  mst_free(r.sum);
  return st;
}

static const mst_param params[] = {MST_IDENTIFY_EPSILON, {.name = NULL}};

const mst_identifier_ops mst_identifier_lucb = {
    .name = "lucb",
    .summary = "pull the leader and its challenger, arms without vectors (LUCB)",
    .params = params,
    .run = run,
};
