/* Every task alone in all d dimensions, in phases with G-optimal designs for the arms that are
 * left: what representation learning is measured against (Du, Huang, Sun 2023). */
#include "core/identify/member.h"

static mst_status run(const mst_identifier_spec *s, mst_instance *i, mst_identified *out) {
  mst_elimination e = {.instance = i,
                       .width = i->spec.dimension,
                       .z = i->x,
                       .delta = s->delta / (double)i->spec.tasks,
                       .share = 1,
                       .g_optimal = true,
                       .most = s->most};
  return mst_elimination_run(&e, out);
}

const mst_identifier_ops mst_identifier_task_by_task = {
    .name = "task_by_task",
    .summary = "phases of elimination with G-optimal designs, every task alone",
    .run = run,
};
