/* Prediction files (doc/formats.md): what a model says of the rows of a dataset. Written under a
 * temporary name and renamed, like every output. */
#ifndef MST_IO_PREDICTIONS_H
#define MST_IO_PREDICTIONS_H

#include <stdint.h>

#include "comm/team.h"
#include "core/base/state.h"

#define MST_PREDICTIONS_VERSION 1

/* Where predictions come from: attributes of /. */
typedef struct mst_predictions_about {
  const char *run, *digest; /* the run file, and its digest             */
  const char *data;         /* the dataset                              */
  const char *job;          /* of the run                               */
  int64_t n_classes;        /* 0: the model gives values                */
  int64_t nonfinite;        /* rows with a score that is not finite     */
} mst_predictions_about;

/** May predictions be written there? MST_ERR_INPUT for a file that is there and holds something
 *  else. Collective. */
mst_status mst_predictions_check(mst_team *team, const char *path) MST_CHECKED;

/** Write the arrays of state below / of a new file: "scores", and "class" or "value", sharded by
 *  rows.
 *  \return MST_OK, MST_ERR_INPUT or MST_ERR_IO naming the path and the reason. Collective. */
mst_status mst_predictions_write(mst_team *team, const char *path,
                                 const mst_predictions_about *about,
                                 const mst_state *state) MST_CHECKED;

/** What a prediction file holds, as plain text for a person: where the predictions come from, and
 *  its arrays. Every row is read, the ranks sharing them, so that a damaged chunk is found.
 *  \param text  out: the same on all ranks; free with mst_free.
 *  \return MST_OK; MST_ERR_FORMAT (no prediction file, or one that is damaged);
 *          MST_ERR_UNSUPPORTED (a later version); MST_ERR_INPUT or MST_ERR_IO (it cannot be
 *          read); MST_ERR_MEMORY. Collective. */
mst_status mst_predictions_describe(mst_team *team, const char *path, char **text) MST_CHECKED;

#endif
