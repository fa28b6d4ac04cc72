/* FedLinUCB (He, Wang, Min, Gu 2022, algorithm 1): an agent speaks, and is answered, when what it
 * has gathered makes det V larger than 1 + alpha times what it was told; no other agent is
 * involved. Its policy uses what it was told. */
#include "core/bandit/protocol_member.h"

static bool asks(const mst_protocol_spec *s, const mst_protocol_agent *a) {
  return (s->first && !a->met) || a->logdet - a->logdet_then > log1p(s->alpha);
}

static const mst_online_ops online = {.frozen = true, .asks = asks};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(alpha, "1", 0, false,
                      "an agent speaks when the determinant has grown by this share"),
    {.name = "first",
     .type = MST_PARAM_BOOL,
     .offset = offsetof(mst_protocol_spec, first),
     .fallback = "true",
     .unit = "",
     .help = "an agent also speaks after its first interaction, as in the published runs"},
    {.name = NULL}};

const mst_protocol_ops mst_protocol_fedlinucb = {
    .name = "fedlinucb",
    .summary = "an agent speaks alone, when its determinant has grown (FedLinUCB)",
    .params = params,
    .online = &online,
};
