/* What the files of data-parallel training share. Not installed. */
#ifndef MST_PARALLEL_TRAIN_INTERNAL_H
#define MST_PARALLEL_TRAIN_INTERNAL_H

#include "comm/posted.h"
#include "comm/share.h"
#include "core/optim/ema.h"
#include "parallel/loop.h"
#include "parallel/train.h"

/* The rows of the steps: their order in an epoch, which rank differentiates which, and the window
 * of rows from other domains that this rank has been sent. A portion is a step's part in one of
 * `accumulate` turns; portions are counted within the epoch. */
typedef struct mst_train_rows {
  mst_team *team;
  const mst_model *model;
  uint64_t seed;
  int64_t rows, batch, block, accumulate;
  mst_coding_spec coding; /* kind NULL: none */
  bool classes;
  int64_t pieces;
  mst_batch *piece;        /* (pieces) in this domain's memory; x = NULL: in another's      */
  int32_t *domain;         /* (p) of each rank                                              */
  mst_share *order;        /* (rows) int64: the rows of `epoch` in the order of their steps */
  int64_t epoch;           /* -1: none                                                      */
  int64_t most;            /* portions of a window                                          */
  int64_t first, portions; /* of the window                                          */
  int64_t places, *slot;   /* (places) record of each of this rank's rows, -1: here    */
  int64_t room;            /* of slot                                                  */
  char *sent, *arrived;    /* records: place, x, target                                */
  int64_t sent_room, arrived_room; /* in records                                     */
  int32_t *destination;            /* (sent_room)                                              */
  int64_t *place;                  /* (p) while records are packed                             */
  float *x, *value;                /* (block, inputs), (block, outputs)                        */
  int32_t *label;                  /* (block)                                                  */
} mst_train_rows;

/** Collective. */
mst_status mst_train_rows_create(mst_team *team, const mst_model *model, const mst_clients *store,
                                 const mst_train_options *options, mst_train_rows *r) MST_CHECKED;
void mst_train_rows_free(mst_train_rows *r); /* Collective */

/** Draw the epoch's order if it is a new one, and bring the portion's rows to where they are
 *  differentiated, together with those of portions to come. Collective. */
mst_status mst_train_rows_bring(mst_train_rows *r, int64_t epoch, int64_t portion) MST_CHECKED;

/** This rank's blocks of a portion that was brought, and the rows of the i-th of them; valid until
 *  the next call. Local. */
int64_t mst_train_rows_blocks(const mst_train_rows *r, int64_t portion);
mst_batch mst_train_rows_block(mst_train_rows *r, int64_t portion, int64_t i);
/** The place of that block among the step's. Local. */
int64_t mst_train_rows_place(const mst_train_rows *r, int64_t portion, int64_t i);

/** Rows of a step of the epoch. Local. */
int64_t mst_train_rows_of_step(const mst_train_rows *r, int64_t step);

/** Bytes of a rank. Local. */
int64_t mst_train_rows_bytes(int ranks, int domains, const mst_model *model, int64_t rows,
                             const mst_train_options *options);

#define MST_TRAIN_COUNTS  5
#define MST_TRAIN_FIGURES 4

typedef struct mst_train_coding mst_train_coding;
typedef struct mst_train_private mst_train_private;

struct mst_train {
  mst_team *team;
  const mst_model *model;
  mst_train_options options;
  mst_train_rows rows;
  int64_t epoch_steps, steps; /* of an epoch; in all                                     */
  int64_t blocks;             /* of a full step                                          */

  mst_share *w, *shown;              /* (P) a node; shown: to evaluate, NULL = w                */
  int64_t *count, *bytes;            /* (p) shards of the vectors                               */
  int64_t first, mine;               /* this rank's shard                                       */
  mst_optim *optim;                  /* of the shard                                            */
  mst_ema ema;                       /* of the shard, with options.ema > 0                      */
  float *g;                          /* (P) a block's gradient                                  */
  mst_posted_sum *posted;            /* or NULL; with it, `sum` lies there, and no `total`      */
  int64_t *sum;                      /* (P) gradients of this rank's blocks, on the grid        */
  int64_t *total;                    /* (mine)                                                  */
  const int64_t *part_sum;           /* (mine) the step's sums: total, or where posted has them */
  float *mean;                       /* (mine) the batch's gradient                             */
  double *wide;                      /* (mine) scratch                                          */
  double *fact;                      /* (FACTS + blocks) what ranks tell each other in a step   */
  int64_t *part_bytes, *piece_bytes; /* (p) of the optimizer's parts; of squared norms   */
  double *part, *parts;              /* this shard's, the whole vector's: room for either       */
  mst_model_work *work;
  mst_train_coding *coding; /* or NULL; with it, there are no `sum` and `total` */
  mst_train_private *privacy; /* or NULL                                          */

  int exponent;     /* the grid takes terms up to 2^exponent                              */
  int shift;        /* of the grid                                                        */
  double weight;    /* of the block being differentiated                                  */
  bool begun;       /* `sum` holds terms already                                          */
  bool posting;     /* what is added to it is final                                       */
  uint32_t largest; /* of this rank's terms in the step, before their weight: bits        */
  double magnitude; /* the same after it                                                 */
  int64_t taken;    /* rows that this rank differentiated in the step                    */

  double loss_sum; /* over the rows since the last report                             */
  int64_t loss_rows;
  mst_train_totals totals;
  int64_t counts[MST_TRAIN_COUNTS]; /* the totals, for the state list                  */
  double figures[MST_TRAIN_FIGURES];
  mst_train_times times;
};

/** to(mine) takes the running statistics of w(mine), both this rank's shard. Local. */
void mst_train_copy_running(const mst_train *t, const float *w, float *to);

/** One step; *asked: a rank was asked to stop. Collective. */
mst_status mst_train_step(mst_train *t, const mst_observer *o, bool *asked) MST_CHECKED;

/* Coded steps (train_coding.c). */

/** What a rank holds for its workers; *out = NULL without coding. Local. */
mst_status mst_train_coding_create(mst_train *t, mst_train_coding **out) MST_CHECKED;
void mst_train_coding_free(mst_train_coding *c); /* Local; NULL is allowed */

/** Bytes of a rank. Local. */
int64_t mst_train_coding_bytes(int ranks, const mst_model *model, const mst_train_options *options);

/** wide(mine) = the sum of the step's gradients, times rows over options.block, decoded from the
 *  workers' messages; *loss, *asked as of a step. Collective. */
mst_status mst_train_coding_step(mst_train *t, const mst_observer *o, double *loss,
                                 bool *asked) MST_CHECKED;

/** The arrays of a checkpoint. Local. */
mst_status mst_train_coding_state(mst_train *t, mst_state *s) MST_CHECKED;
/** Go on from them. Local. */
void mst_train_coding_restore(mst_train *t);

/** Hostile messages a step since the last report, which this is. Local. */
double mst_train_coding_report(mst_train *t);

/* Private steps (private.c). */

/** What a rank holds for them; *out = NULL without privacy; to be freed on an error too. Local. */
mst_status mst_train_private_create(mst_train *t, const mst_clients *store,
                                    mst_train_private **out) MST_CHECKED;
void mst_train_private_free(mst_train_private *p); /* Collective; NULL is allowed */

/** What ranks hold together for them. Collective. */
mst_status mst_train_private_share(mst_train *t) MST_CHECKED;

/** wide(mine) times mst_train_private_scale = what the step goes along: the sum of the sample's
 *  clipped gradients, with noise, or what a method made of it. Collective; Local. */
mst_status mst_train_private_step(mst_train *t, const mst_observer *o, bool *asked) MST_CHECKED;
double mst_train_private_scale(const mst_train *t);

/** The arrays of a checkpoint; whether a new start may begin with that step. Local. */
mst_status mst_train_private_state(mst_train *t, mst_state *s) MST_CHECKED;
bool mst_train_private_begins(const mst_train *t, int64_t step);

/** Whether the method has ended the run, with the parameters as they are: then the step is not gone
 *  along. The same on all ranks. Local. */
bool mst_train_private_ended(const mst_train *t);

/** Whether what the run ends with is kept apart from the parameters; this shard's of it, into
 *  shown(mine). Local. */
bool mst_train_private_keeps(const mst_train *t);
void mst_train_private_show(const mst_train *t, float *shown);

/** What a report has of them, all of it released. Local. */
void mst_train_private_report(const mst_train *t, mst_metric *metric, int *n);

/** The gradient of this rank's i-th block of a portion into t->g, its weight among the step's into
 *  t->weight, its loss and rows to where the step adds them. Local. */
void mst_train_differentiate(mst_train *t, int64_t portion, int64_t i);

/** The sentence of a step whose loss or gradient is not finite. Local. */
mst_status mst_train_refuse_nonfinite(const mst_train *t) MST_CHECKED;

/** lr of a step. Local. */
double mst_train_lr(const mst_train *t, int64_t step);

/** This rank's shard of a vector that its node holds. Local. */
static inline float *mst_train_shard(const mst_train *t, const mst_share *s) {
  return (float *)mst_share_at(s) + t->first;
}

/** The training to the end of its steps, as saving it needs to know it. Local. */
mst_loop mst_train_loop(mst_train *t);

/** Go on from what the observer kept, if it did. Collective. */
mst_status mst_train_restore(mst_train *t, const mst_loop *loop, const mst_observer *o) MST_CHECKED;

/* What ranks tell each other in a step, before the blocks' losses. */
enum {
  MST_TRAIN_LARGEST, /* term, or infinity where one is not finite */
  MST_TRAIN_ASKED,   /* to stop */
  MST_TRAIN_FACTS
};

#endif
