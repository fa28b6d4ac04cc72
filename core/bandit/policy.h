/* Policies of bandits: which arm an agent plays, given the ridge statistics that it may use, and
 * what it learns from the reward.
 *
 * A policy decides; what it may know is another matter (core/bandit/protocol.h). Its statistics are
 * sums over interactions: of one vector theta for all arms, or of one for each arm (disjoint), or
 * of an arm's mean alone (without contexts: width 1, the feature 1), or in blocks of its own. An
 * interaction may be learned with a weight, or not at all. One file a member; the table is in
 * policy.c. Equations and sources: doc/methods/bandits.md. All functions are Local. */
#ifndef MST_CORE_BANDIT_POLICY_H
#define MST_CORE_BANDIT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bandit/environment.h"
#include "core/bandit/ridge.h"
#include "core/base/key.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says. Members read the fields that their params name. */
typedef struct mst_policy_spec {
  const char *kind;
  double ridge;       /* lambda                                                             */
  bool disjoint;      /* one vector an arm                                                  */
  double beta;        /* width of the confidence set; 0 = from the self-normalised bound    */
  double delta;       /* that bound fails with this probability at most                     */
  double epsilon;     /* share of rounds in which any arm is played                         */
  double scale;       /* thompson: standard deviations of the draw                          */
  double gamma;       /* ds_oful: arms that are as wide are learned                         */
  double greed;       /* squarecb: factor of gamma                                          */
  double least_noise; /* weighted_oful: alpha                                               */
  double damping;     /* weighted_oful: gamma                                               */
  int64_t sparsity;   /* misspecified_sparse: entries of theta that are not 0                  */
  /* What a policy is told of the environment and the run (mst_policy_tell). */
  double noise;        /* sigma: rewards are sub-Gaussian with it                             */
  double misspecified; /* zeta                                                                */
  double length;       /* of theta                                                            */
  double floor, slack; /* of private statistics: what V exceeds the sums by at least; added to
                          the width                                                           */
  const char *link;    /* how means follow from inner products                                */
  int64_t arms, dimension, horizon; /* K, d, T                                                 */
} mst_policy_spec;

/* What an agent is offered. */
typedef struct mst_policy_offer {
  int64_t arms;
  const double *x;     /* (arms, d)                                                          */
  const double *sigma; /* (arms) standard deviations of rewards; NULL: the same for all      */
  int64_t round;       /* the agent's interactions so far                                    */
} mst_policy_offer;

/* What is known of the arms offered. */
typedef struct mst_arms {
  int64_t n;
  const double *x;       /* (n, width); NULL without contexts                               */
  const double *sigma;   /* (n), or NULL                                                    */
  double *mean, *spread; /* (n) x'theta, x'V^-1 x; may be overwritten                       */
  double *work;          /* (mst_policy_work less 2 n)                                      */
  int64_t round;         /* the agent's interactions so far                                 */
} mst_arms;

/* What is played, and how it is learned. */
typedef struct mst_choice {
  int64_t arm;
  int64_t block; /* of the statistics; -1, as which it comes: the arm's                     */
  double weight; /* of the interaction; comes as 1; 0: it is not learned                    */
  double centre; /* <theta, x>, for members with `respond`                                  */
} mst_choice;

typedef struct mst_policy_ops {
  const char *name;
  const char *summary; /* one line for `muster list policies` */
  const mst_param *params;
  bool contextless; /* looks at the numbers of arms only */
  bool binary;      /* rewards must be 0 or 1 */
  bool reweighs;    /* what is learned of an interaction depends on what was known: its weight, or
                       reward */
  bool own_scores;  /* computes means and spreads itself: they come unspecified */
  /* Settings that do not go together with each other or with what it was told; NULL: none. */
  mst_status (*check)(const mst_policy_spec *s);
  int64_t (*blocks)(const mst_policy_spec *s); /* of the statistics; NULL: as above */
  /* Numbers of work that choose needs, where width^2 + 2 width and K width are not enough. */
  int64_t (*work)(const mst_policy_spec *s, int64_t arms, int64_t dimension);
  /* The arm to play. */
  mst_status (*choose)(const mst_policy_spec *s, const mst_ridge *known, const mst_arms *arms,
                       mst_stream *stream, mst_choice *choice);
  /* The number that is learned in place of a reward; NULL: the reward. */
  double (*respond)(const mst_policy_spec *s, const mst_choice *choice, double y);
} mst_policy_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_policy_ops *mst_policy_find(const char *name);
const mst_policy_ops *mst_policy_at(int i);

/** A policy's default settings; noise 1, length 1, the identity, 1000 rounds. */
mst_policy_spec mst_policy_defaults(const char *kind);

/** Tell a policy of the environment, and how often an agent plays. */
void mst_policy_tell(mst_policy_spec *s, const mst_environment_spec *e, int64_t horizon);

/** Check a spec, which was told.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name, a setting out of range, or an environment
 *          that is not the policy's. */
mst_status mst_policy_check(const mst_policy_spec *s) MST_CHECKED;

/** Blocks and width of the statistics for so many arms of so many numbers. */
void mst_policy_shape(const mst_policy_spec *s, int64_t arms, int64_t dimension, int64_t *blocks,
                      int64_t *width);

/** Numbers of work for mst_policy_choose. */
int64_t mst_policy_work(const mst_policy_spec *s, int64_t arms, int64_t dimension);

/** The most that an interaction may weigh. */
double mst_policy_weight(const mst_policy_spec *s);

/** Choose one of the arms offered by what is known; the stream is of this agent and round;
 *  work(mst_policy_work).
 *  \return MST_OK, or MST_ERR_SINGULAR. */
mst_status mst_policy_choose(const mst_policy_spec *s, const mst_ridge *known,
                             const mst_policy_offer *offer, mst_stream *stream, double *work,
                             mst_choice *choice) MST_CHECKED;

/* What is learned of an interaction: these features and this reward, in a block. */
typedef struct mst_lesson {
  int64_t block;
  const double *x; /* (width) */
  double y;
} mst_lesson;

/** What is learned when a choice from x(arms, dimension) was paid y: with weight w, w^(1/2) times
 *  features and reward. Its x points to x, to a constant, or into room(dimension).
 *  \return false where nothing is learned. */
bool mst_policy_lesson(const mst_policy_spec *s, const mst_choice *choice, const double *x,
                       int64_t dimension, double y, double *room, mst_lesson *out);

/** Width of the confidence set about theta: beta, or
 *      sigma (log det V - width log lambda + 2 log(1/delta))^(1/2) + lambda^(1/2) length
 *  (Abbasi-Yadkori, Pal, Szepesvari 2011, theorem 2). */
double mst_policy_width(const mst_policy_spec *s, const mst_ridge *known);

#endif
