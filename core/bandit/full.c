/* Full synchronisation: every interaction goes up, and down to all, at once; the other end from no
 * communication. N agents then regret as one agent that has all interactions does. */
#include "core/bandit/protocol_member.h"

static bool asks(const mst_protocol_spec *s, const mst_protocol_agent *a) {
  (void)s;
  return a->unsent > 0;
}

static const mst_online_ops online = {.single = true, .to_all = true, .asks = asks};

const mst_protocol_ops mst_protocol_full = {
    .name = "full",
    .summary = "every interaction to every agent at once",
    .online = &online,
};
