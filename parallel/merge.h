/* Merging of networks over ranks: matched by their weights, or by what their units come to over
 * rows that the ranks share; and scored along the path between two of them. The same bits on any
 * number of ranks. doc/methods/merging.md. */
#ifndef MST_PARALLEL_MERGE_H
#define MST_PARALLEL_MERGE_H

#include <stdint.h>

#include "comm/team.h"
#include "core/merge/matching.h"
#include "core/model/model.h"
#include "parallel/score.h"

/** unit(pair->symmetry->units) out, the same on every rank: the permutation by which pair->b is
 *  brought to pair->a. Rank 0 matches for all: products may round differently on another kind of
 *  processor. pair->likeness is not read: for a member that looks at activations it is made here
 *  from the rows, in two passes; the sums are exact over blocks of rows. Correlations of a unit
 * that is the same on all rows are 0.
 *  \return MST_OK; MST_ERR_NONFINITE naming the units whose activations or weights are not finite;
 *          MST_ERR_MEMORY; what reading and the feature map return. Collective on team.
 *  Memory: 24 bytes a pair of units of a set for a member that looks, beside two workspaces. */
mst_status mst_merge_match(mst_team *team, const mst_model *model, const mst_matching_ops *ops,
                           const mst_match_pair *pair, const mst_test_rows *rows,
                           int64_t *unit) MST_CHECKED;

/** score(points) out: of the networks at the places of mst_merge_place from a to b, on the rows.
 *  Errors as mst_score_test. Collective on team. */
mst_status mst_merge_path(mst_team *team, const mst_model *model, const float *a, const float *b,
                          int points, const mst_test_rows *rows, mst_score *score) MST_CHECKED;

#endif
