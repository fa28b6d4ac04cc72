/* FedAdagrad (Reddi et al. 2021, algorithm 2): the server steps by Adagrad. The sum of squares
 * starts at epsilon^2 and only grows: so 0 means not begun. */
#include "core/federated/member.h"

static void step(const mst_method_spec *s, const mst_round_facts *f, int64_t m, float *w,
                 double *const *mean, float *const *shared, float *const *server,
                 const double *sum) {
  (void)f, (void)shared, (void)sum;
  const double *restrict delta = mean[0];
  float *restrict first = server[0], *restrict second = server[1];
  const double keep = s->beta1, take = 1.0 - s->beta1;
  const double floor_square = s->epsilon * s->epsilon;
  for (int64_t i = 0; i < m; i++) {
    double d = delta[i], a = keep * first[i] + take * d;
    double past = second[i] > 0.0f ? second[i] : floor_square;
    double v = past + d * d;
    first[i] = (float)a;
    second[i] = (float)v;
    w[i] = (float)(w[i] + s->server_lr * a / (sqrt(v) + s->epsilon));
  }
}

static const mst_param params[] = {
    MST_METHOD_WEIGHTED("false"),
    MST_METHOD_SERVER_LR("0.1"),
    MST_METHOD_REAL(beta1, "0", 0, 0.999999, false, "", "share of the mean change that is kept"),
    MST_METHOD_REAL(epsilon, "0.001", 0, INFINITY, true, "",
                    "added to the root of the mean square"),
    {.name = NULL}};

const mst_method_ops mst_method_fedadagrad = {
    .name = "fedadagrad",
    .summary = "Adagrad at the server",
    .params = params,
    .server = 2,
    .uplink = 1,
    .gradients = 1,
    .step = step,
};
