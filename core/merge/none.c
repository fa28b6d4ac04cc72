/* No matching: every unit stays where it is. */
#include "core/merge/member.h"

static mst_status match(const mst_match_pair *p, int64_t *unit) {
  (void)p, (void)unit;
  return MST_OK;
}

const mst_matching_ops mst_matching_none = {
    .name = "none",
    .summary = "units stay where they are: a plain mean of parameters",
    .match = match,
};
