/* Async-LinUCB (Li, Wang 2022, algorithm 1): an agent uploads when its determinant has grown by a
 * factor since; the server then pushes to every agent without whose news its own determinant would
 * be smaller by a factor. The policy uses the agent's own unsent interactions too. */
#include "core/bandit/protocol_member.h"

static bool asks(const mst_protocol_spec *s, const mst_protocol_agent *a) {
  return a->logdet - a->logdet_then > log(s->upload);
}

static bool pushes(const mst_protocol_spec *s, double server_logdet, double logdet) {
  return server_logdet - logdet > log(s->download);
}

static const mst_online_ops online = {.asks = asks, .pushes = pushes};

static const mst_param params[] = {
    MST_PROTOCOL_REAL(upload, "6", 1, false,
                      "an agent uploads when its determinant has grown by this factor"),
    MST_PROTOCOL_REAL(download, "6", 1, false,
                      "the server pushes when it knows of a determinant larger by this factor"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_async_linucb = {
    .name = "async_linucb",
    .summary = "agents upload, and the server pushes, when determinants have grown (Async-LinUCB)",
    .params = params,
    .online = &online,
};
