/* Many users in one world: tabular decision processes with the same transitions, whose rewards at
 * every stage form a matrix (users, states * actions) of low rank.
 *
 * The world, its users' rewards, plans by value iteration, policies that reach what is hard to
 * reach, and trajectories. Nagaraj, Kowshik, Agarwal, Netrapalli, Jain 2023;
 * doc/methods/low_rank_rl.md. Stages h = 0 .. horizon - 1 and pairs (s, a) are laid out as
 * (horizon, states, actions); every trajectory starts in state 0. All functions are Local. */
#ifndef MST_CORE_RL_LOW_RANK_H
#define MST_CORE_RL_LOW_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct mst_rl_spec {
  uint64_t seed;
  int64_t states, actions, horizon;
  int64_t rank;         /* of the rewards at a stage; 0 = full: every reward is drawn on its own */
  double noise;         /* standard deviation of an observed reward                              */
  double concentration; /* of the transitions, Dirichlet: the smaller, the harder to reach       */
} mst_rl_spec;

typedef struct mst_rl {
  mst_rl_spec spec;
  int64_t pairs;  /* states * actions                                  */
  int64_t places; /* horizon * pairs                                   */
  double *p;      /* (states, actions, states) transitions             */
  double *v;      /* (places, rank) what a pair is worth to each taste */
} mst_rl;

/** \return MST_OK, or MST_ERR_INPUT for a setting out of range. */
mst_status mst_rl_check(const mst_rl_spec *s) MST_CHECKED;

/** \return MST_OK, what mst_rl_check returns, MST_ERR_MEMORY. Free with destroy. */
mst_status mst_rl_create(const mst_rl_spec *s, mst_rl **out) MST_CHECKED;
void mst_rl_destroy(mst_rl *m); /* NULL is allowed */

/** reward(places), each in [0, 1], of a user >= 0. */
void mst_rl_rewards(const mst_rl *m, int64_t user, double *reward);

/** The best policy(horizon, states) for transitions p and reward(places); ties go to the lower
 *  action. Returns its value from the start. value(2 * states) scratch. */
double mst_rl_plan(const mst_rl_spec *s, const double *p, const double *reward, int32_t *policy,
                   double *value);

/** The value of a policy from the start. value(2 * states) scratch. */
double mst_rl_value(const mst_rl_spec *s, const double *p, const double *reward,
                    const int32_t *policy, double *value);

/** What covers: for each target (h, s), policy(h, s) -> (horizon, states) of greatest chance to be
 *  in s at stage h under p, and weight(horizon * states), in proportion to one over that chance (at
 *  least `least`) and 0 for what cannot be reached, adding up to 1. work(places + 2 * states). */
void mst_rl_cover(const mst_rl_spec *s, const double *p, double least, int32_t *policy,
                  double *weight, double *work);

/** One trajectory of a user: `number` makes it another one each time. With a cover, to a target
 * that is drawn by its weights and any action there, and any actions afterwards; without (policy
 * NULL), any actions. Adds to seen(places) and total(places) the rewards' numbers and sums, and to
 *  moves(pairs, states) the transitions. */
void mst_rl_walk(const mst_rl *m, int64_t user, int64_t number, const double *reward,
                 const int32_t *policy, const double *weight, double *seen, double *total,
                 int64_t *moves);

/** p(pairs, states) from counts of transitions; uniform where there are none. */
void mst_rl_estimate(const mst_rl_spec *s, const int64_t *moves, double *p);

#endif
