/* RAGE (Fiez, Jain, Jamieson, Ratliff 2019): in phases, designs for the differences of the arms
 * that are left, each task alone. */
#include "core/identify/member.h"

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  mst_elimination e = {.instance = i,
                       .width = i->spec.dimension,
                       .z = i->x,
                       .delta = s->delta / (double)i->spec.tasks,
                       .share = 1,
                       .most = s->most};
  return mst_elimination_run(&e, out);
}

const mst_identifier_ops mst_identifier_rage = {
    .name = "rage",
    .summary = "phases of elimination, designed for the differences that are left",
    .run = run,
};
