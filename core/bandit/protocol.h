/* Protocols of distributed bandits: what agents tell the server, and when.
 *
 * Online protocols exchange ridge statistics. After its interaction an agent may ask; what those
 * who speak have gathered since they last spoke is added to the server's statistics, which then go
 * down to some agents. Phased protocols divide the rounds into batches: within a batch all agents
 * follow one public policy; at its end each sends one vector, and the sum comes back to all. Gossip
 * protocols have no server: agents on a graph tell their neighbours (core/bandit/gossip.h).
 *
 * One file a member; the table is in protocol.c. Equations and sources: doc/methods/bandits.md. All
 * functions are Local. */
#ifndef MST_CORE_BANDIT_PROTOCOL_H
#define MST_CORE_BANDIT_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bandit/environment.h"
#include "core/base/param.h"
#include "core/base/status.h"

/* What the experiment says. Members read the fields that their params name. */
typedef struct mst_protocol_spec {
  const char *kind;
  double threshold;        /* dislinucb: D; 0 = T log(M T) / (d M)                          */
  double alpha;            /* fedlinucb: growth of the determinant before a message         */
  bool first;              /* fedlinucb: speak after the first interaction in any case      */
  double upload, download; /* async_linucb: growth factors                                  */
  double beta, delta;      /* batches: width of the confidence sets; 0 = from the bound     */
  double regularisation;   /* disbe_lucb: lambda                                            */
  int64_t batches;         /* disbe_lucb: 0 = as published                                  */
  int64_t law_sets;        /* disbe_lucb: sets that stand for the law, where there is no pool */
  double constant;         /* delb: C of a phase's pulls                                    */
  double gap;              /* delb, phased_elimination: of designs                          */
  int64_t bits;            /* batches: of a number on the way; 64 = as it is                */
  int64_t period;          /* periodic: rounds; 0: (T / N)^(1/2)                            */
  double eta, gamma;       /* dducb, coop_ucb: of the index                                 */
  double error;            /* dducb: of a stage's consensus, times the number of agents     */
  bool accelerated;        /* dducb: by Chebyshev polynomials                               */
  bool immediate;          /* dducb: own rewards count at once                              */
  double share; /* decbe_lucb: e, of what is not the mean that may be left; 0 = 1/(N T) */
  int64_t agents, horizon;  /* filled by the caller: M, and T turns of an agent              */
  int64_t consensus;        /* likewise: last rounds of a batch in which neighbours average  */
  int64_t agent;            /* likewise: whose object it is, of protocols with one an agent  */
  double noise;             /* likewise: sigma                                               */
  double release;           /* likewise: deviation of noise for privacy on a batch's total, ... */
  double release_per_round; /* ... and what of it is in proportion to the batch's rounds     */
  int64_t width;            /* likewise: numbers of theta                                    */
} mst_protocol_spec;

/* An agent of an online protocol, after its interaction. */
typedef struct mst_protocol_agent {
  int64_t unsent;     /* interactions since it last spoke                                  */
  double logdet;      /* log det V of all that it has seen and been told                   */
  double logdet_then; /* the same without what it has not told                             */
  bool met;           /* whether it ever spoke                                             */
} mst_protocol_agent;

typedef struct mst_online_ops {
  bool frozen;   /* the policy uses what was told by the server alone                       */
  bool timed;    /* all speak after every spec.period rounds, and nobody asks               */
  bool together; /* when one asks, all speak                                                */
  bool single;   /* a message is one interaction, not a statistic                           */
  bool to_all;   /* the server answers all agents, not those alone who spoke                */
  bool (*asks)(const mst_protocol_spec *s, const mst_protocol_agent *a); /* NULL = never    */
  /* Does the server push its statistics to an agent that has what `logdet` is of? NULL: it
   * answers. */
  bool (*pushes)(const mst_protocol_spec *s, double server_logdet, double logdet);
} mst_online_ops;

/* Who plays, and when. */
typedef struct mst_turn {
  int64_t agent;
  int64_t round; /* of the instance                                                        */
  int64_t step;  /* of the batch that is open, from 0                                      */
} mst_turn;

/* A phased protocol at work, as all agents of one replicate compute it alike. What an agent sends
 * at the end of a batch is a sum over its interactions. */
typedef struct mst_phased_ops {
  bool sums_rewards; /* a message sums y x over the interactions: of one law for all agents  */
  bool apart;        /* agents do not compute alike: each has an object of its own         */
  bool neighbours;   /* so too, and no server: agents average with neighbours on a graph   */
  /* MST_ERR_UNSUPPORTED with the reason where offers are not of the protocol's kind; NULL: any
   * are. */
  mst_status (*check)(const mst_protocol_spec *s, const mst_environment_spec *e);
  /* MST_ERR_MEMORY, MST_ERR_INPUT. */
  mst_status (*create)(const mst_protocol_spec *s, const mst_environment *e, void **out);
  void (*destroy)(void *self);
  /* Numbers of the longest message that an agent may ever send. */
  int64_t (*width)(const mst_protocol_spec *s, const mst_environment_spec *e);
  /* Bytes of an object, of a spec that the caller has filled in, about. A double, as what nobody
   * can hold is asked for too. */
  double (*bytes)(const mst_protocol_spec *s, const mst_environment_spec *e);
  /* Rounds of the batch that is open, the same for all agents; may follow from what earlier
   * batches told. The horizon cuts the last one short, which is then never closed. */
  int64_t (*length)(const void *self);
  /* Numbers that an agent sent and got between the batch that was closed last and the one that it
   * opened; asked after `close`. None sent or got: no message. */
  int64_t (*up)(const void *self, int64_t agent);
  int64_t (*down)(const void *self, int64_t agent);
  /* The arm to play in the batch that is open; no state changes. */
  mst_status (*choose)(void *self, const mst_contexts *c, const mst_turn *turn, mst_stream *stream,
                       int64_t *arm);
  /* sum(width) += what an interaction adds to the agent's message. */
  void (*gather)(const void *self, const mst_contexts *c, const mst_turn *turn, int64_t arm,
                 double y, double *sum);
  /* Most that an entry of one agent's sum may be in the open batch, for numbers of few bits. */
  double (*bound)(const void *self);
  /* The same of the total, where it is the total that comes down; NULL: something else does, which
   * `close` finds in numbers of few bits. */
  double (*bound_down)(const void *self);
  /* End the batch that is open, and open the next: total(width) = the sum over agents of what they
   * sent. */
  mst_status (*close)(void *self, const double *total);
  const double *(*theta)(const void *self); /* (d) the last estimate                       */
} mst_phased_ops;

typedef struct mst_gossip_ops mst_gossip_ops; /* core/bandit/gossip.h */

typedef struct mst_protocol_ops {
  const char *name;
  const char *summary; /* one line for `muster list protocols` */
  const mst_param *params;
  const mst_online_ops *online; /* one of the three */
  const mst_phased_ops *phased;
  const mst_gossip_ops *gossip;
} mst_protocol_ops;

/** The member of that name or NULL; the i-th member or NULL past the end. */
const mst_protocol_ops *mst_protocol_find(const char *name);
const mst_protocol_ops *mst_protocol_at(int i);

/** Check a spec.
 *  \return MST_OK, or MST_ERR_INPUT for an unknown name or a setting out of range. */
mst_status mst_protocol_check(const mst_protocol_spec *s) MST_CHECKED;

/** x(n) as it arrives in numbers of so many bits: the nearest of 2^bits - 1 evenly spaced numbers
 *  from -bound to bound; unchanged for 64 bits. */
void mst_protocol_round(int64_t n, double *x, double bound, int64_t bits);

/** Rounds of a batch (core/bandit/batches.c): lengths(*batches) for N agents and T rounds in d
 *  dimensions, *batches at most MST_BATCHES; their sum is T.
 *  \param wanted  number of batches, or 0: the published one. */
#define MST_BATCHES 64
void mst_protocol_schedule(int64_t agents, int64_t horizon, int64_t dimension, int64_t wanted,
                           int64_t *batches, int64_t *length);

#endif
