/* The members of the family of matchings. Private to core/merge. */
#ifndef MST_CORE_MERGE_MEMBER_H
#define MST_CORE_MERGE_MEMBER_H

#include "core/merge/matching.h"

extern const mst_matching_ops mst_matching_weights, mst_matching_activations, mst_matching_none;

#endif
