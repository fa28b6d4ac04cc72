/* What the files of the round loop share. Not installed. */
#ifndef MST_PARALLEL_FEDERATED_INTERNAL_H
#define MST_PARALLEL_FEDERATED_INTERNAL_H

#include "comm/share.h"
#include "parallel/attack.h"
#include "parallel/cohort.h"
#include "parallel/compression.h"
#include "parallel/federated.h"
#include "parallel/loop.h"
#include "parallel/robust.h"
#include "parallel/tally.h"

/* Weight, rows, the method's, loss. */
#define MST_FEDERATED_SCALARS (2 + MST_METHOD_SUMS + MST_TALLY_SCALES)
#define MST_FEDERATED_COUNTS  6
#define MST_FEDERATED_FIGURES 10

/* What came of one round; the same on all ranks. */
typedef struct mst_federated_facts {
  int64_t contributions, excluded, gradients, steps;
  int64_t uplink_bytes, downlink_bytes, asked; /* asked: clients of the cohort */
  int64_t sent;                                /* messages that came up        */
  double train_loss;
  int64_t attackers;       /* of the cohort */
  bool weighed;            /* the rule weighs whole messages: ... */
  int64_t chosen;          /* ... those that count */
  double attackers_weight; /* ... how much of the result attackers are */
  int64_t dropped;         /* secure: clients that were gone ... */
  bool aborted;            /* ... and that so few sent that there is no update */
} mst_federated_facts;

typedef struct mst_federated_robust mst_federated_robust;   /* federated_robust.c  */
typedef struct mst_trusted mst_trusted;                     /* federated_trusted.c */
typedef struct mst_federated_secure mst_federated_secure;   /* federated_secure.c  */
typedef struct mst_federated_private mst_federated_private; /* federated_private.c */

struct mst_federated {
  mst_team *team;
  const mst_model *model;
  mst_clients *clients;
  mst_pipeline pipeline;
  mst_compression *compression; /* or NULL */
  mst_federated_options options;
  const mst_method_ops *ops;
  bool staged;                    /* stages act on contributions before the sum */
  mst_federated_robust *robust;   /* NULL: contributions are added */
  mst_mask *mask;                 /* NULL: added in the open       */
  mst_federated_secure *secure;   /* NULL: not behind masks, or of private rounds */
  mst_federated_private *privacy; /* NULL: added without noise   */

  mst_cohort cohort;
  mst_share *w, *shared[MST_METHOD_VECTORS]; /* (P) a node */
  mst_share *own;                            /* (clients, own * P) */
  int64_t common;                            /* parameters that clients share: the first ones */
  mst_share *personal;                       /* (clients, P - common), or NULL */
  int64_t *count, *bytes;                    /* (p) shards of the vectors */
  int64_t first, mine;                       /* this rank's shard         */
  float *server[MST_METHOD_VECTORS];         /* (mine)                    */
  double *mean[MST_METHOD_VECTORS];          /* (mine)                    */
  int64_t *hi, *lo;                          /* (mine) scratch            */
  mst_tally tally, scalars;                  /* (uplink * P), (SCALARS)   */
  float *up[MST_METHOD_VECTORS];             /* (P) a client's            */
  double *vector;                            /* (uplink * P) when staged  */
  double *accuracy;                          /* (clients)                 */
  double *term;                              /* (sums or 1, terms) of blocks */
  int64_t terms;                             /* blocks of the longest shard */
  int64_t most_rows;                         /* of a client               */
  mst_client_trainer *trainer, *tuner;       /* tuner: NULL without fine-tuning */
  float *point;                              /* (P) a client's own model, to be scored */
  mst_model_work *work;

  mst_federated_facts facts;
  mst_federated_totals totals;
  int64_t counts[MST_FEDERATED_COUNTS]; /* the totals, for the state list */
  double figures[MST_FEDERATED_FIGURES];
  double seconds_training, seconds;
};

/** One round: cohort, local training, sums, the server's step. Collective. */
mst_status mst_federated_round(mst_federated *f) MST_CHECKED;

/** Where a client's own parameters are, NULL if it has none. Local; the client must be here. */
float *mst_federated_kept(const mst_federated *f, int64_t client);

/** The parameters of a client's own model, until the next call: the server's, with the layers that
 *  the client keeps. Local; the client must be here. */
mst_status mst_federated_model_of(mst_federated *f, int64_t client, const float **w);

/** What is asked of rules and attacks (federated_rule.c). is_on: anything at all. rule: the one
 * that is asked, the mean by default. Local. */
bool mst_federated_robust_is_on(const mst_federated_options *o);
mst_rule_spec mst_federated_rule(const mst_federated_options *o);
/** Whether the rule, the mixers or the attack look at the last result. Local. */
bool mst_federated_needs_previous(const mst_federated_options *o);
/** The rule as the pipeline's aggregate, and there in place of the sum. The stage must outlive it.
 *  put does nothing without a rule. Local. */
mst_stage mst_federated_rule_stage(const mst_federated_options *o);
mst_status mst_federated_rule_put(const mst_federated_options *o, const mst_stage *stage,
                                  mst_pipeline *pipeline) MST_CHECKED;
/** What can be refused before any work. Local. */
mst_status mst_federated_robust_check(const mst_federated_options *o) MST_CHECKED;
/** Entries of a message. Local. */
int64_t mst_federated_message(const mst_model *model, const mst_federated_options *o);
/** Bytes of a rank, of a node (without what is kept for clients) and of what is kept for a client.
 *  Local. */
void mst_federated_robust_plan(int ranks, int domains, const mst_model *model, int64_t clients,
                               const mst_federated_options *o, int64_t *rank_bytes,
                               int64_t *node_bytes, int64_t *client_bytes);

/** What is held for rules and attacks, in f->robust; nothing where neither is on. The rule is put
 *  into f's pipeline. Collective. */
mst_status mst_federated_robust_create(mst_federated *f) MST_CHECKED;
void mst_federated_robust_destroy(mst_federated *f); /* Collective */

/** Before a round's clients are trained; rank 0 trains on the trusted rows, where there are any
 * that a vector is asked of. Nothing where f->robust is NULL. Local. */
mst_status mst_federated_robust_begin(mst_federated *f) MST_CHECKED;
/** Whether a client attacks; and if it does, whether it is trained. Local. */
bool mst_federated_attacks(const mst_federated *f, int64_t client);
bool mst_federated_trains(const mst_federated *f, int64_t client);
/** The rows that a client trains on: those of some attackers have other labels. Local. */
mst_batch mst_federated_rows(mst_federated *f, int64_t client);
/** Lay the message of the client with that ticket, from f->up and its scalars, into its slot: the
 *  ticket is the client's place in the cohort's list.
 *  \return MST_OK, or MST_ERR_NONFINITE when it cannot be used. Local. */
mst_status mst_federated_send(mst_federated *f, int64_t ticket, int64_t client,
                              const double *scalar) MST_CHECKED;
/** Mark a slot: its client has nothing that can be used. Local. */
void mst_federated_send_nothing(mst_federated *f, int64_t ticket);
/** After all clients: attackers act, the rule is asked. f->mean and scalar_mean(scalars) are what
 * it made, the facts are filled with what came of it. Collective. */
mst_status mst_federated_robust_finish(mst_federated *f, double *scalar_mean) MST_CHECKED;

/** For the state list; after it was restored. robust_restored: Collective. */
mst_status mst_federated_robust_state(mst_federated *f, mst_state *state) MST_CHECKED;
mst_status mst_federated_robust_restored(mst_federated *f) MST_CHECKED;

/** Secure aggregation. check: what can be refused before any work; `with` is the pipeline, into
 * which the stage is put for the checks that follow. Local. */
bool mst_federated_secure_is_on(const mst_federated_options *o);
mst_status mst_federated_secure_check(const mst_federated_options *o,
                                      mst_pipeline *with) MST_CHECKED;
/** What is held for it, in f->mask and, but for private rounds, f->secure; its stages are put into
 * f's pipeline. Nothing where it is off. Collective. */
mst_status mst_federated_secure_create(mst_federated *f) MST_CHECKED;
void mst_federated_secure_destroy(mst_federated *f); /* Local */
/** Bytes of a rank; words of a message beside its vectors. Local. */
int64_t mst_federated_secure_bytes(const mst_model *model, const mst_federated_options *o,
                                   int64_t clients);
int64_t mst_federated_secure_words(void);
/** A round begins: keys. Collective. */
mst_status mst_federated_secure_begin(mst_federated *f) MST_CHECKED;
/** Whether a client is gone in this round. Local. */
bool mst_federated_is_gone(const mst_federated *f, int64_t client);
/** A client's message: f->up through the stages, times its weight; its numbers, which are all that
 * is in f->scalars, and are taken from there; its steps. Rounded, masked, added to the rank's sum.
 *  \return MST_OK, or MST_ERR_NONFINITE when it cannot be used. Local. */
mst_status mst_federated_secure_send(mst_federated *f, int64_t client, double weight,
                                     int64_t steps) MST_CHECKED;
/** All have sent: the numbers' sums are left in f->scalars as those of rank 0, *steps is that of
 * all clients. With r->aborted nothing is. Collective. */
mst_status mst_federated_secure_close(mst_federated *f, int64_t *steps) MST_CHECKED;
/** sum(mine): this rank's shard of the sum of vector v. Collective. */
mst_status mst_federated_secure_scatter(mst_federated *f, int v, double *sum) MST_CHECKED;
/** Bytes of the protocol of this round; the reason why it was not enough; and for the state list.
 *  Local. */
mst_secure_bytes mst_federated_secure_traffic(const mst_federated *f);
mst_status mst_federated_secure_refuse(const mst_federated *f) MST_CHECKED;
mst_status mst_federated_secure_state(mst_federated *f, mst_state *state) MST_CHECKED;
void mst_federated_secure_restored(mst_federated *f);

/** Private rounds. check: what can be refused before any work. Local. */
mst_status mst_federated_private_check(const mst_federated_options *o) MST_CHECKED;
/** What is held for them, in f->privacy; nothing where they are off. Collective. */
mst_status mst_federated_private_create(mst_federated *f) MST_CHECKED;
void mst_federated_private_destroy(mst_federated *f); /* Local */
int64_t mst_federated_private_bytes(const mst_model *model, const mst_federated_options *o,
                                    int64_t clients); /* of a rank; Local */
/** After a state was restored, or none: rounds that were charged are passed over. Local. */
mst_status mst_federated_private_restored(mst_federated *f) MST_CHECKED;
/** A round begins: it is charged, its cohort is drawn. Collective. */
mst_status mst_federated_private_begin(mst_federated *f) MST_CHECKED;
/** A member's change, f->up[0], clipped and rounded, with its share of noise: added to the rank's
 * sum; one that is not usable counts as zero. Local. */
mst_status mst_federated_private_send(mst_federated *f, int64_t client, bool usable) MST_CHECKED;
/** whole(n) += a member's share of the round's noise, the hook of masks (parallel/mask.h); context
 * is f. Local. */
mst_status mst_federated_private_share(void *context, int64_t client, int64_t round, int64_t n,
                                       int64_t *whole) MST_CHECKED;
/** All have sent: f->mean[0] is the noisy sum over the public number of clients, and what the
 * method is told of the round. Collective. */
mst_status mst_federated_private_finish(mst_federated *f, mst_round_facts *facts) MST_CHECKED;

/** The server's own rows: drawn from all rows that clients train on, and copied to every rank.
 *  Collective. */
mst_status mst_trusted_create(mst_federated *f, mst_trusted **out) MST_CHECKED;
void mst_trusted_destroy(mst_trusted *t); /* Local; NULL is allowed */
/** message(d) of a client that has these rows. Local. */
mst_status mst_trusted_train(mst_federated *f, const mst_trusted *t, const mst_local_spec *spec,
                             float *message) MST_CHECKED;
/** loss(n) = change of the mean loss over these rows by a step along each message's change; NaN for
 *  a message that is not finite. Local. */
void mst_trusted_losses(const mst_federated *f, mst_trusted *t, int64_t n, float *const *message,
                        double *loss);
int64_t mst_trusted_bytes(const mst_model *model, int64_t rows); /* Local */

/** What a client is told in this round. Local. */
mst_local_spec mst_federated_local_spec(const mst_federated *f);
/** A client's rows beside those of the largest: at most 1. Local. */
double mst_federated_row_share(const mst_federated *f, int64_t client);
/** Through the stages before the aggregate, in place: vector(uplink * P). \return MST_OK, or
 *  MST_ERR_NONFINITE when the contribution cannot be used. Local. */
mst_status mst_federated_stages(mst_federated *f, int64_t client) MST_CHECKED;

/** The norm of the gradient of the mean loss over all rows that clients train on, in the parameters
 *  that they share, each at its own model; NaN when an entry of a client's gradient is not finite
 *  or beyond MST_TALLY_BOUND. Uses the scratch of a round. Collective. */
mst_status mst_federated_gradient(mst_federated *f, double *norm) MST_CHECKED;

/** Score test rows and clients after a round; score the clients after fine-tuning. Metrics are
 *  appended to metric, *n are there. Collective. */
mst_status mst_federated_score(mst_federated *f, const mst_test_rows *test, mst_metric *metric,
                               int *n) MST_CHECKED;
mst_status mst_federated_tune(mst_federated *f, mst_metric *metric, int *n) MST_CHECKED;

/** The loop to the end of its rounds, as saving it needs to know it. Local. */
mst_loop mst_federated_loop(mst_federated *f);

/** Go on from what the observer kept, if it did. Collective. */
mst_status mst_federated_restore(mst_federated *f, const mst_loop *loop,
                                 const mst_observer *o) MST_CHECKED;

#endif
