/* The same number in every entry; each attacker has its own. Kind: over columns. */
#include "core/robust/attack_member.h"

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)plan;
  for (int64_t i = 0; i < c->m; i++) out[i] = s->value + s->spacing * (double)c->place;
}

static const mst_param params[] = {
    MST_ATTACK_REAL(value, "1", 0, 0, false, "", "entries of the first attacker"),
    MST_ATTACK_REAL(spacing, "0", 0, 0, false, "",
                    "what each attacker's are above those of the one before"),
    {.name = NULL}};

const mst_attack_ops mst_attack_constant = {
    .name = "constant",
    .summary = "one number in every entry",
    .params = params,
    .needs = MST_ATTACK_EACH,
    .send = send,
};
