/* Feature source: raw rows of a store, as blocks of features and targets. Features are computed
 * when a block is asked for, or once and kept (`resident`). Used by the Gram and by scoring. */
#ifndef MST_PARALLEL_FEATURE_SOURCE_H
#define MST_PARALLEL_FEATURE_SOURCE_H

#include "parallel/analytic.h"

typedef struct mst_feature_source {
  const mst_analytic_data *data;
  mst_features *features;
  bool resident;
  int64_t group, first_block, blocks; /* loaded */
  int64_t first_place;
  const float *x, *value;
  float *kept;    /* (rows of the group, d) when resident          */
  bool *computed; /* (blocks) whether kept holds the block         */
  int64_t n_computed;
  float *scratch; /* (MST_BLOCK_ROWS, d) otherwise                 */
  float *one_hot; /* (MST_BLOCK_ROWS, outputs)                     */
} mst_feature_source;

/** A source over rows that are assigned already; resident needs one group. data and features must
 *  outlive it; free with mst_feature_source_free, after an error too.
 *  \return MST_OK or MST_ERR_MEMORY. Local. */
mst_status mst_feature_source_create(const mst_analytic_data *data, mst_features *features,
                                     bool resident, mst_feature_source *out) MST_CHECKED;
/** Local. */
void mst_feature_source_free(mst_feature_source *s);

/** The targets of a loaded block, valid until the next call. Local. */
const float *mst_feature_source_targets(mst_feature_source *s, int64_t b);

/** The view of it that mst_gram takes; s must outlive it. groups as the store was
 *  assigned. Local. */
mst_block_source mst_feature_source_blocks(mst_feature_source *s, int64_t groups);

#endif
