/* FedSMOO (Sun et al. 2023, algorithm 1): FedDyn on gradients at w + e, where a second dual, mu_i
 * at the client and mu at the server, draws the clients' perturbations e towards one common
 * perturbation of norm rho. */
#include "core/base/wide.h"
#include "core/federated/member.h"

/* Perturbations follow g - mu_i - mu. */
static void begin(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule) {
  const float *restrict own = v->own[1], *restrict all = v->shared[0];
  float *restrict shift = v->shift;
  for (int64_t i = 0; i < v->n; i++) shift[i] = own[i] + all[i];
  mst_dual_begin(s, v, rule);
  rule->radius = s->rho;
  rule->shift = shift;
}

MST_WIDE_BODY follow_body(int64_t n, float scale, const float *restrict g, const float *restrict w,
                          const float *restrict all, float *restrict own, float *restrict shift,
                          float *restrict point) {
  for (int64_t i = 0; i < n; i++) {
    float e = scale * (g[i] - shift[i]);
    point[i] = w[i] + e;
    own[i] += e - all[i];
    shift[i] = own[i] + all[i];
  }
}
MST_WIDE(follow,
         (int64_t n, float scale, const float *restrict g, const float *restrict w,
          const float *restrict all, float *restrict own, float *restrict shift,
          float *restrict point),
         (n, scale, g, w, all, own, shift, point))

static void perturb(const mst_method_spec *s, const mst_client_view *v, float scale, const float *g,
                    const float *w, float *point) {
  (void)s;
  follow(v->n, scale, g, w, v->shared[0], v->own[1], v->shift, point);
}

static void finish(const mst_method_spec *s, const mst_client_view *v, double lr, int64_t steps,
                   float *const *up, double *scalar) {
  mst_dual_finish(s, v, lr, steps, up, scalar);
  const float *restrict own = v->own[1];
  float *restrict sent = up[1];
  for (int64_t i = 0; i < v->n; i++) sent[i] = own[i];
}

/* |mean mu_i|^2 in units of rho, in which it is of the order of 1. */
static void measure(const mst_method_spec *s, const mst_round_facts *f, int64_t m, const float *w,
                    double *const *mean, float *const *shared, float *const *server, double *sum) {
  (void)f, (void)w, (void)shared, (void)server;
  double lane[8] = {0};
  const double *restrict dual = mean[1], scale = 1.0 / s->rho;
  for (int64_t i = 0; i < m; i++) {
    double y = scale * dual[i];
    lane[i % 8] += y * y;
  }
  sum[0] +=
      ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                 double *const *mean, float *const *shared, float *const *server,
                 const double *sum) {
  mst_dual_step(s, f, m, w, mean, shared, server, sum);
  const double scale = sum[0] > 0.0 ? 1.0 / sqrt(sum[0]) : 0.0;
  const double *restrict dual = mean[1];
  float *restrict all = shared[0];
  for (int64_t i = 0; i < m; i++) all[i] = (float)(scale * dual[i]);
}

static const mst_param params[] = {
    MST_METHOD_DUAL_LAMBDA("0.1"), MST_METHOD_RHO("0.1"), {.name = NULL}};

const mst_method_ops mst_method_fedsmoo = {
    .name = "fedsmoo",
    .summary = "feddyn on gradients of fedsam whose perturbations agree",
    .params = params,
    .own = 2,
    .shared = 1,
    .server = 1,
    .uplink = 2,
    .gradients = 2,
    .sums = 1,
    .begin = begin,
    .perturb = perturb,
    .finish = finish,
    .measure = measure,
    .step = step,
};
