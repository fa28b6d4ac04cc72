/* Distributed Gram: Z'Z of row shards Z = [features | targets | 1], summed exactly over blocks
 * and ranks, panel by panel into the block-cyclic layout.
 *
 * Columns are first scaled by powers of two so that every column has norm at most 1. By the
 * Cauchy-Schwarz inequality every entry of every partial sum is then at most 1 in magnitude, so
 * one 64-bit limb with 62 fraction bits holds any sum without overflow: the lattice loses nothing
 * beyond 2^-63 a block, far under the rounding of the blocks' own products. */
#ifndef MST_PARALLEL_GRAM_H
#define MST_PARALLEL_GRAM_H

#include <stdint.h>

#include "core/base/observer.h"
#include "parallel/gram_sums.h"
#include "parallel/mask.h"
#include "parallel/pipeline.h"
#include "parallel/roster.h"
#include "parallel/tiles.h"

/* Where rows come from. Blocks are those of the roster; they are visited group by group, so that
 * not all rows need be in memory. */
typedef struct mst_block_source {
  void *context;
  int64_t features; /* d */
  int64_t targets;  /* c */
  int64_t groups;   /* the same on all ranks */
  bool keeps;       /* features of a block, once asked for, are kept */
  const double *weight; /* of every place of the roster, >= 0: what its row counts for; NULL: 1 */
  /* Collective. Make this rank's blocks of a group available: [first, first + blocks). */
  mst_status (*load)(void *context, int64_t group, int64_t *first, int64_t *blocks);
  /* Local. features(rows, d) and targets(rows, c) of block b, valid until the next call. */
  mst_status (*block)(void *context, int64_t b, const float **features, const float **targets);
} mst_block_source;

/** The weights of a block's rows, or NULL. Local. */
static inline const double *mst_block_weight(const mst_block_source *s, const mst_block *block) {
  return s->weight != NULL ? s->weight + block->first : NULL;
}

/* How the Gram of order n = d + c + 1 is walked through on one rank. */
typedef struct mst_gram_plan {
  int64_t n;           /* order of Z'Z                                                    */
  int64_t tiles;       /* tile columns                                                    */
  int64_t panel_tiles; /* tile columns summed in one pass over the rows                   */
  int64_t passes;      /* over the rows, the first one for the scales not counted         */
  int64_t fixed_bytes; /* of this rank's buffers that every pass has                      */
  int64_t bytes;       /* of them and of the largest pass's sums                          */
} mst_gram_plan;

/** Choose the panel width for a budget of bytes a rank for the panel sums; at least two tile
 *  columns are taken whatever the budget, all of them when `whole` (single contributions need it).
 *  The Gram does not depend on the choice. Local. */
void mst_gram_plan_make(int64_t n, int ranks, int64_t budget, bool whole, mst_gram_plan *plan);

/** Most bytes a rank has in use at once, the tiled matrix (matrix_bytes when full) included, which
 *  passes fill column by column: memory that nothing was written to does not count. Local. */
int64_t mst_gram_plan_peak(const mst_gram_plan *plan, int ranks, int64_t matrix_bytes);

typedef struct mst_gram_options {
  bool fast;    /* floating-point sums instead of the lattice                              */
  double gamma; /* each client's regulariser, added once a client to the first d diagonal
                   entries and removed again from the sum (the RI step). Stages see
                   contributions without it                                                */
  bool shift;   /* subtract a constant from each column of features and targets first, so that
                   centring the result loses no digits to their offsets                    */
  double save_seconds; /* keep what is done for a resume so often, and when a stop is asked for;
                          0: only then; negative: never, and nothing that was kept is taken up */
  mst_mask *mask; /* the mask of the pipeline, or NULL. Then a client's contribution is its sum of
                     whole numbers on a grid that follows from the bounds and the number of all
                     rows, rows are shortened to the bounds, nothing is shifted, and clients that
                     drop are in no sum */
  mst_gram_sums *sums; /* kept here, of the same order and without any regulariser; NULL: not kept. Where
                          its columns are known rows are taken with these. No checkpoints then */
  double bound, target_bound; /* public, of the norms of a row's features and targets: with a mask,
                                 and where nothing is to be looked for in the rows; 0: none     */
  int64_t bound_rows;         /* with them: public number of rows; 0: those of the roster        */
  double weight_bound; /* ... and of what a row weighs, on average at most; 0: 1                  */
} mst_gram_options;

typedef struct mst_gram_result {
  int64_t regularisers;      /* that were in the sum and were removed (K)     */
  double flops;              /* of this rank's products: rows * n^2           */
  double seconds_source;     /* of this rank: waiting for rows and features   */
  double seconds_products;   /* products and their rounding to the lattice    */
  double seconds_sums;       /* reduce-scatter                                */
  int64_t survivors;         /* with a mask: clients that are in the sums     */
  mst_secure_bytes protocol; /* ... and bytes beside them                     */
} mst_gram_result;

/** out (n x n tiles, zeroed) = sum over clients k of (Z_k'Z_k + gamma I), less the clients'
 *  regularisers, on the lattice: what remains is the pooled Gram of Z - 1 shift'; with weights w of
 *  rows, sum_i w_i (z_i - shift)(z_i - shift)', whose last entry is the sum of the weights.
 *  What the observer has kept of an earlier start (on_restore) is gone on from, on any number of
 *  ranks and by any plan, and gives the same bits.
 *  \param shift  (n) out: what was subtracted from each column; zeros unless options->shift.
 *  \return MST_OK; MST_ERR_NONFINITE naming the column whose values are not finite or whose squares
 *          overflow; MST_ERR_UNSUPPORTED for a pipeline that does more than sum; any status of the
 *          source or of the pipeline's stages; MST_ERR_INPUT where too few clients are left for
 * their masks to be taken away; MST_ERR_MEMORY; MST_ERR_INTERRUPTED when observer->should_stop says
 * so on any rank. Collective on out's grid's team. Source: doc/methods/analytic.md,
 * doc/methods/lattice.md. */
mst_status mst_gram(mst_team *team, const mst_roster *roster, const mst_block_source *source,
                    const mst_gram_plan *plan, const mst_pipeline *pipeline,
                    const mst_gram_options *options, const mst_observer *observer, mst_tiles *out,
                    double *shift, mst_gram_result *result) MST_CHECKED;

#endif
