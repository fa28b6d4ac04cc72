/* What the members of the families of rules share: their names. Private to core/robust. */
#ifndef MST_CORE_ROBUST_MEMBER_H
#define MST_CORE_ROBUST_MEMBER_H

#include <stddef.h>

#include "core/base/arithmetic.h"
#include "core/robust/rule.h"

/* Over columns. */
extern const mst_rule_ops mst_rule_mean, mst_rule_median, mst_rule_trimmed_mean, mst_rule_meamed;

/* Over weights; bulyan over both. */
extern const mst_rule_ops mst_rule_krum, mst_rule_multi_krum, mst_rule_bulyan,
    mst_rule_geometric_median, mst_rule_centered_clipping, mst_rule_mda, mst_rule_smea,
    mst_rule_caf, mst_rule_nna, mst_rule_dnc, mst_rule_fltrust, mst_rule_zeno, mst_rule_signguard;

extern const mst_mixer_ops mst_mixer_nnm, mst_mixer_bucketing, mst_mixer_clipping, mst_mixer_arc;

/** A rule that looks at distances to further points alone, whatever its settings. Local. */
static inline bool mst_rule_further(const mst_rule_spec *s) {
  (void)s;
  return true;
}

/** 2 f + 1: the vectors that may be anything are fewer than half. Local. */
static inline int64_t mst_rule_majority(int64_t byzantine) {
  return 2 * byzantine + 1;
}

#endif
