/* What the files of the Gram share: the sizes of its products and buffers, the sums of a pass, and
 * what of them is done, for checkpoints. Not installed. */
#ifndef MST_PARALLEL_GRAM_INTERNAL_H
#define MST_PARALLEL_GRAM_INTERNAL_H

#include <stdint.h>

#include "core/base/matrix.h"
#include "core/base/observer.h"
#include "parallel/columns.h"
#include "parallel/gram.h"
#include "parallel/tiles.h"

#define MST_GRAM_BLOCKS 4 /* blocks scaled together, so that a panel's sums stay in cache */
/* Tile columns of one product. BLAS packs the rows below once a product, so wider is faster; part
 * of the same-bits contract, because a product's shape may decide its rounding. */
#define MST_GRAM_WIDE 2

/** Columns of the product that begins with tile column j, of a Gram of order n. Local. */
static inline int64_t mst_gram_wide_extent(int64_t n, int64_t j) {
  return mst_least(n - j * MST_TILE, MST_GRAM_WIDE * MST_TILE);
}

/* How a Gram lies in files: the tile columns one behind the other, each row by row from its diagonal
 * tile down. Elements in all; where tile column j begins (those before it are whole tiles wide).
 * Local. */
int64_t mst_gram_elements(int64_t n);
int64_t mst_gram_column_begin(int64_t n, int64_t j);

/* A piece of one row of one tile column of that. */
typedef struct mst_gram_run {
  int64_t at, n;     /* its place and length        */
  int64_t j, row, q; /* where it begins             */
  int64_t width;     /* of the tile column          */
} mst_gram_run;

/** The run that begins at place `at`, up to `end` or the row's own; j: a tile column that begins no
 *  later. Local. */
mst_gram_run mst_gram_run_at(int64_t n, int64_t at, int64_t end, int64_t j);

/* The sums of some tile columns, on their way through one pass over the rows. */
typedef struct mst_gram_pass {
  int64_t first, end; /* tile columns                                              */
  int64_t *offset;    /* of tile (i, j) at (j - first) * tiles + i, in owner order  */
  int64_t *count;     /* (p) elements that each rank owns                          */
  int64_t elements;   /* of the pass                                               */
  int64_t *sum;       /* (elements) int64, or double when fast                     */
} mst_gram_pass;

/* What of a Gram is done, as a checkpoint keeps it whatever the number of ranks: finished tile
 * columns as they stand in the matrix, and the sums so far of the columns of one pass, with a mark
 * for each block of the roster that is in them. */
typedef struct mst_gram_state {
  mst_team *team;
  mst_tiles *out;
  bool fast;
  int64_t elements; /* of all tile columns, each row by row from its diagonal tile down    */
  int64_t first;    /* this rank's part of them in a checkpoint begins here ...            */
  int64_t mine;     /* ... and is that long                                                */
  int64_t *words;   /* restored, from element base on: sums; NULL when not needed          */
  int64_t base;
  int64_t blocks;   /* of the roster                                                       */
  uint8_t *before;  /* (blocks, in whole words) marks of those that restored sums hold     */
  uint8_t *own;     /* likewise of those that this rank has added since the pass began     */
  double *shift;    /* (n) of the columns, owned by the caller                             */
  double *scale;    /* likewise                                                            */
  int64_t finished; /* tile columns that are finished                                      */
  int64_t end;      /* restored sums are of [finished as it was then, end); 0 without any  */
  int64_t round;    /* number of the last checkpoint; 0 = none                             */
  bool fresh;       /* this rank has added something since                                 */
  bool added;       /* it has added something at all                                       */
} mst_gram_state;

/** Nothing is done yet. Free with mst_gram_state_free.
 *  \return MST_OK or MST_ERR_MEMORY, agreed. Collective on team. */
mst_status mst_gram_state_create(mst_team *team, mst_tiles *out, int64_t blocks, bool fast,
                                 double *shift, double *scale, mst_gram_state *s) MST_CHECKED;
void mst_gram_state_free(mst_gram_state *s); /* Local */

/** Take up what the observer has kept: shift and scale, and the finished columns into the matrix.
 *  With nothing kept s->round stays 0 and nothing is changed. Errors of on_restore; MST_ERR_MEMORY;
 *  MST_ERR_INPUT for sums of the other kind (fast or not). Collective. */
mst_status mst_gram_state_restore(mst_gram_state *s, const mst_observer *o) MST_CHECKED;

/** A pass begins: add restored sums to its own. Local. */
void mst_gram_state_begin(mst_gram_state *s, mst_gram_pass *pass);

/** Is block b in the sums of this pass? It is now. Local. */
bool mst_gram_state_has(const mst_gram_state *s, const mst_gram_pass *pass, int64_t b);
void mst_gram_state_mark(mst_gram_state *s, int64_t b);

/** Keep what is done, if there is anything new: the pass under way (NULL between passes) and
 *  s->finished columns before it. It is made window by window; where there is no memory for
 *  these nothing is kept and the sums go on.
 *  \param ending  the run ends here, on all ranks. What this process has added is then kept whether
 *                 or not it seems to be kept already, because an observer bears a save that fails
 *                 while the run goes on; and memory that is missing is an error.
 *  \return MST_OK, MST_ERR_MEMORY, MST_ERR_COMM, or what on_save returns. Collective. */
mst_status mst_gram_state_save(mst_gram_state *s, const mst_gram_pass *pass, const mst_observer *o,
                               bool ending) MST_CHECKED;

/** Bytes that a rank needs to save a Gram, of windows. Local. */
int64_t mst_gram_state_bytes(void);

/* A Gram in the making. */
typedef struct mst_gram_work {
  mst_team *team;
  const mst_roster *roster;
  const mst_block_source *source;
  const mst_gram_plan *plan;
  const mst_pipeline *pipeline;
  const mst_gram_options *options;
  const mst_observer *observer;
  mst_tiles *out;
  mst_gram_result *result;
  int64_t n;           /* order                                                    */
  mst_columns columns; /* shifts and scales                                        */
  const double *scale; /* (n) of columns                                            */
  mst_matrix z;        /* (MST_GRAM_BLOCKS MST_BLOCK_ROWS, n) scaled rows           */
  double *panel;       /* (n, MST_GRAM_WIDE MST_TILE) one product                   */
  double *vector;      /* (elements of a pass) one client's contribution, or NULL   */
  int64_t *whole;      /* the same as whole numbers, where they are masked          */
  int64_t *asked;      /* with a mask: the clients that have rows                   */
  bool single;
  mst_gram_state state; /* what is done, for checkpoints                           */
  double saved;         /* when the last one was kept                               */
} mst_gram_work;

/** Lay out a pass over tile columns [first, end) and give it zero sums; mst_gram_clear frees them,
 *  also after an error. MST_ERR_MEMORY. Local. */
mst_status mst_gram_lay_out(const mst_gram_work *w, int64_t first, int64_t end,
                            mst_gram_pass *pass) MST_CHECKED;
void mst_gram_clear(mst_gram_pass *pass); /* Local */

/** Add gamma I for each client whose rows begin on this rank. Local. */
void mst_gram_add_regularisers(const mst_gram_work *w, mst_gram_pass *pass);

/** Take the K regularisers from sum(count of this rank) again. Local. */
void mst_gram_remove_regularisers(const mst_gram_work *w, const mst_gram_pass *pass, int64_t *sum);

/** This rank's tiles of the pass, column-major, from sum(count of this rank): without the scales.
 *  Local. */
void mst_gram_store(const mst_gram_work *w, const mst_gram_pass *pass, const int64_t *sum);

/** Keep the pass's sums, of which this rank has mine(count of this rank), in options->sums: what
 *  mst_sum_scatter_i64 returns, or MST_ERR_MEMORY. Collective. */
mst_status mst_gram_sums_take(const mst_gram_work *w, const mst_gram_pass *pass,
                              const int64_t *mine) MST_CHECKED;

/** Add the products of up to MST_GRAM_BLOCKS consecutive blocks: to the sums, or to w->vector where
 *  single contributions are needed. What the source returns. Local. */
mst_status mst_gram_add_blocks(mst_gram_work *w, mst_gram_pass *pass, int64_t first,
                               int64_t blocks) MST_CHECKED;

/** One client's contribution in w->vector is complete: take it through the stages before the sum
 *  and add it. MST_ERR_NONFINITE, or what a stage returns. Local. */
mst_status mst_gram_contribute(const mst_gram_work *w, mst_gram_pass *pass,
                               int64_t client) MST_CHECKED;

#endif
