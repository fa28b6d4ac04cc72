/* SCAFFOLD (Karimireddy et al. 2020, algorithm 1, option II): every client keeps a control variate
 * c_i, an estimate of its gradient, and the server their mean c over all clients. Local steps
 * follow g + c - c_i. The same variates serve fedgamma. */
#include "core/federated/member.h"

void mst_variates_begin(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule) {
  (void)s;
  const float *restrict all = v->shared[0], *restrict own = v->own[0];
  float *restrict constant = v->constant;
  for (int64_t i = 0; i < v->n; i++) constant[i] = all[i] - own[i];
  rule->constant = constant;
}

/* c_i becomes c_i - c - delta / (K lr), the mean of the gradients of this round. A schedule may
 * give lr = 0: nothing was learnt then. */
void mst_variates_finish(const mst_method_spec *s, const mst_client_view *v, double lr,
                         int64_t steps, float *const *up, double *scalar) {
  (void)s, (void)steps, (void)scalar;
  const float *restrict all = v->shared[0], *restrict delta = up[0];
  float *restrict own = v->own[0], *restrict change = up[1];
  const bool learnt = lr > 0.0;
  const double scale = learnt ? -1.0 / (v->moves * lr) : 0.0;
  for (int64_t i = 0; i < v->n; i++) {
    float renewed = learnt ? (float)((double)own[i] - all[i] + scale * delta[i]) : own[i];
    change[i] = renewed - own[i];
    own[i] = renewed;
  }
}

void mst_variates_step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                       double *const *mean, float *const *shared, float *const *server,
                       const double *sum) {
  (void)server, (void)sum;
  const double *restrict delta = mean[0], *restrict change = mean[1];
  float *restrict all = shared[0];
  const double share = (double)f->cohort / (double)f->clients;
  for (int64_t i = 0; i < m; i++) {
    all[i] = (float)(all[i] + share * change[i]);
    w[i] = (float)(w[i] + s->server_lr * delta[i]);
  }
}

static const mst_param params[] = {MST_METHOD_SERVER_LR("1"), {.name = NULL}};

const mst_method_ops mst_method_scaffold = {
    .name = "scaffold",
    .summary = "control variates take the clients' drift out of their steps",
    .params = params,
    .own = 1,
    .shared = 1,
    .uplink = 2,
    .gradients = 1,
    .begin = mst_variates_begin,
    .finish = mst_variates_finish,
    .step = mst_variates_step,
};
