/* DisBE-LUCB (Amani, Lattimore, Gyorgy, Yang 2023): few batches of a public policy, the law of
 * contexts known to all; a server adds up. */
#include "core/bandit/disbe.h"
#include "core/bandit/protocol_member.h"

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  return mst_disbe_create(s, e, false, out);
}

static double bytes(const mst_protocol_spec *s, const mst_environment_spec *e) {
  return mst_disbe_bytes(s, e, false);
}

static const mst_phased_ops phased = {.sums_rewards = true, MST_DISBE_OPS};

static const mst_param params[] = {MST_DISBE_BETA,
                                   MST_PROTOCOL_DELTA("probability with which that bound may fail"),
                                   MST_DISBE_REGULARISATION,
                                   MST_DISBE_BATCHES,
                                   MST_DISBE_LAW_SETS,
                                   MST_DISBE_BITS,
                                   {.name = NULL}};

const mst_protocol_ops mst_protocol_disbe_lucb = {
    .name = "disbe_lucb",
    .summary = "few batches, of which an agent tells one vector each (DisBE-LUCB)",
    .params = params,
    .phased = &phased,
};
