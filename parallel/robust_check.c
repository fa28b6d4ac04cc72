/* What a rule behind mixers refuses before there are any vectors. */
#include <stddef.h>

#include "parallel/robust_internal.h"

bool mst_robust_has_centre(const mst_rule_ops *rule) {
  for (const mst_param *p = rule->params; p != NULL && p->name != NULL; p++)
    if (p->offset == offsetof(mst_rule_spec, centre)) return true;
  return false;
}

/* A rule about one client's vector needs mixers that keep the vectors' numbers. */
static mst_status check_centre(const mst_rule_spec *rule, const mst_mixer_spec *mixer, int mixers) {
  if (!mst_robust_has_centre(mst_rule_find(rule->name))) return MST_OK;
  for (int i = 0; i < mixers; i++)
    if ((mst_mixer_find(mixer[i].name)->needs & MST_RULE_ORDERED) != 0)
      return mst_fail(MST_ERR_INPUT,
                      "%s behind mixer %s: aggregate.centre is a client's number, but the vectors "
                      "of %s are no longer of one client each",
                      rule->name, mixer[i].name, mixer[i].name);
  return MST_OK;
}

mst_status mst_aggregate_check(const mst_rule_spec *rule, const mst_mixer_spec *mixer, int mixers,
                               int64_t n) {
  for (int i = 0; i < mixers; i++) {
    MST_TRY(mst_mixer_check(&mixer[i], n));
    n = mst_mixer_find(mixer[i].name)->count(&mixer[i], n);
  }
  MST_TRY(mst_rule_check(rule, n));
  return check_centre(rule, mixer, mixers);
}
