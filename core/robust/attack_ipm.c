/* Inner product manipulation (Xie, Koyejo, Gupta 2019): -epsilon times the mean of the honest
 * vectors. Kind: over columns; epsilon is given or searched for. */
#include "core/robust/attack_member.h"

static mst_status plan_round(const mst_attack_spec *s, const mst_attack_scene *scene, double *work,
                             mst_attack_memory *memory, mst_attack_plan *plan) {
  (void)work;
  (void)memory;
  if (s->search) return mst_attack_search(s, scene, plan);
  plan->factor = s->epsilon;
  return MST_OK;
}

static int unneeded(const mst_attack_spec *s) {
  return s->search ? 0 : MST_ATTACK_SEARCH;
}

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)s;
  for (int64_t i = 0; i < c->m; i++) out[i] = -plan->factor * c->mean[i];
}

static const mst_param params[] = {MST_ATTACK_REAL(epsilon, "0.1", 0, INFINITY, false, "",
                                                   "what the mean is multiplied by, negated"),
                                   MST_ATTACK_SEARCH_PARAMS,
                                   {.name = NULL}};

const mst_attack_ops mst_attack_ipm = {
    .name = "ipm",
    .summary = "the mean, negated and scaled",
    .params = params,
    .needs = MST_ATTACK_MEAN | MST_ATTACK_SEARCH,
    .unneeded = unneeded,
    .plan = plan_round,
    .send = send,
};
