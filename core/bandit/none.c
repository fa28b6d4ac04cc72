/* No communication: every agent learns from its own interactions alone. */
#include "core/bandit/protocol_member.h"

static const mst_online_ops online = {.asks = NULL};

const mst_protocol_ops mst_protocol_none = {
    .name = "none",
    .summary = "every agent for itself",
    .online = &online,
};
