/* What the files of the decomposition share. Not installed. */
#ifndef MST_PARALLEL_PCA_INTERNAL_H
#define MST_PARALLEL_PCA_INTERNAL_H

#include "parallel/pca.h"
#include "parallel/row_walk.h"

/** Columns v(d, width) orthonormal that nearly span X's first right singular vectors, descending,
 *  by subspace iteration. bound: |X|_F^2 or a little more. Collective. */
mst_status mst_pca_iterate(const mst_row_walk *w, const mst_pca_options *options, double bound,
                           int64_t width, double *v, double *singular) MST_CHECKED;

#endif
