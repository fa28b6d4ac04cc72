/* The round loop of federated training.
 *
 * A round: draw the cohort; the ranks of each node take its clients one after the other from a
 * list, longest first, and train them from the shared parameters; each contribution passes the
 * pipeline and is added to the rank's exact tally; the tallies are reduce-scattered, each rank
 * makes the server's step on its shard of the parameters, and the shards are gathered in every
 * node's copy. Which rank trained which client leaves no trace in the bits.
 *
 * Where a robust rule aggregates, or clients attack, contributions are not added but laid in slots
 * of their node, one whole message each: what attackers send takes its place there, and the rule is
 * asked (parallel/robust.h). Where aggregation is secure, contributions are rounded onto a public
 * grid and masked before they are added, and only sums are read (parallel/mask.h).
 * doc/methods/federated.md.
 */
#ifndef MST_PARALLEL_FEDERATED_H
#define MST_PARALLEL_FEDERATED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/observer.h"
#include "core/base/stop.h"
#include "core/compress/compress.h"
#include "core/federated/client.h"
#include "core/federated/method.h"
#include "core/model/model.h"
#include "core/optim/optim.h"
#include "core/optim/schedule.h"
#include "core/robust/attack.h"
#include "core/robust/rule.h"
#include "parallel/clients.h"
#include "parallel/federated_private.h"
#include "parallel/mask.h"
#include "parallel/pipeline.h"
#include "parallel/score.h"

#define MST_FEDERATED_MIXERS 8

/* How messages become one, in the place of their exact mean. A client's message is its vectors, one
 * behind the other, and its numbers behind them: d = uplink * P + scalars. */
typedef struct mst_federated_aggregate {
  mst_rule_spec rule; /* name NULL: the mean. seed and round are the loop's                  */
  mst_mixer_spec mixer[MST_FEDERATED_MIXERS]; /* before the rule, one after the other        */
  int mixers;
  double momentum; /* beta in [0, 1): honest clients send m = beta m + g of their messages g ... */
  bool averaged;   /* ... or beta m + (1 - beta) g; the first is m = g. 0: g itself           */
  int64_t trusted_rows; /* rows of all clients that the server has too, where a rule asks for a
                           trusted vector or loss                                           */
} mst_federated_aggregate;

typedef struct mst_federated_options {
  mst_method_spec method;
  mst_optim_spec optimizer;   /* of the clients; lr before the schedule                       */
  mst_schedule_spec schedule; /* over rounds                                                */
  uint64_t seed;
  int64_t rounds;
  int64_t cohort;       /* clients a round; with bernoulli: the expected number is ...      */
  double participation; /* ... participation * clients with rows                            */
  bool bernoulli;
  int64_t local_epochs, local_steps; /* steps > 0: instead of epochs                        */
  int64_t evaluate_every;     /* rounds; 0 = at the end only                                    */
  bool evaluate_clients;      /* also score every client's own test rows                        */
  bool evaluate_gradient;     /* also the norm of the gradient over all rows trained on         */
  mst_compress_spec compress; /* of contributions; kind NULL: none                          */
  mst_federated_aggregate aggregate;
  mst_attack_spec attack;  /* name NULL: no client attacks; seed and round are the loop's    */
  mst_mask_options secure; /* bound: of the norm of all vectors of a client */
  const mst_federated_privacy *privacy; /* NULL: nothing is hidden; must outlive the loop      */
  int64_t keep;             /* last layers whose parameters stay with each client             */
  int64_t fine_tune_epochs; /* of every client after the last round, to score it; 0: not    */
  int64_t checkpoint_every; /* rounds; 0 = only when a signal comes                         */
  mst_stop stop;            /* metric NULL: run all rounds                                    */
} mst_federated_options;

typedef struct mst_federated mst_federated;

/** Whether more is asked of a round than the mean: a rule, or mixers before it. Local. */
bool mst_federated_has_rule(const mst_federated_options *options);

/** Check what can be checked before any work: names and settings, the pipeline with the rule and
 * the compressor in it, the rule against a cohort of fixed size (where `cohort` is set).
 *  \return MST_OK, MST_ERR_INPUT or MST_ERR_UNSUPPORTED with the reason. Local. */
mst_status mst_federated_check(const mst_federated_options *options,
                               const mst_pipeline *pipeline) MST_CHECKED;

/** Can rounds train that model? MST_ERR_UNSUPPORTED where it has running statistics. Local. */
mst_status mst_federated_check_model(const mst_model *m) MST_CHECKED;

/** Set up: parameters drawn from the seed, state zero. The objects named must outlive it. The
 *  compressor is added to a copy of the pipeline.
 *  \return MST_OK; MST_ERR_INPUT (cohort larger than the number of clients with rows; a rule and an
 *          optimizer that do not go together; a round whose cohort is too small for the rule, of
 * all rounds; more attackers than clients); what mst_federated_check returns; MST_ERR_MEMORY.
 *          Collective. */
mst_status mst_federated_create(mst_team *team, const mst_model *model, mst_clients *clients,
                                const mst_pipeline *pipeline, const mst_federated_options *options,
                                mst_federated **out) MST_CHECKED;
void mst_federated_destroy(mst_federated *f); /* Collective; NULL is allowed */

/** Run the rounds that are left; test may be NULL. Begins by asking the observer for a
 *  state to go on from.
 *  \return MST_OK; MST_ERR_INTERRUPTED after a signal, the state having been saved;
 *          MST_ERR_NONFINITE when every honest client of a cohort diverged, or what the rule made
 * is not finite; what mst_aggregate returns, naming the round; MST_ERR_INPUT when secure
 * aggregation had too few survivors in every round, with the last one's reason. Collective. */
mst_status mst_federated_run(mst_federated *f, const mst_test_rows *test,
                             const mst_observer *observer) MST_CHECKED;

/** How the parameters do at the end, on every rank: *accuracy(clients) on each client's own rows,
 *  NaN for clients without rows, valid until destroy. Classes only. Collective. */
mst_status mst_federated_appraise(mst_federated *f, const double **accuracy) MST_CHECKED;

/** As mst_score_confusion, of the server's parameters. Collective. */
mst_status mst_federated_confusion(mst_federated *f, const mst_test_rows *test, int64_t classes,
                                   int64_t *confusion) MST_CHECKED;

/** The parameters (P), the same on all ranks; valid until destroy. Local. */
const float *mst_federated_parameters(const mst_federated *f);

/* What all rounds together came to; the same on all ranks. */
typedef struct mst_federated_totals {
  int64_t rounds, contributions, excluded; /* excluded: updates that were not finite, those of
                                              attackers too                             */
  int64_t gradients;                       /* batches differentiated by clients          */
  int64_t uplink_bytes, downlink_bytes;
  double accuracy, loss, train_loss;               /* NaN where not measured                     */
  double client_mean, client_worst, client_spread; /* of the clients' accuracies: mean, mean of the
                                              worst tenth, standard deviation            */
  double gradient_norm;                            /* NaN where not measured                     */
  double tuned_mean, tuned_worst, tuned_spread;    /* of the clients' fine-tuned models     */
  bool stopped;                                    /* by options.stop                            */
  int64_t dropped; /* secure: clients that were gone before they sent ...                        */
  int64_t aborted; /* ... and rounds without an update, because too few survived                 */
  int64_t lost;    /* private: rounds that were charged by an earlier start, and not kept       */
} mst_federated_totals;

/** What the rounds so far came to. Local. */
mst_federated_totals mst_federated_figures(const mst_federated *f);

/** The part of the parameters that stays with clients: `kept` of each, (clients, kept) as an item
 *  of that name; nothing when keep is 0. state: Local. */
mst_status mst_federated_personal(const mst_federated *f, const char *name,
                                  mst_state *state) MST_CHECKED;

/** How many parameters all clients share when they keep the last `keep` layers (the tensors whose
 *  names begin alike, up to the first '/'): the first *n of the model's.
 *  \return MST_OK, or MST_ERR_INPUT when none would be left to share. Local. */
mst_status mst_federated_common(const mst_model *model, int64_t keep, int64_t *n) MST_CHECKED;

/** Bytes that a client of a cohort sends and is sent in a round; where aggregation is secure,
 * without its protocol (mst_secure_traffic). Local. */
void mst_federated_traffic(const mst_model *model, const mst_federated_options *options,
                           int64_t *uplink, int64_t *downlink);

/** This rank's seconds in local training, and in all of run. Local. */
void mst_federated_seconds(const mst_federated *f, double *training, double *all);

/** Bytes of a rank and of a domain's shared memory that `create` will take on so many
 *  ranks and domains (comm/share.h), and of all files with spill->kept, which is that of
 *  mst_clients_create; without the clients' rows. Local. */
void mst_federated_plan(int ranks, int domains, const mst_model *model, int64_t clients,
                        const mst_federated_options *options, const mst_clients_spill *spill,
                        int64_t *rank_bytes, int64_t *node_bytes, int64_t *file_bytes);

#endif
