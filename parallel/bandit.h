/* Distributed bandits: many agents, each offered arms in every round, who share what they learn by
 * a protocol; repeated over independent instances (replicates, seeds seed, seed + 1, ...).
 *
 * With at least as many replicates as ranks a rank takes whole replicates and no message is needed
 * between reports. With fewer, the agents of all replicates are divided among the ranks, which
 * agree after each round on who speaks, and add what is told exactly. Either way the bits are the
 * same. Equations: doc/methods/bandits.md. */
#ifndef MST_PARALLEL_BANDIT_H
#define MST_PARALLEL_BANDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/team.h"
#include "core/bandit/environment.h"
#include "core/bandit/policy.h"
#include "core/bandit/protocol.h"
#include "core/base/observer.h"
#include "core/privacy/correlation.h"
#include "core/privacy/noise.h"
#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "core/topology/topology.h"
#include "parallel/mask.h"

#define MST_BANDIT_MIXERS 8

/* What is made of the vectors that the agents of a batch send, in place of their sum. */
typedef struct mst_bandit_aggregate {
  mst_rule_spec rule; /* name NULL: the sum; seed and round are filled in */
  mst_mixer_spec mixer[MST_BANDIT_MIXERS];
  int mixers;
} mst_bandit_aggregate;

/* Private batches: what their sums may tell of one interaction, or of all of one agent. */
typedef struct mst_bandit_privacy {
  double clip;   /* C: length to which what an interaction adds is shortened              */
  double sigma;  /* noise, in units of what one interaction (agent) can change            */
  bool agents;   /* neighbours differ in all interactions of an agent                     */
  bool hardened; /* sums of whole numbers and discrete noise, safe to the last bit         */
  const mst_correlation *tree; /* periodic: of its releases (mst_bandit_releases); else NULL */
  mst_secret secret; /* the same on all ranks                                                */
  int64_t charged;   /* releases that earlier starts were charged                             */
  /* Charge a release, numbered from 0, before it is made: of interactions one for all batches, of
   * agents one a batch. NULL: nothing is charged. Collective. */
  mst_status (*charge)(void *context, int64_t release);
  void *context;
} mst_bandit_privacy;

typedef struct mst_bandit_options {
  mst_environment_spec environment;
  mst_policy_spec policy;     /* of online protocols */
  mst_protocol_spec protocol; /* agents, horizon, noise and width are filled in               */
  mst_topology_spec topology; /* kind NULL: none. The agents' graph; nodes and seed are filled in */
  mst_bandit_aggregate aggregate;
  mst_attack_spec attack;  /* name NULL: nobody attacks                                  */
  mst_mask_options secure; /* bound: of what an agent sends, for each round of the batch  */
  const mst_bandit_privacy *privacy; /* NULL: none; must outlive                           */
  uint64_t seed;            /* of the first replicate                                      */
  int64_t seeds;            /* replicates                                                  */
  int64_t agents;           /* M                                                           */
  bool one_active;          /* one agent a round, drawn at random, instead of all          */
  int64_t horizon;          /* rounds                                                      */
  int64_t evaluate_every;   /* rounds; 0 = a hundredth of them                             */
  int64_t checkpoint_every; /* rounds; 0 = only when a signal comes                        */
} mst_bandit_options;

typedef struct mst_bandit mst_bandit;

/** Check what can be checked before any work.
 *  \return MST_OK, MST_ERR_INPUT, or MST_ERR_UNSUPPORTED with the reason. Local. */
mst_status mst_bandit_check(const mst_bandit_options *o) MST_CHECKED;

/** Set up.
 *  \return MST_OK, what mst_bandit_check returns, MST_ERR_MEMORY. Collective. */
mst_status mst_bandit_create(mst_team *team, const mst_bandit_options *options,
                             mst_bandit **out) MST_CHECKED;
void mst_bandit_destroy(mst_bandit *f); /* Collective; NULL is allowed */

/** Run the rounds that are left. Begins by asking the observer for a state to go on from.
 *  \return MST_OK; MST_ERR_INTERRUPTED after a signal, the state having been saved;
 *          MST_ERR_NONFINITE when statistics are not finite or outgrow the grid of exact sums.
 *          Collective. */
mst_status mst_bandit_run(mst_bandit *f, const mst_observer *observer) MST_CHECKED;

/* What the rounds so far came to; the same on all ranks. Sums over the agents of a replicate, then
 * the mean over replicates; numbers and bits a replicate's agent sent or got, on average. */
typedef struct mst_bandit_totals {
  int64_t rounds;
  double regret, regret_sd; /* mean and standard deviation over replicates (0 for one)  */
  double regret_most;       /* of any replicate                                         */
  double messages;          /* up and down, of all agents of a replicate                */
  double uplink_reals, downlink_reals, uplink_bits, downlink_bits; /* an agent          */
  int64_t batches;          /* of a phased protocol, 0 otherwise               */
  int64_t consensus_rounds; /* of a batch, in which neighbours average; 0 otherwise; of any
                               replicate the most                              */
} mst_bandit_totals;

/** What the rounds so far came to. Local. */
mst_bandit_totals mst_bandit_figures(const mst_bandit *f);

/** Add to a state list: regret (seeds * agents) of every agent, and of a phased protocol theta
 * (seeds, d), what every replicate estimates. They point into f. Local. */
mst_status mst_bandit_state(mst_bandit *f, mst_state *state) MST_CHECKED;

/** The grid of hardened private sums: its shift, and C in its steps. MST_ERR_INPUT where there is
 *  none. Local. */
mst_status mst_bandit_private_grid(const mst_bandit_options *o, int *shift,
                                   int64_t *bound) MST_CHECKED;

/** Rounds between two synchronisations of a protocol on a schedule; how many there are. Local. */
int64_t mst_bandit_period(const mst_bandit_options *o);
int64_t mst_bandit_releases(const mst_bandit_options *o);

/** Bytes of a rank that `create` will take on so many ranks, about; of options that were checked.
 *  What a phased protocol needs for a moment when a batch ends is not in it. Local. */
int64_t mst_bandit_plan(int ranks, const mst_bandit_options *o);

#endif
