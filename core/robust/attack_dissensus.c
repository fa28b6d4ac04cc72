/* Dissensus (He, Karimireddy, Jaggi 2022): an attacker on a graph tells its neighbour i
 *
 *     x_i - epsilon sum_j W_ij (x_j - x_i) / sum_b W_ib,    j honest, b hostile,
 *
 * so that at epsilon = 1 the attackers undo what the honest neighbours would change. Kind: over
 * columns. */
#include "core/robust/attack_member.h"

static void send(const mst_attack_spec *s, const mst_attack_plan *plan, const mst_attack_columns *c,
                 double *out) {
  (void)plan;
  for (int64_t i = 0; i < c->m; i++) {
    double pull = 0;
    for (int64_t j = 0; j < c->honest; j++) pull += c->weight[j] * (c->row[j][i] - c->target[i]);
    out[i] = c->target[i] - (c->hostile > 0 ? s->epsilon * (pull / c->hostile) : 0);
  }
}

static const mst_param params[] = {
    MST_ATTACK_REAL(epsilon, "1", 0, INFINITY, false, "",
                    "share of the honest neighbours' influence that is undone"),
    {.name = NULL}};

const mst_attack_ops mst_attack_dissensus = {
    .name = "dissensus",
    .summary = "decentralised: against what the honest neighbours say",
    .params = params,
    .needs = MST_ATTACK_TARGET | MST_ATTACK_EACH,
    .send = send,
};
