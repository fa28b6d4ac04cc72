/* Infinite entries. Kind: over columns. */
#include "core/robust/attack_member.h"

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)s;
  (void)plan;
  for (int64_t i = 0; i < c->m; i++) out[i] = INFINITY;
}

const mst_attack_ops mst_attack_inf = {
    .name = "inf",
    .summary = "infinite entries",
    .send = send,
};
