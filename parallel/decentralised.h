/* The round loop of decentralised training: no server, a model at every node of a graph.
 *
 * A round: every node trains its own model on its own rows, then its vector is mixed with those of
 * its neighbours, once or several times. Nodes are the clients of the store, many on a rank; the
 * ranks of a domain take them from a list, and read neighbours' vectors where they lie, or in the
 * copies that come from other domains while the others are mixed (comm/neighbours.h). What a node
 * does is a pure function of its rows and of what it receives, so which rank did it leaves no trace
 * in the bits. Nodes that attack are simulated: what they send is made of the honest nodes'
 * vectors. Equations: doc/methods/decentralised.md. */
#ifndef MST_PARALLEL_DECENTRALISED_H
#define MST_PARALLEL_DECENTRALISED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/observer.h"
#include "core/base/stop.h"
#include "core/decentralised/mixing.h"
#include "core/federated/client.h"
#include "core/model/model.h"
#include "core/optim/optim.h"
#include "core/optim/schedule.h"
#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "core/topology/topology.h"
#include "parallel/clients.h"
#include "parallel/score.h"

typedef struct mst_decentralised_options {
  const char *method;         /* dsgd | gradient_tracking                                        */
  bool apart;                 /* every node begins with parameters of its own                     */
  double momentum;            /* dsgd: m <- momentum m + (1 - momentum) change, kept by each node */
  int64_t mixings;            /* rounds of mixing after each round of training                   */
  bool accelerated;           /* gossip: by Chebyshev's polynomials                              */
  bool quorum;                /* mixing rule: wait for all vectors but `byzantine`               */
  mst_topology_spec topology; /* of as many nodes as there are clients                           */
  mst_mixing_spec mixing;
  mst_rule_spec rule; /* mixing rule: over the own vector (0) and the neighbours'         */
  const mst_mixer_spec *mixer; /* (mixers) before it                                             */
  int mixers;
  mst_attack_spec attack;     /* count 0, or name NULL: nobody attacks                            */
  mst_optim_spec optimizer;   /* lr before the schedule                                           */
  mst_schedule_spec schedule; /* over rounds                                                     */
  uint64_t seed;
  int64_t rounds;
  int64_t local_epochs, local_steps; /* of a round; steps > 0: instead of epochs                 */
  int64_t evaluate_every;   /* rounds; 0 = at the end only                                      */
  int64_t checkpoint_every; /* rounds; 0 = only when a signal comes                             */
  mst_stop stop;            /* metric NULL: run all rounds                                      */
} mst_decentralised_options;

typedef struct mst_decentralised mst_decentralised;

/** Check what can be checked before any work: names, settings, and what does not go together.
 *  \return MST_OK, MST_ERR_INPUT or MST_ERR_UNSUPPORTED with the reason. Local. */
mst_status mst_decentralised_check(const mst_decentralised_options *o) MST_CHECKED;

/** Can nodes train that model? MST_ERR_UNSUPPORTED where it has running statistics. Local. */
mst_status mst_decentralised_check_model(const mst_model *m) MST_CHECKED;

/** Set up: the graph, and at every node parameters drawn from the seed. The objects named
 *  must outlive it.
 *  \return MST_OK; what mst_decentralised_check and mst_graph_make return; MST_ERR_INPUT for a
 *          topology of another number of nodes, nobody honest, or a node of too few neighbours for
 *          the rule; MST_ERR_MEMORY. Collective. */
mst_status mst_decentralised_create(mst_team *team, const mst_model *model, mst_clients *clients,
                                    const mst_decentralised_options *options,
                                    mst_decentralised **out) MST_CHECKED;
void mst_decentralised_destroy(mst_decentralised *f); /* Collective; NULL is allowed */

/** Run the rounds that are left; test may be NULL. Begins by asking the observer for a state to go
 *  on from.
 *  \return MST_OK; MST_ERR_INTERRUPTED after a signal, the state having been saved;
 *          MST_ERR_NONFINITE when no honest node's model is finite. Collective. */
mst_status mst_decentralised_run(mst_decentralised *f, const mst_test_rows *test,
                                 const mst_observer *observer) MST_CHECKED;

/* What all rounds together came to; the same on all ranks. Scores are of the honest nodes' own
 * models. */
typedef struct mst_decentralised_totals {
  int64_t rounds, gradients;
  int64_t excluded;  /* changes by training that were not finite, and not made                   */
  int64_t nonfinite; /* honest nodes whose model is not finite, or beyond MST_TALLY_BOUND        */
  int64_t uplink_bytes; /* over every edge, both ways                                            */
  double accuracy, accuracy_worst, loss, loss_worst; /* on test rows: mean and worst; NaN where
                                                        not measured                             */
  double train_loss;
  double consensus_distance; /* mean squared distance of the finite models from their mean       */
  bool stopped;              /* by options.stop                                                  */
} mst_decentralised_totals;

/** What the rounds so far came to. Local. */
mst_decentralised_totals mst_decentralised_figures(const mst_decentralised *f);

/** The mean of the honest nodes' finite models (P), the same on all ranks; valid until destroy.
 *  Local. */
const float *mst_decentralised_mean(const mst_decentralised *f);

/** As mst_score_confusion, of that mean. Collective. */
mst_status mst_decentralised_confusion(mst_decentralised *f, const mst_test_rows *test,
                                       int64_t classes, int64_t *confusion) MST_CHECKED;

/** Every node's own model as an item of a state list: (nodes, P), or for gradient_tracking (nodes,
 *  2 P), the tracker behind it. Local. */
mst_status mst_decentralised_nodes(const mst_decentralised *f, const char *name,
                                   mst_state *state) MST_CHECKED;

/** Bytes that one node sends one neighbour in a round. Local. */
int64_t mst_decentralised_traffic(const mst_model *model, const mst_decentralised_options *o);

/** This rank's seconds in local training, in mixing, and in all of run. Local. */
void mst_decentralised_seconds(const mst_decentralised *f, double *training, double *mixing,
                               double *all);

/** Bytes of a rank and of a domain's shared memory that `create` will take on so many domains,
 *  without the clients' rows. Local. */
void mst_decentralised_plan(int domains, const mst_model *model, const mst_graph *graph,
                            const mst_decentralised_options *options, int64_t *rank_bytes,
                            int64_t *node_bytes);

#endif
