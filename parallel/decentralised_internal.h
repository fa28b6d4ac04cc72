/* What the files of decentralised training share. Not installed. */
#ifndef MST_PARALLEL_DECENTRALISED_INTERNAL_H
#define MST_PARALLEL_DECENTRALISED_INTERNAL_H

#include "comm/neighbours.h"
#include "comm/share.h"
#include "parallel/attack.h"
#include "parallel/decentralised.h"
#include "parallel/loop.h"
#include "parallel/tally.h"

#define MST_DECENTRALISED_COUNTS  5
#define MST_DECENTRALISED_FIGURES 6

/* What came of one round; the same on all ranks. */
typedef struct mst_decentralised_facts {
  int64_t excluded, gradients, nonfinite;
  int64_t uplink_bytes, messages;
  double train_loss, consensus_distance;
} mst_decentralised_facts;

/* Nodes of this domain that are worked on in one go. */
typedef struct mst_node_list {
  int64_t n, *node;
} mst_node_list;

struct mst_decentralised {
  mst_team *team, *alone; /* alone: this rank by itself, for rules; or NULL */
  const mst_model *model;
  mst_clients *clients;
  mst_decentralised_options options;
  bool tracking; /* gradient_tracking                       */
  int64_t nodes;
  int64_t n; /* floats of a node: P, or 2 P when tracking */
  mst_graph graph;

  bool *attacker; /* (nodes)                                                   */
  int64_t attackers, honest;
  int64_t *place;     /* (nodes) of an attacker among the attackers                */
  mst_attackers *act; /* what attackers send, the same to everybody; or NULL        */
  bool targeted;      /* it is made for each target, where that is                  */
  mst_share *lie;     /* (attackers, n) what they send; NULL: their own vectors     */

  mst_share *w, *next;   /* (nodes, n) before and after a mixing                       */
  mst_share *kept;       /* (nodes, P): momentum, or the last change; or NULL          */
  mst_share *counter[2]; /* of tickets, taken in turns                                 */
  int turn;
  mst_neighbours *exchange;
  mst_node_list trains;       /* nodes here that train                                      */
  mst_node_list inner, outer; /* nodes here that mix, without and with neighbours elsewhere */
  mst_node_list judged;       /* honest nodes here                                          */
  double *omega;              /* (mixings) accelerated                                      */

  /* Scratch of this rank, for one node. */
  int64_t most_neighbours, most_rows;
  const float **received;   /* (most_neighbours)                                          */
  bool *hostile;            /* (most_neighbours)                                          */
  double *work;             /* of a mixing                                                */
  int64_t tensors, *border; /* (tensors + 1) of a vector                                 */
  mst_mixer_spec *mixer;    /* (mixers) with the round in them                            */
  int64_t *waited;          /* (most_neighbours) honest ones that arrive in time          */
  float *rows;              /* (1 + most_neighbours, P) of a rule                         */
  float *told;              /* (P) what attackers tell one target                         */
  double *columns;          /* (most_neighbours + 3, MST_MIXING_COLUMNS)                  */
  const double **column;    /* (most_neighbours)                                          */
  double *weight;           /* (most_neighbours)                                          */
  float **row;              /* (nodes) vectors of this rank's nodes, for act              */
  int64_t *mine;            /* (nodes) which                                              */
  int64_t n_mine;
  float *mixed;     /* (n) accelerated                                            */
  float *change;    /* (P)                                                        */
  int32_t *flipped; /* (most_rows) labels                                         */
  mst_client_trainer *trainer;
  mst_model_work *model_work;

  mst_tally sum, losses; /* (P), (MST_TALLY_SCALES)                                    */
  double *total;         /* (P)                                                        */
  float *mean;           /* (P)                                                        */
  double *distance;      /* (nodes) squared, of nodes that this rank judged            */
  int64_t *finite;       /* (nodes) 1: finite                                          */

  mst_decentralised_facts facts;
  mst_decentralised_totals totals;
  int64_t counts[MST_DECENTRALISED_COUNTS]; /* the totals, for the state list */
  double figures[MST_DECENTRALISED_FIGURES];
  double seconds_training, seconds_mixing, seconds;
};

/** Does anybody attack; is it gradient_tracking; are vectors mixed by a robust rule? Local. */
bool mst_decentralised_attacked(const mst_decentralised_options *o);
bool mst_decentralised_tracks(const mst_decentralised_options *o);
bool mst_decentralised_by_rule(const mst_decentralised_options *o);

/** Does a node train and mix? Attackers whose own vector nobody looks at do not. Local. */
bool mst_decentralised_trains(const mst_decentralised *f, int64_t i);

/** Does every node that mixes receive enough vectors for the rule? MST_ERR_INPUT names one that
 * does not. Local. */
mst_status mst_decentralised_degrees(const mst_decentralised *f) MST_CHECKED;

/** A node's vector in one of the (nodes, n) shares. Local; the node must be here. */
static inline float *mst_node_at(const mst_decentralised *f, mst_share *of, int64_t node) {
  return mst_clients_kept(f->clients, of, f->n, node);
}

/** What node i receives from its neighbours, in their order: f->received and f->hostile; how many.
 *  round counts mixings. Local. */
int64_t mst_decentralised_receive(mst_decentralised *f, int64_t i, int64_t round);

/** Mix node i's vector with what it receives, from f->w into f->next. k: the mixing within the
 *  round. Local. */
mst_status mst_decentralised_mix(mst_decentralised *f, int64_t i, int64_t k) MST_CHECKED;

/** Let the domain's ranks take numbers from 0 again, after all have come here; what they wrote to
 *  any share before is seen by all. Collective. */
mst_status mst_decentralised_turn(mst_decentralised *f) MST_CHECKED;

/** One round: training, mixings. Collective. */
mst_status mst_decentralised_round(mst_decentralised *f) MST_CHECKED;

/** After a round: which honest models are finite, their mean, how far they are from it.
 *  Collective. */
mst_status mst_decentralised_measure(mst_decentralised *f) MST_CHECKED;

/** Score the honest nodes' models on the test rows. Metrics are appended to metric, *n are there.
 *  Collective. */
mst_status mst_decentralised_score(mst_decentralised *f, const mst_test_rows *test,
                                   mst_metric *metric, int *n) MST_CHECKED;

/** The loop to the end of its rounds, as saving it needs to know it. Local. */
mst_loop mst_decentralised_loop(mst_decentralised *f);

/** Go on from what the observer kept, if it did. Collective. */
mst_status mst_decentralised_restore(mst_decentralised *f, const mst_loop *loop,
                                     const mst_observer *o) MST_CHECKED;

#endif
