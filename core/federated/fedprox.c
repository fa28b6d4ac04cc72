/* FedProx: a proximal term lambda/2 |w - w_t|^2 in every client's loss (Li et al. 2020, algorithm
 * 2), minimised by local gradient steps. */
#include "core/federated/member.h"

static void begin(const mst_method_spec *s, const mst_client_view *v, mst_local_rule *rule) {
  (void)v;
  rule->proximal = (float)s->lambda;
}

static const mst_param params[] = {
    MST_METHOD_WEIGHTED("false"), MST_METHOD_SERVER_LR("1"),
    MST_METHOD_REAL(lambda, "0.1", 0, INFINITY, false, "", "strength of the proximal term"),
    {.name = NULL}};

const mst_method_ops mst_method_fedprox = {
    .name = "fedprox",
    .summary = "a proximal term holds clients near the server's model",
    .params = params,
    .uplink = 1,
    .gradients = 1,
    .begin = begin,
    .step = mst_method_step_mean,
};
