/* DecBE-LUCB (Amani, Lattimore, Gyorgy, Yang 2023): DisBE-LUCB without a server. In the last rounds
 * of a batch neighbours on a graph average, and every agent goes on by an estimate of its own. */
#include "core/bandit/disbe.h"
#include "core/bandit/protocol_member.h"

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  return mst_disbe_create(s, e, false, out);
}

static double bytes(const mst_protocol_spec *s, const mst_environment_spec *e) {
  return mst_disbe_bytes(s, e, false);
}

static const mst_phased_ops phased = {
    .sums_rewards = true, .apart = true, .neighbours = true, MST_DISBE_OPS};

static const mst_param params[] = {
    {.name = "share",
     .type = MST_PARAM_REAL,
     .offset = offsetof(mst_protocol_spec, share),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .unit = "",
     .help = "e: what an agent's N averages may be off their sum, as a share of how far the "
             "agents' own were apart; 0: 1 / (N T)"},
    MST_DISBE_BETA,
    MST_PROTOCOL_DELTA("probability with which that bound may fail"),
    MST_DISBE_REGULARISATION,
    MST_DISBE_BATCHES,
    MST_DISBE_LAW_SETS,
    MST_DISBE_BITS,
    {.name = NULL}};

const mst_protocol_ops mst_protocol_decbe_lucb = {
    .name = "decbe_lucb",
    .summary = "the same without a server: neighbours on a graph average (DecBE-LUCB)",
    .params = params,
    .phased = &phased,
};
