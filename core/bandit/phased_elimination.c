/* Phased elimination with G-optimal designs (Lattimore, Szepesvari 2020, chapter 22): as many pulls
 * as show every arm that is left to within 2^-l with probability 1 - delta / (l (l + 1)). Published
 * for one agent; several divide the pulls. */
#include "core/bandit/elimination.h"
#include "core/bandit/protocol_member.h"

static double pulls(const mst_protocol_spec *s, int64_t arms, int64_t phase, double most) {
  const double l = (double)phase;
  return 2 * s->noise * s->noise * most * exp2(2 * l) * log((double)arms * l * (l + 1) / s->delta);
}

static mst_status create(const mst_protocol_spec *s, const mst_environment *e, void **out) {
  return mst_elimination_create(s, e, pulls, out);
}

static const mst_phased_ops phased = MST_ELIMINATION_OPS(create);

static const mst_param params[] = {
    MST_PROTOCOL_DELTA("probability with which the best arm may be dropped"),
    MST_PROTOCOL_GAP("0.1"),
    MST_PROTOCOL_INT(bits, "64", 2, 64, "bits", "of a number on the way; 64: as it is"),
    {.name = NULL}};

const mst_protocol_ops mst_protocol_phased_elimination = {
    .name = "phased_elimination",
    .summary = "as many pulls of one fixed set of arms as a phase's precision takes",
    .params = params,
    .phased = &phased,
};
