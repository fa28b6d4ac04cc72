/* What the files of the bandit driver share. A track is one agent of one replicate; tracks are
 * numbered replicate by replicate, and a rank has consecutive ones. */
#ifndef MST_PARALLEL_BANDIT_INTERNAL_H
#define MST_PARALLEL_BANDIT_INTERNAL_H

#include "core/bandit/gossip.h"
#include "core/bandit/ridge.h"
#include "parallel/bandit.h"
#include "parallel/loop.h"
#include "parallel/tally.h"

/* What an agent has said and heard. */
enum {
  MST_BANDIT_UP,
  MST_BANDIT_UP_REALS,
  MST_BANDIT_DOWN,
  MST_BANDIT_DOWN_REALS,
  MST_BANDIT_COUNTS
};

/* Of an online agent beside its statistics: log det without what it has not told; interactions that
 * it has not told; whether it ever spoke. */
enum {
  MST_BANDIT_THEN,
  MST_BANDIT_UNSENT,
  MST_BANDIT_MET,
  MST_BANDIT_PLAYED, /* interactions, learned or not */
  MST_BANDIT_MARKS
};

/* Of a replicate of a phased protocol: batches that are over, and when the open one began. */
enum {
  MST_BANDIT_CLOSED,
  MST_BANDIT_OPENED,
  MST_BANDIT_BATCH
};

typedef struct mst_bandit_consensus mst_bandit_consensus;
typedef struct mst_bandit_robust mst_bandit_robust;
typedef struct mst_bandit_secure mst_bandit_secure;
typedef struct mst_bandit_private mst_bandit_private;

#define MST_BANDIT_EXTENT 2

struct mst_bandit {
  mst_team *team;
  mst_team *sums;  /* over which what is told is added: the team, or this rank alone */
  mst_team *alone; /* this rank, where it has whole replicates; else NULL            */
  mst_bandit_options options;
  const mst_protocol_ops *protocol;
  int64_t tracks, first, count;        /* all; this rank's                          */
  int64_t first_replicate, replicates; /* that this rank follows: its own, or all   */
  mst_environment **environment;       /* (replicates)                              */
  double *room, *work;                 /* for an offer; for a choice                */
  double *regret;                      /* (count)                                   */
  int64_t *said;                       /* (count, MST_BANDIT_COUNTS)                */
  int64_t done;                        /* rounds                                    */
  mst_tally tally, regrets;            /* of one message; of regrets                */
  int64_t message_n;                   /* numbers of the longest message            */
  double *total, *message;             /* (message_n)                               */
  double unit;                         /* messages are summed in this unit          */
  double *figure;                      /* scratch of a report                       */
  int64_t *counts;                     /* (MST_BANDIT_COUNTS) likewise              */
  int64_t extent[MST_BANDIT_EXTENT];   /* of the replicate with most                */
  mst_bandit_totals totals;

  /* online */
  int64_t blocks, width, record, sums_n; /* of statistics                             */
  double *known;  /* (count, record) what each agent has seen and been told */
  double *told;   /* (count, record) what it was told, if frozen */
  double *unsent; /* (count, sums_n)                           */
  double *marks;  /* (count, MST_BANDIT_MARKS)                 */
  double *server; /* (replicates, record)                         */
  int64_t *asked; /* (seeds + 1) of each replicate, who asks   */
  bool *speaks;   /* (count)                                   */

  /* phased: a course is what follows from what was told, a replicate's, or without a server an
   * agent's own */
  int64_t courses;                 /* of this rank                              */
  void **phase;                    /* (courses)                                 */
  double *gathered;                /* (count, message_n)                        */
  double *totals_told;             /* (courses, MST_BATCHES, message_n) by which batches ended */
  double *theta;                   /* (courses, d)                              */
  int64_t *batch;                  /* (replicates, MST_BANDIT_BATCH)            */
  int64_t *length;                 /* (replicates) rounds of the batch that is open */
  mst_bandit_consensus *consensus; /* NULL: there is a server       */
  mst_bandit_robust *robust;       /* NULL, or the stage at work    */
  mst_bandit_secure *secure;
  mst_bandit_private *privacy;

  struct mst_bandit_tree *tree; /* online: private statistics, or NULL */

  /* gossip; `known` is (count, record) what each agent keeps, a message begins it */
  mst_gossip **gossip; /* (replicates)                                       */
  double *heard;       /* (count or tracks, message_n) what agents tell      */
  int64_t *parts;      /* (ranks) bytes of it that each rank's agents tell   */
};

/* Does the protocol do without a server, by averages over neighbours? */
static inline bool mst_bandit_has_neighbours(const mst_protocol_ops *p) {
  return p->phased != NULL && p->phased->neighbours;
}

/* The replicate of this rank's i-th track, and the agent. */
static inline int64_t mst_bandit_replicate(const mst_bandit *f, int64_t i) {
  return (f->first + i) / f->options.agents;
}
static inline int64_t mst_bandit_agent(const mst_bandit *f, int64_t i) {
  return (f->first + i) % f->options.agents;
}

/* Rounds in which an agent plays, on average. */
int64_t mst_bandit_turns(const mst_bandit_options *o);

/* Fill in what protocol and policy are told of the environment and the run. */
void mst_bandit_tell(mst_bandit_options *o);

/* This rank's tracks of a replicate: [*begin, *end). */
void mst_bandit_tracks(const mst_bandit *f, int64_t replicate, int64_t *begin, int64_t *end);

/* Whose turn a round is. */
int64_t mst_bandit_turn(const mst_bandit *f, int64_t replicate, int64_t round);

/* message(n) of one term, into the sum. MST_ERR_NONFINITE. */
mst_status mst_bandit_add(mst_bandit *f, int64_t n, const double *message) MST_CHECKED;
/* total(n) of all terms since the last call. Collective over f->sums. */
mst_status mst_bandit_total(mst_bandit *f) MST_CHECKED;

/* Rounds [from, to) of either kind of protocol; what is allocated for it. */
mst_status mst_bandit_online_create(mst_bandit *f) MST_CHECKED;
mst_status mst_bandit_online_rounds(mst_bandit *f, int64_t from, int64_t to) MST_CHECKED;
mst_status mst_bandit_online_state(mst_bandit *f, mst_state *s) MST_CHECKED;
mst_status mst_bandit_phased_create(mst_bandit *f) MST_CHECKED;
mst_status mst_bandit_phased_rounds(mst_bandit *f, int64_t from, int64_t to) MST_CHECKED;
mst_status mst_bandit_phased_state(mst_bandit *f, mst_state *s) MST_CHECKED;
void mst_bandit_phased_destroy(mst_bandit *f); /* nothing where there is nothing */
/* After a state was restored, or there was none: close the batches that were closed. Collective
 * over f->sums. */
mst_status mst_bandit_phased_begin(mst_bandit *f) MST_CHECKED;
mst_status mst_bandit_phased_theta(mst_bandit *f, mst_state *s) MST_CHECKED;
/* Private statistics of online protocols (bandit_tree.c); without options.privacy they do nothing.
 * Create changes options.policy, so it comes before any statistics. Charge is collective over
 * f->team, the others local. */
mst_status mst_bandit_tree_check(const mst_bandit_options *o) MST_CHECKED;
mst_status mst_bandit_tree_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_tree_destroy(mst_bandit *f);
mst_status mst_bandit_tree_charge(const mst_bandit *f) MST_CHECKED;
/* Largest magnitude of the noise in one message. */
double mst_bandit_tree_magnitude(const mst_bandit_options *o);
/* An interaction as it is told: features and *y. */
const double *mst_bandit_tree_told(mst_bandit *f, const double *x, double *y);
/* Make the noise of a release, from 0; add it to the sums(sums_n) of this rank's i-th track. */
void mst_bandit_tree_draw(mst_bandit *f, int64_t release);
void mst_bandit_tree_add(mst_bandit *f, int64_t i, double *sums);

mst_status mst_bandit_gossip_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_gossip_destroy(mst_bandit *f);
mst_status mst_bandit_gossip_rounds(mst_bandit *f, int64_t from, int64_t to) MST_CHECKED;
mst_status mst_bandit_gossip_state(mst_bandit *f, mst_state *s) MST_CHECKED;
/* Averages over neighbours, of protocols that have them: of so many rounds in replicate k of this
 * rank, whose agent has so many neighbours. */
mst_status mst_bandit_consensus_create(mst_bandit *f) MST_CHECKED;
void mst_bandit_consensus_destroy(mst_bandit *f);
int64_t mst_bandit_consensus_rounds(const mst_bandit *f, int64_t k);
int64_t mst_bandit_consensus_degree(const mst_bandit *f, int64_t k, int64_t agent);
/* *sums = (agents, message_n) what each agent of replicate k takes for the sum of what all
 * gathered, which is cleared. Collective over f->sums. */
mst_status mst_bandit_consensus_reach(mst_bandit *f, int64_t k, const double **sums) MST_CHECKED;

/* Of any replicate of this rank the most: batches that are over; rounds of consensus. */
void mst_bandit_phased_extent(const mst_bandit *f, int64_t *most);

#endif
