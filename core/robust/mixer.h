/* What the members of the family of mixers share. Private to core/robust; all functions Local. */
#ifndef MST_CORE_ROBUST_MIXER_H
#define MST_CORE_ROBUST_MIXER_H

#include "core/robust/member.h"

/** n: a mixer that gives a vector for each. */
int64_t mst_mixer_count_all(const mst_mixer_spec *s, int64_t n);

/** matrix(n, points): vectors with a norm above the bound are shortened to it, the others stay. */
void mst_mixer_shorten(const mst_rule_view *v, double bound, double *matrix);

#endif
