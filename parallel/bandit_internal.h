/* What the files of the bandit driver share. A track is one agent of one replicate; tracks are
 * numbered replicate by replicate, and a rank has consecutive ones. */
#ifndef MST_PARALLEL_BANDIT_INTERNAL_H
#define MST_PARALLEL_BANDIT_INTERNAL_H

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
  MST_BANDIT_MARKS
};

/* Of a replicate of a phased protocol: batches that are over, and when the open one began. */
enum {
  MST_BANDIT_CLOSED,
  MST_BANDIT_OPENED,
  MST_BANDIT_COURSE
};

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
  int64_t batches;                     /* that are over, of the replicate with most */
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

  /* phased */
  void **phase;        /* (replicates)                              */
  double *gathered;    /* (count, message_n)                        */
  double *totals_told; /* (replicates, MST_BATCHES, message_n) by which batches ended */
  int64_t *course;     /* (replicates, MST_BANDIT_COURSE)           */
  double *theta;       /* (replicates, d)                           */
};

/* The replicate of this rank's i-th track, and the agent. */
static inline int64_t mst_bandit_replicate(const mst_bandit *f, int64_t i) {
  return (f->first + i) / f->options.agents;
}
static inline int64_t mst_bandit_agent(const mst_bandit *f, int64_t i) {
  return (f->first + i) % f->options.agents;
}

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
/* After a state was restored: close the batches that were closed. */
mst_status mst_bandit_phased_resume(mst_bandit *f) MST_CHECKED;
/* The most batches that a replicate of this rank has ended. */
int64_t mst_bandit_phased_batches(const mst_bandit *f);

#endif
