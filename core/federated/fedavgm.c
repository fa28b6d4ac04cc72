/* FedAvgM: the server's mean change goes through momentum (Hsu, Qi, Brown 2019, section 3):
 *     v = momentum v + mean,   w += server_lr v. */
#include "core/federated/member.h"

static void step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                 double *const *mean, float *const *shared, float *const *server,
                 const double *sum) {
  (void)f, (void)shared, (void)sum;
  const double *restrict delta = mean[0];
  float *restrict velocity = server[0];
  for (int64_t i = 0; i < m; i++) {
    double v = s->momentum * velocity[i] + delta[i];
    velocity[i] = (float)v;
    w[i] = (float)(w[i] + s->server_lr * v);
  }
}

static const mst_param params[] = {MST_METHOD_WEIGHTED("true"),
                                   MST_METHOD_SERVER_LR("1"),
                                   MST_METHOD_REAL(momentum, "0.9", 0, 0.999999, false, "",
                                                   "share of the last change that is kept"),
                                   {.name = NULL}};

const mst_method_ops mst_method_fedavgm = {
    .name = "fedavgm",
    .summary = "fedavg with momentum at the server",
    .params = params,
    .server = 1,
    .uplink = 1,
    .gradients = 1,
    .step = step,
};
