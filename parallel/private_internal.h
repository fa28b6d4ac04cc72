/* What the files of private steps share. Not installed. */
#ifndef MST_PARALLEL_PRIVATE_INTERNAL_H
#define MST_PARALLEL_PRIVATE_INTERNAL_H

#include "core/privacy/correlated.h"
#include "core/privacy/discrete.h"
#include "parallel/train_internal.h"

#define MST_PRIVATE_SLACK (1 - 0x1p-16) /* of a bound: float32 norms and products are this close */
#define MST_PRIVATE_ROWS  2             /* there may be in the store for one of the population    */

typedef struct mst_private_memory mst_private_memory;
typedef struct mst_private_kept mst_private_kept;

struct mst_train_private {
  const mst_private_options *options;
  int64_t pieces, *piece; /* (pieces) this rank's own                       */
  int64_t span, *row;     /* (span) rows of a piece, and those that take part */
  float *x, *value;       /* (block, inputs), (block, outputs)              */
  int32_t *label;         /* (block)                                        */
  float *room;            /* for clipping a block                           */
  double *norm;           /* (block)                                        */
  double *noise;          /* (mine)                                         */
  mst_correlation *independent; /* where the options name no correlation    */
  mst_correlated *correlated;   /* the noise of this rank's shard           */
  mst_private_clip adaptive;
  double *wide;           /* (P) hardened: a row's gradient                 */
  int64_t *whole;         /* (P) hardened: on the grid; (mine) noise        */
  mst_discrete *law;      /* hardened                                       */
  mst_private_memory *memory; /* of methods with differences; or NULL       */
  mst_private_kept *kept;     /* of what the run ends with; NULL: the last  */

  /* Of the step. */
  mst_sampler *sampler;
  mst_noise_purpose purpose;
  double clip, sigma; /* bound of what a row adds, which is public; noise in units of it */
  const float *from;  /* (P) the point of differences; NULL: gradients themselves        */
  int shift;          /* of the grid                                                     */
};

/** The grid and, hardened, the law of the noise for p->clip and p->sigma, which are above 0.
 *  Local. */
mst_status mst_private_choose_grid(mst_train_private *p) MST_CHECKED;

/* What a run ends with (private_output.c). */

/** *out = NULL where that is the last iterate; to be freed on an error too. MST_ERR_INPUT where an
 *  average of another kind is asked for as well. Local. */
mst_status mst_private_kept_create(const mst_train *t, mst_private_kept **out) MST_CHECKED;
void mst_private_kept_free(mst_private_kept *k); /* Local; NULL is allowed */

/** Take note of the point at which a step is about to make its release. Local. */
void mst_private_kept_add(mst_train *t);

/** The arrays of a checkpoint. Local. */
mst_status mst_private_kept_state(mst_train *t, mst_state *s) MST_CHECKED;

/* Methods with differences (private_difference.c). */

/** Floats of p->room that they need; what is held for them; *out = NULL without such a method; to be
 *  freed on an error too. Local. */
int64_t mst_private_memory_room(const mst_train *t);
mst_status mst_private_memory_create(const mst_train *t, mst_private_memory **out) MST_CHECKED;
void mst_private_memory_free(mst_private_memory *m); /* Collective; NULL is allowed */

/** What step releases, into the fields of p that are of the step; its sample is begun. p->clip is 0
 *  where nothing can differ: then nothing is released. Collective. */
mst_status mst_private_memory_begin(mst_train *t, int64_t step) MST_CHECKED;

/** From the step's noisy sum in t->wide(mine): there what the step goes along. Collective. */
mst_status mst_private_memory_end(mst_train *t) MST_CHECKED;

/** As mst_model_clipped_difference from p->from, and as mst_model_gradient of one row there, into
 *  g(P); Local. */
bool mst_private_clip_difference(mst_train *t, const mst_batch *b);
void mst_private_gradient_from(mst_train *t, const mst_batch *row);

#endif
