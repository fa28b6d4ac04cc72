/* Data-parallel training of one model: every step differentiates a batch of rows, cut into blocks
 * that the ranks share.
 *
 * A step: each rank adds the gradients of its blocks on a grid of integers; the sums are
 * reduce-scattered; each rank moves its shard of the parameters by the sharded optimizer; the
 * shards are gathered in every node's copy. Which rank did which block, how many ranks there are,
 * and in how many portions a batch was taken leave no trace in the bits. doc/methods/train.md. */
#ifndef MST_PARALLEL_TRAIN_H
#define MST_PARALLEL_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/observer.h"
#include "core/base/stop.h"
#include "core/coding/coding.h"
#include "core/model/model.h"
#include "core/optim/optim.h"
#include "core/optim/schedule.h"
#include "core/robust/attack.h"
#include "parallel/clients.h"
#include "parallel/private.h"
#include "parallel/score.h"

typedef struct mst_train_options {
  mst_optim_spec optimizer;   /* batch: rows of a step on all ranks; lr before the schedule       */
  mst_schedule_spec schedule; /* over the steps                                                   */
  uint64_t seed;
  int64_t epochs, steps;    /* steps > 0: instead of epochs                                     */
  int64_t block;            /* rows of a block: part of the same-bits contract                  */
  int64_t accumulate;       /* portions in which the rows of a step are brought and taken       */
  bool overlap;             /* sum gradients while the backward pass goes on; same bits         */
  double ema;               /* decay of the parameters' average that is evaluated; 0: none      */
  int64_t ema_batch;        /* batch that the decay was chosen for; 0: this one                 */
  int64_t evaluate_every;   /* steps between reports; 0: at the end only; below 0: each epoch   */
  int64_t checkpoint_every; /* steps; 0: only when a signal comes                               */
  mst_stop stop;            /* accuracy, loss, train_loss; metric NULL: run all steps           */
  mst_coding_spec coding;   /* who takes which part of a step; kind NULL: nothing is taken twice */
  mst_attack_spec attack;   /* what coding's hostile workers send; name NULL: there are none     */
  const mst_private_options *privacy; /* private steps; NULL: plain ones. batch is then public,
                                         and the training loss is neither taken nor told         */
} mst_train_options;

typedef struct mst_train mst_train;

/** Cut rows into pieces of MST_BLOCK_ROWS consecutive ones, which take the clients' place in the
 *  roster and the client store of a training: piece(rows) of each row. Returns how many. Local. */
int64_t mst_train_deal(int64_t rows, int32_t *piece);

/** Check the options' coding, attack and what they do with each other.
 *  \return MST_OK; MST_ERR_INPUT (a setting out of range; more attackers than the code is for; an
 *          attack without a code; portions of a coded step); MST_ERR_UNSUPPORTED (an attack that
 *          looks at other workers' messages). Local. */
mst_status mst_train_check_coding(const mst_train_options *options) MST_CHECKED;

/** Steps of an epoch of so many rows, and those that the options ask for in all. Local. */
int64_t mst_train_epoch_steps(int64_t rows, const mst_train_options *options);
int64_t mst_train_steps(int64_t rows, const mst_train_options *options);

/** Set up: parameters drawn from the seed, state zero. rows: a client store over pieces as
 *  mst_train_deal makes them, nothing held out. The objects named must outlive it.
 *  \return MST_OK; MST_ERR_INPUT (an impossible setting; an average of an optimizer that averages);
 *          MST_ERR_UNSUPPORTED (egn); MST_ERR_MEMORY. Collective. */
mst_status mst_train_create(mst_team *team, const mst_model *model, const mst_clients *rows,
                            const mst_train_options *options, mst_train **out) MST_CHECKED;
void mst_train_destroy(mst_train *t); /* Collective; NULL is allowed */

/** Take the steps that are left; test may be NULL. Begins by asking the observer for a state to go
 *  on from; its rounds are steps.
 *  \return MST_OK; MST_ERR_INTERRUPTED after a signal, the state having been saved;
 *          MST_ERR_NONFINITE naming the step whose loss or gradient is not finite; with coding,
 * what mst_coding_decode returns, naming the step. Collective. */
mst_status mst_train_run(mst_train *t, const mst_test_rows *test,
                         const mst_observer *observer) MST_CHECKED;

/** The parameters (P) to evaluate and to keep, the same on all ranks, after run: those of the last
 *  step, or their average. Valid until destroy. Local. */
const float *mst_train_parameters(const mst_train *t);

/** As mst_score_confusion, of those parameters. Collective. */
mst_status mst_train_confusion(mst_train *t, const mst_test_rows *test, int64_t classes,
                               int64_t *confusion) MST_CHECKED;

/* What all steps together came to; the same on all ranks. */
typedef struct mst_train_totals {
  int64_t steps, rows;               /* taken; differentiated                                   */
  int64_t repeated;                  /* steps whose sums were taken again on another grid;
                                        private: steps that were charged, and lost to a crash   */
  double accuracy, loss, train_loss; /* as last reported; NaN where not measured                */
  bool stopped;                      /* by options.stop, or by a private method                   */
  int64_t hostile; /* with coding: messages that were found to be hostile and left out          */
} mst_train_totals;

/** What the steps so far came to. Local. */
mst_train_totals mst_train_figures(const mst_train *t);

/* Where this rank's time went, in seconds. */
typedef struct mst_train_times {
  double rows;      /* bringing them                 */
  double gradients; /* taking them, and adding them  */
  double wait;      /* for the others                */
  double sums;      /* reduce-scatter                */
  double hidden;    /* of it, done between gradients */
  double update;    /* optimizer and gathering       */
  double all;
} mst_train_times;

/** The times of run so far, of this rank. Local. */
mst_train_times mst_train_seconds(const mst_train *t);

/** Bytes of a rank and of a domain's shared memory that `create` and `run` will take on so many
 *  ranks and domains (comm/share.h), without the client store's. Local. */
void mst_train_plan(int ranks, int domains, const mst_model *model, int64_t rows,
                    const mst_train_options *options, int64_t *rank_bytes, int64_t *node_bytes);

#endif
