/* Sign flipping: the attacker's own honest vector, negated. Kind: over columns. (The mean of the
 * honest vectors negated is ipm with epsilon 1.) */
#include "core/robust/attack_member.h"

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)plan;
  for (int64_t i = 0; i < c->m; i++) out[i] = -s->scale * c->own[i];
}

static const mst_param params[] = {
    MST_ATTACK_REAL(scale, "1", 0, INFINITY, true, "", "what the negated vector is multiplied by"),
    {.name = NULL}};

const mst_attack_ops mst_attack_sign_flip = {
    .name = "sign_flip",
    .summary = "the own vector, negated",
    .params = params,
    .needs = MST_ATTACK_OWN | MST_ATTACK_EACH,
    .send = send,
};
