/* DisLinUCB (Wang, Hu, Chen, Wang 2020, algorithm 1): an agent asks when its unsent interactions
 * times the growth of log det V since all last spoke reach D; then all agents speak. */
#include "core/bandit/protocol_member.h"

static bool asks(const mst_protocol_spec *s, const mst_protocol_agent *a) {
  double d = s->threshold;
  const double agents = (double)s->agents, rounds = (double)s->horizon;
  if (d == 0) d = rounds * log(agents * rounds) / ((double)s->width * agents);
  return (double)a->unsent * (a->logdet - a->logdet_then) >= d;
}

static const mst_online_ops online = {.together = true, .asks = asks};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(threshold, "0", 0, false,
                      "unsent interactions times growth of log det at which all speak; 0: T log(M "
                      "T) / (d M)"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_dislinucb = {
    .name = "dislinucb",
    .summary = "all speak when one has learned much since (DisLinUCB)",
    .params = params,
    .online = &online,
};
