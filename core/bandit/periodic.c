/* Synchronisation on a fixed schedule: all agents speak, and hear, after every so many rounds,
 * whatever they saw, and play by what they were told alone. So when a message goes tells nothing of
 * anybody's interactions, and no interaction changes what is played in the rest of its batch, which
 * the batch's message tells too: with noise on the messages an interaction is hidden as in the
 * private protocol of Zhou, Chowdhury 2024. */
#include "core/bandit/protocol_member.h"

static bool asks(const mst_protocol_spec *s, const mst_protocol_agent *a) {
  (void)s;
  (void)a;
  return false;
}

static const mst_online_ops online = {.frozen = true, .timed = true, .to_all = true, .asks = asks};

static const mst_param params[] = {
    MST_PROTOCOL_INT(period, "0", 0, 1e12, "rounds",
                     "rounds between synchronisations; 0: (T / N)^(1/2)"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_periodic = {
    .name = "periodic",
    .summary = "all agents, after every so many rounds, whatever they saw",
    .params = params,
    .online = &online,
};
