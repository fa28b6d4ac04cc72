/* DELB (Wang, Hu, Chen, Wang 2020): elimination in phases over one fixed set of arms, of which
 * phase l makes about C 4^l d^2 log(N T) pulls, divided among the agents. */
#include "core/bandit/elimination.h"
#include "core/bandit/protocol_member.h"

static double pulls(const mst_protocol_spec *s, int64_t arms, int64_t phase, double most) {
  const double d = (double)s->width, plays = (double)s->agents * (double)s->horizon;
  (void)arms;
  (void)most;
  return s->constant * exp2(2 * (double)phase) * d * d * log(plays);
}

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  return mst_elimination_create(s, e, pulls, out);
}

static const mst_phased_ops phased = MST_ELIMINATION_OPS(create);

static const mst_param params[] = {
    MST_PROTOCOL_REAL(constant, "600", 0, true, "C: phase l makes C 4^l d^2 log(N T) pulls"),
    MST_PROTOCOL_GAP("1"),
    MST_PROTOCOL_INT(bits, "64", 2, 64, "bits", "of a number on the way; 64: as it is"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_delb = {
    .name = "delb",
    .summary = "phases of pulls that are divided among the agents, of one fixed set of arms (DELB)",
    .params = params,
    .phased = &phased,
};
