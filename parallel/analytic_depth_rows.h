/* Rows on their way through residual layers: the features below the next layer, kept and moved on
 * in place or made anew for each block, and the random features of that layer with the residuals
 * of the head below it. Not installed. */
#ifndef MST_PARALLEL_ANALYTIC_DEPTH_ROWS_H
#define MST_PARALLEL_ANALYTIC_DEPTH_ROWS_H

#include "parallel/feature_source.h"

/* Phi of a set of rows. */
typedef struct mst_depth_rows {
  const mst_analytic_data *data;
  mst_features *map;
  bool resident;
  int64_t groups;
  mst_feature_source base;  /* of the map below the residual one                      */
  mst_feature_source whole; /* of the residual map, where nothing is kept             */
  mst_block_source below, made; /* their views                                        */
  float *phi;               /* (places of this rank, width) when resident: own or base's */
  bool *begun;              /* (blocks)                                               */
  int64_t n_begun;
} mst_depth_rows;

/** Free with mst_depth_rows_free, after an error too. MST_ERR_MEMORY. Local. */
mst_status mst_depth_rows_create(const mst_analytic_data *data, mst_features *map, bool resident,
                                 mst_depth_rows *r) MST_CHECKED;
void mst_depth_rows_free(mst_depth_rows *r); /* Local */

/** Find means and deviations of the features below the map and set them. Collective. */
mst_status mst_depth_rows_standardise(mst_team *team, mst_depth_rows *r,
                                      const mst_observer *observer) MST_CHECKED;

/** Phi and targets as mst_gram takes them; r must outlive it. Local. */
mst_block_source mst_depth_rows_blocks(mst_depth_rows *r);

/** Where a block's kept Phi is, or NULL. Local. */
float *mst_depth_rows_kept(const mst_depth_rows *r, int64_t b);

/* The random features of layer t and the head's residuals, as features and targets. */
typedef struct mst_depth_layer {
  mst_depth_rows *rows;
  int64_t t;
  const mst_analytic_model *head;
  bool keeps;
  float *kept;     /* (places of this rank, h) where keeps                */
  bool *done;      /* (blocks)                                            */
  float *hidden;   /* (MST_BLOCK_ROWS, h) otherwise                       */
  float *residual; /* (MST_BLOCK_ROWS, c)                                 */
  double *wide;    /* (MST_BLOCK_ROWS, width)                             */
  double *score;   /* (MST_BLOCK_ROWS, c)                                 */
} mst_depth_layer;

/** The head must outlive it. Free with mst_depth_layer_free, after an error too. MST_ERR_MEMORY.
 *  Local. */
mst_status mst_depth_layer_create(mst_depth_rows *rows, const mst_analytic_model *head, bool keeps,
                                  mst_depth_layer *l) MST_CHECKED;
void mst_depth_layer_free(mst_depth_layer *l);          /* Local */
/** Go on to layer t; where features are kept, the rows are loaded. MST_ERR_MEMORY. Local. */
mst_status mst_depth_layer_begin(mst_depth_layer *l, int64_t t) MST_CHECKED;
mst_block_source mst_depth_layer_blocks(mst_depth_layer *l); /* Local */

/** The random features of block b, whose Phi is given. Local. */
const float *mst_depth_layer_hidden(mst_depth_layer *l, int64_t b, const float *phi);

#endif
