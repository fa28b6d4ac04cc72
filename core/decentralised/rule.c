/* Mixing by a robust rule of section `aggregate`: its place in the table. What it does is the
 * rule's, over the own vector and the neighbours'. */
#include "core/decentralised/member.h"

const mst_mixing_ops mst_mixing_rule = {
    .name = "rule",
    .summary = "a robust rule (section aggregate) over the own vector and the neighbours'",
    .needs = MST_MIXING_RULE,
};
