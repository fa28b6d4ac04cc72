/* Private steps of data-parallel training: clipped gradients of a sample of the rows, and noise.
 *
 * A step: the sampler says which rows of the pieces that a rank owns take part; their gradients,
 * each shortened to the clip, are added on a grid of integers whose step follows from the clip
 * alone; the sums are reduce-scattered; each rank adds to its shard its entries of ONE vector of
 * noise of standard deviation sigma * clip, and divides by the public size of the sample. Who owns
 * which rows leaves no trace in the bits. doc/methods/private_training.md. */
#ifndef MST_PARALLEL_PRIVATE_H
#define MST_PARALLEL_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/model.h"
#include "core/privacy/correlation.h"
#include "core/privacy/estimator.h"
#include "core/privacy/noise.h"
#include "parallel/private_clip.h"

/* What a run ends with, of the points at which its releases were made. */
typedef enum mst_private_output {
  MST_PRIVATE_LAST,   /* where the last step led             */
  MST_PRIVATE_RANDOM, /* one of them, uniformly, by the seed */
  MST_PRIVATE_AVERAGE /* their mean                          */
} mst_private_output;

typedef struct mst_private_options {
  mst_sampler *sampler; /* one a rank, all alike                                          */
  mst_secret secret;    /* the same on all ranks                                          */
  double clip, sigma;   /* bound of a row's gradient; noise in units of it                */
  const mst_estimator *estimator; /* a method with differences, its noise as it is added; then
                                     sampler is that of its first kind, and sigma is not read.
                                     NULL: gradients in every step                       */
  bool hardened;        /* clip and round row by row, discrete noise: safe to the last bit */
  const mst_correlation *correlation; /* of the noise over the steps; NULL: independent    */
  mst_private_clip_spec adaptive;     /* of the clip, which then begins with `clip`        */
  mst_private_output output;
  /* Keep for good that a step (from 0) is being released; nothing of it leaves before. Collective;
   * an error ends the training. */
  mst_status (*charge)(void *context, int64_t step);
  void *context;
  int64_t charged; /* steps that were charged by earlier starts of this run: never taken again; a
                      state of more steps than these is refused */
} mst_private_options;

/** Cut rows into pieces of so many whole blocks of MST_BLOCK_ROWS consecutive ones that a sample at
 *  rate q takes about 4/5 of `block` rows of one, as mst_train_deal does for plain steps:
 * piece(rows) of each row. Returns how many. Local. */
int64_t mst_private_deal(int64_t rows, double q, int64_t block, int32_t *piece);

/** Do the options' noise, clip and method go together? MST_ERR_INPUT, MST_ERR_UNSUPPORTED. Local. */
mst_status mst_private_check_noise(const mst_private_options *o) MST_CHECKED;

/** Is a row's gradient its own? MST_ERR_UNSUPPORTED where it depends on other rows. Local. */
mst_status mst_private_check_model(const mst_model *m) MST_CHECKED;

/** May a start that goes on from another take this step (from 0) next? With the other's secret any;
 *  with one of its own only the first of those that are charged together. Local. */
bool mst_private_begins(const mst_private_options *o, int64_t step);

/** The step (from 0) whose point MST_PRIVATE_RANDOM keeps. Local. */
int64_t mst_private_kept_step(uint64_t seed, int64_t steps);

#define MST_PRIVATE_SIGMA 1024.0 /* most that the grid of hardened steps has room for */

/** Of hardened steps: the shift of the grid on which a row's gradient is a vector of whole numbers,
 *  and its bound there (core/privacy/whole.h), for at most twice the public number of rows. It
 *  follows from public numbers, and not from sigma, which is found for it. MST_ERR_INPUT where the
 * clip leaves no such grid. Local. */
mst_status mst_private_grid(double clip, int64_t population, int *shift,
                            int64_t *bound) MST_CHECKED;

#endif
