/* What the files of the round loop share. Not installed. */
#ifndef MST_PARALLEL_FEDERATED_INTERNAL_H
#define MST_PARALLEL_FEDERATED_INTERNAL_H

#include "comm/share.h"
#include "parallel/cohort.h"
#include "parallel/compression.h"
#include "parallel/federated.h"
#include "parallel/loop.h"
#include "parallel/tally.h"

/* Weight, rows, the method's, loss. */
#define MST_FEDERATED_SCALARS (2 + MST_METHOD_SUMS + MST_TALLY_SCALES)
#define MST_FEDERATED_COUNTS  6
#define MST_FEDERATED_FIGURES 10

/* What came of one round; the same on all ranks. */
typedef struct mst_federated_facts {
  int64_t contributions, excluded, gradients, steps;
  int64_t uplink_bytes, downlink_bytes, asked; /* asked: clients of the cohort */
  double train_loss;
} mst_federated_facts;

struct mst_federated {
  mst_team *team;
  const mst_model *model;
  mst_clients *clients;
  mst_pipeline pipeline;
  mst_compression *compression; /* or NULL */
  mst_federated_options options;
  const mst_method_ops *ops;
  bool staged; /* stages act on contributions before the sum */

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
  int64_t counts[MST_FEDERATED_COUNTS];   /* the totals, for the state list */
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
