/* Activation matching (arXiv:2209.04836, section 3.1): each set by itself, so that the sum of the
 * correlations between what matched units come to over the rows is the largest. */
#include "core/merge/member.h"

static mst_status match(const mst_match_pair *p, int64_t *unit) {
  const mst_symmetry *s = p->symmetry;
  for (int i = 0; i < s->sets; i++)
    MST_TRY(mst_units_assign(&s->set[i], p->likeness[i], unit + s->set[i].first, NULL));
  return MST_OK;
}

const mst_matching_ops mst_matching_activations = {
    .name = "activations",
    .summary = "units whose activations over the rows correlate most; one assignment a layer",
    .looks = true,
    .match = match,
};
