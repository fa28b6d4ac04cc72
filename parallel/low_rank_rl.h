/* Many users in one world over ranks: users are divided among the ranks, walk on their own, and
 * share the numbers of transitions and, by matrix completion, what rewards are like. All sums over
 * users are exact, so the bits do not depend on the ranks. doc/methods/low_rank_rl.md. */
#ifndef MST_PARALLEL_LOW_RANK_RL_H
#define MST_PARALLEL_LOW_RANK_RL_H

#include <stdint.h>

#include "comm/team.h"
#include "core/base/observer.h"
#include "core/rl/low_rank.h"

typedef struct mst_low_rank_rl_options {
  mst_rl_spec world;
  int64_t users;            /* N                                                                  */
  int64_t explore;          /* trajectories of a user with any actions, before there is a cover   */
  int64_t rounds;           /* afterwards; after each, plans are made and measured                */
  int64_t batch;            /* trajectories of a user in a round                                  */
  int64_t rank;             /* of the completion                                                  */
  int64_t sweeps;           /* of alternating least squares after a round                         */
  double ridge;             /* of both of its steps                                               */
  double target;            /* gap, as a share of the best value, that is counted up to           */
  int64_t checkpoint_every; /* rounds; 0 = only when a signal comes */
} mst_low_rank_rl_options;

/* What a run came to; the same on all ranks. Gaps are means over users of (best value - value of
 * the plan) / best value. `alone`: rewards by the user's own trajectories, transitions by all. */
typedef struct mst_low_rank_rl_totals {
  int64_t trajectories; /* of a user                                                     */
  double gap, gap_alone;
  double error, error_alone; /* root mean square error of a reward, stage 0 in state 0 alone  */
  int64_t reached, reached_alone; /* trajectories of a user when the gap was first at the
                                     target or below; -1: never                               */
} mst_low_rank_rl_totals;

/** \return MST_OK, MST_ERR_INPUT. Local. */
mst_status mst_low_rank_rl_check(const mst_low_rank_rl_options *o) MST_CHECKED;

/** Explore, complete, plan. Begins by asking the observer for a state to go on from.
 *  \return MST_OK, MST_ERR_INPUT, MST_ERR_MEMORY, MST_ERR_NONFINITE (rewards beyond what exact sums
 *          hold), MST_ERR_SINGULAR, MST_ERR_INTERRUPTED after a signal. Collective on team; options
 * must agree. */
mst_status mst_low_rank_rl(mst_team *team, const mst_low_rank_rl_options *o,
                           const mst_observer *observer,
                           mst_low_rank_rl_totals *totals) MST_CHECKED;

/** Bytes of a rank that a run on so many ranks takes; of options that were checked. Local. */
int64_t mst_low_rank_rl_plan(int ranks, const mst_low_rank_rl_options *o);

#endif
