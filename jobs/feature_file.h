/* Feature files: a dataset's rows mapped to features, written as a dataset that a later run can
 * name in data.train or data.test (with features.kind: identity). */
#ifndef MST_JOBS_FEATURE_FILE_H
#define MST_JOBS_FEATURE_FILE_H

#include "core/base/observer.h"
#include "core/features/features.h"
#include "io/dataset.h"
#include "parallel/rows.h"

/** Write the features of the kept rows of `rows`, with their targets, clients, groups and weights,
 *  in the dataset's order. A file of features has rows of one dimension. Collective. */
mst_status mst_feature_file_write(mst_team *team, mst_dataset *from, const mst_row_store *rows,
                                  mst_features *features, const char *path,
                                  const mst_observer *observer) MST_CHECKED;

#endif
