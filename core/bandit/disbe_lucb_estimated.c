/* DisBE-LUCB where nobody knows the law of contexts: each agent takes the offers that it was made
 * in a batch for it. Agents then compute by themselves, and send and get what those of DisBE-LUCB
 * do. */
#include "core/bandit/disbe.h"
#include "core/bandit/protocol_member.h"

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  return mst_disbe_create(s, e, true, out);
}

static double bytes(const mst_protocol_spec *s, const mst_environment_spec *e) {
  return mst_disbe_bytes(s, e, true);
}

static const mst_phased_ops phased = {.apart = true, MST_DISBE_OPS};

static const mst_param params[] = {
    {.name = "beta",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_protocol_spec, beta),
     .fallback = "1",
     .min = 0,
     .max = 1e300,
     .open_min = true,
     .unit = "",
     .help = "width of the confidence sets by which arms are dropped"},
    MST_DISBE_REGULARISATION,
    MST_DISBE_BATCHES,
    MST_PROTOCOL_INT(
        law_sets, "100", 1, 1e6, "sets",
        "most sets of arms, of those that an agent is offered, that stand for the law"),
    MST_DISBE_BITS,
    {.name = NULL}};

const mst_protocol_ops mst_protocol_disbe_lucb_estimated = {
    .name = "disbe_lucb_estimated",
    .summary = "the same where each agent estimates the law of contexts from its own",
    .params = params,
    .phased = &phased,
};
